"""Everything about jobs that one process has, made, opened and closed together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from bookstrack.background import Background
from bookstrack.clock import Clock
from bookstrack.jobs.board import JobBoard
from bookstrack.jobs.engine import Engine, runs_at
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.keeper import Keeper
from bookstrack.jobs.pipeline import Pipeline
from bookstrack.jobs.runner import RunEnd, Runner
from bookstrack.jobs.tally import Tally
from bookstrack.settings import JobSettings
from bookstrack.storage.blobs import Blobs
from bookstrack.storage.bus.base import Bus
from bookstrack.storage.database.executors import this_executor
from bookstrack.storage.database.job_store import JobStore
from bookstrack.telemetry.metrics import Metrics

_DONE_WITH = frozenset({RunEnd.ENDED, RunEnd.NOT_OURS})


class Surroundings(Struct, frozen=True, kw_only=True):
    """What jobs need of the rest; ``engine_address`` comes from ``storage.engine_address``."""

    store: JobStore
    blobs: Blobs
    bus: Bus
    clock: Clock
    settings: JobSettings
    secret: bytes
    metrics: Metrics
    engine_address: str


class Crew:
    """Nothing runs before ``open``; without it jobs can be started, watched and steered."""

    def __init__(self, around: Surroundings, pipelines: Sequence[Pipeline]) -> None:
        store, bus, clock, settings = around.store, around.bus, around.clock, around.settings
        known = {pipeline.name: pipeline for pipeline in pipelines}
        executor = this_executor(clock.time())
        tally = Tally(around.metrics)
        self._store = store
        self.feeds = Feeds(store, bus, clock)
        self.runner = Runner(
            store,
            known,
            owner=executor.id,
            feeds=self.feeds,
            blobs=around.blobs,
            clock=clock,
            settings=settings,
            tally=tally,
        )
        self.engine = Engine(
            self._run,
            runs_at(around.engine_address, executor.id, at_once=settings.workers),
            workers=settings.workers,
            clock=clock,
            bus=bus,
            kept_s=settings.retention_s,
        )
        self.keeper = Keeper(
            store,
            self.engine,
            executor=executor,
            running=self._running,
            feeds=self.feeds,
            blobs=around.blobs,
            clock=clock,
            settings=settings,
            tally=tally,
            works=settings.workers > 0,
        )
        self.board = JobBoard(
            store,
            known,
            engine=self.engine,
            feeds=self.feeds,
            bus=bus,
            blobs=around.blobs,
            secret=around.secret,
            clock=clock,
            settings=settings,
        )
        self._leave = [bus.subscribe(self.feeds.heard), bus.subscribe(self.runner.heard)]
        self._soon = Background()
        self._open = False

    async def _run(self, job_id: str) -> bool:
        return await self.runner.run(job_id) in _DONE_WITH

    def _running(self) -> Collection[str]:
        return self.engine.jobs

    @property
    def ready(self) -> bool:
        """Tell whether jobs that are started now begin at once."""
        return self.engine.ready

    async def depth(self) -> int:
        """Return how many jobs nobody has begun, in all processes together."""
        return sum((await self._store.waiting()).values())

    def open(self) -> None:
        """Begin to run jobs, in the background: those first that another process has left."""
        self._open = True
        self.engine.on_room = lambda: self._soon.start(self.keeper.adopt(), "jobs-adopt")
        self._soon.start(self._begin(), "jobs-begin")

    async def _begin(self) -> None:
        await self.keeper.open()  # who claims jobs has to be known before
        await self.engine.open()

    async def stop(self) -> None:
        """Run no more jobs; running ones finish their current items within 10 s [P11]."""
        self.engine.stop()
        await self._soon.close()
        await self.runner.close()
        await self.engine.close()
        if self._open:
            self._open = False
            await self.keeper.close()

    async def close(self) -> None:
        """Stop, and let nobody watch any more."""
        await self.stop()
        for leave in self._leave:
            leave()
        await self.board.close()
        await self.feeds.close()
