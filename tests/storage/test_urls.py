"""URLs choose the stores."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bookstrack.errors import ConfigurationProblem, StorageUnavailable
from bookstrack.settings import StorageSettings
from bookstrack.storage.database.counters import DatabaseCounters
from bookstrack.storage.kv.database import DatabaseKeyValue
from bookstrack.storage.kv.memory import MemoryKeyValue
from bookstrack.storage.kv.redis import RedisCounters, RedisKeyValue
from bookstrack.storage.urls import open_storage


@pytest.fixture
def opened(tmp_path, clock, metrics):
    def open_with(*, workers=1, **urls):
        settings = StorageSettings(data_dir=str(tmp_path / "data"), **urls)
        return open_storage(settings, clock=clock, metrics=metrics, workers=workers)

    return open_with


async def test_everything_in_the_data_folder(opened, tmp_path):
    for _ in range(2):  # the second time the file is there and migrated
        async with opened() as storage:
            assert storage.database.dialect == "sqlite"
            assert isinstance(storage.kv, DatabaseKeyValue)
            assert storage.counters is None
            await storage.kv.set("a", b"1", ttl_s=60)
            assert await storage.kv.get("a") == b"1"
            await storage.blobs.put("a/b", b"1")
    assert (tmp_path / "data" / "bookstrack.db").is_file()
    assert (tmp_path / "data" / "objects" / "a" / "b").read_bytes() == b"1"


async def test_relative_data_folder(tmp_path, monkeypatch, clock, metrics):
    monkeypatch.chdir(tmp_path)
    settings = StorageSettings(data_dir="./data")
    async with open_storage(settings, clock=clock, metrics=metrics, workers=1) as storage:
        await storage.blobs.put("a", b"1")
    assert (tmp_path / "data" / "bookstrack.db").is_file()
    assert (tmp_path / "data" / "objects" / "a").is_file()


async def test_several_processes_on_sqlite_count_in_the_database(opened):
    async with opened(workers=2) as storage:
        assert isinstance(storage.counters, DatabaseCounters)


async def test_postgresql_counts_in_the_database(opened, postgres_url):
    async with opened(database_url=postgres_url) as storage:
        assert storage.database.dialect == "postgresql"
        assert isinstance(storage.kv, DatabaseKeyValue)
        assert isinstance(storage.counters, DatabaseCounters)


async def test_postgresql_is_not_migrated(opened, empty_postgres_url):
    async with opened(database_url=empty_postgres_url) as storage:
        with pytest.raises(Exception, match="kv_entries"):
            await storage.kv.get("a")


async def test_redis_counts_in_redis(opened, redis_url):
    async with opened(kv_url=redis_url) as storage:
        assert isinstance(storage.kv, RedisKeyValue)
        assert isinstance(storage.counters, RedisCounters)
        await storage.kv.ping()


async def test_memory(opened):
    async with opened(kv_url="memory:", object_store="memory:") as storage:
        assert isinstance(storage.kv, MemoryKeyValue)
        assert storage.counters is None


async def test_bucket(opened, s3_url):
    async with opened(object_store=s3_url) as storage:
        await storage.blobs.probe()


async def test_kv_may_name_the_database(opened, postgres_url):
    async with opened(database_url=postgres_url, kv_url=postgres_url) as storage:
        assert isinstance(storage.kv, DatabaseKeyValue)


async def test_servers_are_not_needed_to_open(opened, unused_tcp_port):
    address = f"127.0.0.1:{unused_tcp_port}"
    urls = {
        "database_url": f"postgresql://postgres@{address}/x",
        "kv_url": f"redis://{address}",
        "object_store": f"s3://b?endpoint=http://{address}&access_key_id=a&secret_access_key=b",
    }
    async with opened(**urls) as storage:
        for ping in (storage.database.ping, storage.kv.ping, storage.blobs.probe):
            with pytest.raises(StorageUnavailable):
                await ping()


async def test_sweep_counts_entries_and_windows(opened, clock):
    async with opened(workers=2) as storage:
        await storage.kv.set("a", b"1", ttl_s=60)
        await storage.counters.hit("w", limit=1, window_s=60, now=clock.time())
        assert await storage.sweep(100, now=clock.time()) == 0
        await clock.advance(60)
        assert await storage.sweep(100, now=clock.time()) == 2


async def test_sweep_of_stores_that_forget_by_themselves(opened, redis_url):
    async with opened(kv_url=redis_url) as storage:
        assert await storage.sweep(100, now=0) == 0


async def test_accesses_are_written_when_closing(opened):
    async with opened() as storage:
        await storage.kv.get("a")
    async with opened() as storage, storage.database.connect() as connection:
        found = await connection.exec_driver_sql("SELECT cache_key FROM CacheMetrics")
        assert found.all() == [("a",)]


@pytest.mark.parametrize(
    ("urls", "variable", "said"),
    [
        ({"database_url": "mysql://h/x"}, "DATABASE_URL", "mysql"),
        ({"kv_url": "memcached://h"}, "KV_URL", "'memcached' is not supported"),
        ({"kv_url": "postgresql://h/other"}, "KV_URL", "'postgresql' is not supported"),
        ({"kv_url": "redis://h:port"}, "KV_URL", "cannot be used"),
        ({"object_store": "gs://b"}, "OBJECT_STORE", "'gs' is not supported"),
    ],
)
async def test_wrong_urls_name_their_variable(opened, urls, variable, said):
    with pytest.raises(ConfigurationProblem, match=said) as caught:
        async with opened(**urls):
            pass
    assert caught.value.variable == f"BOOKSTRACK_{variable}"


def test_redis_without_its_extra_says_what_to_install(tmp_path):
    program = (
        "import asyncio, sys; sys.modules['redis'] = None\n"
        "from bookstrack.clock import SystemClock\n"
        "from bookstrack.settings import StorageSettings\n"
        "from bookstrack.storage.urls import open_storage\n"
        "from bookstrack.telemetry.metrics import Metrics\n"
        "async def main():\n"
        "    settings = StorageSettings(data_dir=sys.argv[1], kv_url='redis://h')\n"
        "    tools = {'clock': SystemClock(), 'metrics': Metrics(), 'workers': 1}\n"
        "    async with open_storage(settings, **tools): pass\n"
        "asyncio.run(main())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert run.stderr.splitlines()[-1] == (
        "bookstrack.errors.ConfigurationProblem: BOOKSTRACK_KV_URL: "
        "Redis needs its client: pip install 'bookstrack[redis]'"
    )
