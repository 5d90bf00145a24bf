"""The life of one socket after the upgrade (jobs-and-progress §11.3).

Tasks: one reads what the client says, one fetches events, one sends, one keeps the connection
alive. Whoever wants the socket to end says so once; the first word counts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, Protocol, TypeVar

import structlog
from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import BooksTrackError, StorageProblem
from bookstrack.model.event import Event
from bookstrack.model.job import JobStatus
from bookstrack.settings import StreamSettings
from bookstrack.telemetry.metrics import Metrics
from bookstrack.web.socket_backlog import Backlog
from bookstrack.web.socket_board import Board
from bookstrack.web.socket_dialect import Dialect, Trouble
from bookstrack.web.socket_inbound import Malformed, Said, latency, understand
from bookstrack.web.socket_rooms import Room

log = structlog.get_logger(__name__)

_WORDS_WAITING = 100
_CLIENT_LEFT = 0
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)

T = TypeVar("T")


class Left(Exception):
    """The client has gone."""


class Line(Protocol):
    """The connection itself."""

    async def receive(self) -> str | bytes | None:
        """Return what the client says next, ``None`` when it has gone."""
        ...

    async def send(self, text: str) -> None:
        """Send one message; waits while the client does not read. Raises Left."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with a code; never waits for the client."""
        ...


class Wish(Struct, frozen=True, kw_only=True):
    """What the client asked for at the upgrade; ``after`` is the last event it knows."""

    reconnect: bool
    after: int | None


class Meter:
    """Measures how fast sockets are."""

    def __init__(self, metrics: Metrics) -> None:
        self.first_event = metrics.stream_first_event.labels("ws")
        self.delivery = metrics.progress_delivery.labels("ws")


class Ended(Struct, frozen=True):
    """Why a socket ended; code 0: the client left."""

    code: int
    reason: str


