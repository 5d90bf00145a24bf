"""``bookstrack worker``: run jobs without serving HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import structlog

from bookstrack.cli.database import refuse_unmigrated
from bookstrack.cli.surroundings import read_settings
from bookstrack.errors import ConfigurationProblem
from bookstrack.settings import Settings
from bookstrack.telemetry.logging import configure_logging

log = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECOND_SIGNAL = 130
_CLOSING_S = 15.0  # running jobs have 10 s for their current items


def worker() -> int:
    """Run jobs until SIGTERM or Ctrl-C.

    Raises:
        ConfigurationProblem: a setting cannot be used, or allows no job here.
    """
    settings = read_settings()
    configure_logging(settings.telemetry)
    if not settings.jobs.workers:
        raise ConfigurationProblem("BOOKSTRACK_JOB_WORKERS", "is 0, so a worker has nothing to do")
    refuse_unmigrated(settings)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings))
    return 0


async def _work(settings: Settings) -> None:
    from bookstrack.assembly import open_assembly

    asked = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, _signalled, asked)
    async with open_assembly(settings) as parts:
        parts.crew.open()
        log.info("working", jobs=settings.jobs.workers)
        await asked.wait()
        parts.running.draining = True
        log.info("stopping", jobs=parts.engine.running)
        await parts.crew.stop()
    log.info("stopped")


def _signalled(asked: asyncio.Event) -> None:
    if asked.is_set():
        os._exit(_SECOND_SIGNAL)
    asked.set()
    last = threading.Timer(_CLOSING_S, os._exit, args=(0,))  # whatever hangs while it closes
    last.daemon = True
    last.start()
