"""What happens to jobs on the stage: one scene for each way a job can go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from bookstrack.model.job import Fault, PipelineName, Summary
from staged import (
    BATCH,
    CANCELED,
    FAILED,
    ID,
    IMPORT,
    SCAN,
    Stage,
    summary,
)

BOOKS = [{"title": "Die Fähre", "author": "Nora Ødegård", "success": True}]
DETECTED = [
    {
        "title": "Die Fähre 渡し船",
        "author": "Nora Ødegård 😀",
        "confidence": 0.9,
        "boundingBox": {"x1": 0.1, "y1": 0.1, "x2": 0.2, "y2": 0.9},
        "enrichmentStatus": "success",
    }
]
METADATA = {
    "modelUsed": "local",
    "processingTime": 1200,
    "enrichedCount": 1,
    "timestamp": "2025-10-09T08:53:20.000Z",
}


class Scene(msgspec.Struct, frozen=True):
    """One job: how it begins, what happens then."""

    pipeline: PipelineName
    play: Callable[[Stage], Awaitable[Any]]
    extra: dict[str, Any] = {}
    total: int = 3

    async def open(self, stage: Stage) -> None:
        await stage.add(self.pipeline, total=self.total, **self.extra)


async def _work(stage: Stage) -> None:
    await stage.emit(processed=0, message="Looking up 3 books")
    await stage.emit(processed=1, message="1 of 3", current_item="Die Fähre", extra={"isbn": "1"})
    await stage.emit(processed=2, message="2 of 3", current_item="渡し船 😀")


async def _enriched(stage: Stage) -> None:
    await _work(stage)
    await stage.complete(
        message="Done",
        results={"enrichedBooks": BOOKS, "totalProcessed": 3, "successCount": 3},
    )


async def _imported(stage: Stage) -> None:
    await _work(stage)
    await stage.complete(
        extra={"booksCount": 2, "successRate": "2/3"},
        results={
            "books": [{"title": "Die Fähre", "author": "Nora Ødegård"}],
            "errors": [{"row": 3, "isbn": "", "title": "x", "error": "No title"}],
            "successRate": "2/3",
        },
    )


def _photos(*states: str) -> list[dict[str, Any]]:
    return [
        {"index": index, "status": state, "booksFound": 1 if state == "complete" else 0}
        for index, state in enumerate(states)
    ]


def _facts(stage: Stage, **more: Any) -> Summary:
    counts = {
        "total_detected": 1,
        "approved": 1,
        "needs_review": 0,
        "photos_processed": 2,
        "books_detected": 1,
        "books_unique": 1,
        "books_enriched": 1,
    }
    return summary(stage.jobs[ID], **counts, **more)


_RESULTS = {
    "totalDetected": 1,
    "approved": 1,
    "needsReview": 0,
    "books": DETECTED,
    "photoResults": [
        {"index": 0, "status": "complete", "booksFound": 1},
        {"index": 1, "status": "error", "booksFound": 0, "error": "Photo 2 is too dark"},
    ],
    "metadata": METADATA,
}


async def _scanned(stage: Stage) -> None:
    counts = {"processedPhotos": 0, "totalPhotos": 1, "booksDetected": 0}
    await stage.emit(progress=0.1, stage="quality", message="Looking", extra=counts)
    await stage.emit(progress=0.5, stage="enriching", extra=counts | {"booksDetected": 1})
    await stage.complete(
        summary=_facts(stage),
        results=_RESULTS,
        extra=counts | {"processedPhotos": 1, "metadata": METADATA},
    )


async def _several_scanned(stage: Stage) -> None:
    counts = {"processedPhotos": 0, "totalPhotos": 2, "booksDetected": 0}
    for states in (("processing", "queued"), ("complete", "processing"), ("complete", "error")):
        await stage.emit(
            progress=0.4,
            stage="reading",
            extra=counts | {"photos": _photos(*states)},
            message="Photo 2 could not be read, continuing",
        )
    await stage.emit(progress=0.9, stage="enriching", current_item="Error", extra=counts)
    await stage.complete(
        summary=_facts(stage),
        results=_RESULTS,
        extra=counts | {"photos": _photos("complete", "error"), "metadata": METADATA},
    )


async def _failed(stage: Stage) -> None:
    await _work(stage)
    await stage.fail(provider="openlibrary")


async def _scan_failed(stage: Stage) -> None:
    fault = Fault(code="E_BATCH_SCAN_FAILED", message="No photo could be read", retryable=True)
    await stage.emit(FAILED, fault=fault, message=fault.message)


async def _canceled(stage: Stage) -> None:
    await _work(stage)
    await stage.emit(CANCELED, reason="Asked for", message="Job canceled")


async def _softly_canceled(stage: Stage) -> None:
    await stage.emit(progress=0.5, stage="reading")
    await stage.emit(
        CANCELED,
        processed=1,
        summary=_facts(stage, canceled=True),
        results_until=stage.clock.time() + 7200,
        extra={"metadata": METADATA},
    )


_TWO_PHOTOS = {"totalPhotos": 2, "processedPhotos": 0, "booksDetected": 0}

SCENES = {
    "enrichment": Scene(BATCH, _enriched),
    "import": Scene(IMPORT, _imported),
    "scan": Scene(SCAN, _scanned, {"totalPhotos": 1}, 1),
    "scan of two photos": Scene(SCAN, _several_scanned, _TWO_PHOTOS, 2),
    "failed enrichment": Scene(BATCH, _failed),
    "failed import": Scene(IMPORT, _failed),
    "failed scan": Scene(SCAN, _scan_failed, {"totalPhotos": 1}, 1),
    "canceled enrichment": Scene(BATCH, _canceled),
    "canceled scan": Scene(SCAN, _canceled, {"totalPhotos": 1}, 1),
    "softly canceled scan": Scene(SCAN, _softly_canceled, {"totalPhotos": 1}, 1),
}
