"""Photos for tests of scans: drawn ones, how they are sent, what a model says of them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import aiohttp
from PIL import Image

from bookstrack.testing.upstream import Said

ID = "8F14E45F-CEEA-467F-AB8D-1A2B3C4D5E6F"  # as the iOS app makes them
FERRY = {"title": "The Ferry to Morrow Island", "author": "Maren Holloway"}
ENDED = ("completed", "failed", "canceled")


def drawn(
    form: str = "JPEG", size: tuple[int, int] = (400, 300), shade: int = 255, **more: Any
) -> bytes:
    """A picture of one colour, another one for each of some ten shades."""
    held = BytesIO()
    tone = shade * 25 % 256
    Image.new("RGB", size, (tone, 250 - tone // 2, 200)).save(held, form, **more)
    return held.getvalue()


def seen(title: str, **more: Any) -> dict[str, Any]:
    """A book as the model tells it."""
    return {"title": title, "confidence": 0.9, "box_2d": [100, 200, 300, 400], **more}


def said(*books: dict[str, Any], **more: Any) -> Said:
    """An answer of the model."""
    return Said(text=json.dumps(list(books)), **more)


def form(*photos: bytes, name: str = "photos", **fields: str) -> aiohttp.FormData:
    """Photos in a form."""
    data = aiohttp.FormData()
    for number, photo in enumerate(photos):
        data.add_field(name, BytesIO(photo), filename=f"{number}.jpg", content_type="image/jpeg")
    for key, value in fields.items():
        data.add_field(key, value)
    return data


def images(*photos: bytes) -> list[dict[str, Any]]:
    """Photos in JSON."""
    return [
        {"index": index, "data": base64.b64encode(photo).decode()}
        for index, photo in enumerate(photos)
    ]


def as_json(**body: Any) -> dict[str, Any]:
    """A body of JSON, however large, as options of a request."""
    return {
        "data": BytesIO(json.dumps(body).encode()),
        "headers": {"Content-Type": "application/json"},
    }


async def scan(api, *photos: bytes, job_id: str = "", **headers: str):
    """Start a scan; one photo goes to the route for one."""
    query = f"?jobId={job_id}" if job_id else ""
    if len(photos) == 1:
        headers = {"Content-Type": "image/jpeg", **headers}
        return await api.post(
            f"/api/scan-bookshelf{query}", data=BytesIO(photos[0]), headers=headers
        )
    return await api.post(f"/api/batch-scan{query}", data=form(*photos), headers=headers)


async def status(api, job_id: str) -> dict[str, Any]:
    """How a job stands."""
    return (await api.get(f"/v1/jobs/{job_id}")).json["data"]


async def ended(api, job_id: str, *, seconds: float = 30) -> dict[str, Any]:
    """Wait for the end of a job; return its status."""
    async with asyncio.timeout(seconds):
        while True:
            found = await status(api, job_id)
            if found["status"] in ENDED:
                return found
            await asyncio.sleep(0.02)


async def until(true: Callable[[], Awaitable[bool]], *, seconds: float = 10) -> None:
    """Wait until an asynchronous condition holds."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 a server sets no event here
            await asyncio.sleep(0.02)


async def scanned(api, *photos: bytes, **headers: str) -> dict[str, Any]:
    """Scan photos to the end; return the results."""
    answer = await scan(api, *(photos or (drawn(),)), **headers)
    assert answer.status == 202, answer.body
    job_id = answer.json["jobId"]
    found = await ended(api, job_id)
    assert found["status"] == "completed", found
    return (await api.get(f"/v1/jobs/{job_id}/results")).json["data"]


async def events(api, job_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a job that has ended, with their names."""
    path = f"/api/v2/scans/{job_id}/stream"
    text = (await api.get(path, headers={"Last-Event-ID": "0"})).body.decode()
    frames = [frame.split("\n") for frame in text.split("\n\n") if "event: " in frame]
    return [(lines[1].removeprefix("event: "), json.loads(lines[2][6:])) for lines in frames]


async def stored(api) -> dict[str, bytes]:
    """All photos in the object store."""
    blobs = api.parts.storage.blobs
    paths = await blobs.list("bookshelf-scans")
    return {path: await blobs.get(path, at_most=10**8) for path in paths}
