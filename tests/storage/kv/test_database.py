"""What only the database tier has: access counts, sweeping, reading inline beside writers."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete, select, text

from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.accesses import FLUSH_AT, day_of
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.tables import cache_access_daily, cache_metrics, kv_entries
from bookstrack.storage.kv.database import DatabaseKeyValue

DAY_S = 86_400


@pytest.fixture
async def database(database_url, metrics):
    async with open_database(database_url, metrics=metrics) as opened:
        yield opened


@pytest.fixture
async def kv(database, clock):
    store = DatabaseKeyValue(database, clock)
    yield store
    await store.close()


async def rows(database, table, *columns):
    statement = select(*(table.c[name] for name in columns)).order_by(table.c[columns[0]])
    async with database.connect() as connection:
        return [tuple(row) for row in await connection.execute(statement)]


async def settled(database, table, count):
    """Wait for the background write; every look at the database lets it go on."""
    for _ in range(500):
        found = await rows(database, table, *table.primary_key.columns.keys())
        if len(found) == count:
            return
    raise AssertionError(f"{len(found)} rows instead of {count}")


async def test_accesses_are_written_after_five_seconds(kv, database, clock):
    await kv.set("a", b"12345", ttl_s=600)
    start = int(clock.time())
    for _ in range(3):
        await kv.get("a")
    await kv.get("gone")
    await clock.advance(4.9)
    assert await rows(database, cache_metrics, "cache_key") == []
    await clock.advance(0.1)
    await settled(database, cache_metrics, 2)
    names = ("hit_count", "miss_count", "last_accessed", "data_size_bytes", "ttl_seconds")
    assert await rows(database, cache_metrics, "cache_key", *names) == [
        ("a", 3, 0, start, 5, 600),
        ("gone", 0, 1, start, None, None),
    ]
    day = day_of(start)
    assert await rows(database, cache_access_daily, "cache_key", "day", "hits", "misses") == [
        ("a", day, 3, 0),
        ("gone", day, 0, 1),
    ]
    assert await rows(database, kv_entries, "key", "access_count", "last_accessed") == [
        ("a", 3, start)
    ]


async def test_accesses_are_written_early_when_many_keys_wait(kv, database):
    for number in range(FLUSH_AT - 1):
        await kv.get(f"k{number:03}")
    assert await rows(database, cache_metrics, "cache_key") == []
    await kv.get("one more")
    await settled(database, cache_metrics, FLUSH_AT)


async def test_accesses_add_up_over_flushes_and_days(kv, database, clock):
    await kv.set("a", b"1", ttl_s=10 * DAY_S)
    for day in range(2):
        for _ in range(2 + day):
            await kv.get("a")
            await kv.get("gone")
            await kv.close()
        await clock.advance(DAY_S)
    assert await rows(database, cache_metrics, "cache_key", "hit_count", "miss_count") == [
        ("a", 5, 0),
        ("gone", 0, 5),
    ]
    daily = await rows(database, cache_access_daily, "day", "cache_key", "hits", "misses")
    assert [row[1:] for row in sorted(daily)] == [
        ("a", 2, 0),
        ("gone", 0, 2),
        ("a", 3, 0),
        ("gone", 0, 3),
    ]
    assert await rows(database, kv_entries, "key", "access_count") == [("a", 5)]


async def test_miss_keeps_size_and_lifetime_of_earlier_hits(kv, database, clock):
    await kv.set("a", b"12", ttl_s=60)
    await kv.get("a")
    await kv.close()
    await clock.advance(60)
    await kv.get("a")
    await kv.close()
    names = ("hit_count", "miss_count", "data_size_bytes", "ttl_seconds")
    assert await rows(database, cache_metrics, "cache_key", *names) == [("a", 1, 1, 2, 60)]


async def test_replacing_an_entry_keeps_its_access_count(kv, database, clock):
    await kv.set("a", b"1", ttl_s=60)
    await kv.get("a")
    await kv.close()
    await clock.advance(7)
    await kv.set("a", b"2", ttl_s=30)
    now = int(clock.time())
    names = ("access_count", "cached_at", "ttl_seconds", "expires_at")
    assert await rows(database, kv_entries, "key", *names) == [("a", 1, now, 30, now + 30)]


async def test_sweep_deletes_expired_entries_and_old_counts(kv, database, clock):
    for number in range(5):
        await kv.set(f"old{number}", b"1", ttl_s=60)
    await kv.set("kept", b"1", ttl_s=400 * DAY_S)
    await kv.get("kept")
    await kv.get("never there")
    await kv.close()
    await clock.advance(31 * DAY_S)
    assert [await kv.sweep(3), await kv.sweep(3), await kv.sweep(3)] == [3, 2, 0]
    assert await rows(database, kv_entries, "key") == [("kept",)]
    assert len(await rows(database, cache_access_daily, "cache_key")) == 2
    await clock.advance(DAY_S)
    await kv.sweep(3)
    assert await rows(database, cache_access_daily, "cache_key") == []
    assert await rows(database, cache_metrics, "cache_key") == [("kept",)]


async def test_lost_counts_do_not_stop_later_ones(kv, database, clock):
    await kv.get("a")
    async with database.begin() as connection:
        await connection.execute(text('ALTER TABLE "CacheMetrics" RENAME TO elsewhere'))
        await connection.execute(delete(kv_entries))
    with pytest.raises(Exception, match="CacheMetrics"):
        await kv.close()
    async with database.begin() as connection:
        await connection.execute(text('ALTER TABLE elsewhere RENAME TO "CacheMetrics"'))
    await kv.get("b")
    await kv.close()
    assert await rows(database, cache_metrics, "cache_key") == [("b",)]


async def test_reads_inline_while_another_writes(sqlite_url, clock, metrics):
    async with open_database(sqlite_url, metrics=metrics) as database:
        kv = DatabaseKeyValue(database, clock)
        await kv.set("a", b"old", ttl_s=60)
        async with database.begin() as connection:
            await connection.execute(kv_entries.update().values(value=b"new"))
            assert kv.get_now("a") == b"old"
        assert kv.get_now("a") == b"new"
        await kv.close()


async def test_inline_reading_recovers(sqlite_url, clock, metrics, tmp_path):
    file = tmp_path / "bookstrack.db"
    async with open_database(sqlite_url, metrics=metrics) as database:
        kv = DatabaseKeyValue(database, clock)
        file.rename(tmp_path / "away")
        with pytest.raises(StorageUnavailable):
            kv.get_now("a")
        (tmp_path / "away").rename(file)
        assert kv.get_now("a") is None
        await kv.close()


async def test_a_peek_counts_what_it_finds_only(sqlite_url, clock, metrics):
    async with open_database(sqlite_url, metrics=metrics) as database:
        kv = DatabaseKeyValue(database, clock)
        await kv.set("a", b"1", ttl_s=60)
        for key in ("a", "gone"):
            kv.get_now(key)
        await kv.close()
        counts = await rows(database, cache_metrics, "cache_key", "hit_count", "miss_count")
        assert counts == [("a", 1, 0)]


async def test_remembered_misses_are_not_counted(kv, database):
    await kv.set("negative:a", b"1", ttl_s=60)
    for key in ("negative:a", "negative:b", "b"):
        await kv.get(key)
    await kv.close()
    counts = await rows(database, cache_metrics, "cache_key", "hit_count", "miss_count")
    assert counts == [("b", 0, 1)]


async def test_entries_that_come_together_are_written_together(kv, metrics):
    await asyncio.gather(*(kv.set(f"key {n % 40}", b"%d" % n, ttl_s=60) for n in range(100)))
    assert await kv.get("key 7") == b"87", "the newest of one key wins"
    assert [await kv.get(f"key {n}") for n in range(40)].count(None) == 0
    transactions = metrics.registry.get_sample_value(
        "db_query_duration_seconds_count", {"operation": "kv_set"}
    )
    assert transactions <= 4


async def test_an_entry_that_cannot_be_written_takes_no_other_with_it(postgres_url, clock, metrics):
    async with open_database(postgres_url, metrics=metrics) as database:
        kv = DatabaseKeyValue(database, clock)
        keys = ["good", "bad \x00", "better"]
        ended = await asyncio.gather(
            *(kv.set(key, b"1", ttl_s=60) for key in keys), return_exceptions=True
        )
        assert [ended[0], ended[2]] == [None, None]
        assert isinstance(ended[1], Exception)
        assert await kv.get("good") == await kv.get("better") == b"1"
        await kv.close()
