"""The shared tier in the relational database, where no Redis is configured."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import cache
from pathlib import Path

from sqlalchemy import Executable, delete, select

from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.accesses import Accesses, day_of
from bookstrack.storage.database.engine import Database, Dialect
from bookstrack.storage.database.failures import reachable
from bookstrack.storage.database.sql import Row
from bookstrack.storage.database.tables import cache_access_daily, cache_metrics, kv_entries
from bookstrack.storage.database.upsert import insert

_UNCOUNTED = "negative:"  # marks of misses: the miss counts for the key they are about
_KEEP_DAYS = 31
_TOGETHER = 50  # entries in one transaction
_Set = tuple[Row, asyncio.Future[None]]
_SET = ("value", "cached_at", "ttl_seconds", "expires_at")
_DAY_S = 86_400


class DatabaseKeyValue:
    """KeyValue in ``kv_entries``. On SQLite it reads inline: a thread hop costs 40 times more."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._accesses = Accesses(database, clock)
        self._sets = _Sets(database)
        self._reader = _Reader(database.file) if database.dialect == "sqlite" else None
        self.reads_inline = self._reader is not None

    async def get(self, key: str) -> bytes | None:
        """Return the value, None when there is none or its time is over; counts the access."""
        if self._reader:
            return self._counted(key, self._reader.read(key))
        columns = kv_entries.c
        statement = select(columns.value, columns.expires_at, columns.ttl_seconds)
        async with self._database.connect("kv_get") as connection:
            found = await connection.execute(statement.where(columns.key == key))
            row = found.one_or_none()
        return self._counted(key, row and (row.value, row.expires_at, row.ttl_seconds))

    def get_now(self, key: str) -> bytes | None:
        """Do the same inline, in about 10 µs, but count no miss; SQLite only."""
        if not self._reader:
            raise RuntimeError(f"{key}: PostgreSQL cannot be read inline")
        return self._counted(key, self._reader.read(key), last=False)

    async def set(self, key: str, value: bytes, *, ttl_s: int) -> None:
        """Store a value for so many seconds, replacing what was there but its access count."""
        now = int(self._clock.time())
        entry = {
            "key": key,
            "value": value,
            "cached_at": now,
            "ttl_seconds": ttl_s,
            "expires_at": now + ttl_s,
        }
        await self._sets.write(entry)

    async def delete(self, *keys: str) -> None:
        """Remove entries; unknown keys are no mistake."""
        async with self._database.begin("kv_delete") as connection:
            await connection.execute(delete(kv_entries).where(kv_entries.c.key.in_(keys)))

    async def ping(self) -> None:
        """Ask the database for a sign of life."""
        await self._database.ping()

    async def close(self) -> None:
        """Write what is still in memory; the database itself stays open."""
        await self._sets.close()
        await self._accesses.close()
        if self._reader:
            self._reader.close()

    async def sweep(self, limit: int) -> int:
        """Delete up to ``limit`` expired entries and what access counts are past their 31 days.

        Returns how many entries went. Keys that were only ever missed lose their totals as well.
        """
        now = self._clock.time()
        oldest = now - _KEEP_DAYS * _DAY_S
        over = kv_entries.c.expires_at <= now
        keys = select(kv_entries.c.key).where(over).limit(limit)
        async with self._database.begin("kv_sweep") as connection:
            gone = await connection.execute(
                delete(kv_entries).where(over, kv_entries.c.key.in_(keys))
            )
            await connection.execute(
                delete(cache_access_daily).where(cache_access_daily.c.day < day_of(oldest))
            )
            await connection.execute(
                delete(cache_metrics).where(
                    cache_metrics.c.hit_count == 0, cache_metrics.c.last_accessed < oldest
                )
            )
        return gone.rowcount

    def _counted(
        self, key: str, row: tuple[bytes, int, int] | None, *, last: bool = True
    ) -> bytes | None:
        counts = not key.startswith(_UNCOUNTED)
        if row is None or row[1] <= self._clock.time():
            if counts and last:
                self._accesses.miss(key)
            return None
        if counts:
            self._accesses.hit(key, size=len(row[0]), ttl_s=row[2])
        return row[0]


class _Sets:
    """Writes of entries: those that come while a transaction runs share the next one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statement = _setting(database.dialect)
        self._waiting: list[_Set] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, entry: Row) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await done

    async def _write_all(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            await self._settle(some)

    async def _settle(self, some: list[_Set]) -> None:
        try:
            await self._write(some)
        except asyncio.CancelledError:
            for _, done in (*some, *self._waiting):
                done.cancel()
            raise
        except Exception as problem:
            if len(some) > 1 and not isinstance(problem, StorageUnavailable):
                for one in some:  # one of them is at fault: the others must not suffer
                    await self._settle([one])
                return
            for _, done in some:
                if not done.done():
                    done.set_exception(problem)
        else:
            for _, done in some:
                if not done.done():
                    done.set_result(None)

    async def close(self) -> None:
        """Wait until all is written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self, some: list[_Set]) -> None:
        newest = {entry["key"]: entry for entry, _ in some}
        # In the order of keys, so that two processes cannot lock each other out.
        entries = [newest[key] for key in sorted(newest)]
        await self._database.run(
            "kv_set", lambda c: c.execute(self._statement, entries), writes=True
        )


@cache
def _setting(dialect: Dialect) -> Executable:
    statement = insert(kv_entries, dialect)
    new = {name: statement.excluded[name] for name in _SET}
    return statement.on_conflict_do_update(index_elements=[kv_entries.c.key], set_=new)


class _Reader:
    """A read-only connection of the standard library, opened with the first read.

    In WAL mode readers never wait for writers, so it may run inside the event loop.
    """

    _SQL = "SELECT value, expires_at, ttl_seconds FROM kv_entries WHERE key = ?"

    def __init__(self, file: str) -> None:
        self._address = f"{Path(file).as_uri()}?mode=ro"
        self._connection: sqlite3.Connection | None = None

    def read(self, key: str) -> tuple[bytes, int, int] | None:
        try:
            connection = self._connection or self._open()
            return connection.execute(self._SQL, (key,)).fetchone()
        except sqlite3.Error:
            self.close()
            with reachable():
                raise

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        self._connection = sqlite3.connect(
            self._address, uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )
        return self._connection
