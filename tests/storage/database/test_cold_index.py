"""The index of the cold tier, on both engines."""

from __future__ import annotations

import pytest

from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.cold_index import ColdIndex
from bookstrack.storage.database.engine import open_database


@pytest.fixture
async def index(database_url, metrics):
    async with open_database(database_url, metrics=metrics) as database:
        yield ColdIndex(database)


async def add(index, path, **facts):
    given = {"checksum": "ab" * 32, "archived_at": 1_760_000_000, "original_ttl": None} | facts
    await index.add("k'ey 本", path, reason="age=45d", **given)


async def test_a_row_is_found_until_it_is_removed(index):
    assert await index.find("k'ey 本") is None
    await add(index, "cold-cache/2025/10/a.json")
    assert await index.find("k'ey 本") == ("cold-cache/2025/10/a.json", "ab" * 32)
    assert await index.find("key") is None
    await index.remove("k'ey 本")
    assert await index.find("k'ey 本") is None
    await index.remove("k'ey 本")


async def test_a_newer_row_takes_the_place_of_an_older_one(index):
    await add(index, "cold-cache/2025/10/a.json")
    await add(index, "cold-cache/2025/11/a.json", checksum="cd" * 32, original_ttl=60)
    assert await index.find("k'ey 本") == ("cold-cache/2025/11/a.json", "cd" * 32)


async def test_a_database_that_is_away_is_our_own_error(metrics):
    async with open_database("postgresql://127.0.0.1:1/none", metrics=metrics) as away:
        with pytest.raises(StorageUnavailable):
            await ColdIndex(away).find("key")
