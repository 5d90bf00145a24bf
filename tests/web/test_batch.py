"""Starting batch enrichments over HTTP: every path, the whole answer, repeats (C2, C3, §2, §8)."""

from __future__ import annotations

import asyncio
import json
import re
from io import BytesIO

import pytest

PATHS = [
    "/v1/enrichment/batch",
    "/api/enrichment/batch",
    "/api/batch-enrich",
    "/v1/enrich/batch",
    "/api/v2/books/enrich-batch",
    "/api/v2/enrichments",
]
ID = "8F14E45F-CEEA-467F-AB8D-1A2B3C4D5E6F"  # as the iOS app makes them
BOOKS = [{"title": "The Ferry to Morrow Island", "author": "Maren Holloway"}]
BODY = {"jobId": ID, "books": BOOKS}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def done(api, job_id: str) -> dict:
    """Wait for the end of a job; return its status."""
    async with asyncio.timeout(20):
        while True:
            found = (await api.get(f"/v1/jobs/{job_id}")).json["data"]
            if found["status"] in ("completed", "failed", "canceled"):
                return found
            await asyncio.sleep(0.02)


async def test_the_whole_answer(api):
    answer = await api.post(PATHS[0], json=BODY)
    assert answer.status == 202
    body, data = answer.json, answer.json["data"]
    token = data["token"]
    assert UUID.fullmatch(token)
    assert TIME.fullmatch(data["createdAt"])
    assert TIME.fullmatch(data["tokenExpiresAt"])
    stream = f"/api/v2/enrichments/{ID}/stream"
    assert data == {
        "jobId": ID,
        "job_id": ID,
        "pipeline": "batch_enrichment",
        "success": True,
        "status": "processing",
        "processedCount": 0,
        "totalCount": 1,
        "authToken": token,
        "token": token,
        "tokenExpiresAt": data["tokenExpiresAt"],
        "expiresIn": 7200,
        "sseUrl": stream,
        "sse_url": stream,
        "streamUrl": stream,
        "statusUrl": f"/api/v2/enrichments/{ID}",
        "status_url": f"/api/v2/enrichments/{ID}",
        "resultsUrl": f"/v1/jobs/{ID}/results",
        "cancelUrl": f"/v1/jobs/{ID}",
        "websocketUrl": f"/ws/progress?jobId={ID}&token={token}",
        "websocketReady": False,
        "message": data["message"],
        "createdAt": data["createdAt"],
        "created_at": data["createdAt"],
    }
    assert {key: body[key] for key in data} == data
    assert "error" not in body
    assert answer.headers["Location"] == f"/api/v2/enrichments/{ID}"
    assert "Idempotent-Replayed" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Deprecation" not in answer.headers


async def test_every_path_starts_the_same_job_once(api):
    answers = [await api.post(path, json=BODY) for path in PATHS]
    assert [answer.status for answer in answers] == [202] * 6
    assert {answer.json["data"]["token"] for answer in answers} == {answers[0].json["token"]}
    replayed = [answer.headers.get("Idempotent-Replayed") for answer in answers]
    assert replayed == [None, *["true"] * 5]
    assert (await done(api, ID))["totalCount"] == 1
    again = await api.post(PATHS[1], json=BODY)
    assert (again.status, again.json["data"]["status"]) == (202, "processing")
    assert again.json["data"]["processedCount"] == 0


async def test_the_oldest_path_takes_work_ids_and_says_that_it_ends(api):
    body = {"jobId": ID, "workIds": ["The Ferry to Morrow Island", "zzyzzx"]}
    answer = await api.post("/api/enrichment/start", json=body)
    assert (answer.status, answer.json["totalCount"]) == (202, 2)
    assert answer.headers["Deprecation"] == "@1763164800"
    assert answer.headers["Sunset"] == "Sun, 01 Mar 2026 00:00:00 GMT"
    assert answer.headers["Link"] == '</v1/enrichment/batch>; rel="successor-version"'
    found = await done(api, ID)
    assert (found["successCount"], found["failureCount"]) == (1, 1)


async def test_the_oldest_path_can_be_closed(start):
    api = await start(LIFECYCLE_LEGACY_ENRICHMENT="gone")
    answer = await api.post("/api/enrichment/start", json={"jobId": ID, "workIds": ["x"]})
    assert answer.status == 410
    assert answer.json["error"]["details"]["successor"] == "/v1/enrichment/batch"


