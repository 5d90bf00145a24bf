"""How jobs stand, what they have found and whom they belong to, over HTTP (§3, §9, §10)."""

from __future__ import annotations

import asyncio
import re

import pytest

from staged import (
    BATCH,
    CANCELED,
    COMPLETED,
    FAILED,
    ID,
    IMPORT,
    SCAN,
    STARTED,
    TOKEN,
    WORKING,
    theatre,
)
from web.test_batch import BODY, PATHS, TIME, done

__all__ = ["theatre"]

STATUS_PATHS = [
    f"/v1/jobs/{ID}",
    f"/v1/jobs/{ID}/status",
    f"/api/v2/imports/{ID}",
    f"/api/v2/enrichments/{ID}",
    f"/api/v2/scans/{ID}",
    f"/api/v2/books/enrich-batch/{ID}",
]
RESULT_PATHS = [
    f"/v1/jobs/{ID}/results",
    f"/api/v2/imports/{ID}/results",
    f"/api/v2/enrichments/{ID}/results",
    f"/api/v2/scans/{ID}/results",
    f"/api/v2/books/enrich-batch/{ID}/results",
    f"/v1/scan/results/{ID}",
    f"/v1/csv/results/{ID}",
]
IOS = {"X-Client-Version": "ios-v4.0.0"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Staged:
    """Requests to a server whose jobs are on a stage."""

    def __init__(self, api, session) -> None:
        self.stage, self.clock = api.stage, api.clock
        self._url, self._session = api.url, session

    async def get(self, path: str, method: str = "GET", **options):
        async with self._session.request(method, self._url + path, **options) as response:
            body = await response.json(content_type=None) if method != "HEAD" else None
            return response.status, response.headers, body


@pytest.fixture
async def staged(theatre):
    import aiohttp

    api = await theatre()
    async with aiohttp.ClientSession() as session:
        yield Staged(api, session)


# --- status -----------------------------------------------------------------------------------


async def test_the_whole_status_of_a_running_job(staged):
    await staged.stage.add()
    await staged.clock.advance(2)
    await staged.stage.emit(processed=4, current_item="Emma", message="4 of 10")
    for path in STATUS_PATHS:
        status, headers, body = await staged.get(path)
        assert status == 200
        assert headers["X-Poll-Interval"] == "10"
        assert headers["Cache-Control"] == "no-store"
        created, updated = "2025-10-09T08:53:20.000Z", "2025-10-09T08:53:22.000Z"
        assert body["data"] == {
            "jobId": ID,
            "job_id": ID,
            "pipeline": "batch_enrichment",
            "type": "batch_enrichment",
            "status": "processing",
            "progress": 0.4,
            "processedCount": 4,
            "totalCount": 10,
            "successCount": 4,
            "failureCount": 0,
            "currentItem": "Emma",
            "message": "4 of 10",
            "cancelRequested": False,
            "createdAt": created,
            "created_at": created,
            "startTime": created,
            "updatedAt": updated,
            "lastEventId": 2,
            "total_rows": 10,
            "processed_rows": 4,
            "successful_rows": 4,
            "failed_rows": 0,
        }
        assert "status" not in body  # enveloped, not mirrored


async def test_a_status_has_a_message_and_a_float_from_the_start(staged):
    await staged.stage.add()
    _, _, body = await staged.get(STATUS_PATHS[0])
    assert body["data"]["message"]
    assert body["data"]["status"] == "initialized"
    assert type(body["data"]["progress"]) is float


async def test_a_scan_says_more_of_itself(staged):
    await staged.stage.add(SCAN, total=2)
    await staged.clock.advance(7.9)
    await staged.stage.emit(stage="reading", extra={"booksDetected": 5})
    _, _, body = await staged.get(f"/api/v2/scans/{ID}")
    found = body["data"]
    assert (found["stage"], found["elapsedTime"], found["booksDetected"]) == ("reading", 7, 5)


async def test_the_status_of_jobs_that_are_over(staged):
    await staged.stage.add()
    await staged.clock.advance(3)
    await staged.stage.complete(results={})
    _, _, body = await staged.get(STATUS_PATHS[0])
    found = body["data"]
    assert (found["status"], found["progress"]) == ("completed", 1.0)
    assert found["completedAt"] == found["completed_at"] == "2025-10-09T08:53:23.000Z"
    assert found["expiresAt"] == "2025-10-09T10:53:23.000Z"
    assert found["resultsUrl"] == f"/v1/jobs/{ID}/results"
    assert found["summary"]["resourceId"] == f"job-results:{ID}"
    assert "error" not in found
    await staged.stage.add(job_id="another-job-that-fails")
    await staged.stage.fail(job_id="another-job-that-fails", cause=None, provider="isbndb")
    _, _, body = await staged.get("/v1/jobs/another-job-that-fails")
    assert body["data"]["error"] == {
        "code": "E_BATCH_PROCESSING_FAILED",
        "message": "Nothing works",
        "retryable": True,
        "details": {"provider": "isbndb"},
    }
    assert "resultsUrl" not in body["data"]


async def test_one_client_gets_upper_case_on_one_path(staged):
    words = {
        STARTED: "PENDING",
        WORKING: "PROCESSING",
        COMPLETED: "COMPLETED",
        FAILED: "FAILED",
        CANCELED: "CANCELLED",
    }
    for index, (status, word) in enumerate(words.items()):
        job_id = f"a-job-of-its-own-{index}"
        await staged.stage.add(IMPORT, job_id=job_id)
        if status is not STARTED:
            await staged.stage.emit(status, job_id=job_id)
        _, _, body = await staged.get(f"/api/v2/imports/{job_id}", headers=IOS)
        assert body["data"]["status"] == word
        for path, headers in (
            (f"/api/v2/imports/{job_id}", {}),
            (f"/api/v2/imports/{job_id}", {"X-Client-Version": "web-1"}),
            (f"/v1/jobs/{job_id}", IOS),
            (f"/api/v2/scans/{job_id}", IOS),
        ):
            _, _, body = await staged.get(path, headers=headers)
            assert body["data"]["status"] == status


async def test_the_oldest_status_of_imports(staged):
    await staged.stage.add(IMPORT)
    _, headers, body = await staged.get(f"/v1/csv/status/{ID}")
    assert body["data"]["status"] == "processing"
    assert headers["X-Poll-Interval"] == "10"
    assert not {"books", "errors", "error"} & set(body["data"])
    books, errors = [{"title": "Emma", "author": "Jane Austen"}], [{"row": 2, "error": "empty"}]
    await staged.stage.complete(results={"books": books, "errors": errors})
    _, _, body = await staged.get(f"/v1/csv/status/{ID}")
    assert body["data"]["status"] == "completed"
    assert (body["data"]["books"], body["data"]["errors"]) == (books, errors)
    await staged.stage.add(IMPORT, job_id="another-import-that-fails")
    await staged.stage.fail(job_id="another-import-that-fails")
    _, _, body = await staged.get("/v1/csv/status/another-import-that-fails")
    assert body["data"]["error"] == "Nothing works"


UNKNOWN = ["unknown-job-1234567", "%00", "a" * 65, "a%20b", "x" * 200, "%D0%96"]


async def test_unknown_jobs_are_not_found(staged):
    for job_id in UNKNOWN:
        for path in (*STATUS_PATHS, f"/v1/csv/status/{ID}"):
            status, _, body = await staged.get(path.replace(ID, job_id))
            assert (job_id, status, body["error"]["code"]) == (job_id, 404, "NOT_FOUND")


# --- results ----------------------------------------------------------------------------------


RESULTS = {"enrichedBooks": [{"title": "Emma", "success": False}], "totalProcessed": 1}


async def test_results_on_every_path(staged):
    await staged.stage.add(total=1)
    await staged.clock.advance(1)
    await staged.stage.complete(results=RESULTS)
    await staged.clock.advance(1000)
    for path in RESULT_PATHS:
        for prefix in ("", "job-results:", "scan-results:", "csv-results:"):
            status, headers, body = await staged.get(path.replace(ID, prefix + ID))
            assert status == 200
            assert headers["Cache-Control"] == "private, max-age=6200"
            data = body["data"]
            assert {key: data[key] for key in RESULTS} == RESULTS
            assert data["jobId"] == ID
            assert data["pipeline"] == "batch_enrichment"
            assert data["status"] == "completed"
            assert data["expiresAt"] == "2025-10-09T10:53:21.000Z"
            assert data["summary"]["resourceId"] == f"job-results:{ID}"
            assert "results" not in data
            facts = body["metadata"]
            assert facts["cached"] is True
            assert facts["provider"] == facts["source"] == "kv_cache"
            assert facts["ttl"] == "2 hours"
            assert facts["resourceId"] == f"job-results:{ID}"
            assert facts["expiresAt"] == data["expiresAt"]
        deprecated = "results/" in path
        assert ("Deprecation" in headers) is deprecated
        if deprecated:
            assert headers["Deprecation"] == "@1764288000"
            assert "Sunset" not in headers
    assert headers["Link"].startswith("</v1/jobs/")
    _, headers, _ = await staged.get(f"/v1/csv/results/{ID}")
    assert headers["Link"] == f'</v1/jobs/{ID}/results>; rel="successor-version"'


async def test_results_under_a_second_name(staged):
    await staged.stage.add(total=1)
    await staged.stage.complete(results=RESULTS)
    _, _, body = await staged.get(f"{RESULT_PATHS[0]}?alias=results")
    assert body["data"]["results"] == body["data"]["enrichedBooks"] == RESULTS["enrichedBooks"]
    _, _, body = await staged.get(f"{RESULT_PATHS[0]}?alias=other")
    assert "results" not in body["data"]


async def test_why_there_are_no_results_yet(start, clock):
    api = await start(clock=clock, JOB_WORKERS="0")
    await api.post(PATHS[0], json=BODY)
    keys = {path: "job-results" for path in RESULT_PATHS[:5]} | {
        RESULT_PATHS[5]: "scan-results",
        RESULT_PATHS[6]: "csv-results",
    }
    for path, key in keys.items():
        answer = await api.get(path)
        assert answer.status == 404
        assert answer.headers["Retry-After"] == "10"
        error = answer.json["error"]
        assert (error["code"], error["retryable"]) == ("NOT_FOUND", True)
        assert error["details"] == {
            "jobId": ID,
            "resultsKey": f"{key}:{ID}",
            "ttl": "2 hours",
            "reason": "not_ready",
            "status": "initialized",
            "statusUrl": f"/api/v2/enrichments/{ID}",
            "retryAfter": 10,
        }
    unknown = await api.get(RESULT_PATHS[0].replace(ID, "unknown-job-1234567"))
    details = unknown.json["error"]["details"]
    assert details["reason"] == "not_found"
    assert details["resultsKey"] == "job-results:unknown-job-1234567"
    assert unknown.json["error"]["retryable"] is False
    assert "Retry-After" not in unknown.headers


async def test_results_end(start, clock):
    api = await start(clock=clock, JOB_RESULTS_TTL="5400")
    await api.post(PATHS[0], json=BODY)
    async with asyncio.timeout(20):
        while (await api.get(RESULT_PATHS[0])).status != 200:
            await clock.advance(0.05)
    answer = await api.get(RESULT_PATHS[0])
    assert answer.json["metadata"]["ttl"] == "90 minutes"
    left = int(answer.headers["Cache-Control"].removeprefix("private, max-age="))
    assert 5390 <= left <= 5400
    await clock.advance(5401)
    gone = await api.get(RESULT_PATHS[0])
    assert gone.status == 404
    assert gone.json["error"]["details"]["reason"] == "expired"
    assert (await api.get(STATUS_PATHS[0])).json["data"]["status"] == "completed"


async def test_the_results_of_a_real_batch(api):
    books = [{"title": "zzyzzx"}, {"title": "The Ferry to Morrow Island", "isbn": "9781644100370"}]
    await api.post(PATHS[0], json={"jobId": ID, "books": books})
    await done(api, ID)
    data = (await api.get(RESULT_PATHS[0])).json["data"]
    assert (data["totalProcessed"], data["successCount"], data["failureCount"]) == (2, 1, 1)
    lost, found = data["enrichedBooks"]
    assert (lost["title"], lost["success"]) == ("zzyzzx", False)
    assert lost["error"]
    assert "enriched" not in lost
    assert (found["title"], found["success"]) == (books[1]["title"], True)
    assert {"work", "edition", "authors"} == set(found["enriched"])
    assert [book["title"] for book in data["books"]] == ["The Ferry to Morrow Island"]
    assert TIME.fullmatch(data["expiresAt"])


# --- tokens -----------------------------------------------------------------------------------


async def test_a_token_is_optional_but_must_be_right(staged):
    await staged.stage.add(total=1)
    await staged.stage.complete(results=RESULTS)
    for path in (*STATUS_PATHS, *RESULT_PATHS, f"/v1/csv/status/{ID}"):
        for headers, query, expected in (
            ({}, "", 200),
            (BEARER, "", 200),
            ({"X-Auth-Token": TOKEN}, "", 200),
            ({}, f"?token={TOKEN}", 200),
            ({"Authorization": "Basic eDp5"}, "", 200),
            ({"Authorization": "Bearer bt_abcdefgh_x"}, "", 200),
            ({"Authorization": "Bearer wrong"}, f"?token={TOKEN}", 401),
            ({"X-Auth-Token": "wrong"}, "", 401),
            ({}, "?token=wrong", 401),
            ({"X-Auth-Token": "Ж".encode().decode("latin-1")}, "", 401),
        ):
            status, _, body = await staged.get(path + query, headers=headers)
            assert (path, headers, query, status) == (path, headers, query, expected)
            if expected == 401:
                assert body["error"]["code"] == "UNAUTHORIZED"
                assert body["error"]["details"]["reason"] == "invalid_token"
    staged.stage.expired.add(ID)
    status, _, body = await staged.get(STATUS_PATHS[0], headers=BEARER)
    assert (status, body["error"]["details"]["reason"]) == (401, "expired")


async def test_ids_that_can_be_guessed_need_the_token(staged):
    short = "a" * 15
    await staged.stage.add(job_id=short, total=1)
    await staged.stage.complete(job_id=short, results=RESULTS)
    await staged.stage.add(job_id=short + "a")
    for path in (f"/v1/jobs/{short}", f"/v1/jobs/{short}/results", f"/v1/csv/status/{short}"):
        assert (await staged.get(path))[0] == 401
        assert (await staged.get(path, headers=BEARER))[0] == 200
    assert (await staged.get(f"/v1/jobs/{short}a"))[0] == 200


async def test_the_state_of_a_job_is_for_the_holder_of_its_token(staged):
    await staged.stage.add()
    await staged.clock.advance(2)
    await staged.stage.emit(processed=3, current_item="Emma")
    path = f"/api/job-state/{ID}"
    for headers, reason in (
        ({}, "missing_token"),
        ({"X-Auth-Token": "wrong"}, "invalid_token"),
    ):
        status, answer_headers, body = await staged.get(path, headers=headers)
        assert status == 401
        assert answer_headers["WWW-Authenticate"]
        details = body["error"]["details"]
        assert (details["reason"], details["legacyCode"]) == (reason, "AUTH_ERROR")
    status, _, body = await staged.get(path, headers=BEARER)
    expected = {
        "jobId": ID,
        "pipeline": "batch_enrichment",
        "totalCount": 10,
        "processedCount": 3,
        "status": "running",
        "jobStatus": "processing",
        "progress": 0.3,
        "currentItem": "Emma",
        "startTime": 1_760_000_000_000,
        "lastUpdate": 1_760_000_002_000,
        "version": 1,
        "lastEventId": 2,
    }
    assert (status, body["data"]) == (200, expected)
    assert {key: body[key] for key in expected} == expected
    unknown = path.replace(ID, "unknown-job-1234567")
    assert (await staged.get(unknown))[0] == 401
    assert (await staged.get(unknown, headers=BEARER))[0] == 404


async def test_the_old_words_of_states(staged):
    for status, word in ((COMPLETED, "complete"), (FAILED, "failed"), (CANCELED, "canceled")):
        job_id = f"a-job-with-the-end-{status}"
        await staged.stage.add(job_id=job_id)
        await staged.clock.advance(1)
        if status is FAILED:
            await staged.stage.fail(job_id=job_id)
        else:
            await staged.stage.emit(status, job_id=job_id)
        _, _, body = await staged.get(f"/api/job-state/{job_id}", headers=BEARER)
        data = body["data"]
        assert (data["status"], data["jobStatus"]) == (word, status)
        assert data["endTime"] == data["lastUpdate"]
        assert ("error" in data) is (status is FAILED)
        assert "error" not in body  # the envelope's own word


REFRESH = ["/api/token/refresh", "/v1/token/refresh"]


@pytest.mark.parametrize("path", REFRESH)
async def test_a_token_is_renewed_in_its_last_half_hour(start, clock, path):
    api = await start(clock=clock, JOB_WORKERS="0")
    old = (await api.post(PATHS[0], json=BODY)).json["token"]
    swap = {"jobId": ID, "oldToken": old}
    await clock.advance(7200 - 31 * 60)
    early = await api.post(path, json=swap)
    assert (early.status, early.json["error"]["code"]) == (409, "REFRESH_TOO_EARLY")
    assert early.json["error"]["details"]["refreshAllowedInSeconds"] == 60
    assert early.headers["Retry-After"] == "60"
    await clock.advance(120)
    answer = await api.post(path, json=swap)
    assert answer.status == 200
    data = answer.json["data"]
    new = data["token"]
    assert data == {
        "jobId": ID,
        "token": new,
        "authToken": new,
        "newToken": new,
        "expiresIn": 7200,
        "expiresAt": data["expiresAt"],
    }
    assert {key: answer.json[key] for key in data} == data
    assert re.fullmatch(r"[0-9a-f-]{36}", new)
    assert new != old
    superseded = await api.post(path, json=swap)
    assert (superseded.status, superseded.json["error"]["code"]) == (401, "UNAUTHORIZED")
    assert superseded.json["error"]["details"]["legacyCode"] == "AUTH_ERROR"
    assert (await api.get(STATUS_PATHS[0], headers={"X-Auth-Token": old})).status == 401
    assert (await api.get(STATUS_PATHS[0], headers={"X-Auth-Token": new})).status == 200
    await clock.advance(7200)
    late = await api.post(path, json={"jobId": ID, "oldToken": new})
    assert late.status == 401
    assert late.json["error"]["message"] == "Token expired"
    assert late.json["error"]["details"]["reason"] == "expired"


async def test_refusals_of_renewals(api):
    await api.post(PATHS[0], json=BODY)
    for body, status, code in (
        ({"jobId": ID}, 400, "INVALID_REQUEST"),
        ({"oldToken": "x"}, 400, "INVALID_REQUEST"),
        ({"jobId": "", "oldToken": "x"}, 400, "INVALID_REQUEST"),
        ({"jobId": ID, "oldToken": 7}, 400, "INVALID_REQUEST"),
        ({"jobId": ID, "oldToken": "wrong"}, 401, "UNAUTHORIZED"),
        ({"jobId": "unknown-job-1234567", "oldToken": "x"}, 401, "UNAUTHORIZED"),
        ({"jobId": "no id at all\x00", "oldToken": "x"}, 401, "UNAUTHORIZED"),
    ):
        for path in REFRESH:
            answer = await api.post(path, json=body)
            assert (body, answer.status, answer.json["error"]["code"]) == (body, status, code)
            if status == 401:
                assert answer.json["error"]["message"] == "Invalid token"
    broken = await api.post(REFRESH[0], data=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status, broken.json["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_of_twenty_renewals_at_once_one_succeeds(start, clock):
    api = await start(clock=clock, JOB_WORKERS="0")
    old = (await api.post(PATHS[0], json=BODY)).json["token"]
    await clock.advance(7000)
    swap = {"jobId": ID, "oldToken": old}
    answers = await asyncio.gather(*(api.post(REFRESH[i % 2], json=swap) for i in range(20)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 409}
    for answer in answers:
        if answer.status == 409:
            assert answer.json["error"]["code"] == "REFRESH_IN_PROGRESS"
            assert answer.headers["Retry-After"] == "1"


async def test_limits_of_looking_and_renewing(start):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_JOB_STATUS="3/60", RATE_TOKEN="1/60")
    await api.post(PATHS[0], json=BODY)
    paths = [STATUS_PATHS[0], RESULT_PATHS[0], f"/api/job-state/{ID}", STATUS_PATHS[2]]
    statuses = [(await api.get(path)).status for path in paths]
    assert statuses[-1] == 429
    assert 429 not in statuses[:-1]
    assert [(await api.post(path, json={})).status for path in REFRESH] == [400, 429]


@pytest.mark.parametrize("pipeline", [BATCH, IMPORT, SCAN])
async def test_heads_of_jobs(staged, pipeline):
    await staged.stage.add(pipeline)
    status, headers, _ = await staged.get(STATUS_PATHS[0], method="HEAD")
    assert status == 200
    assert int(headers["Content-Length"]) > 100
