"""What goes away: artefacts of a canceled job, results after their time, old jobs [P13], [P14]."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection

from bookstrack.storage.database.executors import forget_silent
from bookstrack.storage.database.job_rows import Dropped
from bookstrack.storage.database.job_tables import job_blobs, job_checkpoints, job_results, jobs


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


def due_paths(connection: Connection, *, before: float) -> list[str]:
    """Return what lies in the object store for the jobs that the next sweep deletes."""
    statement = (
        select(job_blobs.c.path)
        .join(jobs, jobs.c.id == job_blobs.c.job_id)
        .where(jobs.c.finished_at <= before, jobs.c.finished_at.is_not(None))
    )
    return list(connection.execute(statement).scalars())


def sweep_jobs(connection: Connection, *, before: float, limit: int) -> tuple[int, list[str]]:
    """Delete up to ``limit`` jobs that ended before a moment, with everything that hangs on them.

    Return how many went and the paths of their blobs. Jobs that another process is deleting right
    now are left to it.
    """
    due = (
        select(jobs.c.id)
        .where(jobs.c.finished_at <= before, jobs.c.finished_at.is_not(None))
        .order_by(jobs.c.finished_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(due).scalars().all()
    if not ids:
        return 0, []
    statement = select(job_blobs.c.path).where(job_blobs.c.job_id.in_(ids))
    paths = list(connection.execute(statement).scalars())
    connection.execute(delete(jobs).where(jobs.c.id.in_(ids)))
    return len(ids), paths


def sweep_rest(connection: Connection, *, now: float) -> None:
    """Delete results whose time is over and executors that ended long ago.

    A job row goes on saying until when its results could be read.
    """
    connection.execute(delete(job_results).where(job_results.c.expires_at <= now))
    forget_silent(connection, now=now)
