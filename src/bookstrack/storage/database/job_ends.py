"""The end of a job: its last event, results and terminal state in one transaction [R4]."""

from __future__ import annotations

from msgspec import Struct, structs
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from bookstrack.model.event import Event
from bookstrack.model.job import Fault, Summary
from bookstrack.storage.database.job_rows import encoded, event_of, event_row
from bookstrack.storage.database.job_tables import job_events, job_results, jobs
from bookstrack.storage.database.job_writes import lost, snapshot_of
from bookstrack.storage.database.sql import Row

_job = jobs.c


class Ending(Struct, frozen=True, kw_only=True):
    """The end of a job. ``owner`` None ends it whoever holds it.

    One that has shown life after ``silent_since`` is not ended.
    """

    job_id: str
    owner: str | None
    now: float
    event: Event
    results: bytes | None = None
    results_expires_at: float | None = None
    fault: Fault | None = None
    summary: Summary | None = None
    silent_since: float | None = None


def finish(connection: Connection, ending: Ending) -> Event | None:
    """End the job with its last event; None when it had ended already, lives, or is not there.

    Raises:
        LeaseLost: it was to be ended by an owner that does not hold it any more.
    """
    if not ending.event.terminal:
        raise ValueError(f"{ending.event.status} does not end a job")
    statement = select(_job.owner, _job.finished_at, _job.last_event, _job.active_at)
    row = connection.execute(
        statement.where(_job.id == ending.job_id).with_for_update()
    ).one_or_none()
    if row is None or row.finished_at is not None:
        return None
    if ending.silent_since is not None and row.active_at > ending.silent_since:
        return None
    if ending.owner is not None and ending.owner != row.owner:
        raise lost(ending.job_id)
    event = _last_event(connection, ending, row.last_event)
    connection.execute(job_events.insert(), event_row(ending.job_id, event, ending.now))
    if ending.results is not None:
        stored = {"body": ending.results, "expires_at": ending.results_expires_at}
        connection.execute(job_results.insert(), {"job_id": ending.job_id, **stored})
    connection.execute(update(jobs).where(_job.id == ending.job_id).values(**_final(ending, event)))
    return event


def _last_event(connection: Connection, ending: Ending, last: int) -> Event:
    """Return the closing event: nothing in it goes back behind the one before it [J8], [J9]."""
    statement = select(job_events.c.payload_json).where(
        job_events.c.job_id == ending.job_id, job_events.c.seq == last
    )
    before = event_of(connection.execute(statement).scalar_one())
    event = ending.event
    return structs.replace(
        event,
        seq=last + 1,
        progress=max(event.progress, before.progress),
        processed=max(event.processed, before.processed),
        fault=event.fault or ending.fault,
        summary=event.summary or ending.summary,
        results_until=ending.results_expires_at if ending.results is not None else None,
    )


def _final(ending: Ending, event: Event) -> Row:
    return {
        **snapshot_of(event),
        "owner": None,
        "lease_until": None,
        "finished_at": ending.now,
        "updated_at": ending.now,
        "active_at": ending.now,
        "last_write_at": ending.now,
        "updates_since_write": 0,
        "version": _job.version + 1,
        "last_event": event.seq,
        "snapshot_event": event.seq,
        "results_expires_at": event.results_until,
        "error_json": encoded(ending.fault or event.fault),
        "summary_json": encoded(ending.summary or event.summary),
    }
