"""One open event stream: frames in order, heartbeats, an end that clients understand (jobs §12).

It runs in front of the framework, on the bare send function of the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import structlog
from litestar.types import Receive, Send
from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import BooksTrackError, RateLimited
from bookstrack.model.event import Event
from bookstrack.model.job import JobStatus
from bookstrack.settings import StreamSettings
from bookstrack.telemetry.metrics import Metrics
from bookstrack.web import sse
from bookstrack.web.exchange import Exchange, Headers
from bookstrack.web.open_streams import OpenStreams
from bookstrack.web.sse import Frames, Names, Streamed

log = structlog.get_logger(__name__)

_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"connection", b"keep-alive"),
]


class Following(Protocol):
    """The events of one job for one listener, to be iterated over."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    async def aclose(self) -> None:
        """Stop following."""
        ...


class Follows(Protocol):
    """Where events come from."""

    def follow(self, job_id: str, *, after: int) -> Following:
        """Yield what is logged after a number, up to the end of the job."""
        ...


class Start(Struct, frozen=True, kw_only=True):
    """Where a stream begins: ``first`` is sent at once, then what is logged after ``after``.

    ``status`` and ``progress`` are those of the job when the stream was opened.
    """

    job: Streamed
    names: Names
    first: tuple[Event, ...]
    after: int
    status: JobStatus
    progress: float


class StreamParts(Struct, frozen=True, kw_only=True):
    """What every stream of a process shares."""

    board: Follows
    clock: Clock
    settings: StreamSettings
    metrics: Metrics
    open: OpenStreams
    frames: Frames


class EventStream:
    """A listener. Three tasks: one sends events, one beats, one waits for the client to leave.

    Whoever does not read holds up nobody: the feed keeps what is due in the log, and a write that
    the client has not taken within a heartbeat ends the connection [S16].
    """

    def __init__(
        self,
        parts: StreamParts,
        start: Start,
        exchange: Exchange,
    ) -> None:
        self.headers = _HEADERS
        self._parts = parts
        self._start = start
        self._place = parts.open.enter(exchange.identity)
        self._asked_at = exchange.started
        self._send: Send = _unopened
        self._status, self._progress = start.status, start.progress
        self._writes = 0
        self._wrote_at = self._event_at = parts.clock.monotonic()
        self._live_from = parts.clock.time() * 1000
        self._greeted = False

    def enter(self) -> None:
        """Take the caller's place.

        Raises:
            RateLimited: the caller has as many streams and sockets open as is allowed.
        """
        try:
            self._place.__enter__()
        except RateLimited:
            self._parts.metrics.sse_connects.labels("refused").inc()
            raise
        self._parts.metrics.sse_connects.labels("opened").inc()

    async def run(self, receive: Receive, send: Send, headers: Headers) -> bool:
        """Stream until the job, the client, time or the server ends it.

        Return whether the connection must be cut because the client does not read.
        """
        self._send = send
        pipeline = self._start.job.pipeline.value
        gauge = self._parts.metrics.sse_connections.labels(pipeline)
        gauge.inc()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            left = await self._until_the_end(receive)
            if self._writes:
                return True
            if not left:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            return False
        finally:
            gauge.dec()
            self._place.__exit__(None, None, None)

    async def _until_the_end(self, receive: Receive) -> bool:
        """Return whether the client was the one to leave."""
        gone = asyncio.create_task(_gone(receive))
        working = (asyncio.create_task(self._tell()), asyncio.create_task(self._beat()))
        try:
            await asyncio.wait(
                (gone, *working, self._parts.open.ending()), return_when=asyncio.FIRST_COMPLETED
            )
            for task in working:
                if task.done():
                    task.result()
            return gone.done()
        finally:
            for task in (gone, *working):
                task.cancel()
            await asyncio.gather(gone, *working, return_exceptions=True)

    async def _tell(self) -> None:
        """Send what is logged, in order, up to the end of the job."""
        start = self._start
        await self._write(sse.retry_line(self._parts.settings.sse_retry_ms))
        try:
            for event in start.first:
                await self._show(event)
                if event.terminal:
                    return
            await self._tell_live()
        except BooksTrackError as problem:
            log.warning("stream_broken", jobId=start.job.id, problem=problem.message)
            await self._write(sse.error_frame(start.job, "The stream broke; connect again"))

    async def _tell_live(self) -> None:
        start = self._start
        events = self._parts.board.follow(start.job.id, after=start.after)
        try:
            async for event in events:
                await self._show(event)
                if event.terminal:
                    return
        finally:
            await events.aclose()

    async def _show(self, event: Event) -> None:
        self._status, self._progress = event.status, event.progress
        self._event_at = self._parts.clock.monotonic()
        await self._write(self._parts.frames.of(self._start.job, event, self._start.names))
        metrics = self._parts.metrics
        if not self._greeted:
            self._greeted = True
            took = self._parts.clock.monotonic() - self._asked_at
            metrics.stream_first_event.labels("sse").observe(took)
        elif event.at >= self._live_from:
            age = self._parts.clock.time() - event.at / 1000
            metrics.progress_delivery.labels("sse").observe(max(0.0, age))

    async def _beat(self) -> None:
        """Break silence, and end the stream when nothing happens or nobody reads."""
        clock, settings = self._parts.clock, self._parts.settings
        while True:
            quiet_until = self._wrote_at + settings.sse_heartbeat_s
            ends_at = self._event_at + settings.sse_timeout_s
            now = clock.monotonic()
            if min(quiet_until, ends_at) > now:
                await clock.sleep(min(quiet_until, ends_at) - now)
            elif self._writes:
                return
            elif ends_at <= now:
                frame = sse.timeout_frame(
                    self._start.job, status=self._status, progress=self._progress
                )
                await self._write(frame)
                return
            else:
                await self._write(sse.HEARTBEAT)

    async def _write(self, frame: bytes) -> None:
        self._writes += 1  # stays up where the write is given up
        self._wrote_at = self._parts.clock.monotonic()
        await self._send({"type": "http.response.body", "body": frame, "more_body": True})
        self._writes -= 1


async def _gone(receive: Receive) -> None:
    """Wait for the client to leave."""
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            return


async def _unopened(_message: Any) -> None:
    raise RuntimeError("the stream is not open")
