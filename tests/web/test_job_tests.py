"""The test endpoints: photo batches moved by hand, only where they are switched on (7.M)."""

from __future__ import annotations

import pytest

from web.test_batch import ID, PATHS

NEW = {"jobId": "batch-1", "totalPhotos": 3, "status": "processing"}


@pytest.fixture
async def api(start):
    return await start(ENABLE_TEST_ENDPOINTS="true")


async def test_without_the_switch_there_is_nothing(start):
    api = await start()
    for path in ("init-batch", "update-photo", "complete-batch", "cancel-batch"):
        assert (await api.post(f"/test/do/{path}", json=NEW)).status == 404
    for path in ("get-state", "is-canceled"):
        assert (await api.get(f"/test/do/{path}?jobId=x")).status == 404


async def test_the_life_of_a_batch(api):
    made = await api.post("/test/do/init-batch", json=NEW)
    assert (made.status, made.json["success"], made.json["data"]) == (200, True, {"success": True})
    assert "jobId" not in made.json
    state = await api.get("/test/do/get-state?jobId=batch-1")
    expected = {
        "jobId": "batch-1",
        "type": "batch",
        "totalPhotos": 3,
        "photos": [{"index": i, "status": "queued", "booksFound": 0} for i in range(3)],
        "overallStatus": "processing",
        "currentPhoto": 0,
        "totalBooksFound": 0,
        "cancelRequested": False,
    }
    assert state.json["data"] == expected
    assert {key: state.json[key] for key in expected} == expected
    for photo in (
        {"photoIndex": 0, "status": "complete", "booksFound": 4},
        {"photoIndex": 1, "status": "error", "error": "Too dark"},
        {"photoIndex": 2, "status": "processing"},
    ):
        answer = await api.post("/test/do/update-photo", json={"jobId": "batch-1", **photo})
        assert answer.json["data"] == {"success": True}
    state = (await api.get("/test/do/get-state?jobId=batch-1")).json["data"]
    assert state["photos"] == [
        {"index": 0, "status": "complete", "booksFound": 4},
        {"index": 1, "status": "error", "booksFound": 0, "error": "Too dark"},
        {"index": 2, "status": "processing", "booksFound": 0},
    ]
    assert (state["currentPhoto"], state["totalBooksFound"]) == (2, 4)
    end = {"totalBooks": 4, "photoResults": [{"index": 0, "status": "complete"}], "books": [{}]}
    answer = await api.post("/test/do/complete-batch", json={"jobId": "batch-1", **end})
    assert answer.json["data"] == {"success": True}
    state = (await api.get("/test/do/get-state?jobId=batch-1")).json["data"]
    assert (state["overallStatus"], state["finalResults"]) == ("complete", end)


async def test_what_is_over_is_not_changed(api):
    await api.post("/test/do/init-batch", json=NEW)
    end = {"jobId": "batch-1", "status": "failed", "totalBooks": 0, "photoResults": [], "books": []}
    await api.post("/test/do/complete-batch", json=end)
    before = (await api.get("/test/do/get-state?jobId=batch-1")).json["data"]
    for path, body in (
        ("update-photo", {"jobId": "batch-1", "photoIndex": 0, "status": "complete"}),
        ("complete-batch", {**end, "status": "complete"}),
        ("cancel-batch", {"jobId": "batch-1"}),
    ):
        answer = await api.post(f"/test/do/{path}", json=body)
        assert (answer.status, answer.json["data"]) == (200, {"success": False})
    assert (await api.get("/test/do/get-state?jobId=batch-1")).json["data"] == before


async def test_stopping_a_batch(api):
    await api.post("/test/do/init-batch", json=NEW)
    path = "/test/do/is-canceled?jobId=batch-1"
    assert (await api.get(path)).json["data"] == {"canceled": False}
    answer = await api.post("/test/do/cancel-batch", json={"jobId": "batch-1"})
    assert answer.json["data"] == {"success": True}
    assert (await api.get(path)).json["canceled"] is True
    assert (await api.get("/test/do/is-canceled?jobId=nobody")).json["canceled"] is False


