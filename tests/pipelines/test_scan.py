"""Scans as jobs with a model that says what a test wants: results, texts, failures (§2.7-2.10)."""

from __future__ import annotations

import asyncio
import json
import re

import aiohttp
import msgspec
import pytest

from bookstrack.testing.faults import Fault
from bookstrack.testing.upstream import Said
from bookstrack.web.scan_views import ScanResults
from photos import (
    FERRY,
    ID,
    drawn,
    ended,
    events,
    said,
    scan,
    scanned,
    seen,
)
from served import start, upstream

__all__ = ["start", "upstream"]

ALARMING = re.compile("error|fail", re.IGNORECASE)
BOXES = {"x", "y", "width", "height", "x1", "y1", "x2", "y2"}


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", PROVIDER_RETRIES="1")


def titles(results) -> list[str]:
    return [book["title"] for book in results["books"]]


async def test_everything_that_a_book_says(api):
    box = [100, 200, 300, 400]
    api.upstream.say(said(seen(**FERRY, box_2d=box, format="paperback", confidence=0.93)))
    results = await scanned(api)
    (book,) = results["books"]
    enrichment = book.pop("enrichment")
    assert book.pop("boundingBox") == pytest.approx(
        {
            "x": 0.2,
            "y": 0.1,
            "width": 0.2,
            "height": 0.2,
            "x1": 0.2,
            "y1": 0.1,
            "x2": 0.4,
            "y2": 0.3,
        }
    )
    assert book.pop("coverUrl").startswith("http")
    assert book.pop("spineUrl") == f"/api/v2/scans/{results['jobId']}/spines/0-0.jpg"
    assert book == {
        "title": FERRY["title"],
        "author": FERRY["author"],
        "format": "paperback",
        "confidence": 0.93,
        "enrichmentStatus": "success",
        "publisher": "Larkspur House",
        "publicationYear": 1983,
        "photoIndex": 0,
        "photos": [0],
        "copies": 1,
        "approved": True,
        "rawText": FERRY["title"],
    }
    assert set(enrichment) == {
        "status",
        "work",
        "editions",
        "authors",
        "provider",
        "cachedResult",
    }
    assert (enrichment["status"], enrichment["cachedResult"]) == ("success", False)
    assert enrichment["work"]["title"] == FERRY["title"]
    assert enrichment["authors"][0]["name"] == FERRY["author"]


