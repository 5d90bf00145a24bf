"""One book brought in by its ISBN, step by step (http-api D9, D10)."""

from __future__ import annotations

import asyncio
import re
from io import BytesIO
from typing import Any

import aiohttp
import msgspec
import pytest
from PIL import Image

from bookstrack.testing.faults import Fault
from exports import FERRY

PATH = "/v2/import/workflow"
MISPRINT, UNKNOWN = "9781644100371", "9791095546719"
BARE = "9780571114436"  # without a cover, so that no picture is looked for anywhere else
TITLE, BARE_TITLE = "The Ferry to Morrow Island", "Field Guide to Imaginary Trains"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
STEPS = ["validate-isbn", "fetch-metadata", "upload-cover", "save-database"]


async def begun(api, isbn: str = BARE, **more: Any) -> str:
    answer = await api.post(PATH, json={"isbn": isbn, **more})
    assert answer.status == 202, answer.body
    return answer.json["workflowId"]


async def ended(api, workflow_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            answer = await api.get(f"{PATH}/{workflow_id}")
            assert answer.status == 200, answer.body
            if answer.json["status"] != "running":
                return answer.json["data"]
            await asyncio.sleep(0.02)


async def run(api, isbn: str = BARE, **more: Any) -> dict[str, Any]:
    return await ended(api, await begun(api, isbn, **more))


async def test_the_whole_answer_to_a_start(api):
    answer = await api.post(PATH, json={"isbn": BARE, "source": "google_books"})
    assert answer.status == 202
    data = answer.json["data"]
    assert set(data) == {"workflowId", "status", "created_at"}
    assert UUID.fullmatch(data["workflowId"])
    assert data["status"] == "running"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["created_at"])
    assert {key: answer.json[key] for key in data} == data
    assert answer.headers["Location"] == f"{PATH}/{data['workflowId']}"
    await ended(api, data["workflowId"])


async def test_a_book_is_brought_in(api):
    workflow_id = await begun(api, "978-1-64410-037-0", source="open_library")
    data = await ended(api, workflow_id)
    assert data == {
        "workflowId": workflow_id,
        "status": "complete",
        "created_at": data["created_at"],
        "result": {
            "isbn": FERRY,
            "title": TITLE,
            "success": True,
            "provider": "openlibrary",
            "coverStored": True,
        },
    }
    answer = await api.get(f"{PATH}/{workflow_id}")
    assert {key: answer.json[key] for key in data} == data
    assert answer.headers["X-Poll-Interval"] == "10"
    assert answer.headers["Cache-Control"] == "no-store"
    assert await api.parts.store.find_isbn(FERRY) is not None


@pytest.mark.parametrize(
    ("source", "first"),
    [(None, "google"), ("open_library", "openlibrary"), ("isbndb", "isbndb")],
)
async def test_the_source_is_asked_first(api, source, first):
    others = {"google", "openlibrary", "isbndb"} - {first}
    for name in others:
        api.upstream.fault(name, Fault.status(404))
    more = {} if source is None else {"source": source}
    data = await run(api, **more)
    assert (data["status"], data["result"]["title"]) == ("complete", BARE_TITLE)
    assert api.upstream.count(first) >= 1
    spelling = {"google": "google-books"}.get(first, first)
    assert data["result"]["provider"] == spelling


async def test_a_source_that_is_away_is_stood_in_for(api):
    api.upstream.fault("google", Fault.status(503))
    data = await run(api)
    assert (data["status"], data["result"]["success"]) == ("complete", True)
    assert "google" not in data["result"]["provider"]


async def test_a_wrong_check_digit_fails_the_first_step(api):
    data = await run(api, MISPRINT)
    assert (data["status"], data["currentStep"]) == ("failed", "validate-isbn")
    assert (data["errorCode"], data["retryable"]) == ("INVALID_ISBN", False)
    assert "check digit" in data["message"]
    assert "result" not in data
    assert api.upstream.count("google") == 0


async def test_a_book_that_nobody_knows_fails_the_second(api):
    data = await run(api, UNKNOWN)
    assert (data["status"], data["currentStep"]) == ("failed", "fetch-metadata")
    assert (data["errorCode"], data["retryable"]) == ("NOT_FOUND", False)


