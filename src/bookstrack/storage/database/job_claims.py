"""Who runs a job: leases, take-over from the dead, and jobs that nobody runs [P5], [P7], [P12]."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, text, update
from sqlalchemy.engine import Connection, RowMapping

from bookstrack.model.job import Job, JobStatus, PipelineName
from bookstrack.storage.database.executors import (
    Executor,
    beat,
    forget,
    read_executor,
    speaking,
)
from bookstrack.storage.database.job_rows import JOB_COLUMNS, Claimed, Orphan, job_of
from bookstrack.storage.database.job_tables import executors, jobs
from bookstrack.storage.database.sql import chunks

_LOCK_HELD = text(
    "SELECT id FROM jobs WHERE owner = :owner AND finished_at IS NULL"
    ' ORDER BY id COLLATE "C" FOR UPDATE'
)

IsGone = Callable[[Executor], bool]

_UNSTARTED_S = 2.0
"""A job that was made so recently is about to be started by who made it."""
_QUIET_S = 60.0
"""An executor that spoke within this time is there to take jobs over."""

_job = jobs.c
_unfinished = _job.finished_at.is_(None)
_bookkeeping = (
    _job.takeovers,
    _job.first_takeover_at,
    _job.updates_since_write,
    _job.last_write_at,
)
_columns = (*JOB_COLUMNS, *_bookkeeping)
_held = select(
    _job.owner,
    _job.lease_until,
    _job.started_at,
    _job.finished_at,
    _job.attempts,
    _job.takeovers,
    _job.first_takeover_at,
).with_for_update()


def claim_job(
    connection: Connection, job_id: str, owner: str, *, now: float, lease_s: float, is_gone: IsGone
) -> Claimed | None:
    """Make the owner the one that runs the job; None if it ended or somebody alive runs it."""
    row = connection.execute(_held.where(_job.id == job_id)).one_or_none()
    if row is None or row.finished_at is not None:
        return None
    holder: str | None = row.owner  # whoever lets go of a job by intent leaves none
    if (
        holder not in (None, owner)
        and row.lease_until > now
        and not _is_dead(connection, holder, now=now, lease_s=lease_s, is_gone=is_gone)
    ):
        return None
    resumed = row.started_at is not None
    changes: dict[str, Any] = {"owner": owner, "lease_until": now + lease_s, "active_at": now}
    changes |= {"status": JobStatus.PROCESSING.value, "attempts": row.attempts + resumed}
    if not resumed:
        changes["started_at"] = now
    elif holder is not None:
        changes["takeovers"] = row.takeovers + 1
        changes["first_takeover_at"] = row.first_takeover_at or now
    statement = update(jobs).where(_job.id == job_id).values(**changes).returning(*_columns)
    return _claimed(connection.execute(statement).mappings().one(), resumed=resumed)


def _claimed(row: RowMapping, *, resumed: bool) -> Claimed:
    return Claimed(
        job=job_of(tuple(row.values())),
        resumed=resumed,
        takeovers=row["takeovers"],
        first_takeover_at=row["first_takeover_at"],
        updates_since_write=row["updates_since_write"],
        last_write_at=row["last_write_at"],
    )


def _is_dead(
    connection: Connection, owner: str, *, now: float, lease_s: float, is_gone: IsGone
) -> bool:
    """Tell whether an executor is silent or gone; of one that is not known, only leases tell."""
    executor = read_executor(connection, owner)
    return executor is not None and (executor.seen_at <= now - lease_s or is_gone(executor))


def seize_job(
    connection: Connection, job_id: str, owner: str, *, now: float, lease_s: float
) -> Job | None:
    """Take the job from whoever runs it, whose writes fail from now on; None if it ended."""
    statement = (
        update(jobs)
        .where(_job.id == job_id, _unfinished)
        .values(owner=owner, lease_until=now + lease_s, active_at=now)
        .returning(*JOB_COLUMNS)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else job_of(row)


def count_waiting(connection: Connection) -> dict[PipelineName, int]:
    """Return how many jobs nobody has begun, by pipeline."""
    counted = (
        select(_job.pipeline, func.count())
        .where(_job.status == JobStatus.INITIALIZED.value)
        .group_by(_job.pipeline)
    )
    return {PipelineName(name): count for name, count in connection.execute(counted)}


def renew_leases(
    connection: Connection,
    owner: str,
    *,
    now: float,
    lease_s: float,
    running: Collection[str] | None,
) -> None:
    """Note that the owner lives and go on holding its jobs, or only those it is ``running``."""
    beat(connection, owner, now=now)
    _lock_held(connection, owner)
    mine = update(jobs).where(_job.owner == owner, _unfinished).values(lease_until=now + lease_s)
    if running is None:
        connection.execute(mine)
        return
    for ids in chunks(running):
        connection.execute(mine.where(_job.id.in_(ids)))


def _lock_held(connection: Connection, owner: str) -> None:
    """Lock what the owner holds in the order in which others lock several jobs, too."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_HELD, {"owner": owner})


def release_jobs(connection: Connection, owner: str, job_id: str | None) -> None:
    """Give one job, or all of them, back to whoever wants to go on with it."""
    _lock_held(connection, owner)
    statement = update(jobs).where(_job.owner == owner, _unfinished)
    if job_id is not None:
        statement = statement.where(_job.id == job_id)
    connection.execute(statement.values(owner=None, lease_until=None))


def retire_executor(connection: Connection, owner: str) -> None:
    """Release everything the executor holds and remove it."""
    release_jobs(connection, owner, None)
    forget(connection, owner)


def find_orphans(
    connection: Connection, *, now: float, lease_s: float, limit: int, is_gone: IsGone
) -> list[Orphan]:
    """Return unfinished jobs that nobody alive runs: first those that somebody began."""
    alive_since = now - lease_s
    dead = [one.id for one in speaking(connection, since=alive_since) if is_gone(one)]
    silent = exists().where(executors.c.id == _job.owner, executors.c.heartbeat_at <= alive_since)
    waits = and_(
        _job.owner.is_(None),
        or_(_job.started_at.is_not(None), _job.created_at <= now - _UNSTARTED_S),
    )
    statement = (
        select(_job.id, _job.pipeline)
        .where(_unfinished, or_(waits, _job.lease_until <= now, silent, _job.owner.in_(dead)))
        .order_by(_job.started_at.is_(None), _job.created_at)
        .limit(limit)
    )
    return [Orphan(row.id, PipelineName(row.pipeline)) for row in connection.execute(statement)]


def find_stalled(connection: Connection, *, now: float, after_s: float) -> list[str]:
    """Return jobs that have shown no life for ``after_s``, and that nobody will bring back.

    Either they hang inside a living process, or somebody who could take them over has been there
    all the time. Jobs that a restarted server is about to resume are not among them.
    """
    watched = exists().where(
        executors.c.started_at <= now - after_s, executors.c.heartbeat_at > now - _QUIET_S
    )
    statement = select(_job.id).where(
        _unfinished,
        _job.status == JobStatus.PROCESSING.value,
        _job.active_at <= now - after_s,
        or_(_job.lease_until > now, watched),
    )
    return list(connection.execute(statement).scalars())
