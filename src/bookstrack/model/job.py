"""Jobs as data: one run of one pipeline, its items, its end (jobs-and-progress §1, §4, §5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from bookstrack.model.naming import camel_name


class PipelineName(StrEnum):
    """What a job does. Of the last kind clients know by its own routes alone; it is never sent."""

    BATCH_ENRICHMENT = "batch_enrichment"
    CSV_IMPORT = "csv_import"
    AI_SCAN = "ai_scan"
    IMPORT_WORKFLOW = "import_workflow"

    @property
    def is_told(self) -> bool:
        """Tell whether clients know of this kind of job."""
        return self is not PipelineName.IMPORT_WORKFLOW


class JobStatus(StrEnum):
    """Where a job stands; also the name of the events that say so."""

    INITIALIZED = "initialized"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        """Tell whether the status never changes again."""
        return self in _TERMINAL


_TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED})


class CancelMode(StrEnum):
    """Soft keeps what is done as partial results, hard deletes what the job has left behind."""

    SOFT = "soft"
    HARD = "hard"


class ItemState(StrEnum):
    """Where one unit of work stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"
    SKIPPED = "skipped"


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a job ended badly. ``details`` holds no null at any depth."""

    code: str
    message: str
    retryable: bool = field(default_factory=bool)
    details: dict[str, Any] | None = None


class Summary(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The counts of an ended job; ``duration`` in ms.

    From ``total_detected`` on: scans only, the last two for their older clients. ``canceled``
    after a soft cancel.
    """

    total_processed: int
    success_count: int
    failure_count: int
    duration: int
    resource_id: str
    total_detected: int | None = None
    approved: int | None = None
    needs_review: int | None = None
    photos_processed: int | None = None
    books_detected: int | None = None
    books_unique: int | None = None
    books_enriched: int | None = None
    enriched_count: int | None = None
    results_url: str | None = None
    canceled: bool | None = None


class Blob(Struct, frozen=True, kw_only=True):
    """An input of a job that lies in the object store under ``path``."""

    name: str
    path: str
    sha256: str
    content_type: str
    size: int


class Item(Struct, frozen=True, kw_only=True):
    """One unit of work: ``input`` and ``result`` are encoded JSON."""

    index: int
    state: ItemState
    input: bytes
    result: bytes | None = None


class ItemResult(Struct, frozen=True, kw_only=True):
    """What became of one item: DONE, ERROR or SKIPPED, with encoded JSON for the results."""

    index: int
    state: ItemState
    result: bytes


class Job(Struct, frozen=True, kw_only=True):
    """A row of ``jobs``. Times are epoch seconds, ``progress`` is 0 to 1.

    Progress, counts and texts are the throttled snapshot, a fold of the events up to number
    ``snapshot_event``; ``last_event`` is the number of the newest event.
    """

    id: str
    pipeline: PipelineName
    status: JobStatus
    total: int
    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    progress: float = 0.0
    message: str | None = None
    current_item: str | None = None
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    scope: str = ""
    fingerprint: str = ""
    token_generation: int = 1
    token_expires_at: float
    created_at: float
    started_at: float | None = None
    updated_at: float
    finished_at: float | None = None
    owner: str | None = None
    lease_until: float | None = None
    attempts: int = 0
    cancel_requested_at: float | None = None
    cancel_mode: CancelMode | None = None
    results_expires_at: float | None = None
    fault: Fault | None = None
    summary: Summary | None = None
    last_event: int = 1
    snapshot_event: int = 1
    version: int = 1
