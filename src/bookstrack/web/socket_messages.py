"""Payloads of socket messages as types: what version 2 sends, and what version 1 shares with it.

The AsyncAPI document is made from them. No other ``type`` than these is ever sent: the shipped
iOS decoder gives up on it [W20].
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType, field

from bookstrack.model.job import PipelineName
from bookstrack.model.naming import camel_name

VERSION = "1.0.0"


class Payload(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """The part of a message that depends on its type, which it repeats."""


class ReadyAck(Payload, frozen=True, kw_only=True, tag="ready_ack"):
    """The client's ``ready`` has come; time in ms."""

    timestamp: int


class JobStarted(Payload, frozen=True, kw_only=True, tag="job_started", rename=camel_name):
    """The job is known; ``total_items`` repeats ``total_count``, the duration is seconds."""

    total_count: int
    total_items: int
    estimated_duration: int | UnsetType = UNSET


class JobProgress(Payload, frozen=True, kw_only=True, tag="job_progress", rename=camel_name):
    """How far the job is, 0 to 1; ``status`` is text for people."""

    progress: float
    status: str
    processed_count: int
    total_count: int
    current_item: str
    keep_alive: Literal[True] | UnsetType = UNSET


class Reconnected(Payload, frozen=True, kw_only=True, tag="reconnected"):
    """Where the job stands; counts in the spellings of two client generations, times in ms."""

    progress: float
    status: str
    message: str
    processed_count: int
    total_count: int
    last_update: int
    processed_count_too: int = field(name="processedCount")
    total_count_too: int = field(name="totalCount")
    last_update_too: int = field(name="lastUpdate")


class ScanMetadata(Struct, frozen=True, kw_only=True, rename=camel_name):
    """How the photos were read; time in ms."""

    model_used: str
    processing_time: int


class CompletedSummary(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The counts of an ended job; ``duration`` in ms.

    The text in ``total_detected`` keeps one iOS build from taking any summary for a scan's [W22].
    """

    total_processed: int
    success_count: int
    failure_count: int
    duration: int
    resource_id: str
    total_detected: int | Literal["not-applicable"] | UnsetType = UNSET
    approved: int | UnsetType = UNSET
    needs_review: int | UnsetType = UNSET
    photos_processed: int | UnsetType = UNSET
    books_detected: int | UnsetType = UNSET
    books_unique: int | UnsetType = UNSET
    books_enriched: int | UnsetType = UNSET
    enriched_count: int | UnsetType = UNSET
    results_url: str | UnsetType = UNSET
    canceled: Literal[True] | UnsetType = UNSET


class JobComplete(Payload, frozen=True, kw_only=True, tag="job_complete", rename=camel_name):
    """The job has ended well, or softly canceled; results can be read until ``expires_at``.

    Flat copies: scans the first four, imports the last two (``success_rate`` like ``98/100``).
    """

    pipeline: PipelineName
    summary: CompletedSummary
    expires_at: str
    results_url: str
    total_detected: int | UnsetType = UNSET
    approved: int | UnsetType = UNSET
    needs_review: int | UnsetType = UNSET
    metadata: ScanMetadata | UnsetType = UNSET
    books_count: int | UnsetType = UNSET
    success_rate: str | UnsetType = UNSET


class ErrorFacts(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The same error as an object."""

    code: str
    message: str
    status_code: int


class Error(Payload, frozen=True, kw_only=True, tag="error"):
    """The job has failed or was canceled, or this connection cannot go on.

    ``details`` holds no null at any depth.
    """

    code: str
    message: str
    retryable: bool
    details: dict[str, Any] | UnsetType = UNSET
    error: ErrorFacts


class Ping(Payload, frozen=True, kw_only=True, tag="ping"):
    """A sign of life every 30 s; no answer is needed."""

    timestamp: int


class Pong(Payload, frozen=True, kw_only=True, tag="pong"):
    """The answer to a client's ping; ``latency`` is its way here in ms."""

    timestamp: int
    latency: int | UnsetType = UNSET


PhotoStatus = Literal["queued", "processing", "complete", "error"]


class Photo(Struct, frozen=True, kw_only=True, rename=camel_name):
    """One photo of a scan."""

    index: int
    status: PhotoStatus
    books_found: int
    error: str | UnsetType = UNSET


class BatchInit(Payload, frozen=True, kw_only=True, tag="batch-init", rename=camel_name):
    """A scan of several photos has begun."""

    total_photos: int
    status: Literal["processing"]


class BatchProgress(Payload, frozen=True, kw_only=True, tag="batch-progress", rename=camel_name):
    """Where every photo stands; ``current_photo`` counts from 0."""

    current_photo: int
    total_photos: int
    photo_status: PhotoStatus
    books_found: int
    total_books_found: int
    photos: tuple[Photo, ...]


class BatchComplete(Payload, frozen=True, kw_only=True, tag="batch-complete", rename=camel_name):
    """All photos are done. Above 200 KB ``books`` is empty and ``results_url`` is there."""

    total_books: int
    photo_results: tuple[Photo, ...]
    books: list[Raw]
    results_url: str | UnsetType = UNSET


class BatchCanceling(Payload, frozen=True, kw_only=True, tag="batch-canceling"):
    """The scan was asked to stop."""

    reason: str | UnsetType = UNSET


class Message(Struct, frozen=True, kw_only=True):
    """The envelope of version 2. ``seq`` is the number of the event, where there is one."""

    type: str
    job_id: str = field(name="jobId")
    pipeline: PipelineName
    timestamp: int
    version: str = VERSION
    seq: int | UnsetType = UNSET
    payload: Payload


PAYLOADS: tuple[type[Payload], ...] = (
    ReadyAck,
    Reconnected,
    JobStarted,
    JobProgress,
    JobComplete,
    Error,
    Ping,
    Pong,
    BatchInit,
    BatchProgress,
    BatchComplete,
    BatchCanceling,
)


def type_of(payload: Struct | type[Struct]) -> str:
    """Return the wire type of a payload or message."""
    tag = payload.__struct_config__.tag
    assert isinstance(tag, str)  # noqa: S101 all are declared with one
    return tag


class ClientReady(Struct, frozen=True, kw_only=True, tag_field="type", tag="ready"):
    """The client listens: events may come."""


class ClientPing(Struct, frozen=True, kw_only=True, tag_field="type", tag="ping"):
    """Asks for a ``pong``; time in ms, here or in ``payload``."""

    timestamp: float | UnsetType = UNSET
    payload: dict[str, Any] | UnsetType = UNSET


class ClientPong(Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """Answers a ``ping``; nobody waits for it."""


class ClientSync(Struct, frozen=True, kw_only=True, tag_field="type", tag="sync"):
    """Asks where the job stands, and for the events after a number."""

    last_event_id: int | UnsetType = field(default=UNSET, name="lastEventId")


CLIENT_MESSAGES: tuple[type[Struct], ...] = (ClientReady, ClientPing, ClientPong, ClientSync)
