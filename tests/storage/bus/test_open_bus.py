"""URLs choose the bus and the place of the engine's records."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

import pytest

from bookstrack.errors import ConfigurationProblem, StorageUnavailable
from bookstrack.settings import StorageSettings
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.bus.remote import RemoteBus
from bookstrack.storage.engine_address import engine_address, prepare_engine
from bookstrack.storage.urls import open_bus

POSTGRES = "postgresql://bookstrack:pw@127.0.0.1:1/books"
REDIS = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("urls", "kind"),
    [
        ({}, MemoryBus),
        ({"kv_url": "memory:"}, MemoryBus),
        ({"database_url": POSTGRES}, RemoteBus),
        ({"kv_url": REDIS}, RemoteBus),
        ({"database_url": POSTGRES, "bus_url": "memory:"}, MemoryBus),
        ({"bus_url": REDIS}, RemoteBus),
        ({"bus_url": POSTGRES}, RemoteBus),
    ],
)
async def test_it_follows_the_other_stores(clock, urls, kind):
    async with open_bus(StorageSettings(**urls), clock=clock) as bus:
        assert type(bus) is kind
        await bus.publish("flags")  # nobody answers there, and nobody waits


async def test_redis_is_preferred(clock, postgres_url, redis_url):
    import redis.asyncio

    settings = StorageSettings(database_url=postgres_url, kv_url=redis_url)
    async with open_bus(settings, clock=clock) as bus, redis.asyncio.from_url(redis_url) as client:
        await bus.connected.wait()
        assert await client.pubsub_channels("bookstrack:*:bus") != []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("amqp://rabbit", "BOOKSTRACK_BUS_URL: 'amqp' is not supported"),
        ("redis://host:port/0", "BOOKSTRACK_BUS_URL: this address cannot be used"),
    ],
)
async def test_an_address_nobody_knows(clock, url, said):
    with pytest.raises(ConfigurationProblem, match=said):
        async with open_bus(StorageSettings(bus_url=url), clock=clock):
            pass


async def test_redis_needs_its_client(clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "bookstrack.storage.bus.redis", None)
    monkeypatch.delitem(sys.modules, "redis.asyncio", raising=False)
    monkeypatch.delitem(sys.modules, "bookstrack.storage.bus.redis")
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ConfigurationProblem, match="pip install 'bookstrack\\[redis\\]'"):
        async with open_bus(StorageSettings(bus_url=REDIS), clock=clock):
            pass


@pytest.mark.parametrize(
    ("urls", "address"),
    [
        ({"data_dir": "/x"}, "sqlite:////x/engine.db"),
        ({"database_url": "postgres://u:p@h/b?sslmode=require"}, None),
        ({"database_url": "postgresql+asyncpg://u:p@h/b?ssl=require"}, None),
        ({"engine_url": "postgresql://u:p@h/b?sslmode=require"}, None),
        ({"database_url": "postgresql://h/b", "engine_url": "sqlite:////y.db"}, "sqlite:////y.db"),
        ({"engine_url": "memory:"}, "memory:"),
    ],
)
def test_where_the_engine_keeps_its_records(urls, address):
    found = engine_address(StorageSettings(**urls))
    assert found == (address or "postgresql://u:p@h/b?sslmode=require")


@pytest.mark.parametrize("url", ["mysql://h/b", "sqlite://", "sqlite:///:memory:"])
def test_places_the_engine_cannot_use(url):
    with pytest.raises(ConfigurationProblem, match="BOOKSTRACK_ENGINE_URL: "):
        engine_address(StorageSettings(engine_url=url))


def test_the_file_is_made_for_several_writers(tmp_path):
    prepare_engine(f"sqlite:///{tmp_path}/new/engine.db")
    with closing(sqlite3.connect(tmp_path / "new" / "engine.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageUnavailable):
        prepare_engine(f"sqlite:///{tmp_path}/file/engine.db")
    prepare_engine("postgresql://h/b")  # nothing to do
