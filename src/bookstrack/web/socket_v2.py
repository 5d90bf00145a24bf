"""Version 2 of the socket messages: one envelope, a payload per type (jobs-and-progress §11.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from bookstrack.model.event import Event
from bookstrack.model.job import Job, JobStatus, PipelineName
from bookstrack.web.job_paths import results_path
from bookstrack.web.socket_dialect import Trouble
from bookstrack.web.socket_facts import (
    Results,
    companions,
    completes,
    expires_at,
    fault_of,
    progress_of,
    reads_results,
    summary_of,
)
from bookstrack.web.socket_messages import (
    CompletedSummary,
    Error,
    ErrorFacts,
    JobComplete,
    JobProgress,
    JobStarted,
    Message,
    Payload,
    Ping,
    Pong,
    ReadyAck,
    Reconnected,
    ScanMetadata,
    type_of,
)
from bookstrack.web.socket_wire import encoded

_SCAN_S = 40  # what a scan takes: the stages announced in the answer that starts it
_CANCELED, _FAILED = 499, 500


class Version2:
    """Renders version 2; ``marked`` for one iOS build that decodes scans first [W22]."""

    version = 2

    def __init__(self, *, marked: bool = False) -> None:
        self._marked = marked

    def reads_results(self, job: Job, event: Event) -> bool:
        """Tell whether an event cannot be rendered without the stored results."""
        return reads_results(job, event)

    def event(self, job: Job, event: Event, results: Results | None) -> tuple[str, ...]:
        """Render a logged event, its companions first."""
        payloads: Iterator[Payload] = companions(job, event, results)
        before = [_message(job, payload, event.at) for payload in payloads]
        return (*before, _message(job, self._payload(job, event), event.at, seq=event.seq))

    def ready_ack(self, job: Job, now: int) -> str:
        """Answer the client's ``ready``."""
        return _message(job, ReadyAck(timestamp=now), now)

    def reconnected(self, job: Job, event: Event, now: int) -> str:
        """Say where the job stands after its newest event."""
        payload = Reconnected(
            progress=progress_of(event),
            status=event.status,
            message=event.message or "Reconnected",
            processed_count=event.processed,
            total_count=event.total,
            last_update=event.at,
            processed_count_too=event.processed,
            total_count_too=event.total,
            last_update_too=event.at,
        )
        return _message(job, payload, now)

    def keep_alive(self, job: Job, event: Event, now: int) -> str:
        """Repeat the newest event while a worker is alive [W23]."""
        return _message(job, msgspec.structs.replace(_progress(event), keep_alive=True), now)

    def error(self, job: Job, trouble: Trouble, now: int) -> str:
        """Say what is wrong with this connection."""
        payload = Error(
            code=trouble.code,
            message=trouble.message,
            retryable=trouble.retryable,
            error=ErrorFacts(
                code=trouble.code, message=trouble.message, status_code=trouble.status
            ),
        )
        return _message(job, payload, now)

    def ping(self, job: Job, now: int) -> str | None:
        """Give a sign of life."""
        return _message(job, Ping(timestamp=now), now)

    def pong(self, job: Job, now: int, latency: int | None) -> str | None:
        """Answer the client's ping."""
        known = UNSET if latency is None else latency
        return _message(job, Pong(timestamp=now, latency=known), now)

    def _payload(self, job: Job, event: Event) -> Payload:
        if completes(job, event):
            return self._complete(job, event)
        if event.status is JobStatus.INITIALIZED:
            return _started(job, event)
        return _error(job, event) if event.terminal else _progress(event)

    def _complete(self, job: Job, event: Event) -> JobComplete:
        payload = JobComplete(
            pipeline=job.pipeline,
            summary=self._summary(job, event),
            expires_at=expires_at(event),
            results_url=results_path(job.id),
        )
        if job.pipeline is PipelineName.AI_SCAN:
            return _scan_complete(payload, event)
        if job.pipeline is PipelineName.CSV_IMPORT:
            return _import_complete(payload, event)
        return payload

    def _summary(self, job: Job, event: Event) -> CompletedSummary:
        known = msgspec.to_builtins(summary_of(job, event))
        if event.status is JobStatus.CANCELED:
            known["canceled"] = True
        if self._marked and job.pipeline is not PipelineName.AI_SCAN:
            known["totalDetected"] = "not-applicable"
        known["resourceId"] = f"job-results:{job.id}"
        return msgspec.convert(known, CompletedSummary)


def _message(job: Job, payload: Payload, at: int, *, seq: int | None = None) -> str:
    return encoded(
        Message(
            type=type_of(payload),
            job_id=job.id,
            pipeline=job.pipeline,
            timestamp=at,
            seq=UNSET if seq is None else seq,
            payload=payload,
        )
    )


def _started(job: Job, event: Event) -> JobStarted:
    scan = job.pipeline is PipelineName.AI_SCAN
    return JobStarted(
        total_count=event.total,
        total_items=event.total,
        estimated_duration=_SCAN_S if scan else UNSET,
    )


def _progress(event: Event) -> JobProgress:
    return JobProgress(
        progress=progress_of(event),
        status=event.message or event.status,
        processed_count=event.processed,
        total_count=event.total,
        current_item=event.current_item or "",
    )


def _scan_complete(payload: JobComplete, event: Event) -> JobComplete:
    summary = payload.summary
    metadata: dict[str, Any] = event.extra.get("metadata") or {}
    detected = summary.total_detected
    return msgspec.structs.replace(
        payload,
        total_detected=detected if isinstance(detected, int) else summary.total_processed,
        approved=summary.approved or 0,
        needs_review=summary.needs_review or 0,
        metadata=ScanMetadata(
            model_used=str(metadata.get("modelUsed", "unknown")),
            processing_time=int(metadata.get("processingTime", summary.duration)),
        ),
    )


def _import_complete(payload: JobComplete, event: Event) -> JobComplete:
    summary = payload.summary
    rate = f"{summary.success_count}/{summary.total_processed}"
    return msgspec.structs.replace(
        payload,
        books_count=int(event.extra.get("booksCount", summary.success_count)),
        success_rate=str(event.extra.get("successRate", rate)),
    )


def _error(job: Job, event: Event) -> Error:
    fault = fault_of(job, event)
    status = _CANCELED if event.status is JobStatus.CANCELED else _FAILED
    return Error(
        code=fault.code,
        message=fault.message,
        retryable=fault.retryable,
        details=fault.details or UNSET,
        error=ErrorFacts(code=fault.code, message=fault.message, status_code=status),
    )