async def test_providers_that_are_away_fail_it_for_now(start):
    api = await start(PROVIDER_RETRIES="1")
    api.upstream.fault("all", Fault.status(500))
    data = await run(api)
    assert (data["status"], data["currentStep"]) == ("failed", "fetch-metadata")
    assert data["retryable"] is True


async def test_steps_are_told_while_they_run(api):
    api.upstream.delay("all", 1)
    workflow_id = await begun(api)
    async with asyncio.timeout(10):
        while True:
            data = (await api.get(f"{PATH}/{workflow_id}")).json["data"]
            if data.get("currentStep") == "fetch-metadata":
                break
            assert data.get("currentStep") in (None, "validate-isbn")
            await asyncio.sleep(0.01)
    assert data["status"] == "running"
    assert "result" not in data


async def test_the_cover_is_kept_under_the_isbn(api):
    assert (await api.get(f"/images/covers/{FERRY}")).status == 404
    data = await run(api, FERRY, source="open_library")
    assert data["result"]["coverStored"] is True
    answer = await api.get(f"/images/covers/{FERRY}?size=large")
    assert answer.status == 200
    assert Image.open(BytesIO(answer.body)).size == (400, 600)


async def test_a_book_without_a_cover_is_still_a_book(api):
    data = await run(api)
    assert (data["result"]["success"], data["result"]["coverStored"]) == (True, False)
    assert (await api.get(f"/images/covers/{BARE}")).status == 404


async def test_a_cover_that_cannot_be_had_costs_no_book(api):
    api.upstream.fault("openlibrary_covers", Fault.status(404))
    data = await run(api, FERRY, source="open_library")
    assert (data["result"]["success"], data["result"]["coverStored"]) == (True, False)


@pytest.mark.parametrize(
    ("body", "code", "parameter"),
    [
        ({}, "MISSING_PARAMETER", "isbn"),
        ({"isbn": ""}, "MISSING_PARAMETER", "isbn"),
        ({"isbn": None}, "MISSING_PARAMETER", "isbn"),
        ({"isbn": "  "}, "MISSING_PARAMETER", "isbn"),
        ({"isbn": "12345"}, "INVALID_ISBN", None),
        ({"isbn": "978164410037012345678"}, "INVALID_ISBN", None),
        ({"isbn": 9781644100370}, "INVALID_REQUEST", "isbn"),
        ({"isbn": FERRY, "source": "amazon"}, "INVALID_REQUEST", "source"),
        ({"isbn": FERRY, "source": 1}, "INVALID_REQUEST", "source"),
        ([], "INVALID_REQUEST", None),
    ],
)
async def test_what_is_refused(api, body, code, parameter):
    answer = await api.post(PATH, json=body)
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, code)
    assert error.get("details", {}).get("parameter") == parameter


async def test_an_unknown_source_is_told_what_there_is(api):
    answer = await api.post(PATH, json={"isbn": FERRY, "source": "amazon"})
    assert answer.json["error"]["message"] == (
        "source must be one of google_books, open_library, isbndb"
    )