class Session:
    """One open socket. ``run`` returns when it is closed."""

    def __init__(
        self,
        room: Room,
        dialect: Dialect,
        line: Line,
        *,
        wish: Wish,
        board: Board,
        clock: Clock,
        settings: StreamSettings,
        meter: Meter,
        asked_at: float,
    ) -> None:
        self._room = room
        self._dialect = dialect
        self._line = line
        self._wish = wish
        self._board = board
        self._clock = clock
        self._settings = settings
        self._meter = meter
        self._asked_at = asked_at
        self._greeted = False
        self._live_from = 0
        self._end: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetching: asyncio.Task[None] | None = None
        self._backlog = Backlog()
        self._words: deque[str] = deque()
        self._something = asyncio.Event()
        self._space = asyncio.Event()
        self._open = False  # the client is ready, or has been waited for long enough
        self._over = False  # the terminal message was sent
        self._seen = 0
        self._spoke_at = clock.monotonic()  # the last message that was no ping

    async def run(self) -> Ended:
        """Serve the socket to its end."""
        try:
            self._begin()
            ended = await self._end
        finally:
            await self._stop()
        if ended.code != _CLIENT_LEFT:
            await self._line.close(ended.code, ended.reason)
        return ended

    def end(self, code: int, reason: str) -> None:
        """Ask the socket to close; only the first call counts."""
        if not self._end.done():
            self._end.set_result(Ended(code, reason))

    async def refuse(self, trouble: Trouble, code: int) -> Ended:
        """Say what is wrong and close, without having served anything [W2]."""
        with suppress(Left):
            await self._line.send(self._dialect.error(self._room.job, trouble, self._now()))
        await self._line.close(code, trouble.message)
        return Ended(code, trouble.message)

    # --- beginning ---------------------------------------------------------------------------

    def _begin(self) -> None:
        job, wish = self._room.job, self._wish
        self._spawn(self._listen)
        self._spawn(self._speak)
        self._spawn(self._keep_alive)
        if job.status.terminal:  # [W10]; who counts events gets those it has missed first
            last = job.last_event - 1
            self._fetch(last if wish.after is None else min(self._known(wish.after), last))
            self._unlock()
        elif wish.reconnect:
            self._spawn(self._resume, wish.after)
        else:
            self._fetch(self._known(wish.after))
            self._spawn(self._wait_for_ready)

    def _known(self, after: int | None) -> int:
        """Return the last event a client has; a number from elsewhere counts as none."""
        return after if after is not None and after <= self._room.job.last_event else 0

    async def _resume(self, after: int | None) -> None:
        """Say where the job stands, then everything after an event [W11]."""
        standing = await self._patiently(lambda: self._board.status(self._room.job.id))
        event = standing.event
        self._say(self._dialect.reconnected(self._room.job, event, self._now()))
        known = after if after is not None and after <= event.seq else 0
        self._fetch(min(known, event.seq - 1) if event.terminal else known)
        self._unlock()

    async def _wait_for_ready(self) -> None:
        """Go on without the client's ``ready`` after a while [W14]."""
        await self._clock.sleep(self._settings.ready_timeout_s)
        self._unlock()

    def _unlock(self) -> None:
        if not self._open:
            self._open = True
            self._live_from = self._now()
        self._something.set()

    # --- events ------------------------------------------------------------------------------

    def _fetch(self, after: int) -> None:
        """Follow the job from an event on, in place of what was followed before."""
        if self._fetching is not None:
            self._fetching.cancel()
        self._backlog.clear()
        self._fetching = self._spawn(self._follow, after)

    async def _follow(self, after: int) -> None:
        """Gather events; a log that cannot be read for a moment is asked again."""
        self._seen = after
        await self._patiently(self._gather)

    async def _gather(self) -> None:
        events: Any = self._board.follow(self._room.job.id, after=self._seen)
        async with aclosing(events):
            async for event in events:
                self._seen = event.seq
                self._backlog.add(event)
                self._something.set()
                if self._backlog.overflowing:
                    self.end(1013, "Too slow; come back later")
                    return
                if event.terminal:
                    return
        self.end(1012, "Restarting")  # nobody follows jobs here any more

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something that needs the database, several times if need be."""
        for pause in _PAUSES_S:
            try:
                return await work()
            except StorageProblem:
                await self._clock.sleep(pause)
        return await work()

    # --- sending -----------------------------------------------------------------------------

    def _say(self, text: str | None) -> None:
        if text is not None:
            self._words.append(text)
            self._something.set()

    async def _speak(self) -> None:
        """Send whatever there is: answers first, then events."""
        while True:
            while self._words:
                await self._line.send(self._words.popleft())
            self._space.set()
            event = self._next()
            if event is not None:
                await self._send_event(event)
                continue
            self._something.clear()
            await self._something.wait()

    def _next(self) -> Event | None:
        if self._open:
            return self._backlog.take()
        return self._backlog.last() if self._backlog.ended else None  # may come before ready

    async def _send_event(self, event: Event) -> None:
        for text in await self._patiently(lambda: self._room.render(event, self._dialect)):
            await self._line.send(text)
        self._spoke_at = self._clock.monotonic()
        self._count(event)
        if event.terminal and not self._over:
            self._over = True
            self._spawn(self._close_later, event)

    def _count(self, event: Event) -> None:
        if not self._greeted:
            self._greeted = True
            self._meter.first_event.observe(self._spoke_at - self._asked_at)
        elif event.at >= self._live_from:
            age = self._clock.time() - event.at / 1000
            self._meter.delivery.observe(max(0.0, age))

    async def _close_later(self, event: Event) -> None:
        """Let the client close first: one build drops what it is fetching otherwise [W16]."""
        await self._clock.sleep(self._settings.close_grace_s)
        self.end(*_ENDINGS[event.status])

    # --- listening ---------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            data = await self._line.receive()
            if data is None:
                self.end(_CLIENT_LEFT, "")
                return
            try:
                await self._hear(understand(data))
            except Malformed as problem:
                await self._give_up("INVALID_REQUEST", problem.reason, 400, close=1002)
                return
            if len(self._words) > _WORDS_WAITING:  # it asks and does not read
                self._space.clear()
                await self._space.wait()

    async def _hear(self, said: Said) -> None:
        job, now = self._room.job, self._now()
        if said.type == "ready":
            self._say(self._dialect.ready_ack(job, now))
            self._unlock()
        elif said.type == "ping":
            self._say(self._dialect.pong(job, now, latency(said, now)))
        elif said.type == "sync":
            await self._synchronise(said.after)  # so that nobody can ask for many at once

    async def _synchronise(self, after: int | None) -> None:
        if after is not None:
            await self._resume(after)
            return
        standing = await self._patiently(self._room.standing)
        self._say(self._dialect.reconnected(self._room.job, standing.event, self._now()))

    # --- keeping alive -----------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        """Ping regularly, and repeat the progress when there was none for long [W23]."""
        ping_s, repeat_s = self._settings.ping_s, self._settings.keepalive_s
        pinged_at = self._clock.monotonic()
        while not self._over:
            now = self._clock.monotonic()
            await self._clock.sleep(min(pinged_at + ping_s, self._spoke_at + repeat_s) - now)
            now = self._clock.monotonic()
            if now >= pinged_at + ping_s and not self._over:
                pinged_at = now
                self._say(self._dialect.ping(self._room.job, self._now()))
            if now >= self._spoke_at + repeat_s:
                self._spoke_at = now
                await self._repeat()

    async def _repeat(self) -> None:
        if not self._open or self._over:
            return
        try:
            standing = await self._room.standing()
        except StorageProblem:
            return  # it is but a sign of life
        job = standing.job
        alive = job.lease_until is not None and job.lease_until >= self._clock.time()
        if job.status is JobStatus.PROCESSING and alive:
            self._say(self._dialect.keep_alive(self._room.job, standing.event, self._now()))

    # --- tasks -------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock.time() * 1000)

    async def _give_up(self, code: str, message: str, status: int, *, close: int) -> None:
        trouble = Trouble(code, message, status, retryable=status >= 500)
        text = self._dialect.error(self._room.job, trouble, self._now())
        await self._line.send(text)
        self.end(close, message)

    def _spawn(self, work: Callable[..., Awaitable[None]], *facts: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guard(work, facts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Callable[..., Awaitable[None]], facts: Sequence[Any]) -> None:
        try:
            await work(*facts)
        except Left:
            self.end(_CLIENT_LEFT, "")
        except BooksTrackError as problem:
            log.warning("socket_cannot_go_on", problem=problem.message)
            await self._fail(problem.message)
        except Exception as problem:
            log.error("socket_failed", exc_info=problem)
            await self._fail("Something went wrong on our side; it has been logged")

    async def _fail(self, message: str) -> None:
        if self._end.done():
            return
        try:
            await self._give_up("INTERNAL_ERROR", message, 500, close=1011)
        except Left:
            self.end(_CLIENT_LEFT, "")

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_ENDINGS = {
    JobStatus.COMPLETED: (1000, "Job completed"),
    JobStatus.CANCELED: (1000, "Job canceled"),
    JobStatus.FAILED: (1011, "Job failed"),
}
