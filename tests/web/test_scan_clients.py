"""What shipped clients decode of scans, on the bytes that a server really sends (jobs §13).

Every field is required and strictly typed here, as their decoders have it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Struct

from photos import FERRY, ID, drawn, ended, form, images, said, scan, seen


class Stage(Struct, rename="camel"):
    name: str
    typical_duration: int
    progress: float


class ScanJobResponse(Struct, rename="camel"):
    job_id: str
    stages: list[Stage]
    estimated_range: tuple[int, int]
    auth_token: str
    token: str
    sse_url: str


class BatchSubmissionResponse(Struct, rename="camel"):
    job_id: str
    total_photos: int
    status: str


class Corners(Struct):
    x1: float
    y1: float
    x2: float
    y2: float


class Work(Struct):
    title: str


class Author(Struct):
    name: str


class Enrichment(Struct):
    status: str
    editions: list[Any]
    authors: list[Author]
    work: Work | None = None


class DetectedBook(Struct, rename="camel"):
    title: str
    author: str
    confidence: float
    bounding_box: Corners
    enrichment_status: str
    enrichment: Enrichment | None = None
    cover_url: str | None = None
    publisher: str | None = None
    publication_year: int | None = None


class Metadata(Struct, rename="camel"):
    processing_time: int
    enriched_count: int
    timestamp: str
    model_used: str


class Payload(Struct, rename="camel"):
    total_detected: int
    approved: int
    needs_review: int
    books: list[DetectedBook]
    metadata: Metadata
    expires_at: str


class Enveloped(Struct):
    success: bool
    data: Payload
    metadata: dict[str, Any]


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini")


async def test_the_app_scans_one_photo(api):
    api.upstream.say(said(seen(**FERRY), seen("Zzyzx Qwv", box_2d=[])))
    answer = await scan(api, drawn(), job_id=ID)
    assert answer.status == 202
    started = msgspec.json.decode(answer.body, type=ScanJobResponse)
    assert (started.job_id, started.token) == (ID, started.auth_token)
    assert started.sse_url.endswith("?events=photoscan")
    assert (await api.get(started.sse_url)).status == 200
    await ended(api, ID)
    for path in (f"/v1/jobs/{ID}/results", f"/v1/scan/results/job-results:{ID}"):
        body = (await api.get(path)).body
        found = msgspec.json.decode(body, type=Enveloped)
        assert found.data.total_detected == found.data.approved + found.data.needs_review == 2
        ferry, unknown = found.data.books
        assert ferry.enrichment is not None
        assert ferry.enrichment.work is not None
        assert unknown.author == ""
        assert unknown.bounding_box == Corners(0.0, 0.0, 0.0, 0.0)


async def test_the_app_scans_several_photos(api):
    photos = drawn(shade=1), drawn(shade=2)
    for options in ({"data": form(*photos)}, {"json": {"jobId": ID, "images": images(*photos)}}):
        answer = await api.post("/api/scan-bookshelf/batch", **options)
        assert answer.status == 202
        started = msgspec.json.decode(answer.body, type=BatchSubmissionResponse)
        assert (started.total_photos, started.status) == (2, "processing")


async def test_the_app_cancels_without_a_token(api):
    api.upstream.delay("gemini", 20)
    await scan(api, drawn(), job_id=ID)
    answer = await api.post("/api/scan-bookshelf/cancel", json={"jobId": ID})
    assert (answer.status, answer.json["success"], answer.json["jobId"]) == (200, True, ID)
    assert answer.headers["Deprecation"]
    found = (await api.get(f"/v1/jobs/{ID}/results")).json["data"]
    assert msgspec.convert(found, Payload).books == []
    nobody = await api.post("/api/scan-bookshelf/cancel", json={"jobId": "nobody-0123456789"})
    assert nobody.status == 404
