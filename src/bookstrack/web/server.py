"""Runs the application: one uvicorn server in this process, drained at the first signal."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn

from bookstrack.assembly import Assembly, open_assembly
from bookstrack.errors import ConfigurationProblem
from bookstrack.settings import Settings
from bookstrack.web.app import build

log = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECOND_SIGNAL = 130


class _Server(uvicorn.Server):
    """Drains at the first signal and leaves at once at the second."""

    def __init__(self, config: uvicorn.Config, parts: Assembly) -> None:
        super().__init__(config)
        self._parts = parts

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Handle signals while serving; unlike uvicorn, end with exit code 0."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking requests; running ones finish within the grace."""
        if self._parts.running.draining:
            os._exit(_SECOND_SIGNAL)
        self._parts.running.draining = True
        self.should_exit = True


def open_socket(host: str, port: int) -> socket.socket:
    """Bind the listening address, so that a port in use is noticed before anything starts.

    Raises:
        ConfigurationProblem: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as problem:
        listener.close()
        raise ConfigurationProblem(
            "BOOKSTRACK_PORT", f"cannot listen on {host}:{port}: {problem.strerror}"
        ) from None
    return listener


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Open every part, answer requests until a signal, close in reverse."""
    async with open_assembly(settings) as parts:
        await parts.mark_environment()
        config = uvicorn.Config(
            build(parts),
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=settings.server.shutdown_grace_s,
            timeout_keep_alive=75,
        )
        host, port = listener.getsockname()[:2]
        log.info("serving", host=host, port=port)
        gc.collect()
        gc.freeze()  # what is loaded now stays: the collector need not look at it again
        await _Server(config, parts).serve(sockets=[listener])
        await parts.background.drain(settings.server.shutdown_grace_s)
    log.info("stopped")


def run(settings: Settings, listener: socket.socket) -> None:
    """Serve on an event loop of libuv."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, listener))
