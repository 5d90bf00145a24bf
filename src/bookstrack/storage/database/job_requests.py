"""What is asked of a job from outside while others run it: to stop, and a new token."""

from __future__ import annotations

from sqlalchemy import case, func, update
from sqlalchemy.engine import Connection

from bookstrack.model.job import CancelMode, Job
from bookstrack.storage.database.job_rows import JOB_COLUMNS, job_of, select_job
from bookstrack.storage.database.job_tables import jobs

_job = jobs.c


def request_cancel(
    connection: Connection, job_id: str, mode: CancelMode, *, now: float
) -> Job | None:
    """Ask a job to stop; the first time stays and hard wins over soft. None: no such job."""
    hard = _job.cancel_mode == CancelMode.HARD.value
    statement = (
        update(jobs)
        .where(_job.id == job_id, _job.finished_at.is_(None))
        .values(
            cancel_requested_at=func.coalesce(_job.cancel_requested_at, now),
            cancel_mode=case((hard, CancelMode.HARD.value), else_=mode.value),
        )
        .returning(*JOB_COLUMNS)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        row = connection.execute(select_job(job_id)).one_or_none()
    return None if row is None else job_of(row)


def swap_token(
    connection: Connection, job_id: str, *, generation: int, now: float, expires_at: float
) -> bool:
    """Renew the token of this generation, unless it was renewed already or has expired [T4]."""
    statement = (
        update(jobs)
        .where(
            _job.id == job_id,
            _job.token_generation == generation,
            _job.token_expires_at > now,
        )
        .values(token_generation=generation + 1, token_expires_at=expires_at)
    )
    return connection.execute(statement).rowcount == 1
