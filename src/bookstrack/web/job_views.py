"""Jobs in the shapes of their routes (http-api §6.1 to 6.3, jobs §2.1, §10). Pure.

Nothing here knows what a pipeline does; what its results look like is in ``job_results.py``.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct, field

from bookstrack.clock import timestamp
from bookstrack.model.event import Event
from bookstrack.model.job import Fault, Job, JobStatus, PipelineName, Summary
from bookstrack.model.naming import camel_name
from bookstrack.web.envelope import without_nulls
from bookstrack.web.job_paths import (
    cancel_path,
    results_path,
    socket_path,
    status_path,
    stream_path,
)

POLL_INTERVAL = {"x-poll-interval": "10"}


class Stage(Struct, frozen=True, kw_only=True, rename=camel_name):
    """One stage of a scan; the duration in seconds, ``progress`` at its end."""

    name: str
    typical_duration: int
    progress: float


class StartTop(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What the start of a job says at top level; paths, and ``expires_in`` in seconds."""

    job_id: str
    job_id_snake: str = field(name="job_id")
    pipeline: PipelineName
    status: str
    processed_count: int
    total_count: int
    auth_token: str
    token: str
    token_expires_at: str
    expires_in: int
    sse_url: str | None = None
    sse_url_snake: str | None = field(default=None, name="sse_url")
    stream_url: str | None = None
    status_url: str
    status_url_snake: str = field(name="status_url")
    results_url: str
    cancel_url: str
    websocket_url: str | None = None
    message: str
    created_at: str
    created_at_snake: str = field(name="created_at")
    total_photos: int | None = None
    websocket_ready: bool
    stages: tuple[Stage, ...] | None = None
    estimated_range: tuple[int, int] | None = None
    estimated_rows: int | None = field(default=None, name="estimated_rows")
    file_size_bytes: int | None = field(default=None, name="file_size_bytes")


class JobStart(StartTop, frozen=True, kw_only=True, omit_defaults=True):
    """The ``data`` of a started job; one client looks for ``success`` in here."""

    success: bool


class Offer(Struct, frozen=True, kw_only=True):
    """How a job can be followed: what is advertised to this caller."""

    sse: bool = True
    sse_query: str = ""
    socket: bool = True
    socket_token: bool = True


def start_facts(
    job: Job, token: str, *, now: float, status: str, message: str, offer: Offer, **more: Any
) -> dict[str, Any]:
    """Return the fields of the answer that starts a job, a replay of it included."""
    created, status_url = timestamp(job.created_at), status_path(job.id, job.pipeline)
    stream = stream_path(job.id, job.pipeline) + offer.sse_query if offer.sse else None
    socket_token = token if offer.socket_token else None
    return {
        "job_id": job.id,
        "job_id_snake": job.id,
        "pipeline": job.pipeline,
        "status": status,
        "processed_count": 0,
        "total_count": job.total,
        "auth_token": token,
        "token": token,
        "token_expires_at": timestamp(job.token_expires_at),
        "expires_in": max(0, math.ceil(round(job.token_expires_at - now, 3))),
        "sse_url": stream,
        "sse_url_snake": stream,
        "stream_url": stream,
        "status_url": status_url,
        "status_url_snake": status_url,
        "results_url": results_path(job.id),
        "cancel_url": cancel_path(job.id),
        "websocket_url": socket_path(job.id, socket_token) if offer.socket else None,
        "message": message,
        "created_at": created,
        "created_at_snake": created,
        **more,
    }


