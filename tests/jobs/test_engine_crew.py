"""What one process has of jobs, on a real clock: it runs, stops, hands over and goes on."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

import bookstrack
from bookstrack.clock import SystemClock
from bookstrack.jobs.board import StartRequest
from bookstrack.jobs.crew import Crew, Surroundings
from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.job import ItemResult, ItemState, JobStatus, PipelineName
from bookstrack.settings import JobSettings
from bookstrack.storage.blobs import open_blobs
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.job_store import JobStore

OPEN = (ItemState.PENDING, ItemState.RUNNING)


class Slow:
    """A pipeline that does an item whenever it is let."""

    name = PipelineName.BATCH_ENRICHMENT

    def __init__(self):
        self.let = asyncio.Semaphore(0)
        self.done = []

    async def run(self, ctx):
        async def work(item):
            await self.let.acquire()
            await ctx.done(
                ItemResult(index=item.index, state=ItemState.DONE, result=b"{}"), ok=True
            )
            self.done.append(item.index)

        todo = [item for item in await ctx.items() if item.state in OPEN]
        await ctx.each(todo, work, at_once=1)
        return self.outcome(ctx.job, await ctx.items())

    def outcome(self, job, items):
        done = sum(item.state is ItemState.DONE for item in items)
        return Outcome(results=b'{"jobId":"x"}', succeeded=done, failed=0)


@pytest.fixture(params=["memory:", "sqlite"])
async def make(request, sqlite_url, tmp_path, metrics):
    """Makes crews on one database; each has a pipeline of its own."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(sqlite_url, metrics=metrics))
        bus = MemoryBus()

        def crew(**settings):
            name = request.param
            around = Surroundings(
                store=JobStore(database),
                blobs=open_blobs(f"file://{tmp_path}/objects"),
                bus=bus,
                clock=SystemClock(),
                settings=JobSettings(**settings),
                secret=b"secret",
                metrics=metrics,
                engine_address=f"sqlite:///{tmp_path}/e.db" if name == "sqlite" else name,
            )
            pipeline = Slow()
            made = Crew(around, [pipeline])
            stack.push_async_callback(made.close)
            return made, pipeline

        yield crew


def request_of(items=4):
    return StartRequest(
        pipeline=PipelineName.BATCH_ENRICHMENT,
        items=tuple(msgspec.json.encode({"title": str(number)}) for number in range(items)),
        fingerprint="f",
        family="batch_enrichment",
        total=items,
        message="Accepted",
    )


async def until(true, seconds=20):
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 threads and files take part
            await asyncio.sleep(0.01)


async def status(crew, job_id):
    return (await crew.board.status(job_id)).event.status


async def test_a_job_is_run_to_its_end(make):
    crew, pipeline = make()
    crew.open()
    job = (await crew.board.start(request_of())).job
    for _ in range(4):
        pipeline.let.release()
    events = [event async for event in crew.board.follow(job.id, after=0)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].status is JobStatus.COMPLETED
    assert pipeline.done == [0, 1, 2, 3]


async def test_a_job_moves_on_when_its_process_ends(make):
    first, leaving = make()
    first.open()
    job = (await first.board.start(request_of())).job
    leaving.let.release()

    async def begun():
        return leaving.done == [0]

    await until(begun)
    stopping = asyncio.create_task(first.stop())
    await asyncio.sleep(0.1)
    assert not stopping.done()  # an item is under way
    leaving.let.release()
    await asyncio.wait_for(stopping, 5)
    assert leaving.done == [0, 1]
    assert await status(first, job.id) is JobStatus.PROCESSING
    second, staying = make()
    second.open()
    for _ in range(2):
        staying.let.release()

    async def ended():
        return await status(second, job.id) is JobStatus.COMPLETED

    await until(ended)
    assert staying.done == [2, 3]


async def test_without_opening_jobs_are_stored_and_watched_only(make):
    silent, unused = make(workers=0)
    silent.open()
    closed, _ = make()
    started = await closed.board.start(request_of(1))
    job = (await silent.board.start(request_of(1))).job
    await asyncio.sleep(0.2)
    assert await status(closed, job.id) is JobStatus.INITIALIZED
    assert silent.engine.running == 0
    working, pipeline = make()
    working.open()
    for _ in range(2):
        pipeline.let.release()

    async def ended():
        found = [await status(working, name) for name in (job.id, started.job.id)]
        return found == [JobStatus.COMPLETED] * 2

    await until(ended)
    assert unused.done == []


async def test_more_jobs_than_room_follow_each_other(make):
    crew, pipeline = make(workers=2)
    crew.open()
    jobs = [(await crew.board.start(request_of(2))).job for _ in range(7)]
    for _ in range(14):
        pipeline.let.release()

    async def ended():
        assert crew.engine.running <= 2
        return {await status(crew, job.id) for job in jobs} == {JobStatus.COMPLETED}

    await until(ended)


def test_one_file_knows_dbos():
    package = Path(bookstrack.__file__).parent
    knows = [
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if re.search(r"^\s*(from|import) dbos\b", file.read_text("utf-8"), re.MULTILINE)
    ]
    assert knows == ["jobs/engine_dbos.py"]
