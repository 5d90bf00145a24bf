"""Starting scans over HTTP: every path and body form, the whole answer, repeats (E1-E3, §2.1)."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest

from photos import FERRY, ID, drawn, ended, form, images, said, scan, seen, stored, until

BATCHES = ["/api/batch-scan", "/api/scan-bookshelf/batch", "/api/v2/scans"]
ONE = "/api/scan-bookshelf"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
STAGES = [
    {"name": "Image Quality Analysis", "typicalDuration": 3, "progress": 0.1},
    {"name": "AI Processing", "typicalDuration": 25, "progress": 0.5},
    {"name": "Metadata Enrichment", "typicalDuration": 12, "progress": 1.0},
]


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k")


@pytest.fixture
async def idle(start):
    """A server that takes scans and runs none."""
    return await start(GEMINI_API_KEY="k", JOB_WORKERS="0")


async def test_the_whole_answer_to_one_photo(api):
    answer = await scan(api, drawn(), job_id=ID)
    assert answer.status == 202
    body, data = answer.json, answer.json["data"]
    token = data["token"]
    stream = f"/api/v2/scans/{ID}/stream?events=photoscan"
    assert data == {
        "jobId": ID,
        "job_id": ID,
        "pipeline": "ai_scan",
        "success": True,
        "status": "started",
        "processedCount": 0,
        "totalCount": 1,
        "totalPhotos": 1,
        "websocketReady": False,
        "stages": STAGES,
        "estimatedRange": [32, 48],
        "authToken": token,
        "token": token,
        "tokenExpiresAt": data["tokenExpiresAt"],
        "expiresIn": 7200,
        "sseUrl": stream,
        "sse_url": stream,
        "streamUrl": stream,
        "statusUrl": f"/api/v2/scans/{ID}",
        "status_url": f"/api/v2/scans/{ID}",
        "resultsUrl": f"/v1/jobs/{ID}/results",
        "cancelUrl": f"/v1/jobs/{ID}",
        "websocketUrl": f"/ws/progress?jobId={ID}&token={token}",
        "message": data["message"],
        "createdAt": data["createdAt"],
        "created_at": data["createdAt"],
    }
    assert {key: body[key] for key in data} == data
    assert answer.headers["Location"] == f"/api/v2/scans/{ID}"
    await ended(api, ID)


@pytest.mark.parametrize("path", BATCHES)
async def test_every_batch_path_takes_forms_and_json(api, path):
    photos = drawn(shade=10), drawn(shade=20)
    for name in ("photos", "photos[]", "images"):
        answer = await api.post(path, data=form(*photos, name=name))
        assert (answer.status, answer.json["totalPhotos"]) == (202, 2)
        assert UUID.fullmatch(answer.json["jobId"])
    body = {"jobId": f"{ID}-{BATCHES.index(path)}", "images": images(*photos)}
    body["images"][0]["data"] = "data:image/jpeg;base64," + body["images"][0]["data"]
    answer = await api.post(path, json=body)
    assert answer.status == 202, answer.body
    assert answer.json["jobId"] == body["jobId"]
    assert (answer.json["status"], answer.json["estimatedRange"]) == ("processing", [52, 78])
    assert answer.json["sseUrl"] == f"/api/v2/scans/{body['jobId']}/stream"
    assert answer.json["stages"] == STAGES
    assert (await ended(api, body["jobId"]))["status"] == "completed"


async def test_an_id_in_the_form_or_the_address(idle):
    by_field = await idle.post(BATCHES[0], data=form(drawn(), jobId=ID))
    assert (by_field.status, by_field.json["jobId"]) == (202, ID)
    by_query = await idle.post(f"{BATCHES[0]}?jobId={ID}", data=form(drawn()))
    assert by_query.headers["Idempotent-Replayed"] == "true"


async def test_photos_are_in_the_order_of_their_numbers(idle):
    photos = images(drawn(size=(200, 300)), drawn(size=(200, 310)), drawn(size=(200, 320)))
    for entry, index in zip(photos, (7, 0, 3), strict=True):
        entry["index"] = index
    answer = await idle.post(BATCHES[1], json={"jobId": ID, "images": photos})
    assert answer.status == 202
    found = sorted(path.rpartition("/")[2] for path in await stored(idle))
    assert found == ["photo-0.jpg", "photo-3.jpg", "photo-7.jpg"]


async def test_types_are_told_by_the_bytes(api):
    for kind in ("PNG", "WEBP", "JPEG"):
        answer = await api.post(ONE, data=drawn(kind), headers={"Content-Type": "image/heic; x=y"})
        assert answer.status == 202, answer.body
        await ended(api, answer.json["jobId"])


async def test_without_reader_there_is_no_scan(start):
    api = await start(AI_PROVIDER="none", GEMINI_API_KEY="k")
    for path in (ONE, *BATCHES):
        answer = await api.post(path, data=b"")
        assert (answer.status, answer.json["error"]["code"]) == (503, "SCANNER_NOT_CONFIGURED")
        assert answer.json["error"]["retryable"] is False
    assert answer.json["error"]["canonicalCode"] == "INTERNAL_ERROR"


async def test_a_repeat_is_the_same_job_and_leaves_its_photos_alone(api):
    api.upstream.gemini.otherwise = said(seen(**FERRY))
    photos = drawn(shade=1), drawn(shade=2)
    answers = await asyncio.gather(
        *(api.post(f"{path}?jobId={ID}", data=form(*photos)) for path in BATCHES * 4),
        *(api.post(p, json={"jobId": ID, "images": images(*photos)}) for p in BATCHES),
    )
    assert [answer.status for answer in answers] == [202] * 15
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert len({answer.json["token"] for answer in answers}) == 1
    assert (await ended(api, ID))["status"] == "completed"

    async def only_ours():
        return len([path for path in await stored(api) if "/photo-" in path]) == 2

    await until(only_ours)
    assert api.upstream.count("gemini") == 2


async def test_an_id_stands_for_one_request(idle):
    await scan(idle, drawn(), job_id=ID)
    before = await stored(idle)
    other = await scan(idle, drawn(shade=3), job_id=ID)
    assert (other.status, other.json["error"]["code"]) == (409, "JOB_EXISTS")
    for query in ("&confidenceThreshold=0.5", "&confidenceThreshold=0.7"):
        answer = await idle.post(
            f"{ONE}?jobId={ID}{query}", data=drawn(), headers={"Content-Type": "image/jpeg"}
        )
        assert answer.status == (409 if "0.5" in query else 202)

    async def as_before():
        return await stored(idle) == before

    await until(as_before)


async def test_a_key_stands_for_one_request(idle):
    key = {"Idempotency-Key": "tap-1"}
    answers = [await scan(idle, drawn(), **key) for _ in range(3)]
    assert len({answer.json["jobId"] for answer in answers}) == 1
    other = await scan(idle, drawn(shade=3), **key)
    assert (other.status, other.json["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")


async def test_the_limit_of_scans(start):
    api = await start(
        GEMINI_API_KEY="k", JOB_WORKERS="0", RATE_LIMIT_ENABLED="true", RATE_SCAN="2/60"
    )
    statuses = [(await scan(api, drawn())).status]
    statuses += [(await api.post(path, data=form(drawn()))).status for path in BATCHES]
    assert statuses == [202, 202, 429, 429]


async def test_a_connected_socket_is_told_of(idle):
    first = await scan(idle, drawn(), job_id=ID)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(idle.url + first.json["websocketUrl"]) as socket,
    ):
        await socket.send_json({"type": "ready"})
        await socket.receive_json()
        again = await scan(idle, drawn(), job_id=ID)
        assert again.json["websocketReady"] is True
        assert again.headers["Idempotent-Replayed"] == "true"