class StatusTop(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """Where a job stands, in the spellings of every contract.

    ``status`` is a word of jobs §4, or one of the upper case words of one client's imports.
    ``stage``, ``elapsed_time`` (seconds) and ``books_detected``: scans only.
    """

    job_id: str
    job_id_snake: str = field(name="job_id")
    pipeline: PipelineName
    type: PipelineName
    status: str
    progress: float
    processed_count: int
    total_count: int
    success_count: int
    failure_count: int
    current_item: str | None = None
    message: str
    cancel_requested: bool
    created_at: str
    created_at_snake: str = field(name="created_at")
    start_time: str
    started_at: str | None = None
    started_at_snake: str | None = field(default=None, name="started_at")
    updated_at: str
    completed_at: str | None = None
    completed_at_snake: str | None = field(default=None, name="completed_at")
    expires_at: str | None = None
    results_url: str | None = None
    summary: Summary | None = None
    last_event_id: int
    total_rows: int = field(name="total_rows")
    processed_rows: int = field(name="processed_rows")
    successful_rows: int = field(name="successful_rows")
    failed_rows: int = field(name="failed_rows")
    stage: str | None = None
    elapsed_time: int | None = None
    books_detected: int | None = None


class StatusView(StatusTop, frozen=True, kw_only=True, omit_defaults=True):
    """The status of a job; ``error`` once it has failed."""

    error: Fault | None = None


class CsvStatusView(StatusTop, frozen=True, kw_only=True, omit_defaults=True):
    """The status of an import for the oldest route: the error is a text there."""

    error: str | None = None
    books: list[dict[str, Any]] | None = None
    errors: list[Any] | None = None


def status_facts(job: Job, event: Event, *, now: float) -> dict[str, Any]:
    """Return the fields of a status; ``job`` is up to date and ``event`` its newest."""
    ended = timestamp(event.at / 1000) if event.terminal else None
    started = timestamp(job.started_at) if job.started_at is not None else None
    created = timestamp(job.created_at)
    readable = event.results_until is not None
    return {
        "job_id": job.id,
        "job_id_snake": job.id,
        "pipeline": job.pipeline,
        "type": job.pipeline,
        "status": job.status.value,
        "progress": job.progress,
        "processed_count": job.processed,
        "total_count": job.total,
        "success_count": job.succeeded,
        "failure_count": job.failed,
        "current_item": job.current_item,
        "message": job.message or _MESSAGES[job.status],
        "cancel_requested": job.cancel_requested_at is not None,
        "created_at": created,
        "created_at_snake": created,
        "start_time": started or created,
        "started_at": started,
        "started_at_snake": started,
        "updated_at": timestamp(event.at / 1000),
        "completed_at": ended,
        "completed_at_snake": ended,
        "expires_at": timestamp(event.results_until) if event.results_until else None,
        "results_url": results_path(job.id) if readable else None,
        "summary": event.summary,
        "last_event_id": event.seq,
        "total_rows": job.total,
        "processed_rows": job.processed,
        "successful_rows": job.succeeded,
        "failed_rows": job.failed,
        **_scan_facts(job, event, now=now),
    }


_MESSAGES = {
    JobStatus.INITIALIZED: "Waiting for a worker",
    JobStatus.PROCESSING: "In progress",
    JobStatus.COMPLETED: "Completed",
    JobStatus.FAILED: "The job failed",
    JobStatus.CANCELED: "The job was canceled",
}


def _scan_facts(job: Job, event: Event, *, now: float) -> dict[str, Any]:
    if job.pipeline is not PipelineName.AI_SCAN:
        return {}
    until = event.at / 1000 if event.terminal else now
    return {
        "stage": event.stage or job.status.value,
        "elapsed_time": max(0, int(until - (job.started_at or job.created_at))),
        "books_detected": int(event.extra.get("booksDetected", 0)),
    }


def status_view(job: Job, event: Event, *, now: float, upper_case: bool = False) -> StatusView:
    """Return the status of a job; ``upper_case`` for the client that decodes it so [Q1]."""
    facts = status_facts(job, event, now=now)
    if upper_case:
        facts["status"] = _UPPER_CASE[job.status]
    return StatusView(**facts, error=_clean(event.fault))


_UPPER_CASE = {
    JobStatus.INITIALIZED: "PENDING",
    JobStatus.PROCESSING: "PROCESSING",
    JobStatus.COMPLETED: "COMPLETED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELED: "CANCELLED",  # the client's spelling
}


def csv_status_view(
    job: Job,
    event: Event,
    *,
    now: float,
    books: list[dict[str, Any]] | None = None,
    errors: list[Any] | None = None,
) -> CsvStatusView:
    """Return the status of an import in its oldest form."""
    facts = status_facts(job, event, now=now)
    if job.status is JobStatus.INITIALIZED:
        facts["status"] = JobStatus.PROCESSING.value
    text = event.fault.message if event.fault is not None else None
    return CsvStatusView(**facts, error=text, books=books, errors=errors)


def _clean(fault: Fault | None) -> Fault | None:
    if fault is None or fault.details is None:
        return fault
    details = without_nulls(fault.details) or None
    return Fault(code=fault.code, message=fault.message, retryable=fault.retryable, details=details)


class StateTop(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What a client that reconnects asks for (F4); times in epoch ms.

    ``status`` is one of running, complete, failed, canceled; ``job_status`` the public word.
    """

    job_id: str
    pipeline: PipelineName
    total_count: int
    processed_count: int
    status: str
    job_status: JobStatus
    progress: float
    current_item: str
    start_time: int
    end_time: int | None = None
    last_update: int
    version: int
    last_event_id: int
    results: Summary | None = None


class JobState(StateTop, frozen=True, kw_only=True, omit_defaults=True):
    """The same with what went wrong."""

    error: Fault | None = None


_RUNNING = "running"
_OLD_WORDS = {
    JobStatus.INITIALIZED: _RUNNING,
    JobStatus.PROCESSING: _RUNNING,
    JobStatus.COMPLETED: "complete",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELED: "canceled",
}


def state_facts(job: Job, event: Event) -> dict[str, Any]:
    """Return the fields of a job's state."""
    return {
        "job_id": job.id,
        "pipeline": job.pipeline,
        "total_count": job.total,
        "processed_count": job.processed,
        "status": _OLD_WORDS[job.status],
        "job_status": job.status,
        "progress": job.progress,
        "current_item": job.current_item or "",
        "start_time": int((job.started_at or job.created_at) * 1000),
        "end_time": event.at if event.terminal else None,
        "last_update": event.at,
        "version": job.version,
        "last_event_id": event.seq,
        "results": event.summary,
    }


def state_view(job: Job, event: Event) -> JobState:
    """Return the state of a job."""
    return JobState(**state_facts(job, event), error=_clean(event.fault))
