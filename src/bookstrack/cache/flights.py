"""Single flight: equal questions that are asked at the same time share one piece of work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Running work by key. The work is a task of its own: a waiter that leaves does not end it."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    async def join(self, key: str, work: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """Return the result of the running work for this key, starting it where none runs.

        The flag tells whether somebody else had started it. Errors reach every waiter.
        """
        task = self._running.get(key)
        joined = task is not None
        if task is None:
            task = asyncio.create_task(_run(work), name=f"flight {key[:80]}")
            self._running[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task), joined

    def _landed(self, key: str, task: asyncio.Task[T]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # every waiter may have left; the error is not news then

    def __contains__(self, key: str) -> bool:
        return key in self._running

    async def landed(self, key: str) -> None:
        """Wait until no work runs for this key; how it ended does not matter."""
        while task := self._running.get(key):
            await asyncio.wait([task])

    async def close(self) -> None:
        """Cancel what still runs and wait for its end."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
