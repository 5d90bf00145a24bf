"""Export files sent to a server under test, and what becomes of them."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import aiohttp

IMPORTS = "/api/v2/imports"
FERRY = "9781644100370"
SMALL = (
    "Title,Author,ISBN\n"
    f"The Ferry to Morrow Island,Maren Holloway,{FERRY}\n"
    "Salt Weather,Maren Holloway,\n"
    "Nothing of the Kind,Nobody At All,\n"
)


def form(data: bytes | str, *, name: str = "books.csv", **fields: str) -> aiohttp.FormData:
    """Return the form of an upload."""
    made = aiohttp.FormData()
    raw = data.encode() if isinstance(data, str) else data
    made.add_field("file", io.BytesIO(raw), filename=name, content_type="text/csv")
    for key, value in fields.items():
        made.add_field(key, value)
    return made


async def send(api, data, *, query="", path=IMPORTS, headers=None, **fields):
    """Send a file; return the answer."""
    return await api.post(path + query, data=form(data, **fields), headers=headers)


async def ended(api, job_id: str, *, within_s: float = 60) -> dict[str, Any]:
    """Wait for the end of a job; return its status."""
    async with asyncio.timeout(within_s):
        while True:
            found = (await api.get(f"/v1/jobs/{job_id}")).json["data"]
            if found["status"] in ("completed", "failed", "canceled"):
                return found
            await asyncio.sleep(0.02)


async def results_of(api, job_id: str, **options: Any) -> dict[str, Any]:
    """Return the results of a job that has ended."""
    answer = await api.get(f"{IMPORTS}/{job_id}/results", **options)
    assert answer.status == 200, answer.body
    return answer.json["data"]


async def imported(api, data, *, query="", **options) -> dict[str, Any]:
    """Import a file that can be imported; return its results."""
    answer = await send(api, data, query=query, **options)
    assert answer.status == 202, answer.body
    status = await ended(api, answer.json["jobId"])
    assert status["status"] == "completed", status
    return await results_of(api, answer.json["jobId"])


def accounted(results: dict[str, Any]) -> int:
    """Return for how many rows the results account."""
    counts = ("booksCreated", "booksUpdated", "duplicatesSkipped", "errorCount")
    return sum(results[name] for name in counts) + results["skipped"]["count"]


def counts(results: dict[str, Any]) -> tuple[int, int, int]:
    """Return how many books were created, updated and known."""
    names = ("booksCreated", "booksUpdated", "duplicatesSkipped")
    return tuple(results[name] for name in names)
