"""What the decoders of each real client insist on in answers and events of jobs (§13.1, §13.2).

Every row is checked on the bytes of a real server: HTTP bodies of jobs that ran, and frames of
event streams of every way a job can go.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from clients.reading import (
    TIME,
    check_author,
    check_book,
    check_edition,
    check_envelope,
    check_work,
    nulls,
)
from clients.test_client_sockets import check
from listener import listen
from scenes import SCENES
from staged import ID, SCAN, theatre

__all__ = ["listen", "theatre"]

FERRY = {"title": "The Ferry to Morrow Island", "author": "Maren Holloway", "isbn": "9781644100370"}
BATCH = {"jobId": ID, "books": [FERRY, {"title": "zzyzzx"}]}
IOS = {"X-Client-Version": "ios-v4.0.0"}

# --- HTTP: what each call must answer (13.1) --------------------------------------------------

STARTS = {
    "A EnrichmentResult": {
        "data.success": bool,
        "data.processedCount": int,
        "data.totalCount": int,
        "data.authToken": str,
        "data.token": str,
    },
    "A JobInitiationResponse": {"data.jobId": str, "data.authToken": str, "data.token": str},
    "A BatchSubmissionResponse, ScanJobResponse": {
        "jobId": str,
        "status": str,
        "authToken": str,
        "token": str,
        "sseUrl": str,
    },
    "D v3 schema": {
        "data.jobId": str,
        "data.status": str,
        "data.streamUrl": str,
        "data.token": str,
    },
}
STATUS = {
    "D v3 schema": {
        "data.jobId": str,
        "data.type": str,
        "data.status": str,
        "data.progress": float,
        "data.processedCount": int,
        "data.totalCount": int,
    },
}
RESULTS = {"A EnrichmentJobResults": {"data.enrichedBooks[].title": str}}
STATE = {
    "A JobState": {
        "pipeline": str,
        "totalCount": int,
        "processedCount": int,
        "status": str,
        "startTime": int,
        "version": int,
    }
}
CANCELED = {
    "A JobCancellationResponse": {
        "data.jobId": str,
        "data.status": str,
        "data.message": str,
        "data.cleanup.r2ObjectsDeleted": int,
        "data.cleanup.kvCacheCleared": bool,
    }
}


async def finished(api, job_id: str = ID) -> None:
    """Wait for the end of a job, as its stream tells it."""
    async with asyncio.timeout(20):
        stream = await api.get(f"/api/v2/enrichments/{job_id}/stream")
    assert b"event: completed" in stream.body


@pytest.mark.parametrize("row", STARTS)
async def test_a_start_decodes_for_every_client(api, row):
    for path in ("/v1/enrichment/batch", "/api/enrichment/batch", "/api/batch-enrich"):
        answer = await api.post(path, json=BATCH)
        assert answer.status == 202  # exactly, for build A
        check_envelope(answer.json, success=True)
        check(answer.json, STARTS[row])
        assert not nulls(answer.json)
        assert answer.json["data"]["success"] is True


async def test_build_a_falls_back_to_another_path_only_where_it_must(api):
    """It takes 404, 405, 426 and 501 as a sign to try the old path with the same job id."""
    first = await api.post("/v1/enrichment/batch", json=BATCH)
    again = await api.post("/api/enrichment/batch", json=BATCH)
    assert (first.status, again.status) == (202, 202)
    assert first.json["data"]["authToken"] == again.json["data"]["authToken"]


async def test_ids_come_back_as_they_were_sent(api):
    body = (await api.post("/v1/enrichment/batch", json=BATCH)).json
    assert body["jobId"] == body["data"]["jobId"] == ID == ID.upper()
    await finished(api)
    for path in (f"/v1/jobs/{ID}", f"/v1/jobs/{ID}/results"):
        assert (await api.get(path)).json["data"]["jobId"] == ID
    assert (await api.get(f"/v1/jobs/{ID.lower()}")).status == 404


async def test_status_results_state_and_end_decode_for_every_client(api):
    token = (await api.post("/v1/enrichment/batch", json=BATCH)).json["data"]["authToken"]
    holding = {"Authorization": f"Bearer {token}"}
    await finished(api)
    for path, headers, rows in (
        (f"/api/v2/enrichments/{ID}", {}, STATUS),
        (f"/v1/jobs/{ID}/status", {}, STATUS),
        (f"/v1/jobs/{ID}/results", {}, RESULTS),
        (f"/v1/jobs/job-results:{ID}/results", {}, RESULTS),
        (f"/api/job-state/{ID}", holding, STATE),
    ):
        answer = await api.get(path, headers=headers)
        assert answer.status == 200
        check_envelope(answer.json, success=True)
        assert not nulls(answer.json)
        for required in rows.values():
            check(answer.json, required)
    by_header = {"X-Auth-Token": token}
    for method, path, headers in (
        ("DELETE", f"/v1/jobs/{ID}", holding),
        ("DELETE", f"/v1/jobs/{ID}", by_header),
        ("DELETE", f"/api/v2/jobs/{ID}/cancel", holding),
    ):
        answer = await api.request(method, path, headers=headers)
        assert answer.status == 200
        check_envelope(answer.json, success=True)
        for required in CANCELED.values():
            check(answer.json, required)


async def test_the_results_of_a_batch_decode_to_the_last_enum(api):
    await api.post("/v1/enrichment/batch", json=BATCH)
    await finished(api)
    data = (await api.get(f"/v1/jobs/{ID}/results")).json["data"]
    assert [book["title"] for book in data["enrichedBooks"]] == [FERRY["title"], "zzyzzx"]
    for book in data["enrichedBooks"]:
        assert type(book["success"]) is bool
        assert ("error" in book) is not book["success"]
        if "enriched" in book:
            check_work(book["enriched"]["work"])
            check_edition(book["enriched"]["edition"])
            for author in book["enriched"]["authors"]:
                check_author(author)
    for book in data["books"]:
        check_book(book)
    assert TIME.fullmatch(data["expiresAt"])  # with exactly three decimals, or one parser fails


async def test_the_import_status_of_two_clients(theatre):
    import aiohttp

    run = await theatre()
    await SCENES["import"].open(run.stage)
    async with aiohttp.ClientSession(run.url) as session:

        async def get(path: str, **headers: str) -> Any:
            async with session.get(path, headers=headers) as response:
                return await response.json()

        body = await get(f"/api/v2/imports/{ID}", **IOS)
        check(body, {"data.jobId": str, "data.status": str})
        assert body["data"]["status"] in {
            *("PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"),
        }
        await SCENES["failed import"].play(run.stage)
        body = await get(f"/v1/csv/status/{ID}")
        check(body, {"data.status": str, "data.error": str})
        assert body["data"]["status"] == "failed"


async def test_build_a_stops_jobs_without_a_token(api):
    for path, body in (
        ("/api/enrichment/cancel", {"jobId": ID}),
        ("/api/scan-bookshelf/cancel", {"jobId": ID}),
        (f"/v1/csv/cancel/{ID}", None),
    ):
        await api.post("/v1/enrichment/batch", json=BATCH)
        answer = await api.post(path, json=body)
        assert answer.status == 200
        check_envelope(answer.json, success=True)
        check(answer.json, {"jobId": str, "status": str, "data.message": str})
    unknown = await api.post("/v1/csv/cancel/nobody-knows-this-one")
    assert unknown.status == 404  # that client takes it for done


async def test_failures_decode_for_build_a(start):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_BATCH="2/60")
    refused = await api.post("/v1/enrichment/batch", json={"jobId": ID, "books": [{}]})
    check_envelope(refused.json, success=False)
    assert refused.json["error"]["details"]["index"] == 0
    for path in (f"/v1/jobs/{ID}", f"/v1/jobs/{ID}/results", f"/api/job-state/{ID}"):
        answer = await api.get(path)
        check_envelope(answer.json, success=False)
        assert answer.json["error"]["statusCode"] == answer.status
    for _ in range(2):
        limited = await api.post("/v1/enrichment/batch", json=BATCH)
    assert limited.status == 429
    check_envelope(limited.json, success=False)
    assert int(limited.headers["Retry-After"]) == limited.json["error"]["details"]["retryAfter"]


# --- events: what each stream client must find (13.2) -----------------------------------------

COMMON = {
    "jobId": str,
    "status": str,
    "progress": float,
    "processedCount": int,
    "totalCount": int,
}
BUILD_B = {
    "initialized": COMMON,
    "processing": COMMON,
    "completed": COMMON,
    "failed": {"error.code": str, "error.message": str},
    "canceled": COMMON,
    "error": {"error.code": str, "error.message": str},
    "timeout": {
        "error": str,
        "message": str,
        "jobId": str,
        "lastStatus": str,
        "lastProgress": float,
    },
}
COUNTS = {
    "summary.totalDetected": int,
    "summary.approved": int,
    "summary.needsReview": int,
    "summary.enrichedCount": int,
    "summary.duration": int,
}
PHOTOSCAN = {
    "photoscan.progress": {
        "jobId": str,
        "status": str,
        "progress": float,
        "processedPhotos": int,
        "totalPhotos": int,
        "recognizedBooks": int,
    },
    "photoscan.completed": {"jobId": str, "status": str, "resultsUrl": str, **COUNTS},
    "photoscan.failed": {"jobId": str, "status": str, "error": str},
}
ENRICHMENT = {
    "enrichment.progress": {"isbn": str, "status": str, "progress": int, "provider": str},
    "enrichment.completed": {"isbn": str, "status": str, "data": dict},
    "enrichment.failed": {"isbn": str, "status": str, "error": str},
}


async def told(run, listen, scene: str, query: str = "") -> list[Any]:
    """Return all frames of a stream of a job that goes as in a scene."""
    await SCENES[scene].open(run.stage)
    stream = await listen(run.url, f"/api/v2/imports/{ID}/stream{query}", Last_Event_ID="0")
    await SCENES[scene].play(run.stage)
    return await stream.frames()


@pytest.mark.parametrize("scene", SCENES)
async def test_build_b_decodes_every_event(theatre, listen, scene):
    frames = await told(await theatre(), listen, scene)
    assert frames[0].name == "initialized"
    assert frames[-1].name in ("completed", "failed", "canceled")
    assert [frame.id for frame in frames] == list(range(1, len(frames) + 1))
    for frame in frames:
        check(frame.data, BUILD_B[frame.name])
        assert not nulls(frame.data)
        assert frame.name == frame.data["status"]
        assert re.search(rb'"progress":\d\.\d', frame.raw)


async def test_build_b_decodes_the_ends_of_streams(theatre, listen):
    run = await theatre(SSE_TIMEOUT_SECONDS="60")
    await SCENES["import"].open(run.stage)
    stream = await listen(run.url, f"/api/v2/imports/{ID}/stream")
    assert (await stream.frame()).name == "initialized"
    await run.clock.advance(61)
    end = (await stream.frames())[-1]
    assert end.name == "timeout"
    check(end.data, BUILD_B["timeout"])


SCANS = [name for name, scene in SCENES.items() if scene.pipeline is SCAN]
OTHERS = [name for name, scene in SCENES.items() if scene.pipeline == "batch_enrichment"]


@pytest.mark.parametrize(
    ("scene", "names"),
    [(scene, "photoscan") for scene in SCANS] + [(scene, "enrichment") for scene in OTHERS],
)
async def test_build_a_decodes_events_under_its_own_names(theatre, listen, scene, names):
    rows = {"photoscan": PHOTOSCAN, "enrichment": ENRICHMENT}[names]
    frames = await told(await theatre(), listen, scene, f"?events={names}")
    for frame in frames:
        check(frame.data, rows[frame.name])
        assert not nulls(frame.data)
    assert [frame.id for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[-1].name.endswith(("completed", "failed"))  # else that client never stops


@pytest.mark.parametrize("scene", SCENES)
async def test_a_name_that_does_not_fit_changes_nothing(theatre, listen, scene):
    other = "enrichment" if scene in SCANS else "photoscan"
    frames = await told(await theatre(), listen, scene, f"?events={other}")
    assert {frame.name for frame in frames} <= set(BUILD_B)
