"""How a job stands: its row, which lags, brought up to date from the log [P3]."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from bookstrack.model.event import Event
from bookstrack.model.job import Job, JobStatus


class Snapshot(Struct, frozen=True, kw_only=True):
    """A job as it stands now, and the newest event of its log."""

    job: Job
    event: Event


def fold(job: Job, events: Iterable[Event]) -> Snapshot:
    """Apply the events to a job in order; those the row has in it already change nothing.

    At least one event is needed: number ``job.snapshot_event``, or what comes after it. Applying
    events once or twice, or from an older row on, comes to the same.

    Raises:
        ValueError: there is no event.
    """
    newest: Event | None = None
    for event in events:
        newest = event
        if event.seq > job.snapshot_event:
            job = _applied(job, event)
    if newest is None:
        raise ValueError(f"job {job.id} has no event {job.snapshot_event}")
    return Snapshot(job=job, event=newest)


def _applied(job: Job, event: Event) -> Job:
    seconds = event.at / 1000
    job = msgspec.structs.replace(
        job,
        status=_later(job.status, event.status),
        total=event.total,
        processed=max(job.processed, event.processed),
        succeeded=event.succeeded,
        failed=event.failed,
        progress=max(job.progress, event.progress),
        message=event.message if event.message is not None else job.message,
        current_item=event.current_item if event.current_item is not None else job.current_item,
        updated_at=max(job.updated_at, seconds),
        last_event=max(job.last_event, event.seq),
        snapshot_event=event.seq,
    )
    return _ended(job, event) if event.terminal else job


def _later(known: JobStatus, told: JobStatus) -> JobStatus:
    """Return the status that is further on: the row may know more than the log's next event."""
    if known.terminal or (known is JobStatus.PROCESSING and told is JobStatus.INITIALIZED):
        return known
    return told


def _ended(job: Job, event: Event) -> Job:
    return msgspec.structs.replace(
        job,
        finished_at=job.finished_at or event.at / 1000,
        results_expires_at=job.results_expires_at or event.results_until,
        fault=job.fault or event.fault,
        summary=job.summary or event.summary,
    )