async def test_real_jobs_can_be_asked_about_and_stopped(start, clock):
    api = await start(clock=clock, ENABLE_TEST_ENDPOINTS="true", JOB_WORKERS="0")
    await api.post(PATHS[0], json={"jobId": ID, "books": [{"title": "x"}]})
    path = f"/test/do/is-canceled?jobId={ID}"
    assert (await api.get(path)).json["canceled"] is False
    assert (await api.post("/test/do/cancel-batch", json={"jobId": ID})).status == 200
    assert (await api.get(path)).json["canceled"] is True
    assert (await api.get(f"/v1/jobs/{ID}")).json["data"]["status"] == "canceled"
    photo = {"jobId": ID, "photoIndex": 0, "status": "complete"}
    assert (await api.post("/test/do/update-photo", json=photo)).status == 404


REFUSALS = [
    ("init-batch", {}, 400, "MISSING_PARAM"),
    ("init-batch", {**NEW, "totalPhotos": 0}, 400, "INVALID_REQUEST"),
    ("init-batch", {**NEW, "totalPhotos": 6}, 400, "INVALID_REQUEST"),
    ("init-batch", {**NEW, "totalPhotos": "3"}, 400, "INVALID_REQUEST"),
    ("init-batch", {"jobId": "batch-1", "totalPhotos": 3}, 400, "INVALID_REQUEST"),
    ("init-batch", {**NEW, "status": "zz"}, 400, "INVALID_REQUEST"),
    ("init-batch", {**NEW, "jobId": "a b"}, 400, "INVALID_REQUEST"),
    ("init-batch", {**NEW, "jobId": 7}, 400, "INVALID_REQUEST"),
    ("update-photo", {}, 400, "MISSING_PARAM"),
    ("update-photo", {"jobId": "nobody", "photoIndex": 0, "status": "complete"}, 404, "NOT_FOUND"),
    ("update-photo", {"jobId": "known", "photoIndex": 3, "status": "complete"}, 404, "NOT_FOUND"),
    ("update-photo", {"jobId": "known", "photoIndex": 0, "status": "lost"}, 400, "INVALID_REQUEST"),
    ("update-photo", {"jobId": "known", "status": "complete"}, 400, "INVALID_REQUEST"),
    ("complete-batch", {}, 400, "MISSING_PARAM"),
    ("complete-batch", {"jobId": "known"}, 400, "INVALID_REQUEST"),
    (
        "complete-batch",
        {"jobId": "nobody", "totalBooks": 0, "photoResults": [], "books": []},
        404,
        "NOT_FOUND",
    ),
    ("cancel-batch", {}, 400, "MISSING_PARAM"),
    ("cancel-batch", {"jobId": "nobody-at-all-123"}, 404, "NOT_FOUND"),
]


async def test_refusals(api):
    await api.post("/test/do/init-batch", json={**NEW, "jobId": "known"})
    for path, body, status, code in REFUSALS:
        answer = await api.post(f"/test/do/{path}", json=body)
        found = (path, body, answer.status, answer.json["error"]["code"])
        assert found == (path, body, status, code)
    for path, status in (("get-state", 400), ("is-canceled", 400), ("get-state?jobId=nobody", 404)):
        assert (await api.get(f"/test/do/{path}")).status == status


async def test_the_document_describes_them_where_they_are_served(api):
    from openapi_spec_validator import OpenAPIV31SpecValidator

    document = (await api.get("/doc/openapi.json")).json
    errors = [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert errors == []
    paths = [path for path in document["paths"] if path.startswith("/test/do/")]
    assert len(paths) == 6
    body = document["paths"]["/test/do/init-batch"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"] == {"$ref": "#/components/schemas/InitBatch"}
