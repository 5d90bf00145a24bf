"""How often cache keys are read: counted in memory, written in batches (data-model §2.3, §2.6)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import lru_cache

import structlog
from msgspec import json
from sqlalchemy.ext.asyncio import AsyncConnection

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.engine import Database, Dialect

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
                    await _write(connection, sorted(batch.items()), self._database.dialect)
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


async def _write(
    connection: AsyncConnection, batch: list[tuple[str, Access]], dialect: Dialect
) -> None:
    """Add a batch to the totals, to the days and to the entries themselves.

    Each statement takes the whole batch as one JSON text: row by row, driver and event loop would
    hand each other the interpreter a thousand times.
    """
    rows = [
        (key, access.hits, access.misses, access.at, day_of(access.at), access.size, access.ttl_s)
        for key, access in batch
    ]
    text = json.encode(rows).decode()
    for statement in _STATEMENTS[dialect]:
        await connection.exec_driver_sql(statement, (text,))


_BATCH = """
    SELECT value ->> 0 AS cache_key, CAST(value ->> 1 AS BIGINT) AS hits,
        CAST(value ->> 2 AS BIGINT) AS misses, CAST(value ->> 3 AS BIGINT) AS moment,
        value ->> 4 AS day, CAST(value ->> 5 AS BIGINT) AS size,
        CAST(value ->> 6 AS BIGINT) AS ttl
    FROM {source}"""
_TOTALS = """
    INSERT INTO "CacheMetrics" AS old
        (cache_key, hit_count, miss_count, last_accessed, data_size_bytes, ttl_seconds)
    SELECT cache_key, hits, misses, moment, size, ttl FROM ({batch}) AS seen WHERE true
    ON CONFLICT (cache_key) DO UPDATE SET
        hit_count = old.hit_count + excluded.hit_count,
        miss_count = old.miss_count + excluded.miss_count,
        last_accessed = excluded.last_accessed,
        data_size_bytes = coalesce(excluded.data_size_bytes, old.data_size_bytes),
        ttl_seconds = coalesce(excluded.ttl_seconds, old.ttl_seconds)"""
_DAYS = """
    INSERT INTO cache_access_daily AS old (cache_key, day, hits, misses)
    SELECT cache_key, day, hits, misses FROM ({batch}) AS seen WHERE true
    ON CONFLICT (cache_key, day) DO UPDATE SET
        hits = old.hits + excluded.hits, misses = old.misses + excluded.misses"""
_ENTRIES = """
    UPDATE kv_entries SET access_count = access_count + seen.hits, last_accessed = seen.moment
    FROM ({batch}) AS seen WHERE kv_entries.key = seen.cache_key AND seen.hits > 0"""
_SOURCES: dict[Dialect, str] = {
    "sqlite": "json_each(?)",
    "postgresql": "jsonb_array_elements(CAST($1 AS jsonb))",
}
_STATEMENTS = {
    dialect: tuple(
        statement.format(batch=_BATCH.format(source=source))
        for statement in (_TOTALS, _DAYS, _ENTRIES)
    )
    for dialect, source in _SOURCES.items()
}


def day_of(seconds: float) -> str:
    """Return the UTC day of an epoch second, ``YYYY-MM-DD``."""
    return _day(int(seconds) // _DAY_S)


@lru_cache(maxsize=4)  # asked for every key of a flush
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * _DAY_S, UTC):%Y-%m-%d}"
