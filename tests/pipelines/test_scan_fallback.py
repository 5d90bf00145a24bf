"""Under ``auto`` a photo that Gemini cannot be asked about is read on this machine (§2.5, §2.6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from bookstrack.assembly import Assembly, open_assembly
from bookstrack.enrichment.enricher import Enricher
from bookstrack.errors import (
    BooksTrackError,
    CircuitOpen,
    JobCanceled,
    ProviderBusy,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    StorageUnavailable,
)
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.runner import Runner
from bookstrack.jobs.tally import Tally
from bookstrack.model.event import Event
from bookstrack.model.job import Blob, CancelMode, Job, JobStatus, PipelineName
from bookstrack.pipelines.bookshelf_scan import BookshelfScan, ScanParts
from bookstrack.pipelines.scan_items import PhotoInput
from bookstrack.pipelines.scan_readers import Readers, fault_of
from bookstrack.readers.keeping import AnswerCache
from bookstrack.readers.shelf import PhotoReading, PhotoUnread
from bookstrack.scans.detection import Detection
from bookstrack.scans.picture import CheckedPicture, prepare
from bookstrack.settings_loading import load_settings
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.database.executors import this_executor
from bookstrack.storage.database.job_rows import NewJob
from bookstrack.storage.database.job_store import JobStore
from photos import drawn

GEMINI, OCR = "gemini-2.5-flash", "ocr:drawn-1.0"


class Reader:
    """Reads one book named after itself, or raises what it is told, once for each photo."""

    def __init__(self, name: str, model: str, *problems: Exception | None) -> None:
        self.name, self.model, self.problems = name, model, list(problems)
        self.read_photos = 0

    async def read(self, photo: CheckedPicture, *, keep: Any) -> PhotoReading:
        self.read_photos += 1
        problem = self.problems.pop(0) if self.problems else None
        if problem is not None:
            raise problem
        seen = Detection(title=f"Qwv by {self.name}", confidence=0.9)
        return PhotoReading(detections=(seen,), model=self.model, took_ms=5)


class Desk:
    """A process that runs scans with made-up readers."""

    def __init__(self, parts: Assembly, store: JobStore, owner: str) -> None:
        self.parts, self.store, self.owner = parts, store, owner
        self.feeds = Feeds(store, MemoryBus(), parts.clock)

    async def scan(self, readers: Readers, *, photos: int = 1, asked: str = "auto") -> str:
        """Run a scan to its end; return its id."""
        job_id = self.job_id = str(uuid4())
        await self._store(job_id, photos, {"provider": asked, "confidenceThreshold": 0.7})
        parts = self.parts
        pipeline = BookshelfScan(
            ScanParts(
                readers=readers,
                enricher=Enricher(parts.catalogue),
                answers=AnswerCache(parts.storage.kv),
                blobs=parts.storage.blobs,
                at_once=4,
            )
        )
        runner = self.runner = Runner(
            self.store,
            {pipeline.name: pipeline},
            owner=self.owner,
            feeds=self.feeds,
            blobs=parts.storage.blobs,
            clock=parts.clock,
            settings=parts.settings.jobs,
            tally=Tally(parts.metrics),
        )
        await runner.run(job_id)
        await runner.close()
        return job_id

    async def _store(self, job_id: str, photos: int, options: dict[str, Any]) -> None:
        inputs, blobs, now = list[bytes](), list[Blob](), self.parts.clock.time()
        for index in range(photos):
            made = prepare(drawn(shade=index))
            path = f"bookshelf-scans/{job_id}/photo-{index}.jpg"
            await self.parts.storage.blobs.put(path, made.body)
            given = PhotoInput(
                index=index,
                name=f"photo-{index}",
                path=path,
                sha256=made.sha256,
                width=made.width,
                height=made.height,
            )
            inputs.append(msgspec.json.encode(given))
            blob = Blob(
                name=given.name,
                path=path,
                sha256=made.sha256,
                content_type="image/jpeg",
                size=len(made.body),
            )
            blobs.append(blob)
        new = NewJob(
            id=job_id,
            pipeline=PipelineName.AI_SCAN,
            total=photos,
            items=tuple(inputs),
            options=options,
            blobs=tuple(blobs),
            scope="jobs:test",
            fingerprint=job_id,
            key=None,
            token_expires_at=now + 7200,
            message="accepted",
        )
        await self.store.create(new, now=now, idempotency_ttl_s=60)

    async def cancel(self) -> None:
        """Ask the scan under way to end, and wait until its runner knows."""
        now = self.parts.clock.time()
        await self.store.request_cancel(self.job_id, CancelMode.SOFT, now=now)
        self.runner.heard(f"cancel {self.job_id}")
        await asyncio.sleep(0.2)

    async def results(self, job_id: str) -> dict[str, Any]:
        stored = await self.store.results(job_id)
        assert stored is not None, await self.job(job_id)
        return msgspec.json.decode(stored.body)

    async def job(self, job_id: str) -> Job:
        job = await self.store.get(job_id)
        assert job is not None
        return job

    async def events(self, job_id: str) -> list[Event]:
        return await self.store.events(job_id)


@pytest.fixture
async def desk(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Desk]:
    environ = {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_DATABASE_URL": sqlite_url,
        "BOOKSTRACK_ENV": "test",
        "BOOKSTRACK_ENGINE_URL": "memory:",
        "BOOKSTRACK_OFFLINE": "true",
        "BOOKSTRACK_SAMPLE_DATA": "false",
    }
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_assembly(load_settings(environ).settings))
        store = JobStore(parts.storage.database)
        executor = this_executor(parts.clock.time())
        await store.register(executor)
        opened = Desk(parts, store, executor.id)
        stack.push_async_callback(opened.feeds.close)
        yield opened


def both(*problems: Exception | None, ocr: Sequence[Exception | None] = ()) -> Readers:
    return Readers(gemini=Reader("gemini", GEMINI, *problems), ocr=Reader("ocr", OCR, *ocr))


AWAY = [
    (ProviderTimeout("gemini", "gemini: no answer"), "PROVIDER_TIMEOUT"),
    (ProviderUnavailable("gemini", "gemini: 503"), "PROVIDER_ERROR"),
    (ProviderBusy("gemini", "gemini: too many requests"), "PROVIDER_ERROR"),
    (QuotaExhausted("gemini", "gemini: nothing left today"), "PROVIDER_ERROR"),
    (ProviderRefused("gemini", "gemini: the key", reason="auth"), "PROVIDER_ERROR"),
    (CircuitOpen("gemini", "gemini: resting"), "CIRCUIT_OPEN"),
    (PhotoUnread("E_SCAN_AI_REFUSED", "No"), "E_SCAN_AI_REFUSED"),
]


@pytest.mark.parametrize(("problem", "code"), AWAY, ids=lambda one: type(one).__name__)
async def test_who_cannot_be_asked_is_replaced(desk: Desk, problem: BooksTrackError, code: str):
    assert code == (getattr(problem, "photo_code", None) or problem.code)
    job_id = await desk.scan(both(problem))
    results = await desk.results(job_id)
    assert [book["title"] for book in results["books"]] == ["Qwv by ocr"]
    assert results["photoResults"][0]["status"] == "complete"
    assert results["metadata"]["modelUsed"] == OCR
    (reading,) = results["metadata"]["photos"]
    assert (reading["provider"], reading["model"]) == ("ocr", OCR)
    assert (reading["insteadOf"], reading["insteadBecause"]) == ("gemini", code)
    texts = [event.message for event in await desk.events(job_id)]
    first, then = (f"Processing with {name}..." for name in ("Gemini AI", "on-device OCR"))
    assert texts.index(first) < texts.index(then)


@pytest.mark.parametrize(
    "problem", [one for one, _ in AWAY[:-1]], ids=lambda one: type(one).__name__
)
def test_readers_are_told_in_plain_words(problem: BooksTrackError):
    told = fault_of(problem).message
    assert told.startswith("Gemini ")
    assert problem.message not in told
    assert not {"error", "fail"} & set(told.lower().split())  # [J11]


async def test_each_photo_says_who_read_it(desk: Desk):
    job_id = await desk.scan(both(None, ProviderTimeout("gemini", "no"), None), photos=3)
    results = await desk.results(job_id)
    told = {one["photoIndex"]: one for one in results["metadata"]["photos"]}
    assert sorted(one["provider"] for one in told.values()) == ["gemini", "gemini", "ocr"]
    for one in told.values():
        assert (one.get("insteadOf") == "gemini") is (one["provider"] == "ocr")
        assert one["model"] == (OCR if one["provider"] == "ocr" else GEMINI)
    assert sorted(results["metadata"]["modelUsed"].split(", ")) == [GEMINI, OCR]
    assert {photo["status"] for photo in results["photoResults"]} == {"complete"}


async def test_an_answer_that_cannot_be_read_stays_the_photos_error(desk: Desk):
    job_id = await desk.scan(both(PhotoUnread("E_SCAN_AI_INVALID", "no JSON")))
    fault = (await desk.job(job_id)).fault
    assert fault is not None
    assert (fault.details or {})["reason"] == "E_SCAN_AI_INVALID"


@pytest.mark.parametrize("asked", ["gemini", "ocr"])
async def test_who_asks_for_one_reader_gets_no_other(desk: Desk, asked: str):
    problem = ProviderTimeout("gemini", "gemini: no answer")
    readers = both(problem, ocr=[ProviderTimeout("ocr", "cannot be")])
    fault = (await desk.job(await desk.scan(readers, asked=asked))).fault
    assert fault is not None
    assert isinstance(readers.gemini, Reader)
    assert isinstance(readers.ocr, Reader)
    counts = (readers.gemini.read_photos, readers.ocr.read_photos)
    assert counts == ((1, 0) if asked == "gemini" else (0, 1))


async def test_without_ocr_the_photo_has_failed(desk: Desk):
    readers = Readers(gemini=Reader("gemini", GEMINI, ProviderTimeout("gemini", "no")))
    fault = (await desk.job(await desk.scan(readers))).fault
    assert fault is not None
    assert (fault.code, fault.retryable) == ("E_AI_SCAN_FAILED", True)


@pytest.mark.parametrize("problem", [StorageUnavailable("away"), JobCanceled("stop")])
async def test_what_is_no_fault_of_the_reader_is_nobody_elses_turn(desk: Desk, problem):
    readers = both(problem)
    await desk.scan(readers)
    assert isinstance(readers.ocr, Reader)
    assert readers.ocr.read_photos == 0


class Canceled(Reader):
    """Cannot be asked, and while it is tried the scan is canceled."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("gemini", GEMINI)
        self._desk = desk

    async def read(self, photo: CheckedPicture, *, keep: Any) -> PhotoReading:
        await self._desk.cancel()
        raise ProviderTimeout("gemini", "gemini: no answer")


async def test_after_a_cancel_nobody_is_asked_any_more(desk: Desk):
    ocr = Reader("ocr", OCR)
    job_id = await desk.scan(Readers(gemini=Canceled(desk), ocr=ocr))
    assert ((await desk.job(job_id)).status, ocr.read_photos) == (JobStatus.CANCELED, 0)
