"""Counting in a store that may be slow or away, without making every request wait for it."""

from __future__ import annotations

import asyncio

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.kv.base import Count, Counters

AT_ONCE = 8
WAIT_S = 2.0
PAUSE_S = 1.0


class PatientCounters:
    """Counters that ask few at once and give up soon.

    Hits beyond ``AT_ONCE`` wait for their turn, however long that takes: a burst must not use up
    a pool of connections and so pass uncounted. One hit may take ``WAIT_S``. After a failure all
    others fail at once, and every ``PAUSE_S`` a single one tries again.
    """

    def __init__(self, counters: Counters, clock: Clock, *, wait_s: float = WAIT_S) -> None:
        self._counters = counters
        self._clock = clock
        self._wait_s = wait_s
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._away = False
        self._try_at = 0.0

    async def hit(self, key: str, *, limit: int, window_s: int, now: float) -> Count:
        """Count one hit unless the window is full.

        Raises:
            StorageUnavailable: the store cannot be reached, could not be a moment ago, or is slow.
        """
        async with self._turns:
            self._refuse_while_away()
            try:
                async with asyncio.timeout(self._wait_s):
                    count = await self._counters.hit(key, limit=limit, window_s=window_s, now=now)
            except (StorageUnavailable, TimeoutError) as error:
                self._away = True
                self._try_at = self._clock.monotonic() + PAUSE_S
                raise StorageUnavailable("Requests cannot be counted") from error
            self._away = False
            return count

    def _refuse_while_away(self) -> None:
        if not self._away:
            return
        now = self._clock.monotonic()
        if now < self._try_at:
            raise StorageUnavailable("Requests cannot be counted")
        self._try_at = now + self._wait_s + PAUSE_S  # this one tries; the others do not wait for it
