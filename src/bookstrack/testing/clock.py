"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

_TURNS = 20
"""Passes of the event loop that woken tasks get before time moves on."""


class FrozenClock:
    """A ``Clock`` whose time is epoch seconds from ``start`` on and moves by ``advance`` only.

    Monotonic time begins at 1000 seconds, so that nobody can mistake one scale for the other.
    """

    def __init__(self, start: float = 1_760_000_000.0) -> None:
        self._start = start
        self._passed = 0.0
        self._order = count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    @property
    def sleepers(self) -> int:
        """Return how many tasks are asleep now."""
        return sum(not future.done() for _, _, future in self._waiting)

    def time(self) -> float:
        """Return seconds since the Unix epoch."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Return seconds that only ``advance`` moves."""
        return 1000.0 + self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until ``advance`` has passed the deadline; not at all for 0 or less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._passed + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move time, stopping at every sleeper's deadline on the way to let it run.

        Tasks that go to sleep again within the span are woken again.
        """
        end = self._passed + seconds
        await _let_others_run()
        while self._waiting and self._waiting[0][0] <= end:
            deadline, _, future = heapq.heappop(self._waiting)
            if future.done():
                continue
            self._passed = max(self._passed, deadline)
            future.set_result(None)
            await _let_others_run()
        self._passed = end
        await _let_others_run()


async def _let_others_run() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
