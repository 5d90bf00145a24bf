"""The cold tier over every object store, with its index on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bookstrack.cache.cold import ColdStore, object_path
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.blobs import open_blobs
from bookstrack.storage.database.cold_index import ColdIndex
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.tables import cold_index

KEY = "search:title:maxresults=10&title=war%20and%20peace"
OTHERS = ["a/b", "..", ".", "C:\\x", "a b?#%", "戦争と平和", "\x00\n", "x" * 400, "ß" * 300]
VALUE = b'{"data":{},"cachedAt":1}'


@pytest.fixture(params=["folder", "memory", "s3"])
def blobs(request, tmp_path):
    if request.param == "s3":
        return open_blobs(request.getfixturevalue("s3_url"))
    return open_blobs(f"file://{tmp_path}/objects" if request.param == "folder" else "memory:")


@pytest.fixture
async def database(sqlite_url, metrics):
    async with open_database(sqlite_url, metrics=metrics) as database:
        yield database


@pytest.fixture
def store(blobs, database, clock):
    return ColdStore(blobs, ColdIndex(database), clock)


async def put(store, key=KEY, value=VALUE):
    await store.put(key, value, original_ttl=31_536_000, reason="age=45d, access=3/month")


async def test_what_was_put_is_found_until_it_is_forgotten(store, blobs):
    assert await store.get(KEY) is None
    await put(store)
    assert await store.get(KEY) == VALUE
    assert await blobs.list("cold-cache") == [
        "cold-cache/2025/10/search%3Atitle%3Amaxresults%3D10%26title%3Dwar%2520and%2520peace.json"
    ]
    await store.forget(KEY)
    assert await store.get(KEY) is None
    assert await blobs.list("cold-cache") == []
    await store.forget(KEY)


async def test_keys_of_every_kind_lie_apart(store, blobs):
    for number, key in enumerate(OTHERS):
        await put(store, key, b"%d" % number)
    assert [await store.get(key) for key in OTHERS] == [b"%d" % n for n in range(len(OTHERS))]
    assert len(await blobs.list("cold-cache")) == len(OTHERS)


async def test_the_index_row_says_what_archival_wants_to_know(store, database, clock):
    await put(store)
    async with database.connect() as connection:
        row = (await connection.execute(select(cold_index))).one()
    assert row.cache_key == KEY
    assert row.object_path == object_path(KEY, clock.time())
    assert (row.archived_at, row.original_ttl) == (int(clock.time()), 31_536_000)
    assert row.reason == "age=45d, access=3/month"
    assert len(row.checksum) == 64


async def test_a_lost_object_is_a_miss_and_leaves_the_index(store, blobs, clock):
    await put(store)
    await blobs.delete(object_path(KEY, clock.time()))
    with capture_logs() as logs:
        assert await store.get(KEY) is None
        assert await store.get(KEY) is None
    assert [(log["event"], log["missing"]) for log in logs] == [("cold_corrupt", True)]


async def test_a_damaged_object_is_a_miss_and_leaves_the_index(store, blobs, clock):
    await put(store)
    await blobs.put(object_path(KEY, clock.time()), VALUE + b" ")
    with capture_logs() as logs:
        assert await store.get(KEY) is None
        assert await store.get(KEY) is None
    assert [(log["event"], log["missing"]) for log in logs] == [("cold_corrupt", False)]


async def test_archiving_again_leaves_one_object(store, blobs, clock):
    await put(store)
    await clock.advance(40 * 86_400)
    await put(store, value=b"newer")
    assert await store.get(KEY) == b"newer"
    assert await blobs.list("cold-cache") == [object_path(KEY, clock.time())]


async def test_an_object_that_cannot_be_read_back_is_not_indexed(database, clock, monkeypatch):
    blobs = open_blobs("memory:")
    store = ColdStore(blobs, ColdIndex(database), clock)

    async def forgets(path, data, *, content_type=None):
        return None

    monkeypatch.setattr(blobs, "put", forgets)
    with pytest.raises(StorageUnavailable):
        await put(store)
    assert await ColdIndex(database).find(KEY) is None


def test_long_names_are_hashed_and_months_are_those_of_utc():
    last_second_of_june = 1_782_863_999.9
    assert object_path("k" * 200, last_second_of_june) == f"cold-cache/2026/06/{'k' * 200}.json"
    assert object_path("k" * 201, last_second_of_june + 0.1) == (
        "cold-cache/2026/07/sha256-"
        "ebf0ead0a3b837bc388d6a36c93833fff64a0a8bc8198fc0f1b7b5031dddd254.json"
    )
