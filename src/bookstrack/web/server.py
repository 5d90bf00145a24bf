"""Runs the application: one uvicorn server in this process, drained at the first signal."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import FrameType, TracebackType
from typing import Any

import structlog
import uvicorn

from bookstrack.assembly import Running, open_assembly
from bookstrack.jobs.crew import Crew
from bookstrack.settings import Settings
from bookstrack.web.app import build
from bookstrack.web.footprint import use_one_arena
from bookstrack.web.front import Front
from bookstrack.web.protocol import BoundedProtocol
from bookstrack.web.socket_protocol import OPTIONS

log = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECOND_SIGNAL = 130
_SETTLING_S = 3.0  # for jobs to be run from the first request on; then they follow
_CLOSING_S = 1.0
_COLLECT_AFTER = (5_000, 20, 50)  # new objects, and rounds of the younger generation
_SWITCH_S = 0.0005


class Stopping:
    """The first signal asks to stop within the grace, a second one ends the process at once.

    A supervised process ignores the second: a terminal or systemd signals the whole group, and
    the supervisor ends its children itself.
    """

    def __init__(
        self, *, grace_s: float, supervised: bool, exit_after: Callable[[float], None]
    ) -> None:
        self._exit_after = exit_after
        self._grace_s = grace_s
        self._supervised = supervised
        self._until: float | None = None
        self._running: Running | None = None
        self._before: dict[signal.Signals, Any] = {}

    @property
    def asked(self) -> bool:
        """Tell whether the process was asked to stop."""
        return self._until is not None

    @property
    def left(self) -> float:
        """Return how many seconds of the grace are left."""
        until = self._until
        return self._grace_s if until is None else max(0.0, until - time.monotonic())

    def tell(self, running: Running) -> None:
        """Let a running server know as soon as it shall take no more requests."""
        self._running = running
        running.draining = self.asked

    def __enter__(self) -> Stopping:
        self._before = {number: signal.signal(number, self._signalled) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            if not self._supervised:
                os._exit(_SECOND_SIGNAL)
            return
        self._until = time.monotonic() + self._grace_s
        if self._running is not None:
            self._running.draining = True
        self._exit_after(self._grace_s + _CLOSING_S)


def _exit_after(seconds: float) -> None:
    """See to it that the process ends when it has promised to, whatever hangs while it closes."""
    last = threading.Timer(seconds, os._exit, args=(0,))
    last.daemon = True
    last.start()


class _Server(uvicorn.Server):
    """Ends when asked to: requests under way are finished first, later ones are refused.

    Meanwhile it goes on listening, so that readiness and a clear refusal can be had.
    """

    def __init__(
        self, config: uvicorn.Config, stopping: Stopping, front: Front, crew: Crew
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._front = front
        self._crew = crew

    def capture_signals(self) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride] typed as a generator there
        """Leave signals to ``Stopping``."""
        return nullcontext()

    async def on_tick(self, counter: int) -> bool:
        """Tell whether it is time to end."""
        return self._stopping.asked or await super().on_tick(counter)

    async def main_loop(self) -> None:
        """Serve until asked to stop, then let requests and jobs under way finish."""
        await super().main_loop()
        self._front.streams.close()
        jobs = asyncio.create_task(self._crew.stop())
        under_way = list(self.server_state.tasks)
        log.info("stopping", requests=len(under_way), grace=round(self._stopping.left, 1))
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=self._stopping.left)
            await _cut_off(late)
        await asyncio.wait([jobs], timeout=self._stopping.left)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close every connection; what is still running is cut off when the grace has ended."""
        self.config.timeout_graceful_shutdown = self._stopping.left  # pyright: ignore[reportAttributeAccessIssue] any number does
        await super().shutdown(sockets)


async def _cut_off(requests: set[asyncio.Task[None]]) -> None:
    """End requests that have not finished; they may still say so to their clients."""
    for request in requests:
        request.cancel()
    if requests:
        await asyncio.wait(requests, timeout=_CLOSING_S / 2)


async def serve(settings: Settings, listener: socket.socket, *, supervised: bool = False) -> None:
    """Open every part, answer requests until a signal, close in reverse."""
    grace_s = settings.server.shutdown_grace_s
    with Stopping(grace_s=grace_s, supervised=supervised, exit_after=_exit_after) as stopping:
        async with open_assembly(settings) as parts:
            parts.crew.open()
            await parts.mark_environment()
            front = build(parts)
            server = _Server(configuration(front), stopping, front, parts.crew)
            stopping.tell(parts.running)
            await parts.engine.settle(_SETTLING_S)
            host, port = listener.getsockname()[:2]
            log.info("serving", host=host, port=port)
            _steady()
            await server.serve(sockets=[listener])
            await parts.background.drain(stopping.left)
        log.info("stopped")


def _steady() -> None:
    """Keep the event loop from being held up: every pause here is one of all streams.

    What is loaded now stays, so the collector need not look at it again; a full collection of
    all that lives took a quarter of a second. Database work in threads is pure Python for much of
    its time and would keep the loop waiting for 5 ms at every turn.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    sys.setswitchinterval(_SWITCH_S)


def configuration(application: Any) -> uvicorn.Config:
    """Return how uvicorn serves: bounded connections and sockets, nothing of its own in the log."""
    return uvicorn.Config(
        application,
        loop="none",
        http=BoundedProtocol,
        **OPTIONS,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )


def run(settings: Settings, listener: socket.socket, *, supervised: bool = False) -> None:
    """Serve on an event loop of libuv."""
    import uvloop

    use_one_arena()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, listener, supervised=supervised))
