"""``kill -9`` in the middle of scans: nothing lost, nothing twice, no answer paid for again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from random import Random

import aiohttp
import pytest
from PIL import Image

from bookstrack.model.job import ItemState, JobStatus
from bookstrack.storage.blobs import Blobs, open_blobs
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.job_store import JobStore
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.processes import ServerProcess, server_process
from job_processes import Look
from photos import FERRY, form, said, seen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

KILLS = 50
OCR_KILLS = 4
OPEN_AT_ONCE = 2
SEED = 20_261_126
PHOTOS = 3
BOOKS = [FERRY["title"], "Qwv Aab", "Qwv Bbc", "Qwv Ccd"]


def photo(number: int, place: int) -> bytes:
    """A picture that no other scan has."""
    held = BytesIO()
    Image.new("RGB", (300 + number, 300 + 10 * place), (number, 100, 200)).save(held, "PNG")
    return held.getvalue()


async def start(server: ServerProcess, job_id: str, *photos: bytes) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/api/v2/scans?jobId={job_id}", data=form(*photos)) as answer,
    ):
        assert answer.status == 202, await answer.text()


class Server:
    """``bookstrack serve``, started again and again and killed each time."""

    def __init__(self, settings: dict[str, str], folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._number = 0

    async def __aenter__(self) -> ServerProcess:
        self._number += 1
        log = self._folder / f"log{self._number}"
        self._process = server_process(self._settings, log=log)
        return await asyncio.to_thread(self._process.__enter__)

    async def __aexit__(self, *_problem: object) -> None:
        await asyncio.to_thread(self._process.__exit__, None, None, None)  # this is kill -9


class Bills:
    """What Gemini was asked, and which of its answers the server had written down at a kill."""

    def __init__(self, upstream, store: JobStore) -> None:
        self._upstream = upstream
        self._store = store
        self._settled: dict[str, int] = {}

    def calls(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for asked in self._upstream.asked("gemini"):
            part = json.loads(asked.body)["contents"][0]["parts"][0]
            data = base64.b64decode(part["inline_data"]["data"])
            found[hashlib.sha256(data).hexdigest()] += 1
        return found

    async def note(self, job_ids: list[str]) -> None:
        """Remember how often a photo had been asked about when its answer was kept."""
        calls = self.calls()
        for job_id in job_ids:
            for blob in await self._store.blobs(job_id):
                name = f"scan:{blob.sha256}:s1:gemini-2.5-flash:whole"
                if await self._store.checkpoint(job_id, name) is not None:
                    self._settled.setdefault(blob.sha256, calls[blob.sha256])

    def check(self) -> None:
        calls = self.calls()
        again = {sha: calls[sha] - count for sha, count in self._settled.items()}
        assert not any(again.values()), again


async def test_fifty_kills(upstream, tmp_path):
    upstream.delay("all", 0.1)
    upstream.delay("gemini", 0.5)
    first, *others = BOOKS
    upstream.gemini.otherwise = said(
        seen(first, author=FERRY["author"]), *(seen(title, author="Zz Yyx") for title in others)
    )
    settings = {
        **upstream.environment(),
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_RATE_LIMIT_ENABLED": "false",
        "BOOKSTRACK_GEMINI_API_KEY": "k",
        "BOOKSTRACK_AI_PROVIDER": "gemini",
    }
    rng, jobs, middle = Random(SEED), [], 0
    serving = Server(settings, tmp_path)
    async with serving:
        pass  # makes the database
    url = f"sqlite:///{tmp_path}/data/bookstrack.db"
    async with open_database(url, metrics=Metrics()) as database:
        store = JobStore(database)
        look, bills = Look(store), Bills(upstream, store)
        for _ in range(KILLS):
            async with serving as server:
                left = [one for one in jobs if not (await look.job(one)).status.terminal]
                for _ in range(OPEN_AT_ONCE - len(left)):
                    number = len(jobs)
                    jobs.append(f"Scan_{number}-{rng.getrandbits(64):016x}")
                    await start(server, jobs[-1], *(photo(number, n) for n in range(PHOTOS)))
                await asyncio.sleep(rng.uniform(0.0, 1.3))
            await bills.note(jobs)
            standing = [await look.job(one) for one in jobs]
            middle += any(job.status is JobStatus.PROCESSING for job in standing)
        async with serving:
            await look.ended(jobs, 120)
            for job_id in jobs:
                await assert_whole(look, store, job_id)
                await assert_pictures(store, open_blobs(f"file://{tmp_path}/data/objects"), job_id)
        bills.check()
    assert middle >= KILLS // 2


async def assert_whole(look: Look, store: JobStore, job_id: str) -> None:
    job = await look.job(job_id)
    assert (job.status, job.fault) == (JobStatus.COMPLETED, None)
    items = await store.items(job_id)
    assert [item.index for item in items] == list(range(PHOTOS + len(BOOKS)))
    assert {item.state for item in items} == {ItemState.DONE}
    events = await look.events(job_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
    for name in ("progress", "processed"):
        series = [getattr(event, name) for event in events]
        assert series == sorted(series), name
    results = json.loads((await store.results(job_id)).body)
    assert sorted(book["title"] for book in results["books"]) == sorted(BOOKS)
    assert [one["status"] for one in results["photoResults"]] == ["complete"] * PHOTOS
    assert (results["booksDetected"], results["booksUnique"]) == (PHOTOS * len(BOOKS), len(BOOKS))
    assert results["booksEnriched"] == 1


async def assert_pictures(store: JobStore, blobs: Blobs, job_id: str) -> None:
    """Each spine is there once, noted with the job, and under the address that results tell."""
    noted = await store.blobs(job_id)
    names = {f"photo-{photo}" for photo in range(PHOTOS)}
    names |= {f"spine-{photo}-{n}" for photo in range(PHOTOS) for n in range(len(BOOKS))}
    assert {blob.name for blob in noted} == names
    stored = await blobs.list(f"bookshelf-scans/{job_id}")
    assert sorted(stored) == sorted(blob.path for blob in noted)
    for book in json.loads((await store.results(job_id)).body)["books"]:
        name = book["spineUrl"].removeprefix(f"/api/v2/scans/{job_id}/spines/")
        assert f"bookshelf-scans/{job_id}/spine-{name}" in stored


async def test_a_handful_of_kills_while_this_machine_reads(tmp_path, fixtures_dir):
    shelf = (fixtures_dir / "shelves/shelf-02-overlaps-01.jpg").read_bytes()
    settings = {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_AI_PROVIDER": "local",
        "BOOKSTRACK_OFFLINE": "true",
    }
    rng, serving = Random(SEED), Server(settings, tmp_path)
    async with serving as server:
        await start(server, "Shelf_0123456789abcdef", shelf)
        await asyncio.sleep(1)
    async with open_database(
        f"sqlite:///{tmp_path}/data/bookstrack.db", metrics=Metrics()
    ) as database:
        store = JobStore(database)
        look = Look(store)
        for _ in range(OCR_KILLS - 1):
            async with serving:
                await asyncio.sleep(rng.uniform(0.5, 3.0))
        async with serving:
            await look.ended(["Shelf_0123456789abcdef"], 180)
        results = json.loads((await store.results("Shelf_0123456789abcdef")).body)
    assert results["photoResults"][0]["status"] == "complete"
    assert results["metadata"]["modelUsed"].startswith("ocr:rapidocr-")
    assert results["booksDetected"] >= 8
