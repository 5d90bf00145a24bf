"""Starting scans over HTTP: every path and body form, the whole answer, refusals, repeats."""

from __future__ import annotations

import asyncio
import base64
import json
from io import BytesIO

import aiohttp
import pytest
from PIL import Image

from bookstrack.testing.upstream import Said

ID = "8F14E45F-CEEA-467F-AB8D-1A2B3C4D5E6F"
BATCHES = ["/api/batch-scan", "/api/scan-bookshelf/batch", "/api/v2/scans"]


def picture(form: str = "JPEG", size: tuple[int, int] = (400, 300), shade: int = 255, **more):
    held = BytesIO()
    Image.new("RGB", size, (shade, shade, 200)).save(held, form, **more)
    return held.getvalue()


def seen(title: str, **more) -> dict:
    return {"title": title, "confidence": 0.9, "box_2d": [100, 200, 300, 400], **more}


def form(*photos: bytes, name: str = "photos", **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for number, photo in enumerate(photos):
        data.add_field(name, photo, filename=f"{number}.jpg", content_type="image/jpeg")
    for key, value in fields.items():
        data.add_field(key, value)
    return data


def images(*photos: bytes) -> list[dict]:
    return [
        {"index": index, "data": base64.b64encode(photo).decode()}
        for index, photo in enumerate(photos)
    ]


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k")


async def done(api, job_id: str) -> dict:
    async with asyncio.timeout(30):
        while True:
            found = (await api.get(f"/v1/jobs/{job_id}")).json["data"]
            if found["status"] in ("completed", "failed", "canceled"):
                return found
            await asyncio.sleep(0.02)


async def test_one_photo_end_to_end(api):
    api.upstream.say(
        Said(text=json.dumps([seen("The Ferry to Morrow Island", author="Maren Holloway")]))
    )
    answer = await api.post(
        f"/api/scan-bookshelf?jobId={ID}",
        data=picture(),
        headers={"Content-Type": "image/jpeg"},
    )
    assert answer.status == 202, answer.body
    body = answer.json
    assert body["stages"] == [
        {"name": "Image Quality Analysis", "typicalDuration": 3, "progress": 0.1},
        {"name": "AI Processing", "typicalDuration": 25, "progress": 0.5},
        {"name": "Metadata Enrichment", "typicalDuration": 12, "progress": 1.0},
    ]
    assert body["estimatedRange"] == [32, 48]
    found = await done(api, ID)
    print(found)
    results = (await api.get(f"/v1/scan/results/{ID}")).json["data"]
    print(json.dumps(results, indent=1)[:6000])
    assert found["status"] == "completed"
