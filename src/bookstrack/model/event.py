"""Events as data: the numbered facts of a job's log, of which every stream is a rendering."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from bookstrack.model.job import Fault, JobStatus, Summary


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact. ``seq`` counts from 1 without holes, ``at`` is epoch ms, ``progress`` 0 to 1.

    ``extra`` has the facts of one pipeline under their wire names (scans: ``processedPhotos``,
    ``totalPhotos``, ``booksDetected``, ``photos``). Terminal events: ``fault`` (failed),
    ``summary``, ``results_until`` (epoch seconds; results can be read until then) and ``reason``
    (canceled).
    """

    seq: int
    at: int
    status: JobStatus
    progress: float
    processed: int
    total: int
    succeeded: int = 0
    failed: int = 0
    current_item: str | None = None
    message: str | None = None
    stage: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    fault: Fault | None = None
    summary: Summary | None = None
    results_until: float | None = None
    reason: str | None = None

    @property
    def terminal(self) -> bool:
        """Tell whether no event follows."""
        return self.status.terminal
