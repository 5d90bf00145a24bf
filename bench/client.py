"""A load generator that costs far less than what it measures: one protocol class on libuv."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Any

import uvloop
from msgspec import Struct

from bench.figures import percentile


class Run(Struct, frozen=True, kw_only=True):
    """What one run saw; ``took`` holds seconds per answer, ``failed`` answers other than 200."""

    seconds: float
    took: list[float]
    failed: int

    @property
    def rate(self) -> float:
        """Return answers per second."""
        return len(self.took) / self.seconds

    def ms(self, share: float) -> float:
        """Return a percentile of the answer times in milliseconds."""
        return percentile(self.took, share) * 1000


def request(path: str) -> bytes:
    """Return a GET request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode()


def drive(
    port: int,
    requests: Iterable[bytes],
    *,
    connections: int = 64,
    seconds: float = 3600.0,
    header: bytes = b"",
) -> Run:
    """Send requests on so many connections, each after the answer to the one before.

    Ends when there are no more requests or the time is over. An answer without ``header`` (a
    line of its head) counts as failed.

    Raises:
        ConnectionError: a connection was closed by the server.
    """
    crowd = _Crowd(iter(requests), until=time.perf_counter() + seconds, header=header)
    return uvloop.run(_drive(port, crowd, connections))


async def _drive(port: int, crowd: _Crowd, connections: int) -> Run:
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    ended: list[asyncio.Future[None]] = []
    for _ in range(connections):
        over: asyncio.Future[None] = loop.create_future()
        ended.append(over)
        await loop.create_connection(lambda over=over: _Asker(crowd, over), "127.0.0.1", port)
    await asyncio.gather(*ended)
    return Run(seconds=time.perf_counter() - begun, took=crowd.took, failed=crowd.failed)


class _Crowd:
    """What all connections share."""

    def __init__(self, requests: Iterator[bytes], *, until: float, header: bytes) -> None:
        self.requests = requests
        self.until = until
        self.header = header
        self.took: list[float] = []
        self.failed = 0


class _Asker(asyncio.Protocol):
    """One keep-alive connection; answers must carry Content-Length."""

    def __init__(self, crowd: _Crowd, over: asyncio.Future[None]) -> None:
        self._crowd = crowd
        self._over = over
        self._held = b""
        self._wanted = 0

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        held = self._held = self._held + data if self._held else data
        if not self._wanted:
            end = held.find(b"\r\n\r\n")
            if end < 0:
                return
            head = held[:end]
            self._wanted = end + 4 + _length(head)
            self._crowd.failed += head[9:12] != b"200" or self._crowd.header not in head
        if len(held) >= self._wanted:
            now = time.perf_counter()
            self._crowd.took.append(now - self._sent)
            self._held, self._wanted = b"", 0
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over.done():
            self._over.set_exception(ConnectionError("the server closed a connection"))

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        line = next(self._crowd.requests, None) if self._sent < self._crowd.until else None
        if line is None:
            self._over.set_result(None)
            self._transport.close()
        else:
            self._transport.write(line)


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + 15
    end = lowered.find(b"\r", start)
    return int(lowered[start : end if end > 0 else None])