async def test_everything_that_results_say(api):
    api.upstream.say(said(seen(**FERRY), seen("Zzyzx Qwv", confidence=0.5)))
    answer = await scan(api, drawn(), job_id=ID)
    await ended(api, ID)
    found = []
    for path in (f"/v1/scan/results/{ID}", f"/v1/jobs/{ID}/results", f"/api/v2/scans/{ID}/results"):
        found.append((await api.get(path)).json["data"])
    assert found[0] == found[1] == found[2]
    results = found[0]
    assert {key: results[key] for key in COUNTS} == COUNTS
    assert (results["jobId"], results["pipeline"], results["status"]) == (
        ID,
        "ai_scan",
        "completed",
    )
    metadata = results["metadata"]
    assert metadata["modelUsed"] == "gemini-2.5-flash"
    assert isinstance(metadata["processingTime"], int)
    assert metadata["enrichedCount"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", metadata["timestamp"])
    assert isinstance(metadata["timestampMs"], int)
    (reading,) = metadata["photos"]
    assert (reading["provider"], reading["model"]) == ("gemini", "gemini-2.5-flash")
    assert reading["tokenUsage"] == {"promptTokens": 100, "outputTokens": 20, "totalTokens": 120}
    (photo,) = results["photoResults"]
    assert photo.pop("imageMetadata")["imageQuality"] in ("good", "fair")
    assert photo == {"index": 0, "photoIndex": 0, "status": "complete", "booksFound": 2}
    unknown = results["books"][1]
    assert (unknown["enrichmentStatus"], unknown["approved"]) == ("not_found", False)
    assert unknown["enrichment"]["work"] is None
    assert (unknown["enrichment"]["editions"], unknown["enrichment"]["authors"]) == ([], [])
    assert (unknown["author"], "isbn" in unknown) == ("", False)
    assert results["imageMetadata"]["readableCount"] == 2
    assert {hint["type"] for hint in results["suggestions"]} >= {"low_confidence"}
    summary = results["summary"]
    assert summary["resourceId"] == f"job-results:{ID}"
    assert summary["resultsUrl"] == f"/v1/scan/results/{ID}"
    assert (summary["enrichedCount"], summary["booksEnriched"]) == (1, 1)
    assert (summary["successCount"], summary["failureCount"]) == (1, 1)
    assert summary["totalProcessed"] == summary["totalDetected"] == summary["booksUnique"] == 2
    assert answer.json["totalPhotos"] == 1


async def test_results_are_what_the_document_says(api):
    api.upstream.say(said(seen(**FERRY), seen("Zzyzx Qwv", confidence=0.5)), Said(blocked=True))
    results = await scanned(api, drawn(shade=1), drawn(shade=2))
    typed = msgspec.convert(results, ScanResults)
    assert msgspec.json.decode(msgspec.json.encode(typed)) == results


COUNTS = {
    "totalDetected": 2,
    "approved": 1,
    "needsReview": 1,
    "photosProcessed": 1,
    "booksDetected": 2,
    "booksUnique": 2,
    "booksEnriched": 1,
}


@pytest.mark.parametrize(
    ("given", "confidence", "approved", "box"),
    [
        ({"confidence": 0.7}, 0.7, True, 0.2),
        ({"confidence": 0.699}, 0.699, False, 0.2),
        ({"confidence": 9}, 1.0, True, 0.2),
        ({"confidence": None}, 0.5, False, 0.2),
        ({"box_2d": [-9, -9, 5000, 5000]}, 0.9, True, 0.0),
        ({"box_2d": [7, 7, 7, 7]}, 0.9, True, 0.0),
        ({"box_2d": []}, 0.9, True, 0.0),
        ({"box_2d": [300, 400, 100, 200]}, 0.9, True, 0.2),
    ],
)
async def test_edges_of_what_a_model_says(api, given, confidence, approved, box):
    told = {key: value for key, value in seen("Qwv Zzyzx", **given).items() if value is not None}
    api.upstream.say(said(told))
    results = await scanned(api)
    (book,) = results["books"]
    assert (book["confidence"], book["approved"]) == (confidence, approved)
    assert results["approved"] == int(approved)
    assert set(book["boundingBox"]) == BOXES
    assert book["boundingBox"]["x1"] == book["boundingBox"]["x"] == pytest.approx(box)
    assert all(0.0 <= value <= 1.0 for value in book["boundingBox"].values())


@pytest.mark.parametrize(("threshold", "approved"), [("0.4", 3), ("0.7", 2), ("0.95", 1)])
async def test_the_threshold_can_be_asked_for(api, threshold, approved):
    books = [seen(f"Qwv {n}x", confidence=c) for n, c in enumerate((0.5, 0.8, 0.95))]
    api.upstream.say(said(*books))
    answer = await api.post(
        f"/api/scan-bookshelf?jobId={ID}&confidenceThreshold={threshold}",
        data=drawn(),
        headers={"Content-Type": "image/png"},
    )
    assert answer.status == 202
    await ended(api, ID)
    results = (await api.get(f"/v1/jobs/{ID}/results")).json["data"]
    assert (results["approved"], results["needsReview"]) == (approved, 3 - approved)


async def test_no_book_is_no_failure(api):
    results = await scanned(api)
    assert (results["books"], results["totalDetected"]) == ([], 0)
    assert results["imageMetadata"]["imageQuality"] == "poor"
    assert results["metadata"]["modelUsed"] == "gemini-2.5-flash"


async def test_a_cut_answer_keeps_its_whole_books(api):
    cut = Said(
        text='[{"title":"Qwv Whole","confidence":0.9,"box_2d":[0,0,9,9]},{"ti', finish="MAX_TOKENS"
    )
    api.upstream.gemini.otherwise = cut
    assert titles(await scanned(api)) == ["Qwv Whole"]
    assert api.upstream.count("gemini") == 3


REFUSALS = [
    (Said(blocked=True), "E_SCAN_AI_REFUSED", False),
    (Said(finish="SAFETY"), "E_SCAN_AI_REFUSED", False),
    (Said(finish="PROHIBITED_CONTENT", contentless=True), "E_SCAN_AI_REFUSED", False),
    (Said(text="I see some books."), "E_SCAN_AI_INVALID", False),
    (Said(text='{"a": 1}'), "E_SCAN_AI_INVALID", False),
]


@pytest.mark.parametrize(("answer", "code", "retryable"), REFUSALS)
async def test_one_photo_that_is_not_read_is_a_failed_scan(api, answer, code, retryable):
    api.upstream.gemini.otherwise = answer
    await scan(api, drawn(), job_id=ID)
    found = await ended(api, ID)
    assert found["status"] == "failed"
    error = found["error"]
    assert (error["code"], error["retryable"]) == ("E_AI_SCAN_FAILED", retryable)
    assert error["details"] == {"jobId": ID, "stage": "reading", "reason": code}
    missing = await api.get(f"/v1/jobs/{ID}/results")
    assert missing.json["error"]["details"]["reason"] == "failed"


FAULTS = [
    (Fault.status(500), True),
    (Fault.status(503), True),
    (Fault.status(429), True),
    (Fault.quota(), True),
    (Fault.auth(), False),
    (Fault.status(400), False),
    (Fault.status(404), False),
    (Fault.html(), True),
    (Fault.reset(), True),
]


@pytest.mark.parametrize(("fault", "retryable"), FAULTS, ids=lambda one: getattr(one, "kind", one))
async def test_every_way_a_model_may_be_away(api, fault, retryable):
    api.upstream.fault("gemini", fault)
    await scan(api, drawn(), job_id=ID)
    found = await ended(api, ID)
    assert (found["status"], found["error"]["code"]) == ("failed", "E_AI_SCAN_FAILED")
    assert found["error"]["retryable"] is retryable


async def test_one_bad_photo_of_three_stops_nobody(api):
    api.upstream.say(said(seen("Qwv Aa")), Said(blocked=True), said(seen("Qwv Bb")))
    results = await scanned(api, *(drawn(shade=shade) for shade in (1, 2, 3)))
    assert sorted(titles(results)) == ["Qwv Aa", "Qwv Bb"]
    states = [photo["status"] for photo in results["photoResults"]]
    assert sorted(states) == ["complete", "complete", "error"]
    (bad,) = (photo for photo in results["photoResults"] if photo["status"] == "error")
    assert (bad["booksFound"], bad["errorCode"]) == (0, "E_SCAN_AI_REFUSED")
    assert isinstance(bad["error"], str)
    assert results["photosProcessed"] == 3


async def test_photos_that_are_all_bad_are_a_failed_batch(api):
    api.upstream.gemini.otherwise = Said(blocked=True)
    await scan(api, drawn(shade=1), drawn(shade=2), job_id=ID)
    error = (await ended(api, ID))["error"]
    assert (error["code"], error["retryable"]) == ("E_BATCH_SCAN_FAILED", False)
    assert [photo["index"] for photo in error["details"]["photos"]] == [0, 1]


@pytest.mark.parametrize("count", [1, 5])
async def test_what_streams_say_of_a_scan(api, count):
    api.upstream.gemini.otherwise = said(seen(**FERRY), seen("Failing Better Errors"))
    await scan(api, *(drawn(shade=shade) for shade in range(count)), job_id=ID)
    await ended(api, ID)
    found = await events(api, ID)
    names = [name for name, _ in found]
    assert (names[0], names[-1]) == ("initialized", "completed")
    for _, data in found:
        assert not ALARMING.search(data.get("message", "")), data
        assert "Ferry" not in json.dumps(data)
        assert "photos" not in data
    progress = [data["progress"] for _, data in found]
    assert progress == sorted(progress)
    assert all(value < 1.0 for value in progress[:-1])
    texts = [data["message"] for name, data in found if name == "processing"]
    assert texts.count("Detected 2 books, enriching data...") >= 1
    if count == 1:
        assert {"Analyzing image quality...", "Processing with Gemini AI..."} <= set(texts)
        assert 0.5 in progress
        assert max(progress[:-1]) <= 0.95
    else:
        for number in range(1, count + 1):
            assert f"Processing photo {number} of 5..." in texts
            assert f"Completed photo {number} of 5 - Found 2 books" in texts
        assert 0.8 in progress
        assert max(progress[:-1]) <= 0.99
    last = found[-1][1]
    assert (last["processedPhotos"], last["totalPhotos"], last["booksDetected"]) == (
        count,
        count,
        2 * count,
    )
    summary = last["summary"]
    assert (summary["booksDetected"], summary["booksUnique"]) == (2 * count, 2)
    assert summary["photosProcessed"] == count
    assert summary["enrichedCount"] == summary["booksEnriched"] == 1
    assert summary["resultsUrl"] == f"/v1/scan/results/{ID}"
    results = (await api.get(f"/v1/scan/results/{ID}")).json["data"]
    assert results["summary"] == summary


async def test_one_ios_build_hears_its_own_names(api):
    api.upstream.say(said(seen(**FERRY)))
    answer = await scan(api, drawn())
    job_id = answer.json["jobId"]
    await ended(api, job_id)
    stream = await api.get(answer.json["sseUrl"], headers={"Last-Event-ID": "0"})
    frames = [
        frame.split("\n") for frame in stream.body.decode().split("\n\n") if "event:" in frame
    ]
    assert {lines[1] for lines in frames[:-1]} == {"event: photoscan.progress"}
    assert frames[-1][1] == "event: photoscan.completed"
    summary = json.loads(frames[-1][2][6:])["summary"]
    assert {key: summary[key] for key in ("totalDetected", "approved", "enrichedCount")} == {
        "totalDetected": 1,
        "approved": 1,
        "enrichedCount": 1,
    }


async def test_the_same_book_on_two_photos_is_one(api):
    one = said(seen("Qwv Zab", author="R.F. KUANG", confidence=0.8), seen("Qwv Only"))
    other = said(seen("Qwv Zab", author="R. F. Kuang", isbn="9780525540670"))
    api.upstream.say(one, other)
    results = await scanned(api, drawn(shade=1), drawn(shade=2))
    assert (results["booksDetected"], results["booksUnique"]) == (3, 2)
    book = next(book for book in results["books"] if book["title"] == "Qwv Zab")
    assert book["photos"] == [0, 1]
    assert (book["confidence"], book["isbn"]) == (0.9, "9780525540670")


async def test_two_photos_of_one_shelf_show_fifteen_books(api, fixtures_dir):
    truth = json.loads((fixtures_dir / "shelves/truth.json").read_bytes())
    for name in ("shelf-01.jpg", "shelf-02-overlaps-01.jpg"):
        required = [book for book in truth[name] if book.get("required", True)]
        api.upstream.say(said(*(seen(b["title"], author=b.get("author")) for b in required)))
    results = await scanned(api, drawn(shade=1), drawn(shade=2))
    assert results["booksUnique"] == 15


async def test_what_does_not_fit_is_not_taken(api):
    wrong = seen("Qwv Another Book", author="Somebody Else", isbn="9781644100370")
    api.upstream.say(said(wrong))
    (book,) = (await scanned(api))["books"]
    assert (book["enrichmentStatus"], book["title"]) == ("not_found", "Qwv Another Book")
    assert "coverUrl" not in book


async def test_providers_that_are_away_leave_the_books(api):
    api.upstream.say(said(seen("Qwv Zab", author="Nobody")))
    for name in ("google", "openlibrary", "isbndb"):
        api.upstream.fault(name, Fault.status(500))
    (book,) = (await scanned(api))["books"]
    assert book["enrichmentStatus"] == "error"
    assert isinstance(book["enrichment"]["error"], str)
    assert book["enrichment"]["work"] is None


async def test_open_circuits_are_told_with_their_pause(start):
    api = await start(
        GEMINI_API_KEY="k", AI_PROVIDER="gemini", PROVIDER_RETRIES="1", CIRCUIT_FAILURES="1"
    )
    for name in ("google", "openlibrary", "isbndb"):
        api.upstream.fault(name, Fault.status(500))
    api.upstream.say(said(seen("Qwv Warm", author="Up")), said(seen("Qwv Zab", author="Nobody")))
    await scanned(api, drawn(shade=1))
    (book,) = (await scanned(api, drawn(shade=2)))["books"]
    assert book["enrichmentStatus"] == "circuit_open"
    enrichment = book["enrichment"]
    assert enrichment["retryAfterMs"] > 0
    assert (enrichment["work"], enrichment["editions"], enrichment["authors"]) == (None, [], [])


async def test_the_same_photo_is_paid_for_once(api):
    api.upstream.gemini.otherwise = said(seen(**FERRY))
    first = await scanned(api, drawn())
    again = await scanned(api, drawn())
    assert titles(first) == titles(again)
    assert again["books"][0]["enrichment"]["cachedResult"] is True
    assert api.upstream.count("gemini") == 1


async def test_sockets_hear_of_each_photo(api):
    api.upstream.gemini.otherwise = said(seen(**FERRY))
    messages = await socket_messages(api, drawn(shade=1), drawn(shade=2))
    kinds = [message["type"] for message in messages]
    assert kinds.count("batch-init") == 1
    assert kinds.count("batch-complete") == 1
    assert kinds[-2:] == ["batch-complete", "job_complete"]
    progress = [m["payload"] for m in messages if m["type"] == "batch-progress"]
    assert progress[-1]["totalBooksFound"] == 2
    assert {photo["status"] for photo in progress[-1]["photos"]} == {"complete"}
    assert any(one["photoStatus"] == "processing" for one in progress)
    complete = messages[-2]["payload"]
    assert (complete["totalBooks"], len(complete["books"])) == (1, 1)
    last = messages[-1]["payload"]
    assert (last["totalDetected"], last["approved"], last["needsReview"]) == (1, 1, 0)
    assert last["metadata"]["modelUsed"] == "gemini-2.5-flash"
    assert last["summary"]["enrichedCount"] == 1
    assert last["summary"]["resultsUrl"] == f"/v1/scan/results/{messages[-1]['jobId']}"


async def test_sockets_hear_of_no_batch_where_there_is_one_photo(api):
    api.upstream.gemini.otherwise = said(seen(**FERRY))
    kinds = [message["type"] for message in await socket_messages(api, drawn())]
    assert not [kind for kind in kinds if kind.startswith("batch")]
    assert kinds[-1] == "job_complete"


async def socket_messages(api, *photos: bytes) -> list[dict]:
    api.upstream.delay("gemini", 0.3)
    answer = await scan(api, *photos)
    found = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(api.url + answer.json["websocketUrl"]) as socket,
    ):
        await socket.send_json({"type": "ready"})
        async with asyncio.timeout(20):
            async for message in socket:
                found.append(message.json())
                if found[-1]["type"] in ("job_complete", "error"):
                    return found
    return found
