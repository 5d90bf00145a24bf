"""Single-flight: callers who ask the same thing at the same time share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

from bookstrack.background import Tasks

T = TypeVar("T")


class _Flight:
    __slots__ = ("deadline", "task", "waiting")

    def __init__(self, task: asyncio.Task[Any], deadline: float) -> None:
        self.task = task
        self.deadline = deadline
        self.waiting = 0


class Flights:
    """Calls on their way, by what they ask."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._under_way: dict[Hashable, _Flight] = {}

    async def share(
        self,
        key: Hashable,
        call: Callable[[], Coroutine[Any, Any, T]],
        *,
        now: float,
        deadline: float,
    ) -> T:
        """Join the call under way for ``key``, or start it; its error reaches everyone.

        The call is cancelled when its last waiter is.

        Raises:
            TimeoutError: this caller's ``deadline`` ended before that of the call it joined, or
                the call was cancelled by the owner of the tasks.
        """
        flight = self._under_way.get(key) or self._start(key, call(), deadline)
        patience = None if deadline >= flight.deadline else max(0.0, deadline - now)
        flight.waiting += 1
        try:
            await asyncio.wait({flight.task}, timeout=patience)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()
        if not flight.task.done() or flight.task.cancelled():
            raise TimeoutError
        return flight.task.result()

    def _start(self, key: Hashable, call: Coroutine[Any, Any, Any], deadline: float) -> _Flight:
        flight = self._under_way[key] = _Flight(self._tasks.start(call), deadline)

        def landed(task: asyncio.Task[Any]) -> None:
            self._forget(key, flight)
            if not task.cancelled():
                task.exception()  # seen: all waiters may have left before it was raised

        flight.task.add_done_callback(landed)
        return flight

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._under_way.get(key) is flight:
            del self._under_way[key]
