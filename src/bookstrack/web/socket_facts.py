"""Facts of events that both dialects of the sockets say in their own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from bookstrack.clock import timestamp
from bookstrack.model.event import Event
from bookstrack.model.job import Fault, Job, JobStatus, PipelineName, Summary
from bookstrack.web.job_paths import results_path
from bookstrack.web.socket_messages import (
    BatchCanceling,
    BatchComplete,
    BatchInit,
    BatchProgress,
    Payload,
    Photo,
)

Results = Mapping[str, Raw]
"""The keys of stored results with their encoded values."""

_BOOKS_LIMIT = 200_000
_NO_BOOKS: list[Raw] = []


def progress_of(event: Event) -> float:
    """Return the progress as it is written: a decimal point, no exponent, no endless fraction."""
    return round(float(event.progress), 4)


def expires_at(event: Event) -> str:
    """Return until when results can be read; the moment of the event where there are none."""
    until = event.results_until
    return timestamp(event.at / 1000 if until is None else until)


def softly_canceled(job: Job, event: Event) -> bool:
    """Tell whether an event ends a scan that keeps its partial results [C7]."""
    return (
        event.status is JobStatus.CANCELED
        and job.pipeline is PipelineName.AI_SCAN
        and event.summary is not None
        and event.summary.canceled is True
    )


def completes(job: Job, event: Event) -> bool:
    """Tell whether an event ends a job with results."""
    return event.status is JobStatus.COMPLETED or softly_canceled(job, event)


def summary_of(job: Job, event: Event) -> Summary:
    """Return the counts of an ended job."""
    return event.summary or Summary(
        total_processed=event.processed,
        success_count=event.succeeded,
        failure_count=event.failed,
        duration=max(0, event.at - int(job.created_at * 1000)),
        resource_id=f"job-results:{job.id}",
    )


def fault_of(job: Job, event: Event) -> Fault:
    """Return why a job failed, or that it was canceled, as a client of its pipeline takes it."""
    if event.status is JobStatus.CANCELED:
        counts = {"processedCount": event.processed, "totalCount": event.total}
        return Fault(code="JOB_CANCELED", message=event.message or "Job canceled", details=counts)
    fault = event.fault or Fault(code="E_INTERNAL", message=event.message or "The job failed")
    if job.pipeline is not PipelineName.AI_SCAN:
        return fault
    details = {**(fault.details or {}), "resubmittable": fault.retryable}
    return Fault(code=fault.code, message=fault.message, retryable=False, details=details)


def reads_results(job: Job, event: Event) -> bool:
    """Tell whether a batch scan's companion needs the stored results."""
    return completes(job, event) and _several(event)


def companions(job: Job, event: Event, results: Results | None) -> Iterator[Payload]:
    """Yield what precedes an event: messages about photos, for scans only [W24]."""
    if job.pipeline is not PipelineName.AI_SCAN:
        return
    if event.status is JobStatus.CANCELED and not softly_canceled(job, event):
        yield BatchCanceling(reason=event.reason or UNSET)
    if not _several(event):
        return
    if event.status is JobStatus.INITIALIZED:
        yield BatchInit(total_photos=event.extra["totalPhotos"], status="processing")
        return
    photos = _photos(event)
    if photos:
        yield _batch_progress(event, photos)
    if completes(job, event):
        yield _batch_complete(job, event, photos, results)


def _several(event: Event) -> bool:
    return int(event.extra.get("totalPhotos", 0)) > 1


def _photos(event: Event) -> tuple[Photo, ...]:
    return msgspec.convert(
        [_with_count(photo) for photo in event.extra.get("photos", ())], tuple[Photo, ...]
    )


def _with_count(photo: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in photo.items() if value is not None}
    return {"booksFound": 0, **known}


def _batch_progress(event: Event, photos: tuple[Photo, ...]) -> BatchProgress:
    current = _current(event, photos)
    return BatchProgress(
        current_photo=current.index,
        total_photos=event.extra["totalPhotos"],
        photo_status=current.status,
        books_found=current.books_found,
        total_books_found=sum(photo.books_found for photo in photos),
        photos=photos,
    )


def _current(event: Event, photos: tuple[Photo, ...]) -> Photo:
    """Return the photo an event is about: the one it names, else the last that was begun."""
    named = event.extra.get("currentPhoto")
    begun = [photo for photo in photos if photo.status != "queued"]
    return next((photo for photo in photos if photo.index == named), (begun or photos)[-1])


def _batch_complete(
    job: Job, event: Event, photos: tuple[Photo, ...], results: Results | None
) -> BatchComplete:
    known = results or {}
    encoded = known.get("books", Raw(b"[]"))
    fits = len(bytes(encoded)) <= _BOOKS_LIMIT
    books = msgspec.json.decode(encoded, type=list[Raw]) if fits else _NO_BOOKS
    if "photoResults" in known:
        photos = msgspec.json.decode(known["photoResults"], type=tuple[Photo, ...])
    summary = summary_of(job, event)
    whole = fits and "books" in known
    return BatchComplete(
        total_books=len(books) if whole else summary.total_processed,
        photo_results=photos,
        books=books,
        results_url=UNSET if whole else results_path(job.id),
    )
