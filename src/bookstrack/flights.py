"""Single flight: equal questions that are asked at the same time share one piece of work."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from bookstrack.background import Tasks

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]


class Grounded(asyncio.CancelledError):
    """The work was cancelled by the owner of its task, and so is whoever waits for it."""


class _Flight(Generic[T]):
    """Work under way; ``kept`` says that it goes on when nobody waits for it."""

    __slots__ = ("deadline", "kept", "task", "waiting")

    def __init__(self, task: asyncio.Task[T], deadline: float) -> None:
        self.task = task
        self.deadline = deadline
        self.waiting = 0
        self.kept = False


class Flights(Generic[T]):
    """Running work by key. The work is a task of its own: a waiter that leaves does not end it.

    Its tasks are among those of the owner, if one is given.
    """

    def __init__(self, tasks: Tasks | None = None) -> None:
        self._tasks = Tasks() if tasks is None else tasks
        self._running: dict[Hashable, _Flight[T]] = {}

    async def join(
        self,
        key: Hashable,
        work: Work[T],
        *,
        keep: bool = True,
        now: float = 0.0,
        deadline: float = math.inf,
    ) -> tuple[T, bool]:
        """Return the result of the running work for this key, starting it where none runs.

        The flag tells whether somebody else had started it. Errors reach every waiter. Work that
        no waiter wants to ``keep`` is cancelled when the last of them leaves. Whoever has less
        time than the work that was joined leaves at the ``deadline``, in seconds like ``now``.

        Raises:
            TimeoutError: the deadline came first.
            Grounded: the work was cancelled.
        """
        flight = self._running.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._start(key, work, deadline)
        patience = None if deadline >= flight.deadline else max(0.0, deadline - now)
        flight.kept = flight.kept or keep
        flight.waiting += 1
        try:
            await asyncio.wait({flight.task}, timeout=patience)
        finally:
            flight.waiting -= 1
            if not (flight.waiting or flight.kept or flight.task.done()):
                self._forget(key, flight)  # now: who comes next must not join what is ending
                flight.task.cancel()
        if not flight.task.done():
            raise TimeoutError
        if flight.task.cancelled():
            raise Grounded
        return flight.task.result(), joined

    def _start(self, key: Hashable, work: Work[T], deadline: float) -> _Flight[T]:
        task = self._tasks.start(work(), f"flight {str(key)[:80]}")
        flight = self._running[key] = _Flight(task, deadline)
        task.add_done_callback(lambda _: self._forget(key, flight))
        return flight

    def _forget(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._running.get(key) is flight:
            del self._running[key]

    def __contains__(self, key: Hashable) -> bool:
        return key in self._running

    async def landed(self, key: Hashable) -> None:
        """Wait until no work runs for this key; how it ended does not matter."""
        while flight := self._running.get(key):
            await asyncio.wait([flight.task])

    async def close(self) -> None:
        """Cancel what still runs and wait for its end."""
        await self._tasks.close()
