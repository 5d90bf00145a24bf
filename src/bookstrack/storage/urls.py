"""From URLs to stores; the only reader of URL schemes (architecture §6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import ConfigurationProblem
from bookstrack.settings import StorageSettings
from bookstrack.storage.blobs import Blobs, open_blobs
from bookstrack.storage.bus.base import Bus
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.bus.remote import RemoteBus
from bookstrack.storage.database.address import driver_url
from bookstrack.storage.database.counters import DatabaseCounters
from bookstrack.storage.database.engine import Database, open_database
from bookstrack.storage.database.migrate import migrate
from bookstrack.storage.kv.base import Counters, KeyValue
from bookstrack.storage.kv.database import DatabaseKeyValue
from bookstrack.storage.kv.memory import MemoryKeyValue
from bookstrack.telemetry.metrics import Metrics

_KV = "BOOKSTRACK_KV_URL"
_BUS = "BOOKSTRACK_BUS_URL"
_REDIS = {"redis", "rediss"}


class Storage(Struct, frozen=True, kw_only=True):
    """Everything that remembers. ``counters`` None: this process counts alone, in memory."""

    database: Database
    kv: KeyValue
    blobs: Blobs
    counters: Counters | None

    async def sweep(self, limit: int, *, now: float) -> int:
        """Delete up to ``limit`` expired cache entries and rate windows each; return how many.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        gone = await self.kv.sweep(limit) if isinstance(self.kv, DatabaseKeyValue) else 0
        if isinstance(self.counters, DatabaseCounters):
            gone += await self.counters.sweep(limit, now=now)
        return gone


@asynccontextmanager
async def open_storage(
    settings: StorageSettings, *, clock: Clock, metrics: Metrics, workers: int
) -> AsyncGenerator[Storage]:
    """Open the stores that the URLs name; empty ones follow from the data folder.

    An SQLite file is made and migrated here; migrating PostgreSQL is the operator's step. Servers
    are connected to when first used.

    Raises:
        ConfigurationProblem: a URL cannot be used.
        StorageUnavailable: the SQLite file cannot be read.
    """
    url = settings.database_url or f"sqlite:///{settings.data_dir}/bookstrack.db"
    blobs = open_blobs(settings.object_store or f"file://{settings.data_dir}/objects")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(url, metrics=metrics))
        kv, counters = await _shared_tier(settings.kv_url or url, url, database, clock, stack)
        if database.dialect == "sqlite":
            await asyncio.to_thread(migrate, url)
        if counters is None and (database.dialect == "postgresql" or workers > 1):
            counters = DatabaseCounters(database)
        yield Storage(database=database, kv=kv, blobs=blobs, counters=counters)


async def _shared_tier(
    kv_url: str, database_url: str, database: Database, clock: Clock, stack: AsyncExitStack
) -> tuple[KeyValue, Counters | None]:
    scheme = kv_url.partition(":")[0]
    if scheme in _REDIS:
        return await _redis(kv_url, clock, stack)
    if kv_url == database_url:
        kv: KeyValue = DatabaseKeyValue(database, clock)
    elif scheme == "memory":
        kv = MemoryKeyValue(clock)
    else:
        raise ConfigurationProblem(
            _KV, f"'{scheme}' is not supported; use redis://…, memory: or the database's own URL"
        )
    stack.push_async_callback(kv.close)
    return kv, None


async def _redis(url: str, clock: Clock, stack: AsyncExitStack) -> tuple[KeyValue, Counters | None]:
    try:
        from bookstrack.storage.kv.redis import RedisCounters, RedisKeyValue, open_redis
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "redis":
            raise
        raise ConfigurationProblem(
            _KV, "Redis needs its client: pip install 'bookstrack[redis]'"
        ) from error
    try:
        client = await stack.enter_async_context(open_redis(url))
    except ValueError as error:
        raise ConfigurationProblem(_KV, f"this address cannot be used: {error}") from error
    return RedisKeyValue(client, clock), RedisCounters(client)


@asynccontextmanager
async def open_bus(settings: StorageSettings, *, clock: Clock) -> AsyncGenerator[Bus]:
    """Open the bus that the URL names; an empty one follows from the other stores.

    Nobody waits for a server: what happens before it is connected to reaches this process only.

    Raises:
        ConfigurationProblem: the URL cannot be used.
    """
    bus = _bus(settings.bus_url or _bus_beside(settings), clock)
    try:
        yield bus
    finally:
        await bus.close()


def _bus_beside(settings: StorageSettings) -> str:
    """Return the server that is there anyway, Redis before PostgreSQL."""
    if settings.kv_url.partition(":")[0] in _REDIS:
        return settings.kv_url
    return settings.database_url if settings.database_url.startswith("postgres") else "memory:"


def _bus(url: str, clock: Clock) -> Bus:
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return MemoryBus()
    if scheme in _REDIS:
        bus = _redis_bus(url, clock)
    elif scheme.startswith("postgres"):
        driver_url(url)  # says what is wrong, if the driver is missing
        from bookstrack.storage.bus.postgres import postgres_bus

        bus = postgres_bus(url, clock)
    else:
        raise ConfigurationProblem(
            _BUS, f"'{scheme}' is not supported; use redis://…, postgresql://… or memory:"
        )
    bus.start()
    return bus


def _redis_bus(url: str, clock: Clock) -> RemoteBus:
    try:
        from bookstrack.storage.bus.redis import redis_bus
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "redis":
            raise
        raise ConfigurationProblem(
            _BUS, "Redis needs its client: pip install 'bookstrack[redis]'"
        ) from error
    try:
        return redis_bus(url, clock)
    except ValueError as error:
        raise ConfigurationProblem(_BUS, f"this address cannot be used: {error}") from error
