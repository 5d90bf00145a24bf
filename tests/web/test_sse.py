"""Frames of events: names, keys and bytes, under the names of every client (jobs §12.4, §12.5)."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from bookstrack.model.event import Event
from bookstrack.model.job import Fault, Summary
from bookstrack.web.sse import (
    Frames,
    Names,
    Streamed,
    error_frame,
    event_frame,
    names_for,
    retry_line,
    timeout_frame,
)
from listener import read_frame
from staged import BATCH, CANCELED, COMPLETED, FAILED, IMPORT, SCAN, STARTED, WORKING

AT = 1_760_000_001_250
UNTIL = 1_760_007_201.25
JOB = "5b1f0c3e-0000-4000-8000-000000000001"
COMMON = {"jobId", "status", "progress", "processedCount", "totalCount", "pipeline", "timestamp"}
COUNTS = Summary(
    total_processed=100,
    success_count=98,
    failure_count=2,
    duration=1500,
    resource_id=f"job-results:{JOB}",
)
FOUND = msgspec.structs.replace(
    COUNTS,
    total_detected=12,
    approved=9,
    needs_review=3,
    photos_processed=2,
    books_detected=14,
    books_unique=12,
    books_enriched=8,
)
SUMMARY = {
    "totalProcessed": 100,
    "successCount": 98,
    "failureCount": 2,
    "duration": 1500,
    "resourceId": f"job-results:{JOB}",
}


def event(status=WORKING, **facts):
    known = {"seq": 7, "at": AT, "progress": 0.5, "processed": 50, "total": 100}
    return Event(**{**known, "status": status, **facts})


def frame(pipeline, told, names=Names.CANONICAL):
    return read_frame(event_frame(Streamed(JOB, pipeline), told, names))


def data(pipeline, told, names=Names.CANONICAL):
    return frame(pipeline, told, names).data


def test_a_frame_to_the_byte():
    told = event(current_item="Łódź\n\u2028😀", message="50 of 100")
    assert event_frame(Streamed("job-1", BATCH), told) == (
        b"id: 7\n"
        b"event: processing\n"
        b'data: {"jobId":"job-1","pipeline":"batch_enrichment","status":"processing",'
        b'"progress":0.5,"processedCount":50,"totalCount":100,"timestamp":1760000001250,'
        rb'"currentItem":"\u0141\u00f3d\u017a\n\u2028\ud83d\ude00","message":"50 of 100"}'
        b"\n\n"
    )


@pytest.mark.parametrize(
    ("progress", "written"),
    [(0, b"0.0"), (1, b"1.0"), (0.99, b"0.99"), (1 / 3, b"0.3333"), (1e-5, b"0.0")],
)
def test_progress_has_a_decimal_point_and_no_exponent(progress, written):
    raw = event_frame(Streamed(JOB, BATCH), event(progress=progress))
    assert b'"progress":' + written + b"," in raw


@pytest.mark.parametrize("status", [STARTED, WORKING])
def test_events_on_the_way(status):
    told = data(BATCH, event(status, progress=0.0, processed=0))
    assert set(told) == COMMON
    assert told["status"] == status
    assert type(told["timestamp"]) is int


def test_a_scan_says_more():
    extra = {"processedPhotos": 1, "totalPhotos": 2, "booksDetected": 5, "photos": [{"index": 0}]}
    told = data(SCAN, event(stage="reading", extra=extra))
    assert set(told) == COMMON | {"stage", "processedPhotos", "totalPhotos", "booksDetected"}


def test_what_a_pipeline_adds_overrides_nothing_and_holds_no_null():
    told = data(IMPORT, event(extra={"status": "other", "progress": 5, "row": None, "rows": 3}))
    assert (told["status"], told["progress"], told["rows"]) == ("processing", 0.5, 3)
    assert "row" not in told


def test_a_completed_job():
    told = event(COMPLETED, progress=1.0, processed=100, summary=COUNTS, results_until=UNTIL)
    found = data(BATCH, told)
    assert {key: found[key] for key in set(found) - COMMON} == {
        "completedAt": "2025-10-09T08:53:21.250Z",
        "resultsUrl": f"/v1/jobs/{JOB}/results",
        "expiresAt": "2025-10-09T10:53:21.250Z",
        "summary": SUMMARY,
    }


def test_a_failed_job():
    details = {"row": 3, "cause": None, "list": [None, {"deep": None, "kept": 1}]}
    fault = Fault(code="E_CSV_NO_BOOKS", message="No books", retryable=False, details=details)
    found = data(IMPORT, event(FAILED, fault=fault))
    assert found["error"] == {
        "code": "E_CSV_NO_BOOKS",
        "message": "No books",
        "retryable": False,
        "details": {"row": 3, "list": [{"kept": 1}]},
    }
    assert found["message"] == "No books"
    assert data(IMPORT, event(FAILED))["error"]["code"] == "E_INTERNAL"


def test_a_canceled_job():
    hard = data(BATCH, event(CANCELED))
    assert set(hard) == COMMON | {"canceledAt"}
    soft = data(BATCH, event(CANCELED, reason="Canceled by user", results_until=UNTIL))
    assert soft["resultsUrl"] == f"/v1/jobs/{JOB}/results"
    assert soft["reason"] == "Canceled by user"


def test_the_ends_of_streams_have_no_id():
    job = Streamed(JOB, SCAN)
    late = read_frame(timeout_frame(job, status=WORKING, progress=0))
    assert (late.name, late.id) == ("timeout", None)
    assert late.data["statusUrl"] == f"/api/v2/scans/{JOB}"
    assert b'"lastProgress":0.0' in late.raw
    broken = read_frame(error_frame(job, "Gone"))
    assert (broken.name, broken.id) == ("error", None)
    assert broken.data == {
        "error": {"code": "STREAM_ERROR", "message": "Gone", "retryable": True},
        "message": "Gone",
        "jobId": JOB,
    }
    assert retry_line(5000) == b"retry: 5000\n\n"


def test_other_names_are_for_the_pipeline_they_fit():
    assert names_for("photoscan", SCAN) is Names.PHOTOSCAN
    assert names_for("enrichment", BATCH) is Names.ENRICHMENT
    for asked, pipeline in (
        ("photoscan", BATCH),
        ("enrichment", SCAN),
        ("enrichment", IMPORT),
        ("PHOTOSCAN", SCAN),
        ("", SCAN),
        (None, BATCH),
        ("other", BATCH),
    ):
        assert names_for(asked, pipeline) is Names.CANONICAL


def test_a_scan_under_the_names_of_its_app():
    extra = {"processedPhotos": 1, "totalPhotos": 2, "booksDetected": 5}
    told = frame(SCAN, event(extra=extra, message="Reading"), Names.PHOTOSCAN)
    assert (told.name, told.id) == ("photoscan.progress", 7)
    assert told.data == {
        "jobId": JOB,
        "status": "processing",
        "progress": 0.5,
        "processedPhotos": 1,
        "totalPhotos": 2,
        "recognizedBooks": 5,
        "message": "Reading",
    }
    first = frame(SCAN, event(STARTED, progress=0, total=3), Names.PHOTOSCAN)
    assert first.name == "photoscan.progress"
    assert first.data["totalPhotos"] == 3
    assert first.data["processedPhotos"] == first.data["recognizedBooks"] == 0
    assert b'"progress":0.0' in first.raw


def test_the_ends_of_a_scan_under_the_names_of_its_app():
    done = frame(SCAN, event(COMPLETED, progress=1.0, summary=FOUND), Names.PHOTOSCAN)
    assert done.name == "photoscan.completed"
    assert done.data == {
        "jobId": JOB,
        "status": "completed",
        "resultsUrl": f"/v1/jobs/{JOB}/results",
        "summary": {
            "totalDetected": 12,
            "approved": 9,
            "needsReview": 3,
            "enrichedCount": 8,
            "duration": 1500,
        },
    }
    fault = Fault(code="E_BATCH_SCAN_FAILED", message="No photo was readable", retryable=True)
    failed = frame(SCAN, event(FAILED, fault=fault), Names.PHOTOSCAN)
    assert failed.name == "photoscan.failed"
    assert failed.data == {
        "jobId": JOB,
        "status": "failed",
        "error": "No photo was readable",
        "retryable": True,
    }
    canceled = frame(SCAN, event(CANCELED), Names.PHOTOSCAN)
    assert canceled.name == "photoscan.failed"
    assert canceled.data["status"] == "canceled"
    assert canceled.data["retryable"] is False
    assert canceled.data["error"]


def test_an_enrichment_under_the_names_of_its_app():
    told = frame(BATCH, event(progress=0.5), Names.ENRICHMENT)
    assert (told.name, told.id) == ("enrichment.progress", 7)
    assert told.data == {"isbn": "", "status": "processing", "progress": 50, "provider": ""}
    done = frame(BATCH, event(COMPLETED, progress=1.0, summary=COUNTS), Names.ENRICHMENT)
    assert done.name == "enrichment.completed"
    assert done.data == {
        "isbn": "",
        "status": "completed",
        "data": {"resultsUrl": f"/v1/jobs/{JOB}/results", "summary": SUMMARY},
    }
    for status in (FAILED, CANCELED):
        failed = frame(BATCH, event(status), Names.ENRICHMENT)
        assert failed.name == "enrichment.failed"
        assert set(failed.data) == {"isbn", "status", "error"}
        assert failed.data["status"] == "failed"
        assert isinstance(failed.data["error"], str)


def test_a_frame_is_made_once_for_all_listeners():
    frames, told, job = Frames(), event(), Streamed(JOB, BATCH)
    one = frames.of(job, told, Names.CANONICAL)
    assert frames.of(Streamed(JOB, BATCH), event(), Names.CANONICAL) is one
    assert frames.of(job, event(seq=8), Names.CANONICAL) != one
    assert frames.of(job, told, Names.ENRICHMENT) != one
    again = frames.of(job, event(at=AT + 86_400_000), Names.CANONICAL)
    assert again != one  # the same id, used again after the clean-up


@pytest.mark.parametrize("status", [STARTED, WORKING, COMPLETED, FAILED, CANCELED])
@pytest.mark.parametrize("names", Names)
@pytest.mark.parametrize("pipeline", [BATCH, IMPORT, SCAN])
def test_every_frame_is_ascii_on_three_lines_and_without_null(status, names, pipeline):
    text = "«Błąd» \r\n\x00 \u2029"
    fault = Fault(code="E_INTERNAL", message=text, details={"a": None, "b": text})
    told = event(status, message=text, current_item=text, reason=text, fault=fault, summary=FOUND)
    raw = event_frame(Streamed(JOB, pipeline), told, names)
    assert re.fullmatch(rb"id: 7\nevent: [a-z.]+\ndata: \{[ -~]*\}\n\n", raw)
    assert "null" not in json.dumps(read_frame(raw).data)
