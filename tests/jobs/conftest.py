"""A small world of jobs: the real store, one process that runs them, and time that stands still."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from itertools import count

import msgspec
import pytest

from bookstrack.background import Background
from bookstrack.errors import StorageUnavailable
from bookstrack.jobs.board import JobBoard, StartRequest
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.keeper import Keeper
from bookstrack.jobs.pipeline import Outcome
from bookstrack.jobs.runner import Runner
from bookstrack.jobs.tally import Tally
from bookstrack.model.job import ItemResult, ItemState, PipelineName
from bookstrack.settings import JobSettings
from bookstrack.storage.blobs import open_blobs
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.executors import this_executor
from bookstrack.storage.database.job_store import JobStore
from bookstrack.telemetry.metrics import Metrics

ROUNDING_S = 1e-9
OPEN = (ItemState.PENDING, ItemState.RUNNING)


class Watched:
    """A store that counts calls, knows whether one is under way, and can be away."""

    def __init__(self, store):
        self.store = store
        self.flying = 0
        self.calls = Counter()
        self.away = frozenset()  # names of methods, or {"*"}

    def __getattr__(self, name):
        method = getattr(self.store, name)

        async def call(*args, **kwargs):
            self.calls[name] += 1
            if self.away & {name, "*"}:
                raise StorageUnavailable("away")
            self.flying += 1
            try:
                return await method(*args, **kwargs)
            finally:
                self.flying -= 1

        return call


class Books:
    """A pipeline whose work on one item, or whose whole run, is given by the test."""

    def __init__(self, name=PipelineName.BATCH_ENRICHMENT):
        self.name = name
        self.at_once = 2
        self.runs = 0
        self.worked = []
        self.script = None

    async def work(self, ctx, item):
        """Replace me."""

    async def run(self, ctx):
        self.runs += 1
        if self.script is not None:
            return await self.script(ctx)
        todo = [item for item in await ctx.items() if item.state in OPEN]

        async def one(item):
            self.worked.append(item.index)
            ok = await self.work(ctx, item)
            await ctx.done(result_of(item, ok is not False), ok=ok is not False)

        await ctx.each(todo, one, at_once=self.at_once)
        return self.outcome(ctx.job, await ctx.items())

    def outcome(self, job, items):
        ended = [item for item in items if item.state not in OPEN]
        body = {
            "jobId": job.id,
            "pipeline": job.pipeline.value,
            "enrichedBooks": [msgspec.Raw(item.result) for item in ended],
        }
        return Outcome(
            results=msgspec.json.encode(body),
            succeeded=sum(item.state is ItemState.DONE for item in ended),
            failed=sum(item.state is ItemState.ERROR for item in ended),
        )


def result_of(item, ok=True):
    state = ItemState.DONE if ok else ItemState.ERROR
    return ItemResult(
        index=item.index, state=state, result=msgspec.json.encode({"index": item.index, "ok": ok})
    )


class InProcess:
    """The engine's stand-in: every job is a task of this loop."""

    def __init__(self):
        self.runner = None
        self.tasks = Background()
        self.started, self.ensured = [], []

    async def start(self, job_id, pipeline):
        self.started.append(job_id)
        self._run(job_id)

    async def ensure(self, job_id, pipeline):
        self.ensured.append(job_id)
        self._run(job_id)

    def _run(self, job_id):
        if self.runner is not None:
            self.tasks.start(self.runner.run(job_id))


