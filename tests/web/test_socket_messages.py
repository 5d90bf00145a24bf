"""Messages as bytes: what both dialects say in every scene, and the rules that hold for all."""

from __future__ import annotations

import re

import msgspec
import pytest

from scenes import BOOKS, DETECTED, METADATA, SCENES
from staged import ID, theatre

__all__ = ["theatre"]

TYPES = {
    "ready_ack",
    "reconnected",
    "job_started",
    "job_progress",
    "job_complete",
    "error",
    "ping",
    "pong",
    "batch-init",
    "batch-progress",
    "batch-complete",
    "batch-canceling",
}
ENDS = ("job_complete", "complete", "error")
WHOLE = re.compile(r'"(?:progress)":(?!\d\.\d)')


async def conversation(theatre, scene, **asked):
    """Play a scene before a socket; return the talk and its messages, the ack first."""
    run = await theatre()
    return await play(run, scene, **asked)


async def play(run, scene, **asked):
    await SCENES[scene].open(run.stage)
    talk = await run.talk(**asked)
    await talk.say("ready")
    await talk.next()
    await SCENES[scene].play(run.stage)
    messages = await talk.until(*ENDS)
    return talk, messages


@pytest.mark.parametrize("scene", SCENES)
async def test_the_rules_of_version_2_hold(theatre, scene):
    talk, messages = await conversation(theatre, scene)
    pipeline = SCENES[scene].pipeline
    for text in talk.texts:
        message = msgspec.json.decode(text)
        assert text.isascii()
        assert text == compact(text)
        assert message["type"] in TYPES
        assert message["payload"]["type"] == message["type"]
        assert message["jobId"] == ID
        assert message["pipeline"] == pipeline
        assert type(message["timestamp"]) is int
        assert message["version"] == "1.0.0"
        assert "null" not in text
        assert not WHOLE.search(text), "a progress without decimal point"
        assert len(text) < 1024 or message["type"] == "batch-complete"
    logged = [message["seq"] for message in messages if "seq" in message]
    assert logged == list(range(1, len(logged) + 1))
    unlogged = {message["type"] for message in messages if "seq" not in message}
    assert unlogged <= {"batch-init", "batch-progress", "batch-complete", "batch-canceling"}


