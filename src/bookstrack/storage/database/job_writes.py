"""What the holder of a job writes while it runs, fenced by the row of the job [P5].

Event numbers have no hole: the row of the job counts them, under its lock, in the transaction
that inserts the event [P8].
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from msgspec import Struct, structs
from sqlalchemy import bindparam, delete, or_, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import ReturningUpdate

from bookstrack.errors import LeaseLost
from bookstrack.model.event import Event
from bookstrack.model.job import Blob, ItemResult, ItemState
from bookstrack.storage.database.job_creation import blob_rows, item_rows
from bookstrack.storage.database.job_rows import event_row, plain
from bookstrack.storage.database.job_tables import (
    job_blobs,
    job_checkpoints,
    job_events,
    job_items,
    jobs,
)
from bookstrack.storage.database.sql import Row, add, put

_job = jobs.c
_state = job_items.c.state
_insert_event = job_events.insert()
_finish_item = (
    update(job_items)
    .where(
        job_items.c.job_id == bindparam("of_job"),
        job_items.c.idx == bindparam("at"),
        or_(_state == ItemState.PENDING.value, _state == ItemState.RUNNING.value),
    )
    .values(state=bindparam("to"), result_json=bindparam("result"), updated_at=bindparam("now"))
)


class Writing(Struct, frozen=True, kw_only=True):
    """One write of the holder: results of items, an event, the snapshot, or a sign of life."""

    job_id: str
    owner: str
    now: float
    items: Sequence[ItemResult] = ()
    event: Event | None = None
    snapshot: bool = False
    updates_since_write: int = 0


def write(connection: Connection, writing: Writing) -> None:
    """Write all of it or nothing.

    Raises:
        LeaseLost: somebody else holds the job, or it has ended.
    """
    (outcome,) = write_all(connection, [writing])
    if isinstance(outcome, LeaseLost):
        raise outcome


def write_all(connection: Connection, writings: Sequence[Writing]) -> list[int | LeaseLost | None]:
    """Write what several holders bring: each all of it or nothing.

    Return in the same order the numbers of the events, or LeaseLost for who holds nothing. Rows
    of jobs are locked in the order of their ids, as everywhere.
    """
    outcomes: list[int | LeaseLost | None] = [None] * len(writings)
    items: list[Row] = []
    events: list[Row] = []
    for place in sorted(range(len(writings)), key=lambda place: writings[place].job_id):
        writing = writings[place]
        seq = connection.execute(_fenced_for(writing), _values(writing)).scalar_one_or_none()
        if seq is None:
            outcomes[place] = lost(writing.job_id)
            continue
        items += [_result_row(writing, item) for item in writing.items]
        if writing.event is not None:
            outcomes[place] = seq
            numbered = structs.replace(writing.event, seq=seq)
            events.append(event_row(writing.job_id, numbered, writing.now))
    if items:
        connection.execute(_finish_item, items)
    if events:
        connection.execute(_insert_event, events)
    return outcomes


def _fenced_for(writing: Writing) -> ReturningUpdate[int]:
    event = writing.event
    if event is None and writing.snapshot:
        raise ValueError("a snapshot repeats what an event says, and there is none")
    if event is not None and event.terminal:
        raise ValueError(f"{event.status} ends a job")
    return _fenced(items=bool(writing.items), event=event is not None, snapshot=writing.snapshot)


@cache
def _fenced(*, items: bool, event: bool, snapshot: bool) -> ReturningUpdate[int]:
    """Return the statement that goes through only for who holds the job."""
    changes: Row = {"active_at": bindparam("now")}
    if items:  # whoever finishes something is in no crash loop
        changes |= {"takeovers": 0, "first_takeover_at": None}
    if items or event:
        changes["updates_since_write"] = bindparam("updates")
    if event:
        changes["last_event"] = _job.last_event + 1
    if snapshot:
        changes |= {name: bindparam(f"new_{name}") for name in _SNAPSHOT}
        changes |= {
            "version": _job.version + 1,
            "snapshot_event": _job.last_event + 1,
            "last_write_at": bindparam("now"),
            "updated_at": bindparam("now"),
        }
    held = (_job.owner == bindparam("of_owner"), _job.finished_at.is_(None))
    statement = update(jobs).where(_job.id == bindparam("of_job"), *held)
    return statement.values(**changes).returning(_job.last_event)


_SNAPSHOT = (
    "status",
    "total",
    "processed",
    "succeeded",
    "failed",
    "progress",
    "status_text",
    "current_item",
)


def snapshot_of(event: Event) -> Row:
    """Return the columns of the job row that repeat what an event says."""
    return {
        "status": event.status.value,
        "total": event.total,
        "processed": event.processed,
        "succeeded": event.succeeded,
        "failed": event.failed,
        "progress": event.progress,
        "status_text": plain(event.message),
        "current_item": plain(event.current_item),
    }


def _values(writing: Writing) -> Row:
    values: Row = {
        "of_job": writing.job_id,
        "of_owner": writing.owner,
        "now": writing.now,
        "updates": writing.updates_since_write,
    }
    if writing.snapshot and writing.event is not None:
        values |= {f"new_{name}": value for name, value in snapshot_of(writing.event).items()}
    return values


def _result_row(writing: Writing, item: ItemResult) -> Row:
    return {
        "of_job": writing.job_id,
        "at": item.index,
        "to": item.state.value,
        "result": item.result,
        "now": writing.now,
    }


def lost(job_id: str) -> LeaseLost:
    """Return what stops a writer that does not hold the job."""
    return LeaseLost("The job has ended or is run elsewhere", details={"jobId": job_id})


def add_items(
    connection: Connection, writing: Writing, inputs: Sequence[bytes], *, start: int
) -> None:
    """Add items that became known later; those that are there stay as they are.

    Raises:
        LeaseLost: somebody else holds the job, or it has ended.
    """
    write(connection, writing)
    add(connection, job_items, item_rows(writing.job_id, inputs, start=start, now=writing.now))


def add_blobs(connection: Connection, writing: Writing, blobs: Sequence[Blob]) -> None:
    """Note objects that the job makes, so that they go when it goes; the last of a name counts.

    Raises:
        LeaseLost: somebody else holds the job, or it has ended.
    """
    write(connection, writing)
    put(connection, job_blobs, blob_rows(writing.job_id, blobs))


def forget_blobs(connection: Connection, writing: Writing, names: Sequence[str]) -> None:
    """Forget objects that are deleted already.

    Raises:
        LeaseLost: somebody else holds the job, or it has ended.
    """
    write(connection, writing)
    blob = job_blobs.c
    mine = (blob.job_id == writing.job_id, blob.name.in_(names))
    connection.execute(delete(job_blobs).where(*mine))


def put_checkpoint(connection: Connection, writing: Writing, name: str, data: bytes) -> None:
    """Keep a costly reply; the first of a name stays [P6].

    Raises:
        LeaseLost: somebody else holds the job, or it has ended.
    """
    write(connection, writing)
    row = {"job_id": writing.job_id, "name": name, "data": data, "created_at": writing.now}
    add(connection, job_checkpoints, [row])
