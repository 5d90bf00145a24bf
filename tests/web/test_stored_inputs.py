"""Inputs in the object store whose request came to nothing before there was a job: none stays."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from bookstrack.errors import StorageUnavailable
from bookstrack.web.import_desk import ImportDesk
from bookstrack.web.import_orders import ImportQuery, read_order
from bookstrack.web.import_upload import Upload
from bookstrack.web.scan_orders import ScanDesk, Wishes
from bookstrack.web.scan_uploads import Photo, Submitted
from exports import SMALL
from photos import ID, drawn

WISHES = Wishes(job_id=ID, key=None, user=None, threshold=0.6, provider="gemini")


class Store:
    """An object store that says when it has stored something, and waits or fails then."""

    def __init__(self, blobs):
        self._blobs = blobs
        self.stored, self.go_on = asyncio.Event(), asyncio.Event()
        self.problem: Exception | None = None
        self.broken = ""

    async def put(self, path, data, **how):
        await self._blobs.put(path, data, **how)
        self.stored.set()
        await self.go_on.wait()
        if self.problem is not None and self.broken in path:
            raise self.problem

    async def put_new(self, path, data, **how):
        await self.put(path, data, **how)
        return True

    async def delete(self, path):
        await self._blobs.delete(path)


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini")


@pytest.fixture
def store(api):
    """What stands in front of the server's object store."""
    return Store(api.parts.storage.blobs)


@pytest.fixture
def parts(api, store):
    """The server's parts, with that store."""
    return replace(api.parts, storage=replace(api.parts.storage, blobs=store))


def importing(parts):
    upload = Upload(data=SMALL.encode())
    order = read_order(upload, ImportQuery(), key_header="")
    return ImportDesk(parts).job(upload, order, user=None)


def scanning(parts):
    photos = tuple(Photo(index=index, data=drawn(shade=index)) for index in range(2))
    return ScanDesk(parts).request(Submitted(photos=photos), WISHES)


async def left(parts, store):
    """Return what the object store holds after everything has come to rest."""
    await parts.background.finish()
    return await store._blobs.list("")


@pytest.mark.parametrize("desk", [importing, scanning])
@pytest.mark.parametrize("problem", [None, StorageUnavailable("the answer was lost")])
async def test_a_caller_who_leaves_while_it_is_stored(parts, store, desk, problem):
    store.problem = problem
    request = asyncio.ensure_future(desk(parts))
    await store.stored.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    store.go_on.set()
    found = await left(parts, store)
    assert [path for path in found if path.startswith("imports/")] == []
    assert problem is not None or found == []


async def test_a_file_whose_storing_was_not_confirmed(parts, store):
    store.problem = StorageUnavailable("the answer was lost")
    store.go_on.set()
    with pytest.raises(StorageUnavailable):
        await importing(parts)
    assert await left(parts, store) == []


async def test_photos_beside_one_that_breaks_everything(parts, store):
    store.problem, store.broken = ZeroDivisionError(), "photo-1"
    store.go_on.set()
    with pytest.raises(ZeroDivisionError):
        await scanning(parts)
    assert f"bookshelf-scans/{ID}/photo-0.jpg" not in await left(parts, store)


async def test_once_photos_are_stored_nothing_is_waited_for(parts, store):
    """Whatever took its time there, a caller could leave meanwhile."""
    released = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(threads)
        try:
            request = asyncio.ensure_future(scanning(parts))
            await store.stored.wait()
            loop.run_in_executor(None, released.wait)
            store.go_on.set()
            for _ in range(1000):
                await asyncio.sleep(0)
            assert request.done()
        finally:
            released.set()
    assert len((await request).blobs) == 2
