"""Every key-value tier behaves alike."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.settings import StorageSettings
from bookstrack.storage.urls import open_storage


@pytest.fixture(params=["memory", "sqlite", "postgresql", "redis"])
async def kv(request, tmp_path, clock, metrics):
    name = request.param
    urls = {"database_url": "", "kv_url": ""}
    if name == "memory":
        urls["kv_url"] = "memory:"
    elif name == "postgresql":
        urls["database_url"] = request.getfixturevalue("postgres_url")
    elif name == "redis":
        urls["kv_url"] = request.getfixturevalue("redis_url")
    settings = StorageSettings(data_dir=str(tmp_path), **urls)
    async with open_storage(settings, clock=clock, metrics=metrics, workers=1) as storage:
        yield storage.kv


async def test_unknown_key_is_none(kv):
    assert await kv.get("isbn:9780000000002") is None


async def test_keeps_bytes_as_they_are(kv):
    value = bytes(range(256)) * 300
    await kv.set("a", value, ttl_s=60)
    await kv.set("b", b"", ttl_s=60)
    assert await kv.get("a") == value
    assert await kv.get("b") == b""


async def test_keys_may_hold_any_text(kv):
    key = "search:title:maxresults=20&title=l%27été 本 🙂" + "x" * 360
    await kv.set(key, b"1", ttl_s=60)
    assert await kv.get(key) == b"1"


async def test_set_replaces_value_and_lifetime(kv, clock):
    await kv.set("a", b"old", ttl_s=10)
    await clock.advance(5)
    await kv.set("a", b"new", ttl_s=10)
    await clock.advance(9)
    assert await kv.get("a") == b"new"


async def test_expired_is_none(kv, clock):
    await kv.set("a", b"1", ttl_s=60)
    await clock.advance(59)
    assert await kv.get("a") == b"1"
    await clock.advance(1)
    assert await kv.get("a") is None


async def test_delete(kv):
    for key in ("a", "b", "c"):
        await kv.set(key, b"1", ttl_s=60)
    await kv.delete("a", "b", "unknown")
    await kv.delete()
    assert [await kv.get(key) for key in ("a", "b", "c")] == [None, None, b"1"]


async def test_reads_inline_where_it_says_so(kv, request):
    await kv.set("a", b"1", ttl_s=60)
    assert kv.reads_inline == (request.node.callspec.params["kv"] in {"memory", "sqlite"})
    if kv.reads_inline:
        assert kv.get_now("a") == b"1"
        assert kv.get_now("unknown") is None
    else:
        with pytest.raises(RuntimeError):
            kv.get_now("a")


async def test_many_at_once(kv):
    async def write_and_read(number: int) -> bytes | None:
        await kv.set(f"k{number}", str(number).encode(), ttl_s=60)
        return await kv.get(f"k{number}")

    found = await asyncio.gather(*(write_and_read(number) for number in range(300)))
    assert found == [str(number).encode() for number in range(300)]


async def test_ping_of_a_living_store(kv):
    await kv.ping()
