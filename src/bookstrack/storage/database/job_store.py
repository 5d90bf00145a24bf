"""The store of jobs: rows, items, event logs and leases behind one door.

Times are epoch seconds and come from the caller as ``now``. Every method is one transaction and
may raise StorageUnavailable. What a method means in detail stands at the function it calls.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy import select
from sqlalchemy.engine import Connection

from bookstrack.model.event import Event
from bookstrack.model.job import (
    Blob,
    CancelMode,
    Fault,
    Item,
    ItemResult,
    Job,
    PipelineName,
    Summary,
)
from bookstrack.storage.database import job_claims, job_requests, job_sweep, job_writes
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.executors import Executor, is_gone, register
from bookstrack.storage.database.job_creation import create_job
from bookstrack.storage.database.job_ends import Ending, finish
from bookstrack.storage.database.job_groups import GroupedWrites
from bookstrack.storage.database.job_rows import (
    JOB_BY_ID,
    Claimed,
    Created,
    Dropped,
    NewJob,
    Orphan,
    StoredResults,
    event_of,
    item_of,
    job_of,
)
from bookstrack.storage.database.job_tables import (
    job_blobs,
    job_checkpoints,
    job_events,
    job_items,
    jobs,
)
from bookstrack.storage.database.job_writes import Writing
from bookstrack.storage.database.sql import chunks

_jobs = jobs.c
_RESULTS = "SELECT body, expires_at FROM job_results WHERE job_id = ?"


class JobStore:
    """Jobs in one database, shared by every process that serves or works.

    ``is_gone`` tells whether an executor's process is known to have ended.
    """

    def __init__(self, database: Database, *, is_gone: job_claims.IsGone = is_gone) -> None:
        self._database = database
        self._is_gone = is_gone
        self._writes = GroupedWrites(database)

    # --- starting and reading ---------------------------------------------------------------

    async def create(self, new: NewJob, *, now: float, idempotency_ttl_s: int) -> Created:
        """Make a job with its items, inputs and event 1, or return that of an equal request.

        Raises:
            JobExists: the id is in use for another request.
            IdempotencyConflict: the key is in use for another request.
        """
        work = partial(create_job, new=new, now=now, ttl_s=idempotency_ttl_s)
        return await self._database.run("job_create", work, writes=True)

    async def get(self, job_id: str) -> Job | None:
        """Return a job: its snapshot, which may lag behind its events."""
        row = await self._database.first("job_get", JOB_BY_ID, job_id)
        return None if row is None else job_of(row)

    async def events(self, job_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Return events in order, beginning with number ``after`` + 1."""
        statement = (
            select(job_events.c.payload_json)
            .where(job_events.c.job_id == job_id, job_events.c.seq > after)
            .order_by(job_events.c.seq)
            .limit(limit)
        )

        def read(connection: Connection) -> list[Event]:
            return [event_of(payload) for payload in connection.execute(statement).scalars()]

        return await self._database.run("job_events", read, writes=False)

    async def newest(self, job_ids: Collection[str]) -> dict[str, int]:
        """Return the number of the newest event of each of these jobs that exists."""

        def read(connection: Connection) -> dict[str, int]:
            found: dict[str, int] = {}
            for some in chunks(job_ids):
                statement = select(_jobs.id, _jobs.last_event).where(_jobs.id.in_(some))
                found.update((row.id, row.last_event) for row in connection.execute(statement))
            return found

        return await self._database.run("job_newest", read, writes=False)

    async def items(self, job_id: str) -> list[Item]:
        """Return all items in order."""
        columns = job_items.c
        statement = (
            select(columns.idx, columns.state, columns.input_json, columns.result_json)
            .where(columns.job_id == job_id)
            .order_by(columns.idx)
        )

        def read(connection: Connection) -> list[Item]:
            return [item_of(row) for row in connection.execute(statement)]

        return await self._database.run("job_items", read, writes=False)

    async def results(self, job_id: str) -> StoredResults | None:
        """Return stored results; whether their time is over is for the caller to see."""
        row = await self._database.first("job_results", _RESULTS, job_id)
        return None if row is None else StoredResults(body=row[0], expires_at=row[1])

    async def blobs(self, job_id: str) -> list[Blob]:
        """Return what lies in the object store for a job, by name."""
        columns = job_blobs.c
        statement = (
            select(columns.name, columns.path, columns.sha256, columns.content_type, columns.size)
            .where(columns.job_id == job_id)
            .order_by(columns.name)
        )

        def read(connection: Connection) -> list[Blob]:
            return [Blob(**row) for row in connection.execute(statement).mappings()]

        return await self._database.run("job_blobs", read, writes=False)

    async def checkpoint(self, job_id: str, name: str) -> bytes | None:
        """Return a kept reply."""
        columns = job_checkpoints.c
        statement = select(columns.data).where(columns.job_id == job_id, columns.name == name)

        def read(connection: Connection) -> bytes | None:
            return connection.execute(statement).scalar_one_or_none()

        return await self._database.run("job_checkpoint", read, writes=False)

    # --- who runs what ----------------------------------------------------------------------

    async def register(self, executor: Executor) -> None:
        """Add this process to those that run jobs; its id is the owner from then on."""
        work = partial(register, executor=executor)
        await self._database.run("executor_register", work, writes=True)

    async def retire(self, owner: str) -> None:
        """Release every job of an executor and remove it."""
        work = partial(job_claims.retire_executor, owner=owner)
        await self._database.run("executor_retire", work, writes=True)

    async def claim(self, job_id: str, owner: str, *, now: float, lease_s: float) -> Claimed | None:
        """Become the one that runs a job; None if it ended or somebody alive runs it.

        A job that the owner holds already is given again: one process runs it once by itself.
        """
        work = partial(
            job_claims.claim_job,
            job_id=job_id,
            owner=owner,
            now=now,
            lease_s=lease_s,
            is_gone=self._is_gone,
        )
        return await self._database.run("job_claim", work, writes=True)

    async def seize(self, job_id: str, owner: str, *, now: float, lease_s: float) -> Job | None:
        """Take an unfinished job from whoever runs it, whose later writes raise LeaseLost."""
        work = partial(job_claims.seize_job, job_id=job_id, owner=owner, now=now, lease_s=lease_s)
        return await self._database.run("job_seize", work, writes=True)

    async def renew(
        self, owner: str, *, now: float, lease_s: float, running: Collection[str] | None = None
    ) -> None:
        """Beat: the executor lives and goes on holding its jobs, or just those it is running."""
        work = partial(
            job_claims.renew_leases, owner=owner, now=now, lease_s=lease_s, running=running
        )
        await self._database.run("job_renew", work, writes=True)

    async def release(self, job_id: str, owner: str) -> None:
        """Give a job back, so that anybody may go on with it at once."""
        work = partial(job_claims.release_jobs, owner=owner, job_id=job_id)
        await self._database.run("job_release", work, writes=True)

    async def orphans(self, *, now: float, lease_s: float, limit: int = 100) -> list[Orphan]:
        """Return unfinished jobs that nobody alive runs: first those that somebody began."""
        work = partial(
            job_claims.find_orphans, now=now, lease_s=lease_s, limit=limit, is_gone=self._is_gone
        )
        return await self._database.run("job_orphans", work, writes=False)

    async def waiting(self) -> dict[PipelineName, int]:
        """Return how many jobs nobody has begun, by pipeline."""
        return await self._database.run("job_waiting", job_claims.count_waiting, writes=False)

    async def stalled(self, *, now: float, after_s: float) -> list[str]:
        """Return jobs without a sign of life for ``after_s`` that nobody will bring back."""
        work = partial(job_claims.find_stalled, now=now, after_s=after_s)
        return await self._database.run("job_stalled", work, writes=False)

    # --- running and ending -----------------------------------------------------------------

    async def write(
        self,
        job_id: str,
        owner: str,
        *,
        now: float,
        items: Sequence[ItemResult] = (),
        event: Event | None = None,
        snapshot: bool = False,
        updates_since_write: int = 0,
    ) -> int | None:
        """Write results of items and an event, whose number is given here and returned.

        An item that is finished is not overwritten. ``snapshot`` repeats the event in the job
        row [P1]. Without items and event this is a sign of life.

        Raises:
            LeaseLost: somebody else holds the job, or it has ended; nothing was written.
        """
        writing = Writing(
            job_id=job_id,
            owner=owner,
            now=now,
            items=items,
            event=event,
            snapshot=snapshot,
            updates_since_write=updates_since_write,
        )
        return await self._writes.write(writing)

    async def finish(
        self,
        job_id: str,
        *,
        owner: str | None,
        now: float,
        event: Event,
        results: bytes | None = None,
        results_expires_at: float | None = None,
        fault: Fault | None = None,
        summary: Summary | None = None,
        silent_since: float | None = None,
    ) -> Event | None:
        """End a job; return its last event as stored, None when it had ended already.

        Results can be read before anybody sees the event [R4]. ``owner`` None ends it by force,
        with ``silent_since`` only if it has shown no life after that moment.

        Raises:
            LeaseLost: the owner does not hold the job any more.
        """
        ending = Ending(
            job_id=job_id,
            owner=owner,
            now=now,
            event=event,
            results=results,
            results_expires_at=results_expires_at,
            fault=fault,
            summary=summary,
            silent_since=silent_since,
        )
        work = partial(finish, ending=ending)
        return await self._database.run("job_finish", work, writes=True)

    async def add_items(
        self, job_id: str, owner: str, *, now: float, items: Sequence[bytes], start: int
    ) -> None:
        """Add items that became known later, numbered from ``start`` on; none is added twice.

        Raises:
            LeaseLost: somebody else holds the job, or it has ended.
        """
        writing = Writing(job_id=job_id, owner=owner, now=now)
        work = partial(job_writes.add_items, writing=writing, inputs=items, start=start)
        await self._database.run("job_add_items", work, writes=True)

    async def add_blobs(
        self, job_id: str, owner: str, *, now: float, blobs: Sequence[Blob]
    ) -> None:
        """Note objects that the job makes; they are deleted with its inputs.

        Raises:
            LeaseLost: somebody else holds the job, or it has ended.
        """
        writing = Writing(job_id=job_id, owner=owner, now=now)
        work = partial(job_writes.add_blobs, writing=writing, blobs=blobs)
        await self._database.run("job_add_blobs", work, writes=True)

    async def forget_blobs(
        self, job_id: str, owner: str, *, now: float, names: Sequence[str]
    ) -> None:
        """Forget objects that are deleted already.

        Raises:
            LeaseLost: somebody else holds the job, or it has ended.
        """
        writing = Writing(job_id=job_id, owner=owner, now=now)
        work = partial(job_writes.forget_blobs, writing=writing, names=names)
        await self._database.run("job_forget_blobs", work, writes=True)

    async def put_checkpoint(
        self, job_id: str, owner: str, name: str, data: bytes, *, now: float
    ) -> None:
        """Keep a costly reply before it is used; the first of a name stays.

        Raises:
            LeaseLost: somebody else holds the job, or it has ended.
        """
        writing = Writing(job_id=job_id, owner=owner, now=now)
        work = partial(job_writes.put_checkpoint, writing=writing, name=name, data=data)
        await self._database.run("job_put_checkpoint", work, writes=True)

    async def request_cancel(self, job_id: str, mode: CancelMode, *, now: float) -> Job | None:
        """Ask a job to stop; return it as it is now, None if there is none."""
        work = partial(job_requests.request_cancel, job_id=job_id, mode=mode, now=now)
        return await self._database.run("job_cancel", work, writes=True)

    async def swap_token(
        self, job_id: str, *, generation: int, now: float, expires_at: float
    ) -> bool:
        """Renew the token of this generation; False when it was renewed already or expired."""
        work = partial(
            job_requests.swap_token,
            job_id=job_id,
            generation=generation,
            now=now,
            expires_at=expires_at,
        )
        return await self._database.run("job_token", work, writes=True)

    # --- cleaning up ------------------------------------------------------------------------

    async def drop_artefacts(self, job_id: str, *, results: bool) -> Dropped:
        """Remove inputs and checkpoints, and the results if asked."""
        work = partial(job_sweep.drop_artefacts, job_id=job_id, results=results)
        return await self._database.run("job_drop", work, writes=True)

    async def blobs_due(
        self, *, now: float, retention_s: float, after: str = "", limit: int = 100
    ) -> list[str]:
        """Return paths of objects of jobs that ended ``retention_s`` ago, in order.

        Deleted from the object store before they are forgotten, they cannot be lost in a crash.
        """
        work = partial(job_sweep.due_paths, before=now - retention_s, after=after, limit=limit)
        return await self._database.run("job_due", work, writes=False)

    async def forget_due(self, *, now: float, retention_s: float, paths: Sequence[str]) -> None:
        """Forget due objects that are deleted already."""
        work = partial(job_sweep.forget_due, before=now - retention_s, paths=paths)
        await self._database.run("job_forget_due", work, writes=True)

    async def sweep(self, *, now: float, retention_s: float, limit: int = 100) -> int:
        """Delete every job that ended ``retention_s`` ago and has no object left.

        ``limit`` go in one transaction; return how many went. Results go when their own time is
        over.
        """
        await self._database.run("job_sweep", partial(job_sweep.sweep_rest, now=now), writes=True)
        work = partial(job_sweep.sweep_jobs, before=now - retention_s, limit=limit)
        gone = 0
        while True:
            swept = await self._database.run("job_sweep", work, writes=True)
            gone += swept
            if swept < limit:
                return gone
