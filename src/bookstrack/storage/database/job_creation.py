"""Making a job in one transaction, or finding the one an equal request has made [I1]-[I4], [J5]."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Table, select, update
from sqlalchemy.engine import Connection

from bookstrack.errors import IdempotencyConflict, JobExists
from bookstrack.model.event import Event
from bookstrack.model.job import Blob, ItemState, Job, JobStatus
from bookstrack.storage.database.job_rows import (
    JOB_COLUMNS,
    Created,
    NewJob,
    encoded,
    event_row,
    job_of,
    plain,
    select_job,
)
from bookstrack.storage.database.job_tables import job_blobs, job_events, job_items, jobs
from bookstrack.storage.database.sql import Row, add
from bookstrack.storage.database.tables import idempotency
from bookstrack.storage.database.upsert import Insert, insert

_ACCEPTED = 202
_key = idempotency.c


def create_job(connection: Connection, new: NewJob, *, now: float, ttl_s: int) -> Created:
    """Make the job, or return the one that stands for the same request.

    The row of a job is the record of its id, as long as it lives; other keys have their own. Keys
    come before jobs always, so that two requests at once wait and do not lock each other out.

    Raises:
        JobExists: the id is in use for another request.
        IdempotencyConflict: the key is in use for another request.
    """
    if new.key is not None and new.key != new.id:
        earlier = _under_key(connection, new, new.key, now=now, ttl_s=ttl_s)
        if earlier is not None:
            return Created(job=earlier, replayed=True)
    while (made := _insert_job(connection, new, now)) is None:
        found = connection.execute(select_job(new.id)).one_or_none()
        if found is not None:  # else it was swept in between
            return Created(job=_same(job_of(found), new), replayed=True)
    _insert_parts(connection, new, now)
    return Created(job=made, replayed=False)


def _is_same(job: Job, new: NewJob) -> bool:
    return (job.scope, job.fingerprint) == (new.scope, new.fingerprint)


def _same(job: Job, new: NewJob) -> Job:
    if not _is_same(job, new):
        raise JobExists(
            "This job id is already in use for another request", details={"jobId": job.id}
        )
    return job


def _under_key(
    connection: Connection, new: NewJob, key: str, *, now: float, ttl_s: int
) -> Job | None:
    """Return the job made under this key; None: the key is new, and ours from now on."""
    mine = (_key.scope == new.scope, _key.key == key)
    kept = select(_key.request_hash, _key.body).where(*mine).with_for_update()
    while not _take_key(connection, new, key, now=now, ttl_s=ttl_s):
        row = connection.execute(kept).one_or_none()
        if row is None:  # swept in between
            continue
        if row.request_hash != new.fingerprint:
            raise IdempotencyConflict("This idempotency key was used with another request")
        found = connection.execute(select_job(row.body.decode())).one_or_none()
        if found is not None and _is_same(job := job_of(found), new):
            return job
        # that job is gone, and its id may stand for another one now
        connection.execute(update(idempotency).where(*mine).values(body=new.id.encode()))
        break
    return None


def _take_key(connection: Connection, new: NewJob, key: str, *, now: float, ttl_s: int) -> bool:
    values: Row = {
        "request_hash": new.fingerprint,
        "state": "done",
        "status": _ACCEPTED,
        "headers": "{}",
        "body": new.id.encode(),
        "created_at": int(now),
        "expires_at": int(now) + ttl_s,
    }
    statement = (
        _insert(connection, idempotency)
        .values(scope=new.scope, key=key, **values)
        .on_conflict_do_update(
            index_elements=[_key.scope, _key.key], set_=values, where=_key.expires_at <= int(now)
        )
        .returning(_key.key)
    )
    return connection.execute(statement).first() is not None


def _insert_job(connection: Connection, new: NewJob, now: float) -> Job | None:
    statement = (
        _insert(connection, jobs)
        .values(
            id=new.id,
            pipeline=new.pipeline.value,
            status=JobStatus.INITIALIZED.value,
            total=new.total,
            status_text=plain(new.message),
            options_json=encoded(new.options),
            scope=new.scope,
            fingerprint=new.fingerprint,
            token_expires_at=new.token_expires_at,
            created_at=now,
            updated_at=now,
            active_at=now,
            last_write_at=now,
        )
        .on_conflict_do_nothing()
        .returning(*JOB_COLUMNS)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else job_of(row)


def _insert_parts(connection: Connection, new: NewJob, now: float) -> None:
    first = Event(
        seq=1,
        at=int(now * 1000),
        status=JobStatus.INITIALIZED,
        progress=0.0,
        processed=0,
        total=new.total,
        message=new.message,
        extra=new.extra,
    )
    connection.execute(job_events.insert(), event_row(new.id, first, now))
    add(connection, job_items, item_rows(new.id, new.items, start=0, now=now))
    if new.blobs:
        connection.execute(job_blobs.insert(), blob_rows(new.id, new.blobs))


def blob_rows(job_id: str, blobs: Sequence[Blob]) -> list[Row]:
    """Return the rows of objects that go when the job goes."""
    return [
        {
            "job_id": job_id,
            "name": blob.name,
            "path": blob.path,
            "sha256": blob.sha256,
            "content_type": blob.content_type,
            "size": blob.size,
        }
        for blob in blobs
    ]


def item_rows(job_id: str, inputs: Sequence[bytes], *, start: int, now: float) -> list[Row]:
    """Return the rows of items that wait, numbered from ``start`` on."""
    return [
        {
            "job_id": job_id,
            "idx": index,
            "state": ItemState.PENDING.value,
            "input_json": given,
            "updated_at": now,
        }
        for index, given in enumerate(inputs, start)
    ]


def _insert(connection: Connection, table: Table) -> Insert:
    is_sqlite = connection.dialect.name == "sqlite"
    return insert(table, "sqlite" if is_sqlite else "postgresql")
