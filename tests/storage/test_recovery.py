"""PostgreSQL that goes away and comes back, seen from what is built upon it."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.counters import DatabaseCounters
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.idempotency import Idempotency
from bookstrack.storage.database.migrate import migrate
from bookstrack.storage.database.usage import DatabaseLedger, DatabaseSlots
from bookstrack.storage.kv.database import DatabaseKeyValue


async def test_everything_recovers_without_a_restart(postgres_server, clock, metrics):
    await asyncio.to_thread(migrate, postgres_server.url)
    async with open_database(postgres_server.url, metrics=metrics) as database:
        kv, keys = DatabaseKeyValue(database, clock), Idempotency(database, clock)

        def operations():
            return (
                kv.set("a", b"1", ttl_s=60),
                kv.get("a"),
                DatabaseCounters(database).hit("a", limit=9, window_s=60, now=clock.time()),
                keys.claim("s", "k", request_hash="h", ttl_s=60),
                DatabaseLedger(database).spend("google", day="2026-11-21", limit=9),
                DatabaseSlots(database, clock).reserve("google", interval_s=1.0, burst=1),
            )

        for operation in operations():
            await operation
        postgres_server.kill()
        for operation in operations():
            with pytest.raises(StorageUnavailable):
                await operation
        await clock.advance(5)  # access counts that cannot be written are dropped
        postgres_server.start()
        await wait_until_ready(database)
        for operation in operations():
            await operation
        assert await kv.get("a") == b"1"
        await kv.close()


async def wait_until_ready(database):
    """A server that was killed replays its log before it lets anybody in."""
    for _ in range(1000):
        try:
            await database.ping()
        except StorageUnavailable:
            await asyncio.sleep(0.01)
        else:
            return
    raise AssertionError("PostgreSQL does not come back")
