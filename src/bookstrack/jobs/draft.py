"""What a running job would say of itself now; events are made from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from bookstrack.jobs.snapshot import Snapshot
from bookstrack.model.event import Event
from bookstrack.model.job import Item, ItemState, JobStatus, PipelineName

MOST_WHILE_RUNNING = 0.99
"""Progress before the end [J8]."""

_ALARMING = re.compile("error|fail", re.IGNORECASE)
_COUNTED = (ItemState.DONE, ItemState.ERROR, ItemState.SKIPPED)


class Change(Struct, frozen=True, kw_only=True):
    """What is different now; None leaves a thing as it was.

    ``extra`` is added to the facts all later events carry; a None in it takes one away.
    """

    progress: float | None = None
    message: str | None = None
    current_item: str | None = None
    stage: str | None = None
    total: int | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


class Draft:
    """Counts and texts of a running job; counts and progress never go back [J8] [J9]."""

    def __init__(self, known: Snapshot, items: Iterable[Item] = ()) -> None:
        """Begin where the log ends; ``items`` may have ended without an event that says so."""
        event = known.event
        self._quiet = known.job.pipeline is PipelineName.AI_SCAN
        self._message = event.message
        self._current_item = event.current_item
        self._stage = event.stage
        self._extra = dict(event.extra)
        self.total = event.total
        self.progress = min(event.progress, MOST_WHILE_RUNNING)
        states = [item.state for item in items]
        self.processed = max(event.processed, sum(state in _COUNTED for state in states))
        self.succeeded = max(event.succeeded, states.count(ItemState.DONE))
        self.failed = max(event.failed, states.count(ItemState.ERROR))
        if known.job.pipeline is PipelineName.BATCH_ENRICHMENT:  # there progress is the share
            self.progress = max(self.progress, min(self.share, MOST_WHILE_RUNNING))

    def count(self, state: ItemState) -> None:
        """Add one item that has ended."""
        self.processed += 1
        self.succeeded += state is ItemState.DONE
        self.failed += state is ItemState.ERROR

    @property
    def share(self) -> float:
        """Return the part of the items that has ended; 0 while their number is not known."""
        return self.processed / self.total if self.total else 0.0

    def change(self, change: Change) -> None:
        """Take over what is different."""
        if change.progress is not None:
            self.progress = max(self.progress, min(change.progress, MOST_WHILE_RUNNING))
        if change.message is not None and self._may_say(change.message):
            self._message = change.message
        if change.current_item is not None:
            self._current_item = change.current_item
        if change.stage is not None:
            self._stage = change.stage
        if change.total is not None:
            self.total = change.total
        facts = self._extra | change.extra
        self._extra = {name: fact for name, fact in facts.items() if fact is not None}

    def event(self, *, at: float) -> Event:
        """Make an event, yet without number, of this moment (epoch seconds)."""
        return Event(
            seq=0,
            at=round(at * 1000),
            status=JobStatus.PROCESSING,
            progress=self.progress,
            processed=self.processed,
            total=self.total,
            succeeded=self.succeeded,
            failed=self.failed,
            current_item=self._current_item,
            message=self._message,
            stage=self._stage,
            extra=self._extra,
        )

    def _may_say(self, text: str) -> bool:
        """Keep two words out of the texts of scans: one client gives up on reading them [J11]."""
        return not (self._quiet and _ALARMING.search(text))
