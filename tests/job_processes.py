"""Real processes that run jobs, and what has to be true of every job they leave behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import msgspec

from bookstrack.model.job import ItemState, JobStatus
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.job_store import JobStore
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.processes import ServerProcess, environment
from bookstrack.testing.upstream import generated_isbn

BOOKS = 100


@contextmanager
def worker_process(settings: dict[str, str], *, log: Path) -> Iterator[ServerProcess]:
    """Run ``bookstrack worker`` until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bookstrack", "worker"],
            env=environment(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    worker = ServerProcess(process, log)
    try:
        worker.wait_for("working")
        yield worker
    finally:
        process.kill()
        process.wait(60)


def books(number: int, count: int = BOOKS) -> list[dict[str, str]]:
    """The books of a job; no two jobs share any."""
    first = number * 1000
    return [{"title": f"Book {i}", "isbn": generated_isbn(first + i)} for i in range(count)]


async def post(server: ServerProcess, job_id: str, number: int, count: int = BOOKS) -> None:
    """Start a job over HTTP."""
    body = {"jobId": job_id, "books": books(number, count)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/v1/enrichment/batch", json=body) as answer,
    ):
        assert answer.status == 202, await answer.text()


async def results(server: ServerProcess, job_id: str) -> dict:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/v1/jobs/{job_id}/results") as answer,
    ):
        assert answer.status == 200, await answer.text()
        return (await answer.json())["data"]


class Look:
    """Reads the rows of jobs as they are, from outside."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    async def job(self, job_id):
        return await self._store.get(job_id)

    async def done(self, job_id):
        """How many items have ended."""
        items = await self._store.items(job_id)
        return sum(item.state not in (ItemState.PENDING, ItemState.RUNNING) for item in items)

    async def events(self, job_id):
        found = []
        while page := await self._store.events(job_id, after=len(found), limit=1000):
            found += page
        return found

    async def until(self, true, seconds):
        """Wait until an asynchronous condition holds; return how long that took."""
        begun = asyncio.get_running_loop().time()
        async with asyncio.timeout(seconds):
            while not await true():  # noqa: ASYNC110 other processes work on it
                await asyncio.sleep(0.02)
        return asyncio.get_running_loop().time() - begun

    async def ended(self, job_ids, seconds):
        async def all_ended():
            return all([(await self.job(job_id)).status.terminal for job_id in job_ids])

        return await self.until(all_ended, seconds)

    async def assert_whole(self, job_id, number, count=BOOKS):
        """Nothing is missing, nothing is there twice, nothing went backwards."""
        job = await self.job(job_id)
        assert (job.status, job.fault) == (JobStatus.COMPLETED, None)
        items = await self._store.items(job_id)
        assert [item.index for item in items] == list(range(count))
        assert {item.state for item in items} == {ItemState.DONE}
        events = await self.events(job_id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert job.last_event == len(events)
        for values in ("progress", "processed"):
            series = [getattr(event, values) for event in events]
            assert series == sorted(series), values
        assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]
        assert (events[0].status, events[0].processed) == (JobStatus.INITIALIZED, 0)
        assert (events[-1].progress, events[-1].processed) == (1.0, count)
        assert (job.summary.total_processed, job.summary.success_count) == (count, count)
        body = msgspec.json.decode((await self._store.results(job_id)).body)
        found = [item["enriched"]["edition"]["isbns"] for item in body["enrichedBooks"]]
        asked = [book["isbn"] for book in books(number, count)]
        assert all(isbn in isbns for isbn, isbns in zip(asked, found, strict=True))
        return events


@asynccontextmanager
async def open_look(url: str) -> AsyncIterator[Look]:
    """Look into the database of the processes."""
    async with open_database(url, metrics=Metrics()) as database:
        yield Look(JobStore(database))
