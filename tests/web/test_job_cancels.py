"""Stopping jobs: who may, what is left, and what the answer says (§7, http-api F3, C4, D7, E4)."""

from __future__ import annotations

import asyncio

import pytest

from web.test_batch import ID, PATHS, done

DELETES = [
    ("DELETE", f"/v1/jobs/{ID}"),
    ("DELETE", f"/api/v2/jobs/{ID}/cancel"),
    ("POST", f"/api/v2/jobs/{ID}/cancel"),
    ("DELETE", f"/api/v2/imports/{ID}"),
    ("DELETE", f"/api/v2/enrichments/{ID}"),
    ("DELETE", f"/api/v2/scans/{ID}"),
    ("DELETE", f"/api/v2/books/enrich-batch/{ID}"),
]
LEGACY = [
    ("/api/enrichment/cancel", {"jobId": ID}),
    ("/api/scan-bookshelf/cancel", {"jobId": ID}),
    (f"/v1/csv/cancel/{ID}", None),
]
FERRY = {"title": "The Ferry to Morrow Island", "isbn": "9781644100370"}
ADMIN = "an-admin-token-for-tests"


async def started(api, *books) -> str:
    """Start a job; return its token."""
    body = {"jobId": ID, "books": list(books) or [FERRY]}
    return (await api.post(PATHS[0], json=body)).json["token"]


async def under_way(api, count: int = 30) -> str:
    """Return the token of a job that has finished one book and will not finish soon."""
    await api.get("/v1/search/isbn?isbn=9781644100370")
    api.upstream.delay("all", 30)
    others = [{"title": f"Nobody knows book {index}"} for index in range(count - 1)]
    token = await started(api, FERRY, *others)
    async with asyncio.timeout(20):
        while (await api.get(f"/v1/jobs/{ID}")).json["data"]["processedCount"] < 1:  # noqa: ASYNC110 it runs elsewhere
            await asyncio.sleep(0.02)
    return token


