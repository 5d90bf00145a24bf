"""Everything a transport does with jobs: start, look, follow, steer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from uuid import uuid4

import structlog
from msgspec import Struct, field

from bookstrack.background import Background, Tasks
from bookstrack.clock import Clock
from bookstrack.errors import (
    IdempotencyConflict,
    InvalidRequest,
    JobExists,
    NotFound,
    StorageProblem,
)
from bookstrack.jobs.canceling import Canceled, Canceling
from bookstrack.jobs.ending import results_ttl
from bookstrack.jobs.feeds import Feeds, Follower
from bookstrack.jobs.gate import Gate, Refreshed
from bookstrack.jobs.pipeline import Pipeline
from bookstrack.jobs.snapshot import Snapshot
from bookstrack.jobs.standing import standing
from bookstrack.model.event import Event
from bookstrack.model.job import Blob, CancelMode, Job, JobStatus, PipelineName
from bookstrack.settings import JobSettings
from bookstrack.storage.blobs import Blobs
from bookstrack.storage.bus.base import Bus
from bookstrack.storage.database.job_rows import Created, NewJob, StoredResults
from bookstrack.storage.database.job_store import JobStore

log = structlog.get_logger(__name__)

_POLL_S = 10.0
_ASKS_AFTER_S = (2.0, 10.0, 60.0, 240.0)


class Starter(Protocol):
    """What sees to it that a stored job is run, here or elsewhere."""

    async def start(self, job_id: str, pipeline: PipelineName) -> None:
        """Run a new job soon."""
        ...


class StartRequest(Struct, frozen=True, kw_only=True):
    """A job somebody wants. ``items`` are encoded JSON, ``blobs`` lie in the object store already.

    ``job_id`` is the client's choice, if it made one; ``key`` its idempotency key; both count in
    the scope of ``family`` and ``user`` [I1]. ``fingerprint`` stands for the body [I2].
    """

    pipeline: PipelineName
    items: tuple[bytes, ...]
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    job_id: str | None = None
    key: str | None = None
    user: str | None = None
    fingerprint: str
    family: str
    total: int
    message: str
    blobs: tuple[Blob, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


class Started(Struct, frozen=True, kw_only=True):
    """A job and its token; ``replayed`` when an equal request had started it before."""

    job: Job
    token: str
    replayed: bool


class JobBoard:
    """The door to all jobs, whichever process runs them."""

    def __init__(
        self,
        store: JobStore,
        pipelines: Mapping[PipelineName, Pipeline],
        *,
        engine: Starter,
        feeds: Feeds,
        bus: Bus,
        blobs: Blobs,
        secret: bytes,
        clock: Clock,
        settings: JobSettings,
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self._store = store
        self._pipelines = pipelines
        self._engine = engine
        self._feeds = feeds
        self._blobs = blobs
        self._clock = clock
        self._settings = settings
        self._new_id = new_id
        self._gate = Gate(store, secret=secret, clock=clock, settings=settings)
        self._canceling = Canceling(
            store,
            pipelines,
            feeds=feeds,
            bus=bus,
            blobs=blobs,
            clock=clock,
            settings=settings,
        )
        self._creating = Tasks()
        self._background = Background()

    async def start(self, request: StartRequest) -> Started:
        """Store a job, or find the one an equal request has made; it runs soon after [J5].

        A caller that is cancelled does not stop it: what was begun is made. Objects of a request
        that makes no job are deleted; where that cannot be known they stay.

        Raises:
            InvalidRequest: there is no such pipeline here [P2].
            JobExists: the id is in use for another request.
            IdempotencyConflict: the key is in use for another request.
            StorageUnavailable: the database cannot be reached, or its answer was lost: a repeat
                under the same id or key finds the job if it was made.
        """
        if request.pipeline not in self._pipelines:
            self._background.start(self._discard(request.blobs), "job-discard")
            raise InvalidRequest(f"Jobs of the kind {request.pipeline.value} are not known here")
        new = self._new_job(request)
        work = self._store.create(
            new, now=self._clock.time(), idempotency_ttl_s=self._settings.idempotency_ttl_s
        )
        creating = self._creating.start(work, f"job-create {new.id}")
        try:
            created = await asyncio.shield(creating)
        finally:
            self._background.start(self._see_to(new, creating), f"job-start {new.id}")
        token = self._gate.token(created.job)
        return Started(job=created.job, token=token, replayed=created.replayed)

    async def job(self, job_id: str) -> Job:
        """Return the row of a job: its counts may lag, its state and token do not.

        Raises:
            NotFound: there is no such job.
        """
        job = await self._store.get(job_id)
        if job is None:
            raise NotFound("There is no such job", details={"jobId": job_id})
        return job

    async def status(self, job_id: str) -> Snapshot:
        """Return how a job stands now [P3].

        Raises:
            NotFound: there is no such job.
        """
        return await standing(self._store, await self.job(job_id))

    async def events(self, job_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Return events as they are in the log, beginning with number ``after`` + 1."""
        return await self._store.events(job_id, after=after, limit=limit)

    def follow(self, job_id: str, *, after: int) -> Follower:
        """Return the events after a number as they come, ending after the terminal one [S9].

        A number beyond the newest event waits for what comes after it.
        """
        return self._feeds.follow(job_id, after=after)

    async def results(self, job_id: str) -> StoredResults:
        """Return what a job has come to.

        Raises:
            NotFound: there is nothing to read; ``details`` say why [R3].
        """
        job = await self._store.get(job_id)
        if job is None:
            raise self._without_results(job_id, "not_found")
        if not job.status.terminal:
            raise self._without_results(job_id, "not_ready", status=job.status)
        found = await self._store.results(job_id)
        if found is None or found.expires_at <= self._clock.time():
            raise self._without_results(job_id, _why_nothing(job, self._clock.time()))
        return found

    async def cancel(
        self, job_id: str, mode: CancelMode, *, keep_results: bool = False
    ) -> Canceled:
        """Stop a job within about 2 s; hard mode deletes what it has left [C1]-[C6].

        Raises:
            NotFound: there is no such job.
            StorageUnavailable: something cannot be reached; repeat the call.
        """
        return await self._canceling.cancel(job_id, mode, keep_results=keep_results)

    def token(self, job: Job) -> str:
        """Return the valid token of a job."""
        return self._gate.token(job)

    def authorize(self, job: Job, token: str | None) -> None:
        """Let a token pass; see ``Gate.authorize``.

        Raises:
            Unauthorized: it is missing, wrong, superseded or expired.
        """
        self._gate.authorize(job, token)

    async def refresh(self, job_id: str, old: str) -> Refreshed:
        """Renew a token near its end; see ``Gate.refresh``.

        Raises:
            Unauthorized: unknown job, or the token is not valid.
            RefreshTooEarly: it is valid for long yet.
            RefreshInProgress: another call is renewing it.
        """
        return await self._gate.refresh(job_id, old)

    async def close(self) -> None:
        """End what runs in the background; jobs that were stored are run by whoever comes next."""
        await self._creating.close()
        await self._background.close()

    def _new_job(self, request: StartRequest) -> NewJob:
        return NewJob(
            id=request.job_id or self._new_id(),
            pipeline=request.pipeline,
            total=request.total,
            items=request.items,
            options=request.options,
            blobs=request.blobs,
            scope=f"jobs:{request.family}:{request.user or ''}",
            fingerprint=request.fingerprint,
            key=request.key,
            token_expires_at=self._gate.expires_at(),
            message=request.message,
            extra=request.extra,
        )

    async def _see_to(self, new: NewJob, creating: asyncio.Task[Created]) -> None:
        """Have a job run that was made; delete the objects of one that was not."""
        try:
            made = await self._was_made(new, creating)
        except asyncio.CancelledError:
            _tell_left(new)
            raise
        if made:
            await self._engine.start(new.id, new.pipeline)
        elif made is False:
            await self._discard(new.blobs)
        else:
            await self._discard_unnamed(new)

    async def _was_made(self, new: NewJob, creating: asyncio.Task[Created]) -> bool | None:
        """Tell what came of it; None when the store's answer was lost."""
        await asyncio.wait((creating,))
        if creating.cancelled():
            return None
        problem = creating.exception()
        if problem is None:
            return not creating.result().replayed
        return False if isinstance(problem, (JobExists, IdempotencyConflict)) else None

    async def _discard_unnamed(self, new: NewJob) -> None:
        """Delete those objects that no job names, once the store can be asked.

        The first question waits as well: a commit may be under way still.
        """
        if not new.blobs:
            return
        try:
            for pause in _ASKS_AFTER_S:
                await self._clock.sleep(pause)
                named = await self._named(new.id)
                if named is not None:
                    await self._discard(tuple(b for b in new.blobs if b.path not in named))
                    return
        except asyncio.CancelledError:
            _tell_left(new)
            raise
        _tell_left(new)

    async def _named(self, job_id: str) -> set[str] | None:
        """Return the paths of a job's objects, none if there is no job; None: not known."""
        try:
            return {blob.path for blob in await self._store.blobs(job_id)}
        except StorageProblem:
            return None

    async def _discard(self, blobs: tuple[Blob, ...]) -> None:
        for blob in blobs:
            try:
                await self._blobs.delete(blob.path)
            except StorageProblem as problem:
                log.warning("job_object_left", path=blob.path, problem=problem.message)

    def _without_results(
        self, job_id: str, reason: str, *, status: JobStatus | None = None
    ) -> NotFound:
        details: dict[str, Any] = {
            "jobId": job_id,
            "resultsKey": f"job-results:{job_id}",
            "ttl": int(results_ttl(self._settings.results_ttl_s)),
            "reason": reason,
        }
        if status is not None:
            details["status"] = status.value
        retry_after = _POLL_S if status is not None else None
        return NotFound("There are no results", details=details, retry_after=retry_after)


def _tell_left(new: NewJob) -> None:
    """Say that objects stay which perhaps no job names."""
    for blob in new.blobs:
        problem = "it is not known whether the job was made"
        log.warning("job_object_left", path=blob.path, job_id=new.id, problem=problem)


def _why_nothing(job: Job, now: float) -> str:
    if job.results_expires_at is not None and job.results_expires_at <= now:
        return "expired"
    if job.status in (JobStatus.CANCELED, JobStatus.FAILED):
        return job.status.value
    return "not_found"