class Process:
    """What one process has of jobs; several may share a database, a bus and a clock."""

    def __init__(self, world, *, executor, works=True):
        self.store = Watched(JobStore(world.database, is_gone=world.gone.__contains__))
        self.executor = executor
        self.engine = InProcess()
        self.feeds = Feeds(self.store, world.bus, world.clock)
        self.metrics = Metrics()
        tally = Tally(self.metrics)
        shared = {"blobs": world.blobs, "clock": world.clock, "settings": world.settings}
        self.runner = Runner(
            self.store,
            world.pipelines,
            owner=executor.id,
            feeds=self.feeds,
            tally=tally,
            **shared,
        )
        if works:
            self.engine.runner = self.runner
        self.board = JobBoard(
            self.store,
            world.pipelines,
            engine=self.engine,
            feeds=self.feeds,
            bus=world.bus,
            secret=b"secret",
            new_id=lambda: f"made-{next(world.numbers):08}-for-the-test",
            **shared,
        )
        self.keeper = Keeper(
            self.store,
            self.engine,
            executor=executor,
            running=lambda: self.runner.running,
            feeds=self.feeds,
            works=works,
            tally=tally,
            **shared,
        )
        self.leave = [world.bus.subscribe(self.feeds.heard), world.bus.subscribe(self.runner.heard)]

    async def close(self):
        for leave in self.leave:
            leave()
        for part in (self.engine.tasks, self.keeper, self.board, self.feeds):
            await part.close()

    async def die(self):
        """End as a killed process does: no lease is given back, nothing more is written."""
        self.leave = [leave() for leave in self.leave] and []
        await self.engine.tasks.close()
        await self.keeper._loops.close()
        await self.board.close()
        await self.feeds.close()


class World:
    """Everything a test of jobs needs."""

    def __init__(self, database, clock, settings):
        self.database = database
        self.clock = clock
        self.settings = settings
        self.bus = MemoryBus()
        self.blobs = Watched(open_blobs("memory:"))
        self.books = Books()
        self.scan = Books(PipelineName.AI_SCAN)
        self.pipelines = {self.books.name: self.books, self.scan.name: self.scan}
        self.gone = set()
        self.numbers = count(1)
        self.processes = []

    async def process(self, *, works=True, known=True):
        executor = this_executor(self.clock.time())
        process = Process(self, executor=executor, works=works)
        if known:
            await process.store.register(executor)
            process.keeper._known = True
        self.processes.append(process)
        return process

    async def settle(self):
        """Let everything run that need not wait for time."""
        quiet, begun = 0, time.monotonic()
        while quiet < 5:
            assert time.monotonic() - begun < 30, "something never comes to rest"
            for _ in range(10):
                await asyncio.sleep(0)
            if self.blobs.flying or any(process.store.flying for process in self.processes):
                quiet = 0
            else:
                quiet += 1

    async def passing(self, seconds):
        """Let time pass; everything a moment sets off is over before the next one comes."""
        end = self.clock.monotonic() + seconds
        await self.settle()
        while (due := self._next()) is not None and due <= end:
            await self.clock.advance(max(0.0, due - self.clock.monotonic()) + ROUNDING_S)
            await self.settle()
        await self.clock.advance(max(0.0, end - self.clock.monotonic()))
        await self.settle()

    def _next(self):
        deadlines = [due for due, _, future in self.clock._waiting if not future.done()]
        return min(deadlines) + 1000.0 if deadlines else None

    async def start(self, process=None, *, books=3, pipeline=PipelineName.BATCH_ENRICHMENT, **over):
        request = self.request(books=books, pipeline=pipeline, **over)
        return await (process or self.processes[0]).board.start(request)

    def request(self, *, books=3, pipeline=PipelineName.BATCH_ENRICHMENT, **over):
        given = {
            "pipeline": pipeline,
            "items": tuple(b'{"title":"Book %d"}' % number for number in range(books)),
            "fingerprint": "print",
            "family": pipeline.value,
            "total": books,
            "message": "Waiting to start",
        }
        return StartRequest(**given | over)


@pytest.fixture
def settings():
    return JobSettings()


@pytest.fixture
async def world(sqlite_url, clock, metrics, settings):
    """On SQLite; see ``any_world``."""
    async with open_database(sqlite_url, metrics=metrics) as database:
        world = World(database, clock, settings)
        yield world
        for process in world.processes:
            await process.close()


@pytest.fixture
async def any_world(database_url, clock, metrics, settings):
    """On each engine in turn."""
    async with open_database(database_url, metrics=metrics) as database:
        world = World(database, clock, settings)
        yield world
        for process in world.processes:
            await process.close()


@pytest.fixture
async def here(world):
    """The one process of most tests."""
    return await world.process()


@pytest.fixture
def the_result():
    """Make the result of an item."""
    return result_of


@pytest.fixture
def books_pipeline():
    """The class of the pipelines of these tests."""
    return Books
