"""The data of server-sent events as types, for the AsyncAPI document (jobs-and-progress §12.4)."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from bookstrack.model.job import PipelineName, Summary
from bookstrack.model.naming import camel_name


class EventError(Struct, frozen=True, kw_only=True):
    """Why a job failed. ``details`` holds no null at any depth."""

    code: str
    message: str
    retryable: bool | UnsetType = UNSET
    details: dict[str, Any] | UnsetType = UNSET


class Logged(Struct, frozen=True, kw_only=True, rename=camel_name):
    """What every logged event says; progress 0 to 1, time in ms.

    Enrichments name the ``isbn`` they are at and its ``provider``; imports end with
    ``books_count`` and ``success_rate`` (like ``98/100``); scans have photos and their books.
    """

    job_id: str
    pipeline: PipelineName
    progress: float
    processed_count: int
    total_count: int
    timestamp: int
    current_item: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    stage: str | UnsetType = UNSET
    isbn: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    books_count: int | UnsetType = UNSET
    success_rate: str | UnsetType = UNSET
    current_photo: int | UnsetType = UNSET
    processed_photos: int | UnsetType = UNSET
    total_photos: int | UnsetType = UNSET
    books_detected: int | UnsetType = UNSET


class InitializedEvent(Logged, frozen=True, kw_only=True):
    """The job is stored and waits for a worker."""

    status: Literal["initialized"]


class ProcessingEvent(Logged, frozen=True, kw_only=True):
    """A worker is at it."""

    status: Literal["processing"]


class CompletedEvent(Logged, frozen=True, kw_only=True, rename=camel_name):
    """The job has ended well; results can be read until ``expires_at``."""

    status: Literal["completed"]
    completed_at: str
    results_url: str
    expires_at: str
    summary: Summary


class FailedEvent(Logged, frozen=True, kw_only=True):
    """The job as a whole could not go on."""

    status: Literal["failed"]
    error: EventError


class CanceledEvent(Logged, frozen=True, kw_only=True, rename=camel_name):
    """The job was stopped; with ``results_url`` what was done can be read."""

    status: Literal["canceled"]
    canceled_at: str
    reason: str | UnsetType = UNSET
    results_url: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    summary: Summary | UnsetType = UNSET


class StreamProblem(Struct, frozen=True, kw_only=True):
    """What is wrong with the stream."""

    code: Literal["STREAM_ERROR"]
    message: str
    retryable: Literal[True]


class StreamErrorEvent(Struct, frozen=True, kw_only=True, rename=camel_name):
    """This stream cannot go on, the job may; without a number."""

    error: StreamProblem
    message: str
    job_id: str


class TimeoutEvent(Struct, frozen=True, kw_only=True, rename=camel_name):
    """Nothing happened for five minutes; the job goes on. Without a number."""

    error: Literal["stream_timeout"]
    message: str
    job_id: str
    last_status: str
    last_progress: float
    status_url: str


class PhotoscanProgress(Struct, frozen=True, kw_only=True, rename=camel_name):
    """``initialized`` and ``processing`` of a scan for one iOS build."""

    job_id: str
    status: Literal["initialized", "processing"]
    progress: float
    processed_photos: int
    total_photos: int
    recognized_books: int
    message: str | UnsetType = UNSET


class PhotoscanCounts(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The counts of a scan; ``duration`` in ms."""

    total_detected: int
    approved: int
    needs_review: int
    enriched_count: int
    duration: int


class PhotoscanCompleted(Struct, frozen=True, kw_only=True, rename=camel_name):
    """``completed`` of a scan for one iOS build."""

    job_id: str
    status: Literal["completed"]
    results_url: str
    summary: PhotoscanCounts


class PhotoscanFailed(Struct, frozen=True, kw_only=True, rename=camel_name):
    """``failed`` and ``canceled`` of a scan for one iOS build."""

    job_id: str
    status: Literal["failed", "canceled"]
    error: str
    retryable: bool | UnsetType = UNSET


class EnrichmentProgress(Struct, frozen=True, kw_only=True):
    """``initialized`` and ``processing`` under older names; ``progress`` in percent."""

    isbn: str
    status: Literal["initialized", "processing"]
    progress: int
    provider: str


class EnrichmentResults(Struct, frozen=True, kw_only=True, rename=camel_name):
    """Where the results are, and their counts."""

    results_url: str
    summary: Summary


class EnrichmentCompleted(Struct, frozen=True, kw_only=True):
    """``completed`` under an older name."""

    isbn: str
    status: Literal["completed"]
    data: EnrichmentResults


class EnrichmentFailed(Struct, frozen=True, kw_only=True):
    """``failed`` and ``canceled`` under an older name."""

    isbn: str
    status: Literal["failed"]
    error: str


EVENTS: dict[str, tuple[type[Struct], bool]] = {
    "initialized": (InitializedEvent, True),
    "processing": (ProcessingEvent, True),
    "completed": (CompletedEvent, True),
    "failed": (FailedEvent, True),
    "canceled": (CanceledEvent, True),
    "error": (StreamErrorEvent, False),
    "timeout": (TimeoutEvent, False),
    "photoscan.progress": (PhotoscanProgress, True),
    "photoscan.completed": (PhotoscanCompleted, True),
    "photoscan.failed": (PhotoscanFailed, True),
    "enrichment.progress": (EnrichmentProgress, True),
    "enrichment.completed": (EnrichmentCompleted, True),
    "enrichment.failed": (EnrichmentFailed, True),
}
"""Data by event name, and whether such an event has a number."""
