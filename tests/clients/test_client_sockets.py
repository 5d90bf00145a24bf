"""What the decoders of each real client insist on in socket messages (jobs-and-progress §13.2).

Every row is checked on the bytes of a real server. A key that is required must be there, not
null, and of its type; a decoder throws the whole message away otherwise.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from clients.reading import nulls
from scenes import SCENES
from staged import IMPORT, SCAN, Theatre, theatre

__all__ = ["theatre"]

PIPELINES = {"batch_enrichment", "csv_import", "ai_scan"}
IOS_TYPES = {
    *("ready_ack", "reconnected", "job_started", "job_progress", "job_complete", "error"),
    *("ping", "pong", "batch-init", "batch-progress", "batch-complete", "batch-canceling"),
}
ENDS = ("job_complete", "complete", "error")

ENVELOPE_V2 = {
    "type": str,
    "jobId": str,
    "pipeline": str,
    "timestamp": int,
    "version": str,
    "payload.type": str,
}
"""Build A: envelope of version 2."""

PAYLOADS = {
    "ready_ack": {"payload.timestamp": int},
    "ping": {"payload.timestamp": int},
    "pong": {"payload.timestamp": int},
    "job_progress": {"payload.progress": float, "payload.status": str},
    "reconnected": {
        "payload.progress": float,
        "payload.status": str,
        "payload.message": str,
        "payload.processed_count": int,
        "payload.total_count": int,
    },
    "job_complete": {
        "payload.pipeline": str,
        "payload.expiresAt": str,
        "payload.summary.totalProcessed": int,
        "payload.summary.successCount": int,
        "payload.summary.failureCount": int,
        "payload.summary.duration": int,
        "payload.summary.resourceId": str,
    },
    "error": {"payload.code": str, "payload.message": str},
    "job_started": {},
    "batch-init": {"payload.totalPhotos": int, "payload.status": str},
    "batch-progress": {
        "payload.currentPhoto": int,
        "payload.totalPhotos": int,
        "payload.photoStatus": str,
        "payload.booksFound": int,
        "payload.totalBooksFound": int,
        "payload.photos[].index": int,
        "payload.photos[].status": str,
    },
    "batch-complete": {
        "payload.totalBooks": int,
        "payload.photoResults[].index": int,
        "payload.photoResults[].status": str,
        "payload.books": list,
    },
    "batch-canceling": {},
}
"""Build A: payloads of version 2 by type."""

V1_SCAN = {
    "progress": {
        "type": str,
        "jobId": str,
        "timestamp": int,
        "data.progress": float,
        "data.processedItems": int,
        "data.totalItems": int,
        "data.currentStatus": str,
    },
    "complete": {
        "data.progress": float,
        "data.processedItems": int,
        "data.totalItems": int,
        "data.currentStatus": str,
        "data.result.totalDetected": int,
        "data.result.approved": int,
        "data.result.needsReview": int,
        "data.result.metadata.processingTime": int,
        "data.result.metadata.enrichedCount": int,
        "data.result.metadata.timestamp": str,
        "data.result.metadata.modelUsed": str,
        "data.result.books[].title": str,
        "data.result.books[].author": str,
        "data.result.books[].confidence": float,
        "data.result.books[].boundingBox.x1": float,
    },
    "error": {"type": str, "jobId": str, "timestamp": int},
}
"""Build C: scans over version 1."""

V1_IMPORT = {
    "progress": {
        "type": str,
        "jobId": str,
        "timestamp": int,
        "data.progress": float,
        "data.status": str,
    },
    "complete": {"data.books[].title": str, "data.errors[].error": str, "data.successRate": str},
    "error": {
        "data.error": str,
        "data.fallbackAvailable": bool,
        "data.suggestion": str,
    },
}
"""Build C: imports over version 1."""

V1_FLAT = {
    "batch-init": {"type": str, "jobId": str, "totalPhotos": int, "status": str},
    "batch-progress": {
        "currentPhoto": int,
        "totalPhotos": int,
        "photoStatus": str,
        "booksFound": int,
        "totalBooksFound": int,
        "photos[].index": int,
        "photos[].status": str,
    },
    "batch-complete": {
        "totalBooks": int,
        "photoResults[].index": int,
        "books[].title": str,
        "books[].confidence": float,
    },
}
"""Build C: scans of several photos over version 1, everything at top level."""


def values(message: Any, path: str) -> list[Any]:
    """Return what stands at a path; ``[]`` stands for every element."""
    found = [message]
    for part in path.split("."):
        name = part.removesuffix("[]")
        found = [value[name] for value in found]
        if part.endswith("[]"):
            found = [element for value in found for element in value]
    return found


def check(message: Any, required: dict[str, type]) -> None:
    for path, kind in required.items():
        for value in values(message, path):
            assert type(value) is kind, f"{path} is {value!r}"


async def everything(run: Theatre, scene: str, **asked: str) -> list[Any]:
    """Return all messages of a conversation in which the client does all it can."""
    await SCENES[scene].open(run.stage)
    talk = await run.talk(**asked)
    await talk.ready()
    await talk.next()
    await talk.say("ping", timestamp=1)
    await talk.say("sync", lastEventId=0)
    await run.clock.advance(61)
    await SCENES[scene].play(run.stage)
    await talk.until(*ENDS)
    return [json.loads(text) for text in talk.texts]


@pytest.mark.parametrize("scene", SCENES)
async def test_build_a_decodes_version_2(theatre, scene):
    messages = await everything(await theatre(), scene)
    assert {"ready_ack", "pong", "ping", "reconnected"} <= {m["type"] for m in messages}
    for message in messages:
        assert message["type"] in IOS_TYPES
        assert message["pipeline"] in PIPELINES
        assert not nulls(message)
        check(message, ENVELOPE_V2)
        check(message, PAYLOADS[message["type"]])


async def test_every_row_of_build_a_is_met_somewhere(theatre):
    run = await theatre()
    seen = set()
    for scene in ("scan of two photos", "canceled scan", "enrichment"):
        seen |= {message["type"] for message in await everything(run, scene)}
    assert seen == set(PAYLOADS)


@pytest.mark.parametrize("scene", SCENES)
async def test_build_c_decodes_version_1(theatre, scene):
    required = V1_SCAN if SCENES[scene].pipeline is SCAN else V1_IMPORT
    if SCENES[scene].pipeline not in (SCAN, IMPORT):
        required = {**V1_IMPORT, "complete": {"data.enrichedBooks[].title": str}}
    if scene == "softly canceled scan":
        required = {**required, "complete": {"data.progress": float}}  # its results are partial
    for message in await everything(await theatre(), scene, wsVersion="1"):
        assert "payload" not in message
        if message["type"] != "ready_ack":
            check(message, {**V1_FLAT, **required}.get(message["type"], {"type": str}))


def test_a_missing_or_mistyped_key_is_noticed():
    whole = {"payload": {"photos": [{"index": 0}, {"index": 1}]}}
    check(whole, {"payload.photos[].index": int})
    for path, kind in (("payload.photos[].index", str), ("payload.other", int), ("x", int)):
        with pytest.raises((AssertionError, KeyError)):
            check(whole, {path: kind})


async def test_dart_reads_progress_as_a_double(theatre):
    run = await theatre()
    await SCENES["enrichment"].open(run.stage)
    talk = await run.talk()
    await talk.ready()
    await SCENES["enrichment"].play(run.stage)
    await run.clock.advance(61)
    await talk.until("job_complete")
    found = re.findall(r'"progress":([^,}]+)', "".join(talk.texts))
    assert len(found) >= 3
    assert all(re.fullmatch(r"\d\.\d+", number) for number in found)
    stamps = re.findall(r'"timestamp":([^,}]+)', "".join(talk.texts))
    assert all(stamp.isdigit() for stamp in stamps)


async def test_one_handler_searches_for_a_text(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.ready()
    assert '"type":"ready_ack"' in talk.texts[0]


async def test_a_scan_never_speaks_of_errors_while_it_runs(theatre):
    messages = await everything(await theatre(), "scan of two photos")
    texts = [m["payload"]["status"] for m in messages if m["type"] == "job_progress"]
    assert texts
    assert not re.search("(?i)error|fail", " ".join(texts))


async def test_the_enrichment_of_build_a_is_not_taken_for_a_scan(theatre):
    run = await theatre()
    await SCENES["enrichment"].open(run.stage)
    talk = await run.talk(agent="BooksTracker/47 CFNetwork/1494.0.7 Darwin/23.4.0")
    await talk.ready()
    await SCENES["enrichment"].play(run.stage)
    summary = (await talk.until("job_complete"))[-1]["payload"]["summary"]
    assert not isinstance(summary["totalDetected"], int)  # where that decoder expects a number
