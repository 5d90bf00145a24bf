"""What goes into the store of jobs and comes out of it, and how rows become jobs and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field
from sqlalchemy import Select, select

from bookstrack.model.event import Event
from bookstrack.model.job import (
    Blob,
    CancelMode,
    Fault,
    Item,
    ItemState,
    Job,
    JobStatus,
    PipelineName,
    Summary,
)
from bookstrack.storage.database.job_tables import jobs

CRASH_LOOP_S = 60
"""So long after the first take-over, at the earliest, many of them are called a loop [P7]."""

_T = TypeVar("_T")
_decode_event = msgspec.json.Decoder(Event).decode


class NewJob(Struct, frozen=True, kw_only=True):
    """A job to be made. ``items`` are encoded JSON inputs, whose index is their position.

    ``key`` is the idempotency key of the request, if it has one besides the job's own id; keys
    lie in ``scope``. ``message`` and ``extra`` are those of event 1; times are epoch seconds.
    """

    id: str
    pipeline: PipelineName
    total: int
    items: tuple[bytes, ...]
    options: dict[str, Any]
    blobs: tuple[Blob, ...] = ()
    scope: str
    fingerprint: str
    key: str | None
    token_expires_at: float
    message: str
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


class Created(Struct, frozen=True, kw_only=True):
    """The job that stands for a request; ``replayed`` when an earlier request had made it."""

    job: Job
    replayed: bool


class Claimed(Struct, frozen=True, kw_only=True):
    """A job that is now ours to run; ``resumed`` when somebody began it before.

    ``takeovers`` from dead executors are counted since an item was finished last.
    ``updates_since_write`` and ``last_write_at`` go on with the throttle of the snapshot [P1].
    """

    job: Job
    resumed: bool
    takeovers: int
    first_takeover_at: float | None
    updates_since_write: int
    last_write_at: float

    def loops(self, *, now: float, most: int) -> bool:
        """Tell whether the job kills whoever runs it: more than ``most`` fruitless take-overs."""
        first = self.first_takeover_at
        return self.takeovers > most and first is not None and now - first >= CRASH_LOOP_S


class Orphan(Struct, frozen=True):
    """An unfinished job that nobody alive runs."""

    job_id: str
    pipeline: PipelineName


class StoredResults(Struct, frozen=True, kw_only=True):
    """Encoded JSON, and the epoch seconds until which it may be shown."""

    body: bytes
    expires_at: float


class Dropped(Struct, frozen=True, kw_only=True):
    """What a clean-up removed: ``paths`` lie in the object store and are still to be deleted."""

    paths: tuple[str, ...] = ()
    results: bool = False
    checkpoints: int = 0


_RENAMED = {
    "message": "status_text",
    "options": "options_json",
    "fault": "error_json",
    "summary": "summary_json",
}
_FIELDS = Job.__struct_fields__
JOB_COLUMNS = tuple(jobs.c[_RENAMED.get(name, name)] for name in _FIELDS)
"""What ``job_of`` wants to be given, in this order."""
JOB_BY_ID = f"SELECT {', '.join(column.name for column in JOB_COLUMNS)} FROM jobs WHERE id = ?"  # noqa: S608 (our own names)


def job_of(row: Sequence[Any]) -> Job:
    """Return the job of a row of ``JOB_COLUMNS``; what comes after them is left alone."""
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=False))
    mode = values["cancel_mode"]
    values |= {
        "pipeline": PipelineName(values["pipeline"]),
        "status": JobStatus(values["status"]),
        "options": msgspec.json.decode(values["options"]),
        "cancel_mode": None if mode is None else CancelMode(mode),
        "fault": _decoded(values["fault"], Fault),
        "summary": _decoded(values["summary"], Summary),
    }
    return Job(**values)


def select_job(job_id: str) -> Select[Any]:
    """Return the statement that reads one job."""
    return select(*JOB_COLUMNS).where(jobs.c.id == job_id)


def item_of(row: Sequence[Any]) -> Item:
    """Return the item of a row (index, state, input, result)."""
    return Item(index=row[0], state=ItemState(row[1]), input=row[2], result=row[3])


def event_of(payload: bytes) -> Event:
    """Return the event that ``event_row`` wrote."""
    return _decode_event(payload)


def event_row(job_id: str, event: Event, now: float) -> dict[str, Any]:
    """Return the row of a numbered event."""
    return {
        "job_id": job_id,
        "seq": event.seq,
        "type": event.status.value,
        "payload_json": msgspec.json.encode(event),
        "created_at": now,
    }


def encoded(value: object) -> str | None:
    """Return JSON text; None for nothing."""
    return None if value is None else msgspec.json.encode(value).decode()


def plain(text: str | None) -> str | None:
    """Return a text without the one character PostgreSQL cannot store."""
    return None if text is None else text.replace("\x00", "")


def _decoded(text: str | None, kind: type[_T]) -> _T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)