def holding(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_stopping_work_under_way(api):
    token = await under_way(api)
    answer = await api.request("DELETE", f"/v1/jobs/{ID}", headers=holding(token))
    assert answer.status == 200
    data = answer.json["data"]
    assert {key: data[key] for key in ("jobId", "status", "jobStatus")} == {
        "jobId": ID,
        "status": "canceled",
        "jobStatus": "canceled",
    }
    assert data["message"]
    assert set(data["cleanup"]) == {
        "r2ObjectsDeleted",
        "kvCacheCleared",
        "objectsDeleted",
        "cacheEntriesCleared",
    }
    assert data["cleanup"]["r2ObjectsDeleted"] == data["cleanup"]["objectsDeleted"] == 0
    partial = data["partialResults"]
    assert (partial["processedCount"], partial["totalCount"]) == (1, 30)
    assert (partial["successCount"], partial["failureCount"]) == (1, 0)
    books = partial["results"]["enrichedBooks"]
    assert [book["title"] for book in books if book["success"]] == [FERRY["title"]]
    assert partial["results"]["partial"] is True
    assert "truncated" not in partial
    gone = await api.get(f"/v1/jobs/{ID}/results")
    assert gone.status == 404
    assert gone.json["error"]["details"]["reason"] == "canceled"
    assert (await api.get(f"/v1/jobs/{ID}")).json["data"]["status"] == "canceled"
    stream = await api.get(f"/api/v2/enrichments/{ID}/stream")
    assert b"event: canceled" in stream.body
    asked = api.upstream.count()
    await asyncio.sleep(0.1)
    assert api.upstream.count() == asked  # nobody is asked any more


async def test_stopping_again_removes_nothing_more_and_is_no_mistake(api):
    token = await under_way(api)
    first = await api.request("DELETE", f"/v1/jobs/{ID}", headers=holding(token))
    assert "partialResults" in first.json["data"]
    for method, path in DELETES:
        answer = await api.request(method, path, headers=holding(token))
        data = answer.json["data"]
        assert (path, answer.status, data["status"]) == (path, 200, "canceled")
        assert data["jobStatus"] == "canceled"
        assert "partialResults" not in data
        assert data["cleanup"] == {
            "r2ObjectsDeleted": 0,
            "kvCacheCleared": False,
            "objectsDeleted": 0,
            "cacheEntriesCleared": 0,
        }


async def test_deleting_a_completed_job_removes_its_results_once(api):
    token = await started(api)
    await done(api, ID)
    for cleared in (True, False):
        answer = await api.request("DELETE", f"/v1/jobs/{ID}", headers=holding(token))
        data = answer.json["data"]
        assert (data["status"], data["jobStatus"]) == ("canceled", "completed")
        assert data["cleanup"]["kvCacheCleared"] is cleared
        assert data["cleanup"]["cacheEntriesCleared"] == int(cleared)
        assert "partialResults" not in data
    assert (await api.get(f"/v1/jobs/{ID}/results")).status == 404
    assert (await api.get(f"/v1/jobs/{ID}")).json["data"]["status"] == "completed"


async def test_partial_results_are_kept_on_request(api):
    token = await under_way(api)
    answer = await api.request("DELETE", f"/v1/jobs/{ID}?keepResults=true", headers=holding(token))
    assert answer.json["data"]["partialResults"]["processedCount"] == 1
    kept = await api.get(f"/v1/jobs/{ID}/results")
    assert kept.status == 200
    assert kept.json["data"]["status"] == "canceled"
    assert kept.json["data"]["partial"] is True
    wrong = await api.request("DELETE", f"/v1/jobs/{ID}?keepResults=x", headers=holding(token))
    assert wrong.status == 400


@pytest.mark.parametrize(("method", "path"), DELETES)
async def test_every_way_to_delete_a_waiting_job(start, clock, method, path):
    api = await start(clock=clock, JOB_WORKERS="0")
    token = await started(api)
    unknown = path.replace(ID, "unknown-job-1234567")
    for target, headers, status, reason in (
        (path, {}, 401, "missing_token"),
        (unknown, {}, 401, "missing_token"),
        (unknown, holding(token), 404, None),
        (path, holding("wrong"), 401, "invalid_token"),
        (path, {"X-Auth-Token": "wrong"}, 401, "invalid_token"),
        (path, {"Authorization": "Bearer bt_abcdefgh_x"}, 401, "missing_token"),
    ):
        answer = await api.request(method, target, headers=headers)
        assert (headers, answer.status) == (headers, status)
        assert answer.json["error"]["details"].get("reason") == reason
    assert (await api.get(f"/v1/jobs/{ID}")).json["data"]["status"] == "initialized"
    answer = await api.request(method, path, headers={"X-Auth-Token": token})
    assert (answer.status, answer.json["data"]["jobStatus"]) == (200, "canceled")
    assert "partialResults" not in answer.json["data"]


async def test_an_expired_token_stops_nothing(start, clock):
    api = await start(clock=clock, JOB_WORKERS="0")
    token = await started(api)
    await clock.advance(7201)
    answer = await api.request("DELETE", f"/v1/jobs/{ID}", headers=holding(token))
    assert (answer.status, answer.json["error"]["details"]["reason"]) == (401, "expired")
    assert (await api.get(f"/v1/jobs/{ID}")).json["data"]["status"] == "initialized"


async def test_the_admin_may_stop_every_job(start, clock):
    api = await start(clock=clock, JOB_WORKERS="0", ADMIN_TOKEN=ADMIN)
    await started(api)
    assert (
        await api.request("DELETE", f"/v1/jobs/{ID}", headers=holding(ADMIN + "x"))
    ).status == 401
    unknown = "/v1/jobs/unknown-job-1234567"
    assert (await api.request("DELETE", unknown, headers=holding(ADMIN))).status == 404
    answer = await api.request("DELETE", f"/v1/jobs/{ID}", headers=holding(ADMIN))
    assert answer.json["data"]["jobStatus"] == "canceled"
    status = await api.get(f"/v1/jobs/{ID}", headers=holding(ADMIN))
    assert status.status == 200  # it is no wrong job token


@pytest.mark.parametrize(("path", "body"), LEGACY)
async def test_the_calls_of_shipped_apps_need_no_token(api, path, body):
    await under_way(api)
    answer = await api.post(path, json=body)
    assert answer.status == 200
    data = answer.json["data"]
    word = "canceling" if "scan" in path else "canceled"
    assert (data["jobId"], data["status"]) == (ID, word)
    assert (answer.json["jobId"], answer.json["status"]) == (ID, word)
    assert answer.json["success"] is True
    assert data["message"]
    assert answer.headers["Deprecation"] == "@1764288000"
    assert "Sunset" not in answer.headers
    assert "/v1/jobs/" in answer.headers["Link"]
    kept = await api.get(f"/v1/jobs/{ID}/results")
    assert kept.status == 200
    assert kept.json["data"]["partial"] is True
    assert kept.json["data"]["successCount"] == 1
    stream = await api.get(f"/api/v2/enrichments/{ID}/stream")
    assert b'"resultsUrl"' in stream.body
    again = await api.post(path, json=body)
    assert (again.status, again.json["data"]["status"]) == (200, word)


@pytest.mark.parametrize(("path", "body"), LEGACY)
async def test_refusals_of_the_calls_of_shipped_apps(start, clock, path, body):
    api = await start(clock=clock, JOB_WORKERS="0")
    token = await started(api)
    unknown = "unknown-job-1234567"
    other = {"jobId": unknown} if body else None
    lost = await api.post(path.replace(ID, unknown), json=other)
    assert (lost.status, lost.json["error"]["code"]) == (404, "NOT_FOUND")
    wrong = await api.post(path, json=body, headers={"X-Auth-Token": "wrong"})
    assert (wrong.status, wrong.json["error"]["code"]) == (401, "UNAUTHORIZED")
    if body:
        wrong = await api.post(path, json={**body, "token": "wrong"})
        assert wrong.status == 401
        code = "MISSING_PARAM" if "scan" in path else "INVALID_REQUEST"
        for missing in ({}, {"jobId": ""}, {"jobId": None}):
            refused = await api.post(path, json=missing)
            assert (refused.status, refused.json["error"]["code"]) == (400, code)
    assert (await api.get(f"/v1/jobs/{ID}")).json["data"]["status"] == "initialized"
    right = await api.post(path, json=body and {**body, "token": token})
    assert right.status == 200
    assert (await api.get(f"/v1/jobs/{ID}")).json["data"]["status"] == "canceled"


@pytest.mark.parametrize(("path", "body"), LEGACY)
async def test_the_calls_of_shipped_apps_can_be_made_to_need_a_token(start, clock, path, body):
    api = await start(clock=clock, JOB_WORKERS="0", LEGACY_UNAUTH_CANCEL="false")
    token = await started(api)
    refused = await api.post(path, json=body)
    assert (refused.status, refused.json["error"]["details"]["reason"]) == (401, "missing_token")
    allowed = await api.post(path, json=body, headers={"X-Auth-Token": token})
    assert allowed.status == 200


async def test_stopping_a_csv_job_needs_no_body_at_all(start, clock):
    api = await start(clock=clock, JOB_WORKERS="0")
    await started(api)
    answer = await api.post(f"/v1/csv/cancel/{ID}", headers={"Content-Type": "text/plain"})
    assert answer.status == 200
    assert answer.headers["Link"] == f'</v1/jobs/{ID}>; rel="successor-version"'


async def test_a_stream_ends_when_its_job_is_stopped(api):
    token = await under_way(api)
    stream = asyncio.create_task(api.get(f"/api/v2/enrichments/{ID}/stream"))
    await asyncio.sleep(0.05)
    await api.request("DELETE", f"/v1/jobs/{ID}", headers=holding(token))
    async with asyncio.timeout(5):
        body = (await stream).body
    assert b"event: canceled" in body
    assert body.count(b"event: ") == body.count(b"id: ")
