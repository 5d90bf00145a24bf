"""How jobs end: the last event and what is stored with it, whoever writes it."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.event import Event
from bookstrack.model.job import Fault, Job, JobStatus, PipelineName, Summary

_LEAST_TTL_S, _MOST_TTL_S = 60, 86_400
_COMPLETED = "Completed"
_CANCELED = "Canceled"
_ON_REQUEST = "Canceled on request"

CRASH_LOOP = Fault(
    code="E_JOB_CRASH_LOOP",
    message="The job was interrupted again and again without getting on",
    retryable=True,
)
STALLED = Fault(
    code="E_JOB_STALLED", message="The job showed no sign of life for too long", retryable=True
)
_UNEXPECTED = {
    PipelineName.BATCH_ENRICHMENT: ("E_BATCH_PROCESSING_FAILED", "The books"),
    PipelineName.CSV_IMPORT: ("E_CSV_PROCESSING_FAILED", "The file"),
    PipelineName.AI_SCAN: ("E_AI_SCAN_FAILED", "The photos"),
    PipelineName.IMPORT_WORKFLOW: ("E_INTERNAL", "The book"),
}
_WAYS_OUT = {
    PipelineName.CSV_IMPORT: {
        "fallbackAvailable": True,
        "suggestion": "Send the file again; with parser=deterministic no AI has a part in it",
    }
}


class End(Struct, frozen=True, kw_only=True):
    """The last event of a job, and its results with the epoch seconds they end at."""

    event: Event
    results: bytes | None = None
    results_expires_at: float | None = None


def completed(job: Job, last: Event, outcome: Outcome, *, now: float, ttl_s: float) -> End:
    """End a job whose pipeline is through; ``last`` is the event before, or what it would be."""
    if outcome.fault is not None:
        return failed(last, outcome.fault, now=now, extra=outcome.extra)
    event = msgspec.structs.replace(
        _counted(last, outcome, now),
        status=JobStatus.COMPLETED,
        progress=1.0,
        message=_COMPLETED,
        summary=_summary(job, outcome, now),
    )
    return _with_results(event, outcome.results, now, ttl_s)


def canceled(
    job: Job, last: Event, outcome: Outcome, *, keep: bool, now: float, ttl_s: float
) -> End:
    """End a job on request; what is finished can be read as partial results if it is kept."""
    summary = _summary(job, outcome, now)
    event = msgspec.structs.replace(
        _counted(last, outcome, now),
        status=JobStatus.CANCELED,
        message=_CANCELED,
        reason=_ON_REQUEST,
        summary=msgspec.structs.replace(summary, canceled=True) if keep else summary,
    )
    return _with_results(event, partial(outcome.results), now, ttl_s) if keep else End(event=event)


def failed(last: Event, fault: Fault, *, now: float, extra: dict[str, Any] | None = None) -> End:
    """End a job that cannot go on."""
    event = msgspec.structs.replace(
        last,
        seq=0,
        at=round(now * 1000),
        status=JobStatus.FAILED,
        message=fault.message,
        fault=fault,
        extra=last.extra | (extra or {}),
    )
    return End(event=event)


def unexpected(pipeline: PipelineName) -> Fault:
    """Return what is said of a mistake of ours: nothing of its inside."""
    code, what = _UNEXPECTED[pipeline]
    return Fault(
        code=code,
        message=f"{what} could not be processed",
        retryable=True,
        details=_WAYS_OUT.get(pipeline),
    )


def partial(results: bytes) -> bytes:
    """Mark results as not complete [C2]."""
    body = msgspec.json.decode(results, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**body, "partial": True})


def results_ttl(seconds: float) -> float:
    """Keep the life of results within its bounds [R2]."""
    return min(max(seconds, _LEAST_TTL_S), _MOST_TTL_S)


def _counted(last: Event, outcome: Outcome, now: float) -> Event:
    return msgspec.structs.replace(
        last,
        seq=0,
        at=round(now * 1000),
        processed=max(last.processed, outcome.handled),
        succeeded=outcome.succeeded,
        failed=outcome.failed,
        extra=last.extra | outcome.extra,
    )


def _with_results(event: Event, results: bytes, now: float, ttl_s: float) -> End:
    until = now + results_ttl(ttl_s)
    event = msgspec.structs.replace(event, results_until=until)
    return End(event=event, results=results, results_expires_at=until)


def _summary(job: Job, outcome: Outcome, now: float) -> Summary:
    summary = Summary(
        total_processed=outcome.handled,
        success_count=outcome.succeeded,
        failure_count=outcome.failed,
        duration=max(0, round((now - (job.started_at or job.created_at)) * 1000)),
        resource_id=f"job-results:{job.id}",
    )
    return msgspec.structs.replace(summary, **outcome.summary_extra)
