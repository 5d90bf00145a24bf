"""Cutting out spines when the store is away, or the scan is stopped in the middle (§2.4)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bookstrack.errors import StorageUnavailable
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.pipelines.scan_spines import Spines, spine_path
from bookstrack.scans.detection import Box, Detection
from bookstrack.scans.picture import CheckedPicture, prepare
from photos import drawn

FOUND = [
    Detection(title="A", confidence=0.9, box=Box.between(0.1, 0.1, 0.4, 0.9)),
    Detection(title="B", confidence=0.9),
    Detection(title="C", confidence=0.9, box=Box.between(0.5, 0.1, 0.9, 0.9)),
]
PATHS = [spine_path("job", 3, 0), spine_path("job", 3, 2)]


class Store:
    """An object store and what a job noted, in the order of the calls."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.kept: dict[str, bytes] = {}
        self.away: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.lost = False

    @property
    def ctx(self) -> Any:
        return SimpleNamespace(job=SimpleNamespace(id="job"), add_blobs=self.add_blobs)

    async def add_blobs(self, blobs: Any) -> None:
        if self.lost:
            raise Interrupted
        self.log += [("note", blob.path) for blob in blobs]

    async def put(self, path: str, data: bytes, *, content_type: str) -> None:
        assert content_type == "image/jpeg"
        self.log.append(("put", path))
        await self.gate.wait()
        if path in self.away:
            raise StorageUnavailable("away")
        self.kept[path] = data

    async def delete(self, path: str) -> None:
        self.kept.pop(path, None)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture(scope="module")
def picture() -> CheckedPicture:
    return prepare(drawn(size=(800, 600)))


async def cut(store: Store, picture: CheckedPicture) -> tuple[int, ...]:
    blobs: Any = store
    return await Spines(store.ctx, blobs).cut(picture, 3, FOUND)


async def test_pieces_are_noted_before_they_are_stored(store, picture):
    assert await cut(store, picture) == (0, 2)
    assert list(store.kept) == PATHS
    assert [kind for kind, _ in store.log] == ["note", "note", "put", "put"]


async def test_again_is_the_same(store, picture):
    await cut(store, picture)
    before = dict(store.kept)
    assert await cut(store, picture) == (0, 2)
    assert store.kept == before


async def test_a_piece_that_is_not_stored_is_not_told_of(store, picture):
    store.away = {PATHS[0]}
    assert await cut(store, picture) == (2,)


async def test_what_is_stopped_leaves_nothing(store, picture):
    store.gate.clear()
    cutting = asyncio.create_task(cut(store, picture))
    async with asyncio.timeout(5):
        while len(store.log) < 4:  # noqa: ASYNC110 a store sets no event
            await asyncio.sleep(0.001)
    cutting.cancel()
    await asyncio.sleep(0)
    store.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await cutting
    assert store.kept == {}


async def test_a_job_that_is_somebody_elses_stores_nothing(store, picture):
    store.lost = True
    with pytest.raises(Interrupted):
        await cut(store, picture)
    assert store.log == []


async def test_nothing_to_cut(store, picture):
    blobs: Any = store
    assert await Spines(store.ctx, blobs).cut(picture, 0, FOUND[1:2]) == ()
    assert store.log == []
