"""Events as server-sent events: frames, and the names some clients know them by (jobs §12).

Pure. A frame is ASCII, so that no client can cut it inside a character, and one piece of bytes,
made once per event and kept for every listener.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from cachebox import LRUCache
from msgspec import Struct

from bookstrack.clock import timestamp
from bookstrack.model.event import Event
from bookstrack.model.job import JobStatus, PipelineName
from bookstrack.web.envelope import without_nulls
from bookstrack.web.job_paths import results_path, status_path

HEARTBEAT = b": heartbeat\n\n"
_KEPT = 4096
_NOT_STREAMED = frozenset({"photos", "books", "metadata"})
"""What sockets make companions and flat keys of; results are never in events [S15]."""
_CANCELED = "The job was canceled"

_Data = dict[str, Any]


class Names(StrEnum):
    """Under which names events are sent."""

    CANONICAL = ""
    PHOTOSCAN = "photoscan"
    ENRICHMENT = "enrichment"


_FITS = {
    PipelineName.AI_SCAN: Names.PHOTOSCAN,
    PipelineName.BATCH_ENRICHMENT: Names.ENRICHMENT,
}


class Streamed(Struct, frozen=True):
    """The job that a stream tells of."""

    id: str
    pipeline: PipelineName


def names_for(asked: str | None, pipeline: PipelineName) -> Names:
    """Return the names asked for, or the canonical ones where these do not fit the pipeline."""
    fitting = _FITS.get(pipeline)
    return fitting if fitting is not None and asked == fitting else Names.CANONICAL


def retry_line(milliseconds: int) -> bytes:
    """Return the first bytes of a stream: the pause before a client reconnects."""
    return b"retry: %d\n\n" % milliseconds


class Frames:
    """Makes the frame of an event once for everybody who listens."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[str, int, int, Names], bytes] = LRUCache(_KEPT)

    def of(self, job: Streamed, event: Event, names: Names) -> bytes:
        """Return the whole frame of an event."""
        key = (job.id, event.seq, event.at, names)  # an id can be used again after the clean-up
        frame = self._kept.get(key, b"")
        if not frame:
            frame = self._kept[key] = event_frame(job, event, names)
        return frame


def event_frame(job: Streamed, event: Event, names: Names = Names.CANONICAL) -> bytes:
    """Return the frame of a logged event: ``id``, ``event`` and ``data`` line [S5]."""
    name, data = _RENDERINGS[names](job, event)
    return b"id: %d\n" % event.seq + _frame(name, data)


def timeout_frame(job: Streamed, *, status: JobStatus, progress: float) -> bytes:
    """Return the frame that ends a stream on which nothing happened; it has no id [S8]."""
    return _frame(
        "timeout",
        {
            "error": "stream_timeout",  # a text here, and here only
            "message": "Nothing has happened for a while; ask for the status instead",
            "jobId": job.id,
            "lastStatus": status.value,
            "lastProgress": _decimal(progress),
            "statusUrl": status_path(job.id, job.pipeline),
        },
    )


def error_frame(job: Streamed, message: str) -> bytes:
    """Return the frame that ends a stream which cannot go on; it has no id [S8]."""
    error = {"code": "STREAM_ERROR", "message": message, "retryable": True}
    return _frame("error", {"error": error, "message": message, "jobId": job.id})


def _frame(name: str, data: _Data) -> bytes:
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode("ascii")


def _decimal(progress: float) -> float:
    """Return a number that is written with a decimal point and without an exponent."""
    return round(float(progress), 4)


def _canonical(job: Streamed, event: Event) -> tuple[str, _Data]:
    data: _Data = {
        "jobId": job.id,
        "pipeline": job.pipeline.value,
        "status": event.status.value,
        "progress": _decimal(event.progress),
        "processedCount": event.processed,
        "totalCount": event.total,
        "timestamp": event.at,
    }
    if event.current_item is not None and event.status is not JobStatus.COMPLETED:
        data["currentItem"] = event.current_item
    if event.message is not None:
        data["message"] = event.message
    if event.stage is not None:
        data["stage"] = event.stage
    extra = without_nulls(event.extra)
    data |= {key: extra[key] for key in extra if key not in data and key not in _NOT_STREAMED}
    return event.status.value, data | _ENDS.get(event.status, _nothing)(job, event)


