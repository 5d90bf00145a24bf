"""Pipelines run as in a server: its parts and its runner, without transports."""

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
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.runner import Runner
from bookstrack.jobs.tally import Tally
from bookstrack.model.job import CancelMode, Item, Job, PipelineName
from bookstrack.pipelines.batch_enrichment import BatchEnrichment
from bookstrack.settings_loading import load_settings
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.database.executors import this_executor
from bookstrack.storage.database.job_rows import NewJob
from bookstrack.storage.database.job_store import JobStore
from served import upstream

__all__ = ["upstream"]


class Shop:
    """A process that runs jobs of batch enrichment."""

    def __init__(self, parts: Assembly, store: JobStore, runner: Runner, owner: str) -> None:
        self.parts, self.store, self.runner, self.owner = parts, store, runner, owner

    async def new(self, items: Sequence[dict[str, Any]], job_id: str = "") -> str:
        """Store a job of these books; return its id."""
        job_id = job_id or str(uuid4())
        now = self.parts.clock.time()
        new = NewJob(
            id=job_id,
            pipeline=PipelineName.BATCH_ENRICHMENT,
            total=len(items),
            items=tuple(msgspec.json.encode(item) for item in items),
            options={},
            scope="jobs:test",
            fingerprint=job_id,
            key=None,
            token_expires_at=now + 7200,
            message="accepted",
        )
        await self.store.create(new, now=now, idempotency_ttl_s=60)
        return job_id

    async def run(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Run a job of these books to its end; return its results."""
        job_id = await self.new(items)
        await self.runner.run(job_id)
        return await self.results(job_id)

    async def results(self, job_id: str) -> dict[str, Any]:
        """Return the results of a job that has ended well."""
        stored = await self.store.results(job_id)
        return msgspec.json.decode(stored.body)

    async def job(self, job_id: str) -> Job:
        """Return a job as it is stored."""
        return await self.store.get(job_id)

    async def items(self, job_id: str) -> list[Item]:
        """Return the items of a job."""
        return await self.store.items(job_id)

    async def cancel(self, job_id: str, mode: CancelMode = CancelMode.SOFT) -> None:
        """Ask a job to end, as the board does."""
        await self.store.request_cancel(job_id, mode, now=self.parts.clock.time())
        self.runner.heard(f"cancel {job_id}")


@pytest.fixture
async def open_shop(upstream, tmp_path: Path, sqlite_url) -> AsyncIterator[Any]:
    """``await open_shop(SETTING="value")`` opens a process on the same database and data."""
    async with AsyncExitStack() as everything:

        async def opened(*, database: str = "", **settings: str) -> Shop:
            environ = {
                "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
                "BOOKSTRACK_DATABASE_URL": database or sqlite_url,
                "BOOKSTRACK_ENV": "test",
                "BOOKSTRACK_ENGINE_URL": "memory:",
                **upstream.environment(),
                **{f"BOOKSTRACK_{name}": value for name, value in settings.items()},
            }
            loaded = load_settings(environ).settings
            parts = await everything.enter_async_context(open_assembly(loaded))
            store = JobStore(parts.storage.database)
            executor = this_executor(parts.clock.time())
            await store.register(executor)
            feeds = Feeds(store, MemoryBus(), parts.clock)
            pipeline = BatchEnrichment(
                Enricher(parts.catalogue), at_once=loaded.providers.concurrency
            )
            runner = Runner(
                store,
                {pipeline.name: pipeline},
                owner=executor.id,
                feeds=feeds,
                blobs=parts.storage.blobs,
                clock=parts.clock,
                settings=loaded.jobs,
                tally=Tally(parts.metrics),
            )
            everything.push_async_callback(feeds.close)
            everything.push_async_callback(runner.close)
            return Shop(parts, store, runner, executor.id)

        yield opened


@pytest.fixture
async def shop(open_shop) -> Shop:
    """A process with every provider and no limits."""
    return await open_shop()


@pytest.fixture
def until():
    """``await until(condition)`` waits, a few seconds at most, until it holds."""

    async def wait(condition) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 what others do sets no event
                await asyncio.sleep(0.005)

    return wait
