"""Keeps the embedded stores small: deletes what has expired, a little at a time."""

from __future__ import annotations

import asyncio

import structlog

from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.storage.database.idempotency import Idempotency
from bookstrack.storage.urls import Storage

log = structlog.get_logger(__name__)

EVERY_S = 600.0
_AT_ONCE = 500


class Maintenance:
    """A loop on the injected clock; several processes may run it at the same time."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._idempotency = Idempotency(storage.database, clock)
        self._clock = clock
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first sweep comes after one interval."""
        self._loop = asyncio.create_task(self._forever(), name="maintenance")

    async def sweep(self) -> int:
        """Delete everything that has expired; return how many rows went.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        gone = 0
        while True:
            batch = await self._storage.sweep(_AT_ONCE, now=self._clock.time())
            batch += await self._idempotency.sweep(_AT_ONCE)
            gone += batch
            if not batch:
                return gone

    async def _forever(self) -> None:
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                gone = await self.sweep()
            except StorageProblem as problem:
                log.warning("sweep_failed", problem=problem.message)
            else:
                log.debug("swept", rows=gone)

    async def close(self) -> None:
        """End the loop."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
