"""Listeners that cost little: server-sent events and WebSockets on plain connections.

They note when which event arrived. What an event says of its own time is when it was made, just
before it was committed; so the delays measured hold the commit as well.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import time
from typing import Any

import msgspec

_STAMP = re.compile(rb'"timestamp":(\d{13})')
_STATUS = re.compile(rb"^event: (\w+)$", re.MULTILINE)
_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
_SEQ = re.compile(rb'"seq":(\d+)')
_TEXT = 1
_ENDS = frozenset({b"completed", b"failed", b"canceled"})
READY = msgspec.json.encode({"type": "ready"})


class Listener(asyncio.Protocol):
    """One stream. Times are seconds of ``time.time``; ``delays`` are seconds per event."""

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._request = request
        self._held = b""
        self.opened = 0.0
        self.headers_at = 0.0
        self.first_at = 0.0
        self.ended_at = 0.0
        self.ids: list[int] = []
        self.delays: list[float] = []
        self.started: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()
        self.status = 0
        self.live_from = 0.0
        self._wanted = 0
        self._reached: asyncio.Future[None] = loop.create_future()

    async def reach(self, count: int) -> None:
        """Wait until so many events have come.

        Raises:
            ConnectionError: the stream ended before.
        """
        self._wanted = count
        self._reached = asyncio.get_running_loop().create_future()
        if len(self.ids) < count:
            await self._reached

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        self.opened = time.time()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._held += data
        if not self.headers_at:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            self.headers_at = now
            self.status = int(self._held[9:12])
            self._held = self._held[end + 4 :]
            self.started.set_result(None)
            self.headers_came()
        self.take(now)

    def headers_came(self) -> None:
        """Say what there is to say once the connection is open."""

    def take(self, now: float) -> None:
        """Read whole frames; they are not cut by the chunks of the transfer coding."""
        *frames, self._held = self._held.split(b"\n\n")
        for frame in frames:
            number, name = _ID.search(frame), _STATUS.search(frame)
            if number is not None and name is not None:
                self.heard(int(number[1]), frame, now, ends=name[1] in _ENDS)

    def heard(self, number: int, text: bytes, now: float, *, ends: bool) -> None:
        """Note an event."""
        self.first_at = self.first_at or now
        self.ids.append(number)
        if len(self.ids) >= self._wanted and not self._reached.done():
            self._reached.set_result(None)
        stamp = _STAMP.search(text)
        if stamp is not None and (made := int(stamp[1]) / 1000) >= self.live_from:
            self.delays.append(now - made)
        if ends:
            self.end(now)

    def end(self, now: float) -> None:
        """Note that nothing follows."""
        self.ended_at = self.ended_at or now
        if not self.over.done():
            self.over.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.started.done():
            self.started.set_exception(ConnectionError("closed before the headers"))
        for waiting in (self.over, self._reached):
            if not waiting.done():
                waiting.set_exception(ConnectionError(f"closed after event {self.ids[-1:]}"))
                waiting.exception()  # nobody may be waiting

    @property
    def complete(self) -> bool:
        """Tell whether every event to the last came, in order."""
        first = self.ids[0] if self.ids else 0
        return bool(self.ended_at) and self.ids == list(range(first, first + len(self.ids)))


class SocketListener(Listener):
    """One WebSocket in the second dialect; ``seq`` tells the number of the event."""

    def headers_came(self) -> None:
        """Say that everything logged may be sent."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(READY))
        self.transport.write(bytes([0x81, 0x80 | len(READY)]) + mask + masked)

    def take(self, now: float) -> None:
        """Read whole frames of the server, which are neither masked nor cut."""
        while len(self._held) >= 2:
            size, begins = self._held[1] & 0x7F, 2
            if size == 126:
                size, begins = int.from_bytes(self._held[2:4], "big"), 4
            elif size == 127:
                size, begins = int.from_bytes(self._held[2:10], "big"), 10
            if len(self._held) < begins + size:
                return
            kind, text = self._held[0] & 0x0F, self._held[begins : begins + size]
            self._held = self._held[begins + size :]
            if kind == _TEXT and (number := _SEQ.search(text)) is not None:
                ends = b'"type":"job_complete"' in text or b'"type":"error"' in text
                self.heard(int(number[1]), text, now, ends=ends)


def sse_request(path: str, *, last: int | None = None) -> bytes:
    """Return the request for a stream; ``last`` is the number of the last event seen."""
    resumed = "" if last is None else f"Last-Event-ID: {last}\r\n"
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{resumed}\r\n"
    ).encode()


def socket_request(path: str) -> bytes:
    """Return the request for a WebSocket; the path carries the token."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


async def listen(port: int, request: bytes, kind: type[Listener] = Listener) -> Listener:
    """Open a stream; return when its headers are there."""
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_connection(lambda: kind(request), "127.0.0.1", port)
    await listener.started
    return listener


def stalled(port: int, request: bytes) -> socket.socket:
    """Open a stream and never read from it."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", port))
    deaf.sendall(request)
    return deaf
