"""How many calls one provider may have in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bookstrack.clock import Clock
from bookstrack.errors import ProviderBusy
from bookstrack.upstream.budget import Budget

# What a caller is told who finds no place: when another call ends is not known.
_WAIT_S = 1.0


class Lanes:
    """Places for calls in flight; ``places`` None is unbounded."""

    def __init__(self, name: str, *, places: int | None, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._free = asyncio.Semaphore(places) if places else None

    @asynccontextmanager
    async def place(self, within: Budget) -> AsyncGenerator[None]:
        """Hold a place for the length of the block.

        Raises:
            ProviderBusy: none became free within the budget.
        """
        if self._free is None:
            yield
            return
        try:
            async with asyncio.timeout(within.deadline - self._clock.monotonic()):
                await self._free.acquire()
        except TimeoutError:
            text = f"{self._name}: too many calls are in flight"
            raise ProviderBusy(self._name, text, retry_after=_WAIT_S) from None
        try:
            yield
        finally:
            self._free.release()
