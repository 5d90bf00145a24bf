"""Imports as real clients follow them: sockets, streams, the oldest status, a cancel (§13)."""

from __future__ import annotations

import msgspec
import pytest
from websockets.asyncio.client import connect

from exports import FERRY, IMPORTS, SMALL, ended, send
from staged import Talk

FILE = SMALL + ",Nobody,12\n"


def socket(api, path: str):
    return connect(api.url.replace("http", "ws") + path, compression=None, proxy=None)


async def test_a_socket_of_version_two(api):
    api.upstream.delay("all", 0.05)
    job = (await send(api, FILE)).json["data"]
    async with socket(api, job["websocketUrl"]) as connection:
        talk = Talk(connection)
        await talk.say("ready")
        messages = await talk.until("job_complete")
    assert {message["pipeline"] for message in messages} == {"csv_import"}
    payload = messages[-1]["payload"]
    assert (payload["booksCount"], payload["successRate"]) == (3, "3/4")
    assert payload["pipeline"] == "csv_import"
    summary = payload["summary"]
    assert summary["resourceId"] == f"job-results:{job['jobId']}"
    counts = [summary[name] for name in ("totalProcessed", "successCount", "failureCount")]
    assert counts == [4, 3, 1]
    assert "books" not in payload, "lists never travel over this socket"
    assert (await api.get(payload["resultsUrl"])).status == 200


async def test_a_socket_of_version_one(api):
    job = (await send(api, FILE, path="/api/import/csv-gemini")).json["data"]
    await ended(api, job["jobId"])
    async with socket(api, job["websocketUrl"] + "&wsVersion=1") as connection:
        talk = Talk(connection)
        await talk.say("ready")
        messages = await talk.until("complete")
    data = messages[-1]["data"]
    assert (data["progress"], data["successRate"], data["booksCount"]) == (1.0, "3/4", 3)
    assert data["books"][0]["title"] == "The Ferry to Morrow Island"
    assert data["errors"][0]["title"] == ""
    assert data["errors"][0]["error"]
    assert data["resultsUrl"] == f"/v1/csv/results/{job['jobId']}"
    assert messages[-1]["books"] == data["books"], "older clients read the flat keys"


async def test_the_stream_of_the_import_client(api):
    job = (await send(api, FILE)).json["data"]
    stream = (await api.get(job["sseUrl"], headers={"Last-Event-ID": "0"})).body.decode()
    events = [msgspec.json.decode(line[6:]) for line in stream.splitlines() if line[:6] == "data: "]
    assert all(event["jobId"] == job["jobId"] for event in events)
    for event in events:
        for name in ("status", "progress", "processedCount", "totalCount"):
            assert name in event
    assert events[-1]["status"] == "completed"


async def test_a_failure_is_an_object_in_the_stream_and_a_text_for_the_oldest(api):
    job = (await send(api, "Title,Author,ISBN\n,Nobody,12\n")).json["data"]
    stream = (await api.get(job["sseUrl"])).body.decode()
    last = [msgspec.json.decode(line[6:]) for line in stream.splitlines() if line[:6] == "data: "]
    assert last[-1]["error"]["code"] == "E_CSV_NO_BOOKS"
    status = (await api.get(f"/v1/csv/status/{job['jobId']}")).json["data"]
    assert (status["status"], status["error"]) == ("failed", "No valid books found in CSV")
    results = await api.get(f"{IMPORTS}/{job['jobId']}/results")
    assert (results.status, results.json["error"]["details"]["reason"]) == (404, "failed")


async def test_the_cancel_of_an_unknown_import(api):
    answer = await api.post("/v1/csv/cancel/nobody-knows-this-one")
    assert answer.status == 404


async def test_results_before_the_end(api):
    api.upstream.delay("all", 0.5)
    job_id = (await send(api, FILE)).json["jobId"]
    answer = await api.get(f"{IMPORTS}/{job_id}/results")
    assert answer.status == 404
    details = answer.json["error"]["details"]
    assert details["reason"] == "not_ready"
    assert details["statusUrl"] == f"{IMPORTS}/{job_id}"
    status = (await api.get(f"/v1/csv/status/{job_id}")).json["data"]
    assert status["status"] == "processing"
    assert "books" not in status
    await ended(api, job_id)


@pytest.mark.parametrize(
    ("path", "client", "texts"),
    [("/v1/jobs", {}, False), (IMPORTS, {"X-Client-Version": "ios-v1.4"}, True)],
)
async def test_a_deleted_import_tells_what_it_had(api, path, client, texts):
    api.upstream.delay("all", 0.3)
    rows = "".join(f"Title {n},Author {n},\n" for n in range(100))
    data = f"Title,Author,ISBN\n,Nobody,12\nThe Ferry,Maren Holloway,{FERRY}\n" + rows
    job = (await send(api, data)).json["data"]
    while (await api.get(f"/v1/jobs/{job['jobId']}")).json["data"]["processedCount"] < 2:
        pass
    headers = {"Authorization": f"Bearer {job['token']}", **client}
    gone = await api.request("DELETE", f"{path}/{job['jobId']}", headers=headers)
    partial = gone.json["data"]["partialResults"]
    assert gone.json["data"]["jobStatus"] == "canceled"
    found = partial["results"]
    assert partial["processedCount"] == len(found["books"]) + 1 >= 2
    assert (found["partial"], found["status"], found["pipeline"], found["jobId"]) == (
        True,
        "canceled",
        "csv_import",
        job["jobId"],
    )
    assert "rejectedRows" not in found, "what every results route leaves out"
    error = found["errors"][0]
    assert (error if texts else error["error"]).endswith("“12” is not a valid ISBN")
    assert (await api.get(f"{IMPORTS}/{job['jobId']}/results")).status == 404
    rejected = await api.get(f"{IMPORTS}/{job['jobId']}/errors.csv")
    assert rejected.status == 404
    told = rejected.json["error"]
    assert (told["details"]["reason"], told["details"]["ttl"]) == ("canceled", "2 hours")


async def test_a_file_that_is_gone_is_not_counted_again(api):
    job = (await send(api, FILE)).json
    await ended(api, job["jobId"])
    headers = {"Authorization": f"Bearer {job['token']}"}
    gone = await api.request("DELETE", f"/v1/jobs/{job['jobId']}", headers=headers)
    assert gone.json["data"]["cleanup"]["r2ObjectsDeleted"] == 0
    assert gone.json["data"]["cleanup"]["kvCacheCleared"] is True
