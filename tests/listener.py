"""A listener of events that looks at the very bytes: every chunk is one write of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest


class Frame(msgspec.Struct, frozen=True):
    """One event as it came."""

    name: str
    data: dict[str, Any]
    id: int | None
    raw: bytes


class Listener:
    """One connection to an event stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    async def head(self) -> None:
        """Read status and headers."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.splitlines()
        self.status = int(first.split()[1])
        pairs = (line.partition(": ") for line in lines if line)
        self.headers = {name.lower(): value for name, _, value in pairs}

    async def chunk(self) -> bytes | None:
        """Return the next write, None after a proper end."""
        async with asyncio.timeout(5):
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            data = await self._reader.readexactly(size)
            assert await self._reader.readexactly(2) == b"\r\n"
        if not size:
            return None
        self.chunks.append(data)
        return data

    async def frame(self) -> Frame:
        """Return the next event; comments and the retry line are passed over."""
        while True:
            data = await self.chunk()
            assert data is not None, "the stream has ended"
            if b"data: " in data:
                return read_frame(data)

    async def frames(self) -> list[Frame]:
        """Return all events up to the end."""
        while await self.chunk() is not None:
            pass
        return [read_frame(data) for data in self.chunks if b"data: " in data]

    async def silent(self) -> None:
        """Check that nothing comes."""
        try:
            async with asyncio.timeout(0.05):
                data = await self._reader.read(1)
        except TimeoutError:
            return
        raise AssertionError(f"something came: {data!r}")

    async def json(self) -> Any:
        """Return the body of an answer that is no stream."""
        size = int(self.headers["content-length"])
        return msgspec.json.decode(await self._reader.readexactly(size))

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Hang up without reading what is on its way."""
        self._writer.transport.abort()

    async def aclose(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


def read_frame(data: bytes) -> Frame:
    """Read a frame as strictly as the strictest client does [S5] [S6]."""
    lines = data.decode("ascii").split("\n")
    assert lines[-2:] == ["", ""], data
    assert b"\r" not in data
    *ids, event, text = lines[:-2]
    assert all(line.startswith("id: ") for line in ids), data
    assert len(ids) <= 1, data
    assert event.startswith("event: "), data
    assert text.startswith("data: {"), data
    return Frame(
        name=event.removeprefix("event: "),
        data=msgspec.json.decode(text.removeprefix("data: ")),
        id=int(ids[0].removeprefix("id: ")) if ids else None,
        raw=data,
    )


Listen = Callable[..., Awaitable[Listener]]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """``await listen(url, path, Header="value")`` opens a stream that is closed after the test."""
    opened: list[Listener] = []

    async def run(url: str, path: str, **headers: str) -> Listener:
        opened.append(await open_listener(url, path, **headers))
        return opened[-1]

    yield run
    for listener in opened:
        await listener.aclose()


async def open_listener(url: str, path: str, **headers: str) -> Listener:
    """Open a stream and read the head of the answer; ``_`` in header names stands for ``-``."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    listener = Listener(reader, writer)
    async with asyncio.timeout(5):
        await listener.head()
    return listener