@pytest.mark.parametrize("kind", ["text/plain", "application/xml"])
async def test_other_bodies_are_refused(api, kind):
    answer = await api.post(PATH, data=b"x", headers={"Content-Type": kind})
    assert (answer.status, answer.json["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_a_body_has_an_end(api):
    big = b'{"isbn":"' + b"x" * 2_000_000 + b'"}'
    answer = await api.post(PATH, data=BytesIO(big), headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["error"]["code"]) == (413, "FILE_TOO_LARGE")


@pytest.mark.parametrize("name", ["nobody-knows-this-one", "x", "..", "a b"])
async def test_unknown_workflows(api, name):
    answer = await api.get(f"{PATH}/{name}")
    assert (answer.status, answer.json["error"]["code"]) == (404, "NOT_FOUND")


async def test_a_job_is_no_workflow_and_a_workflow_no_job(api):
    job = (await api.post("/v1/enrichment/batch", json={"jobId": "b" * 20, "books": [
        {"title": "A"}]})).json["jobId"]  # fmt: skip
    assert (await api.get(f"{PATH}/{job}")).status == 404
    workflow_id = await begun(api)
    await ended(api, workflow_id)
    for path in (
        f"/v1/jobs/{workflow_id}",
        f"/v1/jobs/{workflow_id}/results",
        f"/api/v2/imports/{workflow_id}",
        f"/api/v2/imports/{workflow_id}/stream",
        f"/v1/csv/status/{workflow_id}",
    ):
        assert (await api.get(path)).status == 404, path
    for path in ("/api/enrichment/cancel", "/api/scan-bookshelf/cancel"):
        assert (await api.post(path, json={"jobId": workflow_id})).status == 404


async def test_a_key_stands_for_one_workflow(api):
    headers = {"Idempotency-Key": "tap-1"}
    answers = [await api.post(PATH, json={"isbn": BARE}, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].json["data"] == answers[1].json["data"]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    other = await api.post(PATH, json={"isbn": UNKNOWN}, headers=headers)
    assert (other.status, other.json["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")


async def test_without_a_key_each_is_its_own(api):
    assert await begun(api) != await begun(api)


async def test_the_result_is_there_as_long_as_the_workflow(start, clock):
    api = await start(clock=clock, JOB_RESULTS_TTL="60")
    workflow_id = await begun(api)

    async def over() -> bool:
        return (await api.get(f"{PATH}/{workflow_id}")).json["status"] != "running"

    async with asyncio.timeout(20):
        while not await over():
            await clock.advance(0.2)
            await asyncio.sleep(0.01)
    await clock.advance(3600)
    answer = await api.get(f"{PATH}/{workflow_id}")
    assert answer.json["result"]["title"] == BARE_TITLE
    await clock.advance(86_400)
    async with asyncio.timeout(20):
        while (await api.get(f"{PATH}/{workflow_id}")).status != 404:
            await clock.advance(600)


async def test_a_file_sent_here_is_an_import(api):
    form = aiohttp.FormData()
    text = f"Title,Author,ISBN\nThe Ferry to Morrow Island,Maren Holloway,{FERRY}\n"
    form.add_field("file", text.encode(), filename="books.csv", content_type="text/csv")
    answer = await api.post(PATH, data=form)
    assert answer.status == 202
    assert answer.json["pipeline"] == "csv_import"
    job_id = answer.json["jobId"]
    assert answer.json["statusUrl"] == f"/api/v2/imports/{job_id}"
    assert (answer.json["status"], answer.json["estimated_rows"]) == ("initialized", 1)
    await api.get(f"/api/v2/imports/{job_id}/stream")
    results = await api.get(f"/api/v2/imports/{job_id}/results")
    assert [book["title"] for book in results.json["data"]["books"]] == [
        "The Ferry to Morrow Island"
    ]


async def test_a_form_without_a_file(api):
    form = aiohttp.FormData()
    form.add_field("options", "{}", content_type="text/plain")
    answer = await api.post(PATH, data=form)
    assert (answer.status, answer.json["error"]["code"]) == (400, "MISSING_PARAMETER")


async def test_the_limits_of_both_routes(start):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_ENRICH_SINGLE="1/60", RATE_JOB_STATUS="1/60")
    workflow_id = await begun(api)
    assert (await api.post(PATH, json={"isbn": FERRY})).status == 429
    statuses = [(await api.get(f"{PATH}/{workflow_id}")).status for _ in range(2)]
    assert statuses == [200, 429]


async def test_a_workflow_survives_a_restart(start):
    first = await start(JOB_WORKERS="0")  # takes it and runs nothing
    workflow_id = await begun(first)
    assert (await first.get(f"{PATH}/{workflow_id}")).json["status"] == "running"
    await first.stop()
    again = await start()
    data = await ended(again, workflow_id)
    assert data["result"]["title"] == BARE_TITLE


async def test_the_document_does_not_know_the_name_of_this_kind_of_job(api):
    for path in ("/doc/openapi.json", "/doc/asyncapi.json"):
        text = (await api.get(path)).body
        assert b"import_workflow" not in text
        assert b"csv_import" in text
    document = msgspec.json.decode((await api.get("/doc/openapi.json")).body)
    body = document["paths"][PATH]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "multipart/form-data"}
