"""Version 1 of the socket messages, for clients of 2025: ``data``, repeated at top level.

Completions carry the full results up to 32 MiB (jobs-and-progress §11.8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Raw, Struct, UnsetType

from bookstrack.model.event import Event
from bookstrack.model.job import Job, PipelineName
from bookstrack.model.naming import camel_name
from bookstrack.web.job_paths import results_path
from bookstrack.web.socket_dialect import Trouble
from bookstrack.web.socket_facts import (
    Results,
    companions,
    completes,
    fault_of,
    progress_of,
    summary_of,
)
from bookstrack.web.socket_messages import type_of
from bookstrack.web.socket_wire import ascii_json, encoded

log = structlog.get_logger(__name__)

_MOST = 32 * 1024 * 1024
_MUCH = 10 * 1024 * 1024
_NOTHING = Raw(b"[]")


class ProgressData(Struct, frozen=True, kw_only=True, rename=camel_name):
    """How far the job is, 0 to 1, under the names of three client generations."""

    progress: float
    status: str
    current_status: str
    processed_items: int
    processed_count: int
    total_items: int
    total_count: int
    current_title: str
    current_item: str
    keep_alive: bool | UnsetType = UNSET


class ErrorData(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The job has failed or was canceled; ``error`` is text for people."""

    error: str
    code: str
    message: str
    fallback_available: bool
    suggestion: str


class CompleteData(Struct, frozen=True, kw_only=True, rename=camel_name):
    """What every completion says; the results of the pipeline stand beside it.

    Imports: ``books, errors, success_rate, books_count``; enrichments: ``enriched_books``;
    scans: ``result``. None of these above 32 MiB: then ``results_url`` is the place.
    """

    progress: float
    status: str
    current_status: str
    processed_items: int
    processed_count: int
    total_items: int
    total_count: int
    total_processed: int
    success_count: int
    failure_count: int
    duration: int
    resource_id: str
    results_url: str
    books: Raw | UnsetType = UNSET
    errors: Raw | UnsetType = UNSET
    success_rate: str | UnsetType = UNSET
    books_count: int | UnsetType = UNSET
    enriched_books: Raw | UnsetType = UNSET
    result: dict[str, Any] | UnsetType = UNSET


class Version1:
    """Renders version 1, which has no pings."""

    version = 1

    def reads_results(self, job: Job, event: Event) -> bool:
        """Tell whether an event cannot be rendered without the stored results."""
        return completes(job, event)

    def event(self, job: Job, event: Event, results: Results | None) -> tuple[str, ...]:
        """Render a logged event, its companions first."""
        before = [
            _message(job, type_of(payload), event.at, payload)
            for payload in companions(job, event, results)
        ]
        return (*before, self._main(job, event, results or {}))

    def ready_ack(self, job: Job, now: int) -> str:
        """Answer the client's ``ready``."""
        return encoded({"type": "ready_ack", "timestamp": now, "jobId": job.id})

    def reconnected(self, job: Job, event: Event, now: int) -> str:
        """Say where the job stands after its newest event."""
        return _message(job, "progress", now, _progress(event))

    def keep_alive(self, job: Job, event: Event, now: int) -> str:
        """Repeat the newest event while a worker is alive [W23]."""
        data = msgspec.structs.replace(_progress(event), keep_alive=True)
        return _message(job, "progress", now, data)

    def error(self, job: Job, trouble: Trouble, now: int) -> str:
        """Say what is wrong with this connection."""
        data = _error(trouble.code, trouble.message, retryable=trouble.retryable)
        return _message(job, "error", now, data)

    def ping(self, job: Job, now: int) -> str | None:
        """Say nothing: there is no such message."""
        return None

    def pong(self, job: Job, now: int, latency: int | None) -> str | None:
        """Say nothing: there is no such message."""
        return None

    def _main(self, job: Job, event: Event, results: Results) -> str:
        if completes(job, event):
            return _complete(job, event, results)
        if event.terminal:
            fault = fault_of(job, event)
            data = _error(
                fault.code, fault.message, retryable=fault.retryable, details=fault.details
            )
            return _message(job, "error", event.at, data)
        return _message(job, "progress", event.at, _progress(event))


def _message(job: Job, kind: str, at: int, data: Any) -> str:
    """Return a message; a tag inside ``data`` is not repeated at top level."""
    inner = msgspec.json.encode(data)
    tag = b'{"type":"%s",' % kind.encode()
    flat = inner[len(tag) : -1] if inner.startswith(tag) else inner[1:-1]
    head = msgspec.json.encode({"type": kind, "jobId": job.id, "timestamp": at})
    repeated = b"," + flat if flat else b""
    return ascii_json(head[:-1] + b',"data":' + inner + repeated + b"}")


def _progress(event: Event) -> ProgressData:
    status = event.message or event.status
    return ProgressData(
        progress=progress_of(event),
        status=status,
        current_status=status,
        processed_items=event.processed,
        processed_count=event.processed,
        total_items=event.total,
        total_count=event.total,
        current_title=event.current_item or "",
        current_item=event.current_item or "",
    )


def _error(
    code: str, message: str, *, retryable: bool, details: Mapping[str, Any] | None = None
) -> ErrorData:
    """Return an error with the way out that its details name, else with one that fits any."""
    known = details or {}
    again = "Try again later" if retryable else "Start a new job"
    return ErrorData(
        error=message,
        code=code,
        message=message,
        fallback_available=bool(known.get("fallbackAvailable", retryable)),
        suggestion=str(known.get("suggestion", again)),
    )


def _complete(job: Job, event: Event, results: Results) -> str:
    data = _full(job, event, results)
    size = 2 * sum(len(bytes(part)) for part in results.values())
    if size > _MUCH:
        log.warning("large_socket_message", pipeline=job.pipeline, bytes=size)
    if size <= _MOST:
        message = _message(job, "complete", event.at, data)
        if len(message) <= _MOST:
            return message
    return _message(job, "complete", event.at, _full(job, event, {}))


def _full(job: Job, event: Event, results: Results) -> CompleteData:
    summary = summary_of(job, event)
    status = event.message or event.status
    data = CompleteData(
        progress=progress_of(event),
        status=status,
        current_status=status,
        processed_items=event.processed,
        processed_count=event.processed,
        total_items=event.total,
        total_count=event.total,
        total_processed=summary.total_processed,
        success_count=summary.success_count,
        failure_count=summary.failure_count,
        duration=summary.duration,
        resource_id=f"job-results:{job.id}",
        results_url=results_path(job.id),
    )
    return msgspec.structs.replace(data, **_of_pipeline(job, event, results))


def _of_pipeline(job: Job, event: Event, results: Results) -> dict[str, Any]:
    if job.pipeline is PipelineName.AI_SCAN:
        return {"result": _scan(results)} if results else {}
    if job.pipeline is PipelineName.BATCH_ENRICHMENT:
        return {"enriched_books": results.get("enrichedBooks", _NOTHING)} if results else {}
    summary = event.summary
    rate = f"{event.succeeded}/{event.processed}"
    count = event.succeeded if summary is None else summary.success_count
    facts: dict[str, Any] = {
        "success_rate": str(event.extra.get("successRate", rate)),
        "books_count": int(event.extra.get("booksCount", count)),
        "results_url": f"/v1/csv/results/{job.id}",
    }
    if results:
        facts["books"] = results.get("books", _NOTHING)
        facts["errors"] = results.get("errors", _NOTHING)
    return facts


def _scan(results: Results) -> dict[str, Any]:
    names = ("totalDetected", "approved", "needsReview", "books", "metadata")
    return {name: results[name] for name in names if name in results}
