"""Every way of counting against a limit behaves alike."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.limits.limiter import MemoryCounters
from bookstrack.storage.database.counters import DatabaseCounters
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.kv.base import Count
from bookstrack.storage.kv.redis import RedisCounters, open_redis

NOW = 1_760_000_000.123457


@pytest.fixture(params=["memory", "sqlite", "postgresql", "redis"])
async def counters(request, metrics):
    if request.param == "memory":
        yield MemoryCounters()
    elif request.param == "redis":
        async with open_redis(request.getfixturevalue("redis_url")) as client:
            yield RedisCounters(client)
    else:
        name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
        async with open_database(request.getfixturevalue(name), metrics=metrics) as database:
            yield DatabaseCounters(database)


async def test_counts_up_to_the_limit(counters):
    found = [await counters.hit("a", limit=2, window_s=60, now=NOW + n) for n in range(4)]
    end = NOW + 60
    assert found == [
        Count(True, 1, end),
        Count(True, 2, end),
        Count(False, 2, end),
        Count(False, 2, end),
    ]


async def test_window_begins_with_the_first_hit_and_ends_on_time(counters):
    await counters.hit("a", limit=1, window_s=60, now=NOW)
    assert not (await counters.hit("a", limit=1, window_s=60, now=NOW + 59.999)).allowed
    again = await counters.hit("a", limit=1, window_s=60, now=NOW + 60)
    assert again == Count(True, 1, NOW + 60 + 60)


async def test_refused_hits_do_not_lengthen_the_window(counters):
    await counters.hit("a", limit=1, window_s=60, now=NOW)
    for second in range(1, 60, 7):
        await counters.hit("a", limit=1, window_s=60, now=NOW + second)
    assert (await counters.hit("a", limit=1, window_s=60, now=NOW + 61)).used == 1


async def test_keys_are_apart(counters):
    await counters.hit("a", limit=1, window_s=60, now=NOW)
    assert (await counters.hit("b", limit=1, window_s=60, now=NOW)).allowed


async def test_limit_zero_allows_nothing(counters):
    for _ in range(2):
        assert await counters.hit("a", limit=0, window_s=60, now=NOW) == Count(False, 0, NOW + 60)


async def test_exactly_as_many_of_a_thousand_at_once(counters):
    hits = [counters.hit("a", limit=100, window_s=60, now=NOW) for _ in range(1000)]
    found = await asyncio.gather(*hits)
    assert sum(count.allowed for count in found) == 100
    assert sorted(count.used for count in found if count.allowed) == list(range(1, 101))
