"""A whole server in this process, on a real port, over a real event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext
from random import Random
from typing import Any

import uvicorn
from msgspec import Struct

from bookstrack.assembly import Assembly, open_assembly
from bookstrack.clock import Clock
from bookstrack.settings_loading import load_settings
from bookstrack.web.open_streams import OpenStreams

_CLOSING_S = 5


class Served(Struct, frozen=True):
    """A running server: its address, its parts, and what is open there."""

    url: str
    parts: Assembly
    streams: OpenStreams


@asynccontextmanager
async def serving(
    environ: Mapping[str, str], *, clock: Clock | None = None, board: Any = None
) -> AsyncGenerator[Served]:
    """Serve with settings from ``BOOKSTRACK_`` variables on a free port of 127.0.0.1.

    ``board`` stands in for the jobs of the server.
    """
    from bookstrack.web.app import build
    from bookstrack.web.server import configuration

    listener = socket.create_server(("127.0.0.1", 0))
    settings = load_settings(environ).settings
    async with open_assembly(settings, clock=clock, rng=Random(1)) as parts:  # noqa: S311 a test
        front = build(parts, board)
        config = configuration(front)
        config.timeout_graceful_shutdown = _CLOSING_S
        server = _Quiet(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await server.ready.wait()
        parts.crew.open()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            yield Served(address, parts, front.streams)
        finally:
            front.streams.close()
            server.should_exit = True
            await task


class _Quiet(uvicorn.Server):
    """Leaves the signals of the test run alone, and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        self.ready.set()

    def capture_signals(self) -> Any:
        """Capture none."""
        return nullcontext()
