"""What goes away: artefacts of a canceled job, results after their time, old jobs [P13], [P14]."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from bookstrack.storage.database.executors import forget_silent
from bookstrack.storage.database.job_rows import Dropped
from bookstrack.storage.database.job_tables import job_blobs, job_checkpoints, job_results, jobs
from bookstrack.storage.database.sql import chunks


def drop_artefacts(connection: Connection, job_id: str, *, results: bool) -> Dropped:
    """Remove inputs and checkpoints, and the results if asked; later calls find nothing more."""
    paths = delete(job_blobs).where(job_blobs.c.job_id == job_id).returning(job_blobs.c.path)
    gone = connection.execute(paths).scalars().all()
    checkpoints = delete(job_checkpoints).where(job_checkpoints.c.job_id == job_id)
    dropped = connection.execute(checkpoints).rowcount
    had_results = False
    if results:
        body = delete(job_results).where(job_results.c.job_id == job_id)
        had_results = connection.execute(body).rowcount > 0
        forget = update(jobs).where(jobs.c.id == job_id).values(results_expires_at=None)
        connection.execute(forget)
    return Dropped(paths=tuple(gone), results=had_results, checkpoints=dropped)


def due_paths(connection: Connection, *, before: float, after: str, limit: int) -> list[str]:
    """Return what lies in the object store for jobs that ended before a moment.

    These are the first ``limit`` paths behind ``after``.
    """
    statement = (
        select(job_blobs.c.path)
        .join(jobs, jobs.c.id == job_blobs.c.job_id)
        .where(*_ended(before), job_blobs.c.path > after)
        .order_by(job_blobs.c.path)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def forget_due(connection: Connection, *, before: float, paths: Sequence[str]) -> None:
    """Forget objects of jobs that ended before a moment: they are deleted already."""
    due = select(jobs.c.id).where(*_ended(before))
    for some in chunks(paths):
        named = (job_blobs.c.job_id.in_(due), job_blobs.c.path.in_(some))
        connection.execute(delete(job_blobs).where(*named))


def sweep_jobs(connection: Connection, *, before: float, limit: int) -> int:
    """Delete up to ``limit`` jobs that ended before a moment, with everything that hangs on them.

    Return how many went. Jobs that another process is deleting right now are left to it, and those
    that still have an object to a later time: without the job nobody would know of the object.
    """
    kept = select(job_blobs.c.job_id).where(job_blobs.c.job_id == jobs.c.id).exists()
    due = (
        select(jobs.c.id)
        .where(*_ended(before), ~kept)
        .order_by(jobs.c.finished_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(due).scalars().all()
    if ids:
        connection.execute(delete(jobs).where(jobs.c.id.in_(ids)))
    return len(ids)


def _ended(before: float) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.finished_at <= before, jobs.c.finished_at.is_not(None)


def sweep_rest(connection: Connection, *, now: float) -> None:
    """Delete results whose time is over and executors that ended long ago.

    A job row goes on saying until when its results could be read.
    """
    connection.execute(delete(job_results).where(job_results.c.expires_at <= now))
    forget_silent(connection, now=now)
