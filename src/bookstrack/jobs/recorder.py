"""Writes what a running job has to tell: item results at once, events at their pace.

One task per job writes, one transaction at a time; what comes meanwhile goes into the next one
together. So an event never tells of an item that is not stored, and numbers follow time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from bookstrack.background import Tasks
from bookstrack.clock import Clock
from bookstrack.errors import LeaseLost
from bookstrack.jobs.draft import Change, Draft
from bookstrack.jobs.halt import Halt
from bookstrack.jobs.outage import patiently
from bookstrack.jobs.pacing import Pacer, PersistRule
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.model.event import Event
from bookstrack.model.job import ItemResult
from bookstrack.storage.database.job_rows import Claimed
from bookstrack.storage.database.job_store import JobStore

Tell = Callable[[str, Event], Awaitable[None]]
_Waiting = tuple[ItemResult, asyncio.Future[None]]


class Recorder:
    """The one writer of one job in this process; ``tell`` hears of every committed event."""

    def __init__(
        self,
        store: JobStore,
        claimed: Claimed,
        owner: str,
        *,
        draft: Draft,
        rule: PersistRule,
        clock: Clock,
        halt: Halt,
        tell: Tell,
    ) -> None:
        self._store = store
        self._job_id = claimed.job.id
        self._owner = owner
        self._draft = draft
        self._rule = rule
        self._clock = clock
        self._halt = halt
        self._tell = tell
        self._updates = claimed.updates_since_write
        self._written_at = claimed.last_write_at
        self._pacer = Pacer()
        self._items: list[_Waiting] = []
        self._events: deque[Event] = deque()  # made already: nothing may replace them
        self._heard: list[asyncio.Future[None]] = []  # resolved with the next event
        self._dirty = False
        self._closing = False
        self._tasks = Tasks()
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.Task[None] | None = None
        self._problem: BaseException | None = None

    async def announce(self, message: str) -> None:
        """Log that the work begins, or goes on; no update in the sense of [P1].

        Raises:
            Interrupted: the job is not ours any more.
        """
        self._draft.change(Change(message=message))
        self._events.append(self._draft.event(at=self._clock.time()))
        await self._until_written()

    async def update(self, change: Change, *, important: bool = False) -> None:
        """Tell of a change; waits for its commit only where an event is due at once.

        Raises:
            Interrupted: the job is not ours any more.
        """
        self._note(change, important=important)
        await self._until_written()

    async def items(
        self, results: Sequence[ItemResult], change: Change, *, important: bool = False
    ) -> None:
        """Store the results of several items as one update; returns when they are committed.

        Raises:
            Interrupted: the job is not ours any more, none of the results is stored.
        """
        self._refuse_after_problem()
        for result in results:
            self._draft.count(result.state)
        self._note(change, important=important)
        stored = _future()
        self._items += [(result, stored) for result in results]
        self._kick()
        await stored

    async def close(self, *, at_once: bool = False) -> None:
        """Write all there is to tell, at its pace; the last event is never left out [J10].

        ``at_once``, as when the job is asked to stop meanwhile: what is but progress is left out,
        and nothing waits.

        Raises:
            Interrupted: the job is not ours any more.
        """
        asked = {self._tasks.start(self._halt.asked.wait())}
        if at_once:
            self._hurry()
        self._kick()
        while at_work := self._at_work():
            ended, _ = await asyncio.wait(at_work | asked, return_when=asyncio.FIRST_COMPLETED)
            if asked & ended:
                asked.clear()
                self._hurry()
        await self._tasks.close()
        self._refuse_after_problem()

    def _hurry(self) -> None:
        self._closing, self._dirty = True, False
        self._kick()

    def _at_work(self) -> set[asyncio.Task[None]]:
        timer = None if self._closing else self._timer
        return {task for task in (self._writer, timer) if task is not None}

    async def abandon(self) -> None:
        """Write nothing more."""
        await self._tasks.close()
        self._drop(Interrupted())

    def _note(self, change: Change, *, important: bool) -> None:
        self._draft.change(change)
        self._updates += 1
        self._dirty = not important  # an important event says all there is to say
        if important:
            self._events.append(self._draft.event(at=self._clock.time()))

    async def _until_written(self) -> None:
        self._refuse_after_problem()
        if self._wait_s() != 0:
            self._kick()
            return
        heard = _future()
        self._heard.append(heard)
        self._kick()
        await heard

    def _refuse_after_problem(self) -> None:
        if self._problem is not None:
            raise self._problem

    def _wait_s(self) -> float | None:
        """Return the seconds until an event is to be written, None when there is none."""
        if not (self._dirty or self._events):
            return None
        return 0.0 if self._closing else self._pacer.wait(self._clock.monotonic())

    def _kick(self) -> None:
        if self._writer is not None or self._problem is not None:
            return
        wait = self._wait_s()
        if self._items or wait == 0:
            self._writer = self._tasks.start(self._write_all(), f"job-writer {self._job_id}")
        elif wait is not None and self._timer is None:
            self._timer = self._tasks.start(self._later(wait), f"job-timer {self._job_id}")

    async def _later(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._timer = None
        self._kick()

    async def _write_all(self) -> None:
        try:
            while self._problem is None and (self._items or self._wait_s() == 0):
                await self._write()
        finally:
            self._writer = None
        self._kick()

    async def _write(self) -> None:
        items, self._items = self._items, []
        event = self._next_event()
        waiting = [stored for _, stored in items]
        if event is not None:
            waiting += self._heard
            self._heard = []
        try:
            await self._persist([result for result, _ in items], event)
        except LeaseLost:
            self._halt.lose()
            self._drop(Interrupted(), waiting)
        except asyncio.CancelledError:
            self._drop(Interrupted(), waiting)
            raise
        except (Exception, Interrupted) as problem:
            self._drop(problem, waiting)
        else:
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    def _next_event(self) -> Event | None:
        """Take the event to be written now; items alone are written without one."""
        if self._wait_s() != 0:
            return None
        self._pacer.logged(self._clock.monotonic())
        if self._events:  # of another moment, perhaps: the log's times go with its numbers
            at = round(self._clock.time() * 1000)
            return msgspec.structs.replace(self._events.popleft(), at=at)
        self._dirty = False
        return self._draft.event(at=self._clock.time())

    async def _persist(self, items: list[ItemResult], event: Event | None) -> None:
        updates, now = self._updates, self._clock.time()
        snapshot = event is not None and self._rule.due(
            updates=updates, passed_s=now - self._written_at
        )
        number = await patiently(
            self._clock,
            lambda: self._store.write(
                self._job_id,
                self._owner,
                now=now,
                items=items,
                event=event,
                snapshot=snapshot,
                updates_since_write=0 if snapshot else updates,
            ),
            check=self._halt.check_still_ours,
        )
        if snapshot:
            self._updates -= updates
            self._written_at = now
        if event is not None and number is not None:
            await self._tell(self._job_id, msgspec.structs.replace(event, seq=number))

    def _drop(self, problem: BaseException, waiting: Sequence[asyncio.Future[None]] = ()) -> None:
        self._problem = self._problem or problem
        for future in (*waiting, *self._heard, *(stored for _, stored in self._items)):
            if not future.done():
                future.set_exception(problem)
                future.exception()  # its waiter may be gone
        self._items, self._heard = [], []


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()