def _nothing(_job: Streamed, _event: Event) -> _Data:
    return {}


def _completed(job: Streamed, event: Event) -> _Data:
    data: _Data = {
        "progress": 1.0,
        "completedAt": timestamp(event.at / 1000),
        "resultsUrl": results_path(job.id),
        "summary": plain(event.summary),
    }
    if event.results_until is not None:
        data["expiresAt"] = timestamp(event.results_until)
    return data


def _failed(_job: Streamed, event: Event) -> _Data:
    error = fault_facts(event)
    return {"error": error, "message": event.message or error["message"]}


def _canceled(job: Streamed, event: Event) -> _Data:
    data: _Data = {"canceledAt": timestamp(event.at / 1000)}
    if event.reason is not None:
        data["reason"] = event.reason
    if event.results_until is not None:
        data["resultsUrl"] = results_path(job.id)
        data["expiresAt"] = timestamp(event.results_until)
    if event.summary is not None:
        data["summary"] = plain(event.summary)
    return data


_ENDS: Mapping[JobStatus, Callable[[Streamed, Event], _Data]] = {
    JobStatus.COMPLETED: _completed,
    JobStatus.FAILED: _failed,
    JobStatus.CANCELED: _canceled,
}


def plain(struct: Struct | None) -> _Data:
    """Return a struct as JSON data with its wire names."""
    return {} if struct is None else msgspec.to_builtins(struct)


def fault_facts(event: Event) -> _Data:
    """Return the error object of a failed job, without nulls at any depth [J13]."""
    if event.fault is None:
        return {"code": "E_INTERNAL", "message": "The job failed", "retryable": True}
    return without_nulls(plain(event.fault))


def _photoscan(job: Streamed, event: Event) -> tuple[str, _Data]:
    """Render a scan for one iOS build, which knows three names [S20]."""
    data: _Data = {"jobId": job.id, "status": event.status.value}
    if event.status is JobStatus.COMPLETED:
        found = plain(event.summary)
        counts = {
            key: found.get(key, 0) for key in ("totalDetected", "approved", "needsReview")
        } | {"enrichedCount": found.get("booksEnriched", 0), "duration": found.get("duration", 0)}
        return "photoscan.completed", data | {
            "resultsUrl": results_path(job.id),
            "summary": counts,
        }
    if event.terminal:
        return "photoscan.failed", data | _end_text(event)
    extra = event.extra
    data |= {
        "progress": _decimal(event.progress),
        "processedPhotos": extra.get("processedPhotos", 0),
        "totalPhotos": extra.get("totalPhotos", event.total),
        "recognizedBooks": extra.get("booksDetected", 0),
    }
    if event.message is not None:
        data["message"] = event.message
    return "photoscan.progress", data


def _end_text(event: Event) -> _Data:
    """Return how a job ended without success, the error as a text."""
    if event.status is JobStatus.CANCELED:
        return {"error": event.reason or _CANCELED, "retryable": False}
    fault = fault_facts(event)
    return {"error": fault["message"], "retryable": fault["retryable"]}


def _enrichment(job: Streamed, event: Event) -> tuple[str, _Data]:
    """Render an enrichment under the names of one iOS build (http-api §6.5)."""
    data: _Data = {"isbn": str(event.extra.get("isbn") or ""), "status": event.status.value}
    if event.status is JobStatus.COMPLETED:
        results = {"resultsUrl": results_path(job.id), "summary": plain(event.summary)}
        return "enrichment.completed", data | {"data": results}
    if event.terminal:
        return "enrichment.failed", data | {"status": "failed", "error": _end_text(event)["error"]}
    percent = int(event.progress * 100)
    provider = str(event.extra.get("provider") or "")
    return "enrichment.progress", data | {"progress": percent, "provider": provider}


_RENDERINGS: Mapping[Names, Callable[[Streamed, Event], tuple[str, _Data]]] = {
    Names.CANONICAL: _canonical,
    Names.PHOTOSCAN: _photoscan,
    Names.ENRICHMENT: _enrichment,
}
