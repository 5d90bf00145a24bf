"""Jobs, events and results for tests of what stores them."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from bookstrack.model.event import Event
from bookstrack.model.job import ItemResult, ItemState, JobStatus, PipelineName, Summary
from bookstrack.storage.database.executors import Executor, this_host
from bookstrack.storage.database.job_rows import NewJob

NOW = 1_760_000_000.0
LEASE_S = 30
DAY_S = 86_400

_NEW = NewJob(
    id="job-1",
    pipeline=PipelineName.BATCH_ENRICHMENT,
    total=3,
    items=(b'{"title":"A"}', b'{"title":"B"}', b'{"title":"C"}'),
    options={"vectorize": True},
    scope="jobs:enrichment:",
    fingerprint="f1",
    key=None,
    token_expires_at=NOW + 7200,
    message="Queued",
)


def new_job(job_id: str = "job-1", **changes: Any) -> NewJob:
    return structs.replace(_NEW, id=job_id, **changes)


def progress(processed: int = 0, *, total: int = 3, **changes: Any) -> Event:
    event = Event(
        seq=0,
        at=int(NOW * 1000),
        status=JobStatus.PROCESSING,
        progress=processed / total,
        processed=processed,
        total=total,
        succeeded=processed,
    )
    return structs.replace(event, **changes)


def ended(status: JobStatus = JobStatus.COMPLETED, processed: int = 3, **changes: Any) -> Event:
    done = 1.0 if status is JobStatus.COMPLETED else processed / 3
    return progress(processed, status=status, **{"progress": done, **changes})


def result(index: int, state: ItemState = ItemState.DONE, text: bytes = b"{}") -> ItemResult:
    return ItemResult(index=index, state=state, result=text)


def summary(job_id: str = "job-1", **changes: Any) -> Summary:
    counts = Summary(
        total_processed=3,
        success_count=3,
        failure_count=0,
        duration=10,
        resource_id=f"job-results:{job_id}",
    )
    return structs.replace(counts, **changes)


def executor(name: str, *, seen_at: float = NOW, started_at: float = NOW, **changes: Any):
    known = Executor(
        id=name, host=this_host(), pid=1, process="", started_at=started_at, seen_at=seen_at
    )
    return structs.replace(known, **changes)
