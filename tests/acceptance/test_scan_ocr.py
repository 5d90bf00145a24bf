"""A real photo read on this machine through the route, without network (§2.6)."""

from __future__ import annotations

import csv
import json
import time
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFont

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.normalise.titles import title_key
from bookstrack.testing.faults import Fault
from photos import ID, drawn, ended, said, scan, scanned, status, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SHELF = "shelf-02-overlaps-01.jpg"


def record(title: str, author: str) -> BookRecord:
    return BookRecord(
        provider=ProviderId.CATALOG,
        work=Work(title=title),
        editions=(Edition(title=title),),
        authors=tuple(Author(name=name.strip()) for name in author.split(",")),
    )


async def test_the_books_of_a_shelf_are_recognised(start, fixtures_dir, record_property):
    api = await start(OFFLINE="true", AI_PROVIDER="local")
    truth = json.loads((fixtures_dir / "shelves/truth.json").read_bytes())[SHELF]
    wanted = [book for book in truth if book.get("required", True)]
    with (fixtures_dir / "catalogue/goodbooks-10k.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:1000]
    others = [record(row["title"], row["authors"].split(",")[0]) for row in rows]
    ours = [record(book["title"], book["author"]) for book in wanted]
    await api.parts.store.save([*ours, *others])
    photo = (fixtures_dir / "shelves" / SHELF).read_bytes()
    began = time.monotonic()
    answer = await api.post(
        f"/api/scan-bookshelf?jobId={ID}",
        data=BytesIO(photo),
        headers={"Content-Type": "image/jpeg"},
    )
    assert answer.status == 202
    assert (await ended(api, ID, seconds=120))["status"] == "completed"
    record_property("seconds", round(time.monotonic() - began, 1))
    results = (await api.get(f"/v1/jobs/{ID}/results")).json["data"]
    approved = {title_key(book["title"]) for book in results["books"] if book["approved"]}
    right = {title_key(book["title"]) for book in wanted}
    assert len(approved & right) >= 8
    assert approved <= right
    assert results["metadata"]["modelUsed"].startswith("ocr:rapidocr-")
    found = [book for book in results["books"] if book["approved"]]
    unknown = [book["title"] for book in found if book["enrichmentStatus"] != "success"]
    assert unknown == []
    assert all(0 < book["boundingBox"]["width"] <= 1 for book in found)


async def test_what_an_ai_refuses_is_read_here(start):
    api = await start(GEMINI_API_KEY="k")
    api.upstream.gemini.otherwise = said(blocked=True)
    results = await scanned(api, drawn())
    assert results["metadata"]["modelUsed"].startswith("ocr:rapidocr-")
    assert api.upstream.count("gemini") == 1
    asked_for = await scanned(api, drawn(shade=3), **{"X-AI-Provider": "ocr"})
    assert asked_for["metadata"]["photos"][0]["provider"] == "ocr"
    assert api.upstream.count("gemini") == 1


async def test_a_cancel_while_this_machine_reads(start, fixtures_dir):
    api = await start(OFFLINE="true", AI_PROVIDER="local")
    photos = [(fixtures_dir / "shelves" / name).read_bytes() for name in (SHELF, "shelf-01.jpg")]
    job_id = (await scan(api, *photos)).json["jobId"]

    async def reading():
        return "Processing photo" in (await status(api, job_id))["message"]

    await until(reading)
    began = time.monotonic()
    answer = await api.post("/api/scan-bookshelf/cancel", json={"jobId": job_id})
    assert answer.status == 200
    assert time.monotonic() - began < 2.5
    results = (await api.get(f"/v1/jobs/{job_id}/results")).json["data"]
    assert (results["partial"], results["books"]) == (True, [])


async def test_this_machine_reads_what_gemini_cannot_be_asked_about(start):
    held = BytesIO()
    page = Image.new("RGB", (900, 300), "ivory")
    font = ImageFont.load_default(64)
    ImageDraw.Draw(page).text((40, 100), "QWVENNIC ZZAPTOR", fill="black", font=font)
    page.save(held, "PNG")
    api = await start(GEMINI_API_KEY="k", PROVIDER_RETRIES="1")  # auto, with both
    api.upstream.fault("gemini", Fault.status(503))
    results = await scanned(api, held.getvalue())
    assert results["metadata"]["modelUsed"].startswith("ocr:rapidocr-")
    (reading,) = results["metadata"]["photos"]
    assert (reading["provider"], reading["insteadOf"]) == ("ocr", "gemini")
    (book,) = results["books"]
    assert "QWVENNIC" in book["rawText"].upper()
    assert book["approved"] is False
