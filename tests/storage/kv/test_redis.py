"""Redis that goes away and comes back."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.errors import StorageUnavailable
from bookstrack.storage.kv.redis import RedisCounters, RedisKeyValue, open_redis


async def test_recovers_when_the_server_comes_back(redis_server, clock):
    async with open_redis(f"redis://127.0.0.1:{redis_server.port}/0") as client:
        kv, counters = RedisKeyValue(client, clock), RedisCounters(client)
        # Many connections, each of which will find its server dead.
        await asyncio.gather(*(kv.set(f"k{n}", b"1", ttl_s=60) for n in range(200)))
        await counters.hit("a", limit=1, window_s=60, now=clock.time())

        redis_server.kill()
        for operation in (
            kv.get("k1"),
            kv.set("k1", b"2", ttl_s=60),
            kv.delete("k1"),
            kv.ping(),
            counters.hit("a", limit=1, window_s=60, now=clock.time()),
        ):
            with pytest.raises(StorageUnavailable):
                await operation

        redis_server.start()
        assert await kv.get("k1") is None  # the new server remembers nothing
        await asyncio.gather(*(kv.set(f"k{n}", b"3", ttl_s=60) for n in range(200)))
        assert await kv.get("k199") == b"3"
        # The script went with the old server as well.
        assert (await counters.hit("a", limit=1, window_s=60, now=clock.time())).used == 1


async def test_recovers_without_having_noticed_the_restart(redis_server, clock):
    async with open_redis(f"redis://127.0.0.1:{redis_server.port}/0") as client:
        kv = RedisKeyValue(client, clock)
        await asyncio.gather(*(kv.set(f"k{n}", b"1", ttl_s=60) for n in range(200)))
        redis_server.kill()
        redis_server.start()
        found = await asyncio.gather(*(kv.get(f"k{n}") for n in range(200)))
        assert found == [None] * 200


async def test_more_commands_at_once_than_connections(redis_url, clock):
    async with open_redis(redis_url) as client:
        kv = RedisKeyValue(client, clock)
        await asyncio.gather(*(kv.set(f"k{n}", b"1", ttl_s=60) for n in range(400)))
        assert await asyncio.gather(*(kv.get(f"k{n}") for n in range(400))) == [b"1"] * 400


async def test_forgets_by_itself_and_keeps_to_its_prefix(redis_url, clock):
    async with open_redis(redis_url) as client:
        await RedisKeyValue(client, clock).set("a", b"1", ttl_s=60)
        await RedisCounters(client).hit("w", limit=1, window_s=60, now=clock.time())
        assert sorted(await client.keys("*")) == [b"bookstrack:a", b"bookstrack:w"]
        assert 0 < await client.ttl("bookstrack:a") <= 60
        assert 0 < await client.ttl("bookstrack:w") <= 60
