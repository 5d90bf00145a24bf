"""Stopping jobs: ask, wait a little, use force, clean up, and say what there was [C1]-[C6]."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import uuid4

from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import LeaseLost, NotFound
from bookstrack.jobs import ending
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.pipeline import Outcome, Pipeline
from bookstrack.jobs.standing import standing
from bookstrack.model.job import CancelMode, Item, ItemState, Job, JobStatus, PipelineName
from bookstrack.settings import JobSettings
from bookstrack.storage.blobs import Blobs
from bookstrack.storage.bus.base import Bus
from bookstrack.storage.database.job_store import JobStore

WAIT_S = 2.0
"""How long a worker has to stop by itself [C6]."""
LARGEST_PARTIAL = 1024 * 1024
"""Partial results above so many bytes do not travel in the answer [C3]."""

_HELD_S = 10.0
_OPEN = (ItemState.PENDING, ItemState.RUNNING)


class Cleanup(Struct, frozen=True, kw_only=True):
    """What this very call removed: objects, and entries (results and checkpoints)."""

    objects: int = 0
    entries: int = 0


class Partial(Struct, frozen=True, kw_only=True):
    """What was finished before the job stopped; ``results`` is None when ``truncated``."""

    processed: int
    total: int
    succeeded: int
    failed: int
    results: bytes | None
    truncated: bool = False


class Canceled(Struct, frozen=True, kw_only=True):
    """The job in its terminal state; ``partial`` when this call stopped work under way."""

    job: Job
    cleanup: Cleanup = Cleanup()
    partial: Partial | None = None


class Canceling:
    """Cancels jobs that may run anywhere."""

    def __init__(
        self,
        store: JobStore,
        pipelines: Mapping[PipelineName, Pipeline],
        *,
        feeds: Feeds,
        bus: Bus,
        blobs: Blobs,
        clock: Clock,
        settings: JobSettings,
    ) -> None:
        self._store = store
        self._pipelines = pipelines
        self._feeds = feeds
        self._bus = bus
        self._blobs = blobs
        self._clock = clock
        self._settings = settings

    async def cancel(self, job_id: str, mode: CancelMode, *, keep_results: bool) -> Canceled:
        """Stop a job and, in hard mode, delete its artefacts; repeating it does no harm [C4].

        Raises:
            NotFound: there is no such job.
            StorageUnavailable: the database or the object store cannot be reached; repeating the
                call goes on from where this one has come to.
        """
        soft = keep_results or mode is CancelMode.SOFT
        before = await self._store.request_cancel(
            job_id, CancelMode.SOFT if soft else mode, now=self._clock.time()
        )
        if before is None:
            raise _unknown(job_id)
        if not before.status.terminal:
            await self._bus.publish(f"cancel {job_id}")
            await self._stop(before)
        job = await self._ended(job_id)
        worked = before.status is JobStatus.PROCESSING and job.status is JobStatus.CANCELED
        partial = await self._partial(job) if worked else None
        cleanup = Cleanup()
        if mode is CancelMode.HARD:
            cleanup = await self._clean_up(job_id, results=not keep_results)
            job = await self._ended(job_id)
        return Canceled(job=job, cleanup=cleanup, partial=partial)

    async def _ended(self, job_id: str) -> Job:
        job = await self._store.get(job_id)
        if job is None:
            raise _unknown(job_id)
        return (await standing(self._store, job)).job

    async def _stop(self, job: Job) -> None:
        """Wait for whoever runs the job, then end it ourselves; nobody runs it: at once."""
        if job.owner is not None and await self._stopped(job):
            return
        while not await self._force(job.id):
            await self._clock.sleep(0)

    async def _stopped(self, job: Job) -> bool:
        """Tell whether the last event came in time."""
        last = asyncio.create_task(self._see_the_end(job))
        pause = asyncio.create_task(self._clock.sleep(WAIT_S))
        try:
            await asyncio.wait({last, pause}, return_when=asyncio.FIRST_COMPLETED)
            return last.done() and last.exception() is None
        finally:
            for task in (last, pause):
                task.cancel()
            await asyncio.gather(last, pause, return_exceptions=True)

    async def _see_the_end(self, job: Job) -> None:
        async for _ in self._feeds.follow(job.id, after=job.last_event):
            pass

    async def _force(self, job_id: str) -> bool:
        """End a job from outside; its worker's writes fail from the first step on [P5].

        False: somebody took it up in between, who will see the cancel; try again.
        """
        owner = f"cancel-{uuid4()}"
        job = await self._store.seize(job_id, owner, now=self._clock.time(), lease_s=_HELD_S)
        if job is None:  # it has ended
            return True
        known = await standing(self._store, job)
        now = self._clock.time()
        end = ending.canceled(
            job,
            known.event,
            self._outcome(job, await self._store.items(job_id)),
            keep=job.cancel_mode is not CancelMode.HARD,
            now=now,
            ttl_s=self._settings.results_ttl_s,
        )
        with suppress(LeaseLost):
            event = await self._store.finish(
                job_id,
                owner=owner,
                now=now,
                event=end.event,
                results=end.results,
                results_expires_at=end.results_expires_at,
            )
            if event is not None:
                await self._feeds.tell(job_id, event)
            return True
        return False

    def _outcome(self, job: Job, items: Sequence[Item]) -> Outcome:
        return self._pipelines[job.pipeline].outcome(job, items)

    async def _partial(self, job: Job) -> Partial:
        items = await self._store.items(job.id)
        outcome = self._outcome(job, items)
        body = ending.partial(outcome.results)
        fits = len(body) <= LARGEST_PARTIAL
        ended = sum(item.state not in _OPEN for item in items)
        return Partial(
            processed=max(job.processed, ended),
            total=job.total,
            succeeded=outcome.succeeded,
            failed=outcome.failed,
            results=body if fits else None,
            truncated=not fits,
        )

    async def _clean_up(self, job_id: str, *, results: bool) -> Cleanup:
        """Delete what the job has left: objects first, so that none is forgotten in an outage.

        The rows go to one caller only, who counts them.
        """
        for blob in await self._store.blobs(job_id):
            await self._blobs.delete(blob.path)
        dropped = await self._store.drop_artefacts(job_id, results=results)
        return Cleanup(objects=len(dropped.paths), entries=dropped.results + dropped.checkpoints)


def _unknown(job_id: str) -> NotFound:
    return NotFound("There is no such job", details={"jobId": job_id})
