"""The wire shape of jobs, kept in tests/golden/jobs: answers, and streams to the last byte."""

from __future__ import annotations

import json

import aiohttp
import pytest

from contracts.test_golden import steady
from listener import listen
from scenes import SCENES
from staged import BATCH, ID, SCAN, TOKEN, theatre

__all__ = ["listen", "theatre"]

HEADERS = (
    "Cache-Control", "Content-Type", "Deprecation", "Idempotent-Replayed", "Link", "Location",
    "Retry-After", "Sunset", "X-Error-Code", "X-Poll-Interval",
)  # fmt: skip
START = {"jobId": ID, "books": [{"title": "Die Fähre"}, {"title": "Emma", "isbn": "9780141439587"}]}
NAMES = {BATCH: "enrichment", SCAN: "photoscan"}


def shape(status: int, headers, body) -> str:
    """Return an answer, ready to be compared."""
    whole = {
        "status": status,
        "headers": {name: headers[name] for name in HEADERS if name in headers},
        "body": steady(body),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("scene", SCENES)
async def test_streams(theatre, listen, golden, scene):
    run = await theatre()
    await SCENES[scene].open(run.stage)
    path = f"/api/v2/enrichments/{ID}/stream"
    own = NAMES.get(SCENES[scene].pipeline)
    streams = {"": await listen(run.url, path, Last_Event_ID="0")}
    if own is not None:
        streams[f".{own}"] = await listen(run.url, f"{path}?events={own}", Last_Event_ID="0")
    await SCENES[scene].play(run.stage)
    for name, stream in streams.items():
        await stream.frames()
        golden(f"jobs/{scene.replace(' ', '-')}{name}.sse", stream.body)


@pytest.mark.parametrize("scene", SCENES)
async def test_status_and_state(theatre, golden, scene):
    run = await theatre()
    await SCENES[scene].open(run.stage)
    await SCENES[scene].play(run.stage)
    holding = {"Authorization": f"Bearer {TOKEN}"}
    found = []
    async with aiohttp.ClientSession(run.url, headers=holding) as session:
        for path in (f"/v1/jobs/{ID}", f"/api/job-state/{ID}", f"/v1/csv/status/{ID}"):
            async with session.get(path) as answer:
                found.append(shape(answer.status, answer.headers, await answer.json()))
    golden(f"jobs/{scene.replace(' ', '-')}.status.json", "".join(found))


async def test_the_start_of_a_job_and_what_can_be_asked_then(start, clock, golden):
    api = await start(clock=clock, JOB_WORKERS="0", SECRET_KEY="a-secret-of-thirty-two-characters")
    for name, method, path, body in (
        ("start", "POST", "/v1/enrichment/batch", START),
        ("replay", "POST", "/api/enrichment/batch", START),
        ("conflict", "POST", "/api/batch-enrich", {"jobId": ID, "books": [{"title": "x"}]}),
        ("bad-item", "POST", "/api/v2/enrichments", {"books": [{"title": "x"}, {"title": 7}]}),
        ("too-early", "POST", "/v1/token/refresh", {"jobId": ID, "oldToken": "<token>"}),
        ("not-ready", "GET", f"/v1/csv/results/{ID}", None),
        ("unknown", "GET", "/v1/jobs/nobody-knows-this-one/results", None),
        ("cancel", "POST", "/api/enrichment/cancel", {"jobId": ID}),
        ("delete", "DELETE", f"/v1/jobs/{ID}", None),
        ("no-token", "DELETE", "/v1/jobs/nobody-knows-this-one", None),
    ):
        if name == "start":
            token = ""
        headers = {"X-Auth-Token": token} if name == "delete" else {}
        if name == "too-early":
            body = {**body, "oldToken": token}
        answer = await api.request(method, path, json=body, headers=headers)
        golden(f"jobs/{name}.json", shape(answer.status, answer.headers, answer.json))
        token = token or answer.json["token"]
