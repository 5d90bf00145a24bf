"""Runs jobs in this process: claims one, lets its pipeline work, and writes how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import structlog

from bookstrack.background import Background
from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.halt import Halt
from bookstrack.jobs.outage import patiently
from bookstrack.jobs.pacing import persist_rules
from bookstrack.jobs.pipeline import Interrupted, Pipeline
from bookstrack.jobs.run import Run, Workshop
from bookstrack.jobs.tally import Tally
from bookstrack.model.job import Job, PipelineName
from bookstrack.settings import JobSettings
from bookstrack.storage.blobs import Blobs
from bookstrack.storage.database.job_rows import Claimed
from bookstrack.storage.database.job_store import JobStore

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
"""How often a running job is looked at for a cancel that no hint told of."""


class RunEnd(StrEnum):
    """What became of an attempt to run a job."""

    ENDED = "ended"
    NOT_OURS = "not_ours"
    LOST = "lost"
    INTERRUPTED = "interrupted"


class Runner:
    """All jobs this process runs; ``owner`` is its executor's id."""

    def __init__(
        self,
        store: JobStore,
        pipelines: Mapping[PipelineName, Pipeline],
        *,
        owner: str,
        feeds: Feeds,
        blobs: Blobs,
        clock: Clock,
        settings: JobSettings,
        tally: Tally,
    ) -> None:
        self._tally = tally
        self._store = store
        self._pipelines = pipelines
        self._owner = owner
        self._clock = clock
        self._settings = settings
        self._shop = Workshop(
            store=store, owner=owner, feeds=feeds, blobs=blobs, clock=clock, settings=settings
        )
        self._rules = persist_rules(settings.persist_every)
        self._taken: dict[str, Halt] = {}
        self._running: dict[str, Halt] = {}
        self._tasks = Background()
        self._watching = False
        self._closing = False
        self._emptied = asyncio.Event()

    @property
    def running(self) -> frozenset[str]:
        """Return the ids of the jobs that are run here now."""
        return frozenset(self._running)

    async def run(self, job_id: str) -> RunEnd:
        """Run a job to its end, unless it has ended or somebody alive runs it.

        Whatever happens to the job is written into it; nothing is raised for it.
        """
        if self._closing:
            return RunEnd.INTERRUPTED
        if job_id in self._taken:
            return RunEnd.NOT_OURS
        halt = self._taken[job_id] = Halt()
        try:
            return await self._claim_and_run(job_id, halt)
        finally:
            del self._taken[job_id]
            if not self._taken:
                self._emptied.set()

    def heard(self, text: str) -> None:
        """Take a hint from the bus: ``cancel <id>`` says that somebody wants a job to end."""
        word, _, job_id = text.partition(" ")
        if word == "cancel" and job_id in self._running:
            self._tasks.start(self._look(job_id, self._running[job_id]), f"job-look {job_id}")

    async def close(self) -> None:
        """Take no more jobs, give running ones 10 s for their current items, release them."""
        self._closing = True
        for halt in self._taken.values():
            halt.interrupt()
        while self._taken:
            self._emptied.clear()
            await self._emptied.wait()
        await self._tasks.close()

    async def _claim_and_run(self, job_id: str, halt: Halt) -> RunEnd:
        try:
            claimed = await patiently(
                self._clock,
                lambda: self._store.claim(
                    job_id,
                    self._owner,
                    now=self._clock.time(),
                    lease_s=self._settings.lease_s,
                ),
                check=halt.check_still_ours,
            )
        except Interrupted:
            return RunEnd.INTERRUPTED
        if claimed is None:
            return RunEnd.NOT_OURS
        self._running[job_id] = halt
        self._tally.begins(claimed.job)
        self._watch()
        try:
            return await self._run(claimed, halt)
        finally:
            del self._running[job_id]
            self._tally.leaves(claimed.job)

    async def _run(self, claimed: Claimed, halt: Halt) -> RunEnd:
        job = claimed.job
        log.info("job_begins", **_named(job), attempt=job.attempts, resumed=claimed.resumed)
        run = Run(
            self._shop,
            claimed,
            pipeline=self._pipelines[job.pipeline],
            rule=self._rules[job.pipeline],
            halt=halt,
        )
        try:
            event = await run.to_its_end()
        except Interrupted:
            return await self._leave(job, halt)
        self._tally.ended(job, event)
        log.info("job_ended", **_named(job), status=event.status.value)
        return RunEnd.ENDED

    async def _leave(self, job: Job, halt: Halt) -> RunEnd:
        """Let somebody else go on with a job."""
        if halt.lost:
            log.warning("job_lost", **_named(job))
            return RunEnd.LOST
        try:
            await self._store.release(job.id, self._owner)
        except StorageProblem as problem:  # its lease will end
            log.warning("job_not_released", **_named(job), problem=problem.message)
        else:
            log.info("job_released", **_named(job))
        return RunEnd.INTERRUPTED

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._tasks.start(self._look_around(), "job-watch")

    async def _look_around(self) -> None:
        try:
            while self._running:
                await self._clock.sleep(LOOK_EVERY_S)
                for job_id, halt in list(self._running.items()):
                    await self._look(job_id, halt)
        finally:
            self._watching = False

    async def _look(self, job_id: str, halt: Halt) -> None:
        """See whether a job was canceled, or is not ours any more."""
        try:
            job = await self._store.get(job_id)
        except StorageProblem:  # whoever writes waits for it, too
            return
        if job is None or job.owner != self._owner or job.status.terminal:
            halt.lose()
        elif job.cancel_mode is not None:
            halt.ask_cancel(job.cancel_mode)


def _named(job: Job) -> dict[str, Any]:
    return {"job_id": job.id, "pipeline": job.pipeline.value}
