"""What a process does by the clock: remembers its counters, deletes what has expired."""

from __future__ import annotations

import structlog

from bookstrack.background import Background
from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.storage.database.idempotency import Idempotency
from bookstrack.storage.urls import Storage
from bookstrack.telemetry.history import SAMPLE_S, History
from bookstrack.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

EVERY_S = 600.0
_AT_ONCE = 500


class Maintenance:
    """A loop on the injected clock; several processes may run it at the same time."""

    def __init__(
        self, storage: Storage, clock: Clock, *, metrics: Metrics, history: History
    ) -> None:
        self._storage = storage
        self._idempotency = Idempotency(storage.database, clock)
        self._clock = clock
        self._metrics = metrics
        self._history = history
        self._loop = Background()

    def start(self) -> None:
        """Begin; the first sweep comes after one interval."""
        self._loop.start(self._forever(), "maintenance")

    async def sweep(self) -> int:
        """Delete everything that has expired, a little at a time; return how many rows went.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        gone = 0
        while True:
            batch = await self._storage.sweep(_AT_ONCE, now=self._clock.time())
            batch += await self._idempotency.sweep(_AT_ONCE)
            gone += batch
            if not batch:
                self._metrics.job_success.labels("sweep").set(self._clock.time())
                return gone

    async def _forever(self) -> None:
        swept = self._clock.monotonic()
        while True:
            await self._clock.sleep(SAMPLE_S)
            self._history.record()
            if self._clock.monotonic() - swept >= EVERY_S:
                await self._sweep()
                swept = self._clock.monotonic()

    async def _sweep(self) -> None:
        try:
            gone = await self.sweep()
        except StorageProblem as problem:
            log.warning("sweep_failed", problem=problem.message)
        else:
            log.debug("swept", rows=gone)

    async def close(self) -> None:
        """End the loop."""
        await self._loop.close()
