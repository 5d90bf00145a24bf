"""Imports over HTTP: real files to the real route, and what their clients get back (7.D)."""

from __future__ import annotations

import asyncio

import aiohttp

PATH = "/api/v2/imports"
FERRY = "9781644100370"
SMALL = (
    "Title,Author,ISBN\n"
    f"The Ferry to Morrow Island,Maren Holloway,{FERRY}\n"
    "Salt Weather,Maren Holloway,\n"
    "Nothing of the Kind,Nobody At All,\n"
)


def form(data, name="books.csv", **fields):
    made = aiohttp.FormData()
    made.add_field("file", data, filename=name, content_type="text/csv")
    for key, value in fields.items():
        made.add_field(key, value)
    return made


async def send(api, data, *, query="", path=PATH, headers=None, **fields):
    raw = data if isinstance(data, bytes) else data.encode()
    return await api.post(path + query, data=form(raw, **fields), headers=headers)


async def done(api, job_id):
    """Wait for the end of a job; return its status."""
    async with asyncio.timeout(60):
        while True:
            found = (await api.get(f"/v1/jobs/{job_id}")).json["data"]
            if found["status"] in ("completed", "failed", "canceled"):
                return found
            await asyncio.sleep(0.02)


async def imported(api, data, *, query="", **options):
    """Import a file; return its results."""
    answer = await send(api, data, query=query, **options)
    assert answer.status == 202, answer.body
    status = await done(api, answer.json["jobId"])
    assert status["status"] == "completed", status
    return (await api.get(f"{PATH}/{answer.json['jobId']}/results")).json["data"]


async def test_a_small_file(api):
    results = await imported(api, SMALL)
    assert results["booksCreated"] == 3
    again = await imported(api, SMALL)
    assert (again["booksCreated"], again["booksUpdated"], again["duplicatesSkipped"]) == (0, 0, 3)
