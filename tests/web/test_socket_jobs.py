"""Sockets of genuine jobs: started over HTTP, run by the server, stored in its database."""

from __future__ import annotations

import asyncio
import signal
import time
from uuid import uuid4

import aiohttp
import pytest
from websockets.asyncio.client import connect

from bookstrack.testing.processes import server_process
from staged import Talk

FERRY = "9781644100370"
BOOKS = [{"title": f"Book {number}", "isbn": FERRY} for number in range(10)]


async def started(api, job_id: str = "") -> dict:
    body = {"books": BOOKS, "jobId": job_id or str(uuid4()).upper()}
    answer = await api.post("/v1/enrichment/batch", json=body)
    assert answer.status == 202, answer.body
    return answer.json["data"]


def socket(api, path: str, **options):
    url = api.url.replace("http", "ws") + path
    return connect(url, compression=None, proxy=None, close_timeout=1, **options)


async def test_the_address_in_the_answer_leads_to_the_job(api):
    job = await started(api, "3F2504E0-4F89-11D3-9A0C-0305E82C3301")
    async with socket(api, job["websocketUrl"]) as connection:
        talk = Talk(connection)
        await talk.say("ready")
        messages = await talk.until("job_complete")
        assert {message["jobId"] for message in messages} == {job["jobId"]}
        summary = messages[-1]["payload"]["summary"]
        assert summary["totalProcessed"] == 10
        resource = summary["resourceId"].removeprefix("job-results:")
        results = await api.get(f"/v1/jobs/{resource}/results")
        assert results.status == 200  # readable as soon as the message is there [R4]
        assert len(results.json["data"]["enrichedBooks"]) == 10
    numbers = [message["seq"] for message in messages if "seq" in message]
    assert numbers == sorted(set(numbers))


async def test_two_streams_and_two_sockets_see_the_same_numbers(api):
    job = await started(api)
    seen = {}

    async def watch_socket(name: str) -> None:
        async with socket(api, job["websocketUrl"] + "&lastEventId=0&reconnect=true") as connection:
            messages = await Talk(connection).until("job_complete")
            seen[name] = [message["seq"] for message in messages if "seq" in message]

    async def watch_stream(name: str) -> None:
        answer = await api.get(job["sseUrl"], headers={"Last-Event-ID": "0"})
        lines = answer.body.decode().splitlines()
        seen[name] = [int(line[4:]) for line in lines if line.startswith("id: ")]

    await asyncio.gather(
        watch_socket("one"), watch_socket("two"), watch_stream("three"), watch_stream("four")
    )
    assert len(seen) == 4
    assert seen["one"] == list(range(1, len(seen["one"]) + 1))
    assert all(numbers == seen["one"] for numbers in seen.values())


async def test_an_old_client_gets_the_results_over_the_socket(api):
    job = await started(api)
    async with socket(api, job["websocketUrl"] + "&wsVersion=1") as connection:
        talk = Talk(connection)
        await talk.say("ready")
        done = (await talk.until("complete"))[-1]
        assert len(done["data"]["enrichedBooks"]) == 10
        assert done["enrichedBooks"] == done["data"]["enrichedBooks"]


async def test_a_canceled_job_ends_its_sockets(start):
    api = await start(JOB_WORKERS="0")  # nobody runs it
    job = await started(api)
    async with socket(api, job["websocketUrl"]) as connection:
        talk = Talk(connection)
        await talk.ready()
        await talk.next()
        token = {"Authorization": f"Bearer {job['authToken']}"}
        answer = await api.request("DELETE", f"/v1/jobs/{job['jobId']}", headers=token)
        assert answer.status == 200
        error = (await talk.until("error"))[-1]
        assert error["payload"]["code"] == "JOB_CANCELED"
        assert error["payload"]["retryable"] is False


async def test_tokens_are_those_of_the_job(api):
    one, two = await started(api), await started(api)
    assert one["authToken"] != two["authToken"]
    path = f"/ws/progress?jobId={one['jobId']}"
    with pytest.raises(Exception, match="401"):
        await socket(api, f"{path}&token={two['authToken']}")
    protocols = [f"bookstrack-auth.{one['authToken']}"]
    async with socket(api, path, subprotocols=protocols) as connection:
        assert connection.subprotocol == protocols[0]


@pytest.mark.slow
async def test_a_server_that_is_told_to_end_lets_its_sockets_go(tmp_path):
    settings = {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_ENV": "test",
        "BOOKSTRACK_OFFLINE": "true",
        "BOOKSTRACK_JOB_WORKERS": "0",
    }
    job_id = str(uuid4())
    with server_process(settings, log=tmp_path / "log") as server:
        async with aiohttp.ClientSession() as session:
            body = {"books": BOOKS, "jobId": job_id}
            url = f"{server.url}/v1/enrichment/batch"
            async with session.post(url, json=body) as answer:
                job = (await answer.json())["data"]
        url = server.url.replace("http", "ws") + job["websocketUrl"]
        async with connect(url, compression=None, proxy=None) as connection:
            talk = Talk(connection)
            await talk.ready()
            await talk.next()
            server.send(signal.SIGTERM)
            began = time.monotonic()
            assert (await talk.closed())[0] == 1012
            assert time.monotonic() - began < 5
        await asyncio.to_thread(server.process.wait, 10)
    assert job["authToken"] not in (tmp_path / "log").read_text()
