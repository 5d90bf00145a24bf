"""How often cache keys are read: counted in memory, written in batches (data-model §2.3, §2.6)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import lru_cache

import structlog
from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.functions import coalesce

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.bulk import Bulk
from bookstrack.storage.database.columns import WHOLE
from bookstrack.storage.database.engine import Database, Dialect
from bookstrack.storage.database.tables import cache_access_daily, cache_metrics, kv_entries
from bookstrack.storage.database.upsert import insert

FLUSH_AFTER_S = 5.0
FLUSH_AT = 200
_DAY_S = 86_400

_log = structlog.get_logger(__name__)


class Access:
    """What happened to one key since the last flush; size in bytes and lifetime in seconds."""

    __slots__ = ("at", "hits", "misses", "size", "ttl_s")

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self.at = 0
        self.size: int | None = None
        self.ttl_s: int | None = None


class Accesses:
    """Buffers accesses and writes them 5 seconds after the first, or at 200 keys.

    Its one task lives only while something is buffered; ``close`` ends it.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._writes = _Writes(database.dialect)
        self._buffer: dict[str, Access] = {}
        self._full = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def hit(self, key: str, *, size: int, ttl_s: int) -> None:
        """Count a read that found its entry."""
        access = self._access(key)
        access.hits += 1
        access.size, access.ttl_s = size, ttl_s

    def miss(self, key: str) -> None:
        """Count a read that found nothing."""
        self._access(key).misses += 1

    async def close(self) -> None:
        """Write what is still buffered."""
        self._closing = True
        self._full.set()
        if self._task:
            await self._task

    def _access(self, key: str) -> Access:
        access = self._buffer.get(key)
        if access is None:
            access = self._buffer[key] = Access()
            if len(self._buffer) >= FLUSH_AT:
                self._full.set()
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._run())
        access.at = int(self._clock.time())
        return access

    async def _run(self) -> None:
        while self._buffer:
            await self._wait()
            self._full.clear()
            batch, self._buffer = self._buffer, {}
            try:
                async with self._database.begin("kv_accesses") as connection:
                    # In the order of keys, so that two processes cannot lock each other out.
                    await self._writes.run(connection, sorted(batch.items()))
            except StorageUnavailable as error:
                _log.warning("cache_accesses_lost", keys=len(batch), reason=error.message)

    async def _wait(self) -> None:
        if self._closing:
            return
        waits = (
            asyncio.ensure_future(self._clock.sleep(FLUSH_AFTER_S)),
            asyncio.ensure_future(self._full.wait()),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


class _Writes:
    """The three statements of a flush."""

    def __init__(self, dialect: Dialect) -> None:
        totals, daily = insert(cache_metrics, dialect), insert(cache_access_daily, dialect)
        old, new = cache_metrics.c, totals.excluded
        self._totals = Bulk(
            totals.on_conflict_do_update(
                index_elements=[old.cache_key],
                set_={
                    "hit_count": old.hit_count + new.hit_count,
                    "miss_count": old.miss_count + new.miss_count,
                    "last_accessed": new.last_accessed,
                    "data_size_bytes": coalesce(new.data_size_bytes, old.data_size_bytes),
                    "ttl_seconds": coalesce(new.ttl_seconds, old.ttl_seconds),
                },
            ),
            (
                "cache_key",
                "hit_count",
                "miss_count",
                "last_accessed",
                "data_size_bytes",
                "ttl_seconds",
            ),
        )
        day, more = cache_access_daily.c, daily.excluded
        self._daily = Bulk(
            daily.on_conflict_do_update(
                index_elements=[day.cache_key, day.day],
                set_={"hits": day.hits + more.hits, "misses": day.misses + more.misses},
            ),
            ("cache_key", "day", "hits", "misses"),
        )
        count = kv_entries.c.access_count + bindparam("hits", type_=WHOLE)
        self._entries = Bulk(
            update(kv_entries)
            .where(kv_entries.c.key == bindparam("entry"))
            .values(access_count=count, last_accessed=bindparam("at")),
            (),
        )

    async def run(self, connection: AsyncConnection, batch: list[tuple[str, Access]]) -> None:
        """Add a batch to the totals, to the days and to the entries themselves."""
        await self._totals.run(
            connection,
            [
                {
                    "cache_key": key,
                    "hit_count": access.hits,
                    "miss_count": access.misses,
                    "last_accessed": access.at,
                    "data_size_bytes": access.size,
                    "ttl_seconds": access.ttl_s,
                }
                for key, access in batch
            ],
        )
        await self._daily.run(
            connection,
            [
                {
                    "cache_key": key,
                    "day": day_of(access.at),
                    "hits": access.hits,
                    "misses": access.misses,
                }
                for key, access in batch
            ],
        )
        await self._entries.run(
            connection,
            [
                {"entry": key, "hits": access.hits, "at": access.at}
                for key, access in batch
                if access.hits
            ],
        )


def day_of(seconds: float) -> str:
    """Return the UTC day of an epoch second, ``YYYY-MM-DD``."""
    return _day(int(seconds) // _DAY_S)


@lru_cache(maxsize=4)  # asked for every key of a flush
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * _DAY_S, UTC):%Y-%m-%d}"
