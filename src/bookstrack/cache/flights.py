"""Single flight: equal questions that are asked at the same time share one piece of work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Flight(Generic[T]):
    """Work under way; ``kept`` says that it goes on when nobody waits for it."""

    __slots__ = ("kept", "task", "waiting")

    def __init__(self, task: asyncio.Task[T]) -> None:
        self.task = task
        self.waiting = 0
        self.kept = False


class Flights(Generic[T]):
    """Running work by key. The work is a task of its own: a waiter that leaves does not end it."""

    def __init__(self) -> None:
        self._running: dict[str, _Flight[T]] = {}

    async def join(
        self, key: str, work: Callable[[], Awaitable[T]], *, keep: bool = True
    ) -> tuple[T, bool]:
        """Return the result of the running work for this key, starting it where none runs.

        The flag tells whether somebody else had started it. Errors reach every waiter. Work that
        no waiter wants to ``keep`` is cancelled when the last of them leaves.
        """
        flight = self._running.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._start(key, work)
        flight.kept = flight.kept or keep
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), joined
        finally:
            flight.waiting -= 1
            if not (flight.waiting or flight.kept or flight.task.done()):
                self._forget(key, flight)  # now: who comes next must not join what is ending
                flight.task.cancel()

    def _start(self, key: str, work: Callable[[], Awaitable[T]]) -> _Flight[T]:
        task = asyncio.create_task(_run(work), name=f"flight {key[:80]}")
        flight = self._running[key] = _Flight(task)
        task.add_done_callback(lambda _: self._landed(key, flight))
        return flight

    def _landed(self, key: str, flight: _Flight[T]) -> None:
        self._forget(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # every waiter may have left; the error is not news then

    def _forget(self, key: str, flight: _Flight[T]) -> None:
        if self._running.get(key) is flight:
            del self._running[key]

    def __contains__(self, key: str) -> bool:
        return key in self._running

    async def landed(self, key: str) -> None:
        """Wait until no work runs for this key; how it ended does not matter."""
        while flight := self._running.get(key):
            await asyncio.wait([flight.task])

    async def close(self) -> None:
        """Cancel what still runs and wait for its end."""
        tasks = [flight.task for flight in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
