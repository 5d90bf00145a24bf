"""Events to everybody who watches: one shared tail of the log per followed job and process.

A follower is a number and a place to wait; it looks at the shared tail, and reads the log where
that does not reach back far enough. So a slow one costs nothing and misses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from weakref import WeakSet

import structlog

from bookstrack.background import Background, Tasks
from bookstrack.clock import Clock
from bookstrack.errors import NotFound, StorageProblem
from bookstrack.model.event import Event
from bookstrack.storage.bus.base import Bus
from bookstrack.storage.database.job_store import JobStore

log = structlog.get_logger(__name__)

BEAT_S = 0.5
"""How often silent jobs are looked at without a hint."""
TAIL = 256
"""So many events at least are shared, and twice as many at most."""
PAGE = 64
"""So many events a follower reads at once that is behind the tail."""
_READ = 500


class Tail:
    """The newest events of one job; ``last`` is the number of the newest, -1 before opening."""

    __slots__ = (
        "_events",
        "again",
        "followers",
        "fresh",
        "idle",
        "job_id",
        "last",
        "reading",
        "signal",
    )

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self._events: list[Event] = []
        self.last = -1
        self.signal = asyncio.Event()
        self.followers: WeakSet[Follower] = WeakSet()
        self.reading: asyncio.Task[None] | None = None
        self.again = False
        self.fresh = False
        self.idle = False

    @property
    def ended(self) -> bool:
        """Tell whether no event follows."""
        return bool(self._events) and self._events[-1].terminal

    @property
    def first(self) -> int:
        """Return the number of the oldest event that is shared."""
        return self.last - len(self._events) + 1

    def find(self, number: int) -> Event:
        """Return the event of a number from ``first`` to ``last``."""
        return self._events[number - self.first]

    def add(self, event: Event) -> None:
        """Append the next event and wake everybody."""
        if len(self._events) >= 2 * TAIL:
            del self._events[:TAIL]
        self._events.append(event)
        self.last = event.seq
        self.fresh = True
        self.wake()

    def wake(self) -> None:
        """Let every follower look."""
        signal, self.signal = self.signal, asyncio.Event()
        signal.set()


class Follower(AsyncIterator[Event]):
    """The events of one job after a number, in order, without gap and without repeat.

    Ends after the terminal event. Iterating raises NotFound when there is no such job, and
    StorageUnavailable when the log cannot be read; a new follower may go on from ``seen``.
    """

    __slots__ = ("__weakref__", "_feeds", "_job_id", "_over", "_page", "_tail", "seen")

    def __init__(self, feeds: Feeds, job_id: str, after: int) -> None:
        self._feeds = feeds
        self._job_id = job_id
        self._tail: Tail | None = None
        self._page: list[Event] = []
        self._over = False
        self.seen = after

    @property
    def lag(self) -> int:
        """Return how many events are waiting to be taken."""
        return max(0, self._tail.last - self.seen) if self._tail else 0

    async def __anext__(self) -> Event:
        if self._over:
            raise StopAsyncIteration
        if self._tail is None:
            self._tail = await self._feeds.join(self._job_id, self)
        tail = self._tail
        while (event := await self._next(tail)) is None:
            if self._over:
                raise StopAsyncIteration
            signal = tail.signal
            if tail.last <= self.seen:
                await signal.wait()
        self.seen = event.seq
        self._over = event.terminal
        return event

    async def aclose(self) -> None:
        """Stop following."""
        self._over = True
        self._page = []
        if self._tail is not None:
            self._tail.followers.discard(self)
            self._tail = None

    async def _next(self, tail: Tail) -> Event | None:
        if self._page:
            return self._page.pop()
        number = self.seen + 1
        if number > tail.last:
            self._over = tail.ended
            return None
        if number >= tail.first:
            return tail.find(number)
        page = await self._feeds.page(self._job_id, self.seen)
        if not page:  # the job is gone, log and all
            self._over = True
            return None
        self._page = page[::-1]
        return self._page.pop()


class Feeds:
    """All followed jobs of this process."""

    def __init__(self, store: JobStore, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._tails: dict[str, Tail] = {}
        self._opening: dict[str, asyncio.Task[Tail]] = {}
        self._openings = Tasks()  # their failures are their followers'
        self._tasks = Background()
        self._beating = False

    @property
    def followed(self) -> int:
        """Return how many jobs are being followed."""
        return len(self._tails)

    def follow(self, job_id: str, *, after: int) -> Follower:
        """Return the events after a number; nothing is read before the first is asked for."""
        return Follower(self, job_id, after)

    async def tell(self, job_id: str, event: Event) -> None:
        """Hand a committed event to the followers here, and wake those elsewhere."""
        tail = self._tails.get(job_id)
        if tail is not None:
            self._add(tail, event)
        await self._bus.publish(f"job {job_id} {event.seq}")

    def heard(self, text: str) -> None:
        """Take a hint from the bus: ``job <id> <number>`` says what can be read in the log."""
        word, _, rest = text.partition(" ")
        job_id, _, number = rest.partition(" ")
        tail = self._tails.get(job_id) if word == "job" else None
        if tail is not None and number.isdecimal() and int(number) > tail.last:
            self._look(tail)

    async def join(self, job_id: str, follower: Follower) -> Tail:
        """Return the shared tail of a job, opened if need be.

        Raises:
            NotFound: there is no such job.
            StorageUnavailable: the log cannot be read.
        """
        tail, opening = self._tails.get(job_id), self._opening.get(job_id)
        if tail is None and opening is None:
            opening = self._openings.start(self._open(job_id), f"job-feed {job_id}")
            self._opening[job_id] = opening
        if opening is not None:  # which may fail: then there is no tail to wait at
            await asyncio.wait({opening})
            tail = opening.result()
        assert tail is not None  # noqa: S101 opened above
        tail.followers.add(follower)
        return tail

    async def page(self, job_id: str, after: int) -> list[Event]:
        """Read the log for one follower.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        return await self._store.events(job_id, after=after, limit=PAGE)

    async def close(self) -> None:
        """Read nothing more; followers wait for ever, their owners end them."""
        await self._openings.close()
        await self._tasks.close()

    async def _open(self, job_id: str) -> Tail:
        """Begin to share a job. What is told meanwhile is read at the end once more."""
        tail = self._tails[job_id] = Tail(job_id)
        try:
            job = await self._store.get(job_id)
            if job is None:
                raise NotFound("There is no such job", details={"jobId": job_id})
            tail.last = max(0, job.last_event - TAIL)
            await self._read(tail)
        except BaseException:
            del self._tails[job_id]
            raise
        finally:
            del self._opening[job_id]
        if not self._beating:
            self._beating = True
            self._tasks.start(self._beat(), "job-feeds")
        return tail

    def _add(self, tail: Tail, event: Event) -> None:
        if tail.last < 0 or event.seq > tail.last + 1:
            self._look(tail)
        elif event.seq == tail.last + 1:
            tail.add(event)

    def _look(self, tail: Tail) -> None:
        """Read what is new, in a task; a hint that comes meanwhile makes it read again."""
        tail.again = True
        if tail.reading is None and tail.last >= 0 and tail.job_id not in self._opening:
            tail.reading = self._tasks.start(self._catch_up(tail), f"job-feed {tail.job_id}")

    async def _catch_up(self, tail: Tail) -> None:
        try:
            await self._read(tail)
        except StorageProblem as problem:
            log.warning("job_feed_unread", job_id=tail.job_id, problem=problem.message)
        finally:
            tail.reading = None

    async def _read(self, tail: Tail) -> None:
        more = True
        while more or tail.again:
            tail.again = False
            found = await self._store.events(tail.job_id, after=tail.last, limit=_READ)
            for event in found:
                self._add(tail, event)
            more = len(found) == _READ

    async def _beat(self) -> None:
        """Look after every followed job that is silent; forget those nobody follows."""
        try:
            while self._tails:
                await self._clock.sleep(BEAT_S)
                await self._look_after(
                    [tail for tail in [*self._tails.values()] if self._silent(tail)]
                )
        finally:
            self._beating = False

    def _silent(self, tail: Tail) -> bool:
        """Tell whether somebody waits for an event and there was none since the last beat."""
        fresh, tail.fresh = tail.fresh, False
        if tail.followers:
            tail.idle = False
            return not (fresh or tail.ended)
        if tail.idle:  # for a whole beat: nobody is just about to join
            del self._tails[tail.job_id]
        else:
            tail.idle = tail.job_id not in self._opening
        return False

    async def _look_after(self, tails: list[Tail]) -> None:
        """Ask once for all of these jobs whether there is more to read."""
        if not tails:
            return
        try:
            newest = await self._store.newest([tail.job_id for tail in tails])
        except StorageProblem as problem:
            log.warning("job_feeds_unread", jobs=len(tails), problem=problem.message)
            return
        for tail in tails:
            if newest.get(tail.job_id, 0) > tail.last:
                self._look(tail)