def compact(text: str) -> str:
    """Return a JSON text without the spaces between its parts."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    return "".join(part if part[:1] == '"' else re.sub(r"\s", "", part) for part in parts)


@pytest.mark.parametrize("scene", SCENES)
async def test_version_1_repeats_its_data(theatre, scene):
    talk, _ = await conversation(theatre, scene, wsVersion="1")
    for text in talk.texts:
        message = msgspec.json.decode(text)
        assert text.isascii()
        assert {"type", "jobId", "timestamp"} <= set(message)
        assert type(message["timestamp"]) is int
        assert not {"payload", "pipeline", "version"} & set(message)
        assert not WHOLE.search(text)
        if message["type"] == "ready_ack":
            assert set(message) == {"type", "jobId", "timestamp"}
            continue
        for name, value in message["data"].items():
            if name not in ("type", "jobId", "timestamp"):
                assert message[name] == value
        assert len(set(re.findall(r'^\{"(\w+)":', text))) == 1
    kinds = {msgspec.json.decode(text)["type"] for text in talk.texts}
    batch = {"batch-init", "batch-progress", "batch-complete", "batch-canceling"}
    assert kinds <= {"ready_ack", "progress", "complete", "error", *batch}


async def test_an_enrichment_completes(theatre):
    _, messages = await conversation(theatre, "enrichment")
    started, progress, done = messages[0], messages[2], messages[-1]
    assert started["payload"] == {"type": "job_started", "totalCount": 3, "totalItems": 3}
    assert progress["payload"] == {
        "type": "job_progress",
        "progress": 0.3333,
        "status": "1 of 3",
        "processedCount": 1,
        "totalCount": 3,
        "currentItem": "Die Fähre",
    }
    assert done["payload"] == {
        "type": "job_complete",
        "pipeline": "batch_enrichment",
        "summary": {
            "totalProcessed": 3,
            "successCount": 3,
            "failureCount": 0,
            "duration": 1500,
            "resourceId": f"job-results:{ID}",
        },
        "expiresAt": "2025-10-09T10:53:20.000Z",
        "resultsUrl": f"/v1/jobs/{ID}/results",
    }


async def test_an_import_completes(theatre):
    _, messages = await conversation(theatre, "import")
    payload = messages[-1]["payload"]
    assert (payload["booksCount"], payload["successRate"]) == (2, "2/3")
    assert "totalDetected" not in payload["summary"]


async def test_a_scan_completes(theatre):
    _, messages = await conversation(theatre, "scan")
    assert [message["type"] for message in messages] == [
        "job_started",
        "job_progress",
        "job_progress",
        "job_complete",
    ]
    assert messages[0]["payload"]["estimatedDuration"] == 40
    payload = messages[-1]["payload"]
    counts = {"totalDetected": 1, "approved": 1, "needsReview": 0}
    assert payload | counts == payload
    assert payload["summary"] | counts == payload["summary"]
    assert payload["metadata"] == {"modelUsed": "local", "processingTime": 1200}


async def test_a_scan_of_several_photos_tells_of_each(theatre):
    _, messages = await conversation(theatre, "scan of two photos")
    assert [message["type"] for message in messages] == [
        "batch-init",
        "job_started",
        *["batch-progress", "job_progress"] * 3,
        "job_progress",
        "batch-progress",
        "batch-complete",
        "job_complete",
    ]
    assert messages[0]["payload"] == {
        "type": "batch-init",
        "totalPhotos": 2,
        "status": "processing",
    }
    assert messages[4]["payload"] == {
        "type": "batch-progress",
        "currentPhoto": 1,
        "totalPhotos": 2,
        "photoStatus": "processing",
        "booksFound": 0,
        "totalBooksFound": 1,
        "photos": [
            {"index": 0, "status": "complete", "booksFound": 1},
            {"index": 1, "status": "processing", "booksFound": 0},
        ],
    }
    complete = messages[-2]["payload"]
    assert complete["totalBooks"] == 1
    assert complete["books"] == DETECTED
    assert complete["photoResults"][1] == {
        "index": 1,
        "status": "error",
        "booksFound": 0,
        "error": "Photo 2 is too dark",
    }
    assert "resultsUrl" not in complete
    texts = [m["payload"]["status"] for m in messages if m["type"] == "job_progress"]
    assert not re.search("(?i)error|fail", "".join(texts))


async def test_many_books_are_fetched_instead(theatre):
    run = await theatre()
    await run.stage.add(SCENES["scan"].pipeline, total=2, totalPhotos=2)
    talk = await run.talk()
    await talk.ready()
    books = [DETECTED[0] | {"rawText": "x" * 1000}] * 250
    await run.stage.complete(results={"books": books}, extra={"totalPhotos": 2})
    complete = (await talk.until("batch-complete"))[-1]
    assert complete["payload"]["books"] == []
    assert complete["payload"]["totalBooks"] == 2
    assert complete["payload"]["resultsUrl"] == f"/v1/jobs/{ID}/results"


async def test_a_failed_job_says_why(theatre):
    _, messages = await conversation(theatre, "failed enrichment")
    assert messages[-1]["payload"] == {
        "type": "error",
        "code": "E_BATCH_PROCESSING_FAILED",
        "message": "Nothing works",
        "retryable": True,
        "details": {"provider": "openlibrary"},
        "error": {
            "code": "E_BATCH_PROCESSING_FAILED",
            "message": "Nothing works",
            "statusCode": 500,
        },
    }


async def test_a_failed_scan_must_not_look_retryable(theatre):
    _, messages = await conversation(theatre, "failed scan")
    assert messages[-1]["payload"]["retryable"] is False
    assert messages[-1]["payload"]["details"] == {"resubmittable": True}


IOS = "BooksTracker/3 CFNetwork/1490 Darwin/23"


@pytest.mark.parametrize(
    ("setting", "agent", "marked"),
    [
        ("auto", IOS, True),
        ("auto", "okhttp/4", False),
        ("on", "okhttp/4", True),
        ("off", IOS, False),
    ],
)
@pytest.mark.parametrize("scene", ["enrichment", "import", "scan"])
async def test_one_ios_build_is_helped(theatre, setting, agent, marked, scene):
    run = await theatre(WS_IOS_SUMMARY_MARKER=setting)
    _, messages = await play(run, scene, agent=agent)
    detected = messages[-1]["payload"]["summary"].get("totalDetected")
    expected = "not-applicable" if marked else None
    assert detected == (1 if scene == "scan" else expected)


async def test_version_1_completes_with_results(theatre):
    _, messages = await conversation(theatre, "enrichment", wsVersion="1")
    assert [message["type"] for message in messages] == [*["progress"] * 4, "complete"]
    data = messages[-1]["data"]
    assert data["enrichedBooks"] == BOOKS
    counts = {"progress": 1.0, "processedItems": 3, "totalItems": 3, "currentStatus": "Done"}
    assert data | counts == data
    progress = messages[2]["data"]
    assert progress == {
        "progress": 0.3333,
        "status": "1 of 3",
        "currentStatus": "1 of 3",
        "processedItems": 1,
        "processedCount": 1,
        "totalItems": 3,
        "totalCount": 3,
        "currentTitle": "Die Fähre",
        "currentItem": "Die Fähre",
    }


async def test_version_1_completes_an_import(theatre):
    _, messages = await conversation(theatre, "import", wsVersion="1")
    data = messages[-1]["data"]
    assert data["books"][0]["author"] == "Nora Ødegård"
    assert data["errors"][0]["row"] == 3
    assert data["successRate"] == "2/3"
    assert data["progress"] == 1.0
    assert data["resourceId"] == f"job-results:{ID}"


async def test_version_1_completes_a_scan(theatre):
    _, messages = await conversation(theatre, "scan", wsVersion="1")
    result = messages[-1]["data"]["result"]
    assert result["metadata"] == METADATA
    assert result["books"] == DETECTED
    assert result["totalDetected"] == 1


async def test_version_1_says_errors_flat(theatre):
    _, messages = await conversation(theatre, "failed import", wsVersion="1")
    assert messages[-1]["data"] == {
        "error": "Nothing works",
        "code": "E_BATCH_PROCESSING_FAILED",
        "message": "Nothing works",
        "fallbackAvailable": True,
        "suggestion": "Try again later",
    }


async def test_version_1_without_results_names_the_place(theatre):
    run = await theatre()
    await SCENES["enrichment"].open(run.stage)
    talk = await run.talk(wsVersion="1")
    await run.stage.complete()
    data = (await talk.next())["data"]
    assert "enrichedBooks" not in data
    assert data["resultsUrl"] == f"/v1/jobs/{ID}/results"


@pytest.mark.parametrize(("megabytes", "there"), [(1, True), (15, True), (17, False)])
async def test_version_1_has_a_largest_message(theatre, megabytes, there):
    run = await theatre()
    await SCENES["enrichment"].open(run.stage)
    talk = await run.talk(wsVersion="1")
    books = [{"title": "ä" * 500_000}] * megabytes  # 1 MB each, and everything is sent twice
    await run.stage.complete(results={"enrichedBooks": books})
    message = await talk.next()
    assert ("enrichedBooks" in message["data"]) is (there and megabytes < 5)
    assert len(talk.texts[0]) < 32 * 1024 * 1024


async def test_version_1_reconnects_with_progress(theatre):
    run = await theatre()
    await SCENES["enrichment"].open(run.stage)
    await run.stage.emit(processed=1)
    talk = await run.talk(wsVersion="1", reconnect="true", lastEventId="1")
    first = await talk.next()
    assert (first["type"], first["data"]["processedCount"]) == ("progress", 1)
    await talk.say("ping", timestamp=1)
    await talk.say("ready")
    kinds = [(await talk.next())["type"] for _ in range(2)]
    assert sorted(kinds) == ["progress", "ready_ack"]  # no word for a pong
    await run.clock.advance(60.1)
    kept = await talk.next()  # and none for pings
    assert kept["data"]["keepAlive"] is True