async def test_ids_are_made_where_none_is_given(api):
    ids = set()
    for path in PATHS[2:]:
        answer = await api.post(path, json={"books": BOOKS})
        ids.add(answer.json["jobId"])
        assert answer.json["websocketUrl"].startswith(f"/ws/progress?jobId={answer.json['jobId']}")
    assert len(ids) == 4
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f-]{16}", i) for i in ids
    )


async def test_barcodes(api):
    body = {"barcodes": ["978-1-64410-037-0", "9791095546719"], "vectorize": False}
    answer = await api.post(PATHS[0], json=body)
    assert (answer.status, answer.json["totalCount"]) == (202, 2)
    found = await done(api, answer.json["jobId"])
    assert (found["successCount"], found["failureCount"]) == (1, 1)


REFUSALS = [
    (PATHS[0], {"books": BOOKS}, "INVALID_REQUEST", {"parameter": "jobId"}),
    (PATHS[1], {"books": BOOKS}, "INVALID_REQUEST", {"parameter": "jobId"}),
    (PATHS[2], {}, "INVALID_REQUEST", {}),
    (PATHS[2], {"books": {}}, "INVALID_REQUEST", {"parameter": "books"}),
    (PATHS[2], {"books": []}, "EMPTY_BATCH", {}),
    (PATHS[3], {"books": [BOOKS[0]] * 101}, "BATCH_TOO_LARGE", {"max": 100, "received": 101}),
    (PATHS[4], {"barcodes": ["9781644100370", "x"]}, "INVALID_ISBN", {"index": 1}),
    (PATHS[5], {"books": [BOOKS[0], {"title": ""}]}, "INVALID_REQUEST", {"index": 1}),
    (PATHS[5], {"workIds": ["x"]}, "INVALID_REQUEST", {}),
    (PATHS[5], {"books": BOOKS, "jobId": "a b"}, "INVALID_REQUEST", {"parameter": "jobId"}),
    ("/api/enrichment/start", {"jobId": ID}, "INVALID_REQUEST", {"parameter": "workIds"}),
    ("/api/enrichment/start", {"workIds": ["x"]}, "INVALID_REQUEST", {"parameter": "jobId"}),
    ("/api/enrichment/start", {"jobId": ID, "workIds": []}, "EMPTY_BATCH", {}),
]


async def test_a_batch_may_be_larger_than_other_bodies(api):
    def sized(note: int) -> dict:
        data = json.dumps({"books": BOOKS, "note": "x" * note}).encode()
        return {"data": BytesIO(data), "headers": {"Content-Type": "application/json"}}

    assert (await api.post(PATHS[3], **sized(2_000_000))).status == 202
    refused = await api.post(PATHS[3], **sized(2_100_000))
    assert refused.status == 413
    assert refused.json["error"]["details"]["maxBytes"] == 2_097_152


async def test_refusals(api):
    for path, body, code, details in REFUSALS:
        answer = await api.post(path, json=body)
        error = answer.json["error"]
        found = {key: error["details"].get(key) for key in details}
        assert (path, answer.status, error["code"], found) == (path, 400, code, details)
    for data in (b"", b"{", b"[]", b"\xff"):
        answer = await api.post(PATHS[2], data=data, headers={"Content-Type": "application/json"})
        assert (answer.status, answer.json["error"]["code"]) == (400, "INVALID_REQUEST")
    answer = await api.post(PATHS[2], data=b"title=x", headers={"Content-Type": "text/plain"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "INVALID_REQUEST")
    deep = await api.post(
        PATHS[2], data=b'{"books":' * 5000, headers={"Content-Type": "application/json"}
    )
    assert deep.status == 400


async def test_what_was_refused_uses_up_no_key(api):
    refused = await api.post(PATHS[0], json={"jobId": ID, "books": [], "idempotencyKey": "k"})
    assert refused.status == 400
    answer = await api.post(PATHS[0], json={**BODY, "idempotencyKey": "k"})
    assert answer.status == 202
    assert "Idempotent-Replayed" not in answer.headers


async def test_fifty_equal_requests_at_once_make_one_job(api):
    answers = await asyncio.gather(*(api.post(PATHS[index % 6], json=BODY) for index in range(50)))
    assert {answer.status for answer in answers} == {202}
    assert {answer.json["jobId"] for answer in answers} == {ID}
    assert len({answer.json["token"] for answer in answers}) == 1
    fresh = [a for a in answers if "Idempotent-Replayed" not in a.headers]
    assert len(fresh) == 1
    await done(api, ID)
    changed = await api.post(PATHS[0], json={**BODY, "books": [{"title": "Emma"}]})
    assert (changed.status, changed.json["error"]["code"]) == (409, "JOB_EXISTS")
    assert changed.json["error"]["canonicalCode"] == "CONFLICT"


async def test_fifty_equal_requests_with_one_key_make_one_job(api):
    key = {"Idempotency-Key": "tap-1"}
    body = {"books": BOOKS}
    answers = await asyncio.gather(
        *(api.post(PATHS[2 + index % 4], json=body, headers=key) for index in range(50))
    )
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["jobId"] for answer in answers}) == 1
    by_body = await api.post(PATHS[2], json={**body, "idempotency_key": "tap-1"})
    assert by_body.json["jobId"] == answers[0].json["jobId"]
    other = await api.post(PATHS[2], json={"books": [{"title": "Emma"}]}, headers=key)
    assert (other.status, other.json["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    too_long = await api.post(PATHS[2], json=body, headers={"Idempotency-Key": "k" * 256})
    assert too_long.status == 400


async def test_a_repeat_has_the_current_token_and_the_time_that_is_left(start, clock):
    api = await start(clock=clock, JOB_WORKERS="0")
    first = (await api.post(PATHS[0], json=BODY)).json
    await clock.advance(6000)
    again = (await api.post(PATHS[0], json=BODY)).json
    assert (again["token"], again["expiresIn"]) == (first["token"], 1200)
    assert again["createdAt"] == first["createdAt"]
    swap = {"jobId": ID, "oldToken": first["token"]}
    new = (await api.post("/api/token/refresh", json=swap)).json["token"]
    again = (await api.post(PATHS[0], json=BODY)).json
    assert (again["token"], again["expiresIn"]) == (new, 7200)


async def test_after_a_day_an_id_is_free_again(start, clock):
    api = await start(clock=clock, JOB_WORKERS="0")
    await api.post(PATHS[2], json={"books": BOOKS}, headers={"Idempotency-Key": "k"})
    await clock.advance(86_401)
    other = await api.post(
        PATHS[2], json={"books": [{"title": "x"}]}, headers={"Idempotency-Key": "k"}
    )
    assert other.status == 202
    assert "Idempotent-Replayed" not in other.headers


@pytest.mark.parametrize("phase", ["deprecated", "sunset"])
async def test_starts_tell_of_the_end_of_sockets(start, phase):
    api = await start(WEBSOCKET_PHASE=phase)
    answer = await api.post(PATHS[0], json=BODY)
    assert ("websocketUrl" in answer.json) is (phase == "deprecated")
    if phase == "deprecated":
        assert answer.headers["Deprecation"] == "@1772323200"
        assert answer.headers["Sunset"] == "Mon, 01 Jun 2026 00:00:00 GMT"
        assert answer.headers["Link"] == (
            f'</api/v2/enrichments/{ID}/stream>; rel="successor-version"'
        )


async def test_no_token_in_addresses_of_sockets_where_that_is_forbidden(start):
    api = await start(REQUIRE_SUBPROTOCOL_AUTH="true")
    answer = await api.post(PATHS[0], json=BODY)
    assert answer.json["websocketUrl"] == f"/ws/progress?jobId={ID}"


@pytest.mark.parametrize("flag", ["useBatchEnrichmentSSE", "sseRollout"])
async def test_streams_are_not_advertised_before_their_rollout_but_work(api, flag):
    await api.parts.flags.change(flag, enabled=False)
    body = (await api.post(PATHS[0], json=BODY)).json
    assert not {"sseUrl", "sse_url", "streamUrl"} & set(body)
    assert not {"sseUrl", "sse_url", "streamUrl"} & set(body["data"])
    assert body["statusUrl"]
    await done(api, ID)
    stream = await api.get(f"/api/v2/enrichments/{ID}/stream")
    assert stream.status == 200


async def test_the_limit_of_batches(start):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_BATCH="2/60")
    statuses = [(await api.post(path, json=BODY)).status for path in PATHS[:4]]
    assert statuses == [202, 202, 429, 429]
