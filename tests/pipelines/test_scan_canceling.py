"""Scans that are stopped, and what becomes of their photos (§2.4, §2.9)."""

from __future__ import annotations

import asyncio

import pytest

from photos import (
    FERRY,
    ID,
    drawn,
    ended,
    events,
    said,
    scan,
    scanned,
    seen,
    status,
    stored,
    until,
)
from served import start, upstream

__all__ = ["start", "upstream"]


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", PROVIDER_RETRIES="1")


def titles(results) -> list[str]:
    return [book["title"] for book in results["books"]]


async def running(api, text: str, *photos: bytes) -> str:
    """Start a scan and wait until its message holds a text."""
    answer = await scan(api, *(photos or (drawn(),)))
    job_id = answer.json["jobId"]

    async def there():
        return text in (await status(api, job_id))["message"]

    await until(there)
    return job_id


async def stop(api, job_id: str) -> float:
    begun = asyncio.get_running_loop().time()
    answer = await api.post("/api/scan-bookshelf/cancel", json={"jobId": job_id})
    assert (answer.status, answer.json["status"]) == (200, "canceling")
    return asyncio.get_running_loop().time() - begun


async def test_a_cancel_while_photos_are_read_keeps_what_is_read(api):
    api.upstream.say(said(seen("Qwv Aa")))
    api.upstream.gemini.otherwise = said(seen("Qwv Bb"))
    first, second = drawn(shade=1), drawn(shade=2)
    await scanned(api, first)  # is kept, so that it answers at once
    api.upstream.delay("gemini", 20)
    job_id = await running(api, "Completed photo", first, second)
    asked = api.upstream.count("gemini")
    assert await stop(api, job_id) < 2.5
    results = (await api.get(f"/v1/jobs/{job_id}/results")).json["data"]
    assert (results["status"], results["partial"]) == ("canceled", True)
    assert titles(results) == ["Qwv Aa"]
    assert results["books"][0]["enrichmentStatus"] == "pending"
    assert "enrichment" not in results["books"][0]
    assert len(results["photoResults"]) == 1
    assert api.upstream.count("gemini") == asked
    name, last = (await events(api, job_id))[-1]
    assert (name, last["summary"]["canceled"]) == ("canceled", True)
    assert last["resultsUrl"] == f"/v1/jobs/{job_id}/results"
    assert not [path for path in await stored(api) if job_id in path]
    assert await stop(api, job_id) < 1


async def test_answers_that_were_asked_for_may_come_shortly_after_a_cancel(api):
    api.upstream.gemini.otherwise = said(seen("Qwv Bb"))
    api.upstream.delay("gemini", 0.8)
    job_id = await running(api, "Processing photo 3", *(drawn(shade=n) for n in range(1, 4)))
    await until(lambda: asked(api, 3))
    assert await stop(api, job_id) < 2.0
    results = (await api.get(f"/v1/jobs/{job_id}/results")).json["data"]
    assert (titles(results), results["status"]) == (["Qwv Bb"], "canceled")
    assert [photo["status"] for photo in results["photoResults"]] == ["complete"] * 3
    assert api.upstream.count("gemini") == 3


async def asked(api, times: int) -> bool:
    return api.upstream.count("gemini") == times


async def test_photos_begin_in_order(api):
    api.upstream.gemini.otherwise = said(seen("Qwv Bb"))
    job_id = (await scan(api, *(drawn(shade=n) for n in range(1, 6)))).json["jobId"]
    await ended(api, job_id)
    told = [event.get("message", "") for _, event in await events(api, job_id)]
    begun = [text for text in told if text.startswith("Processing photo")]
    assert begun == [f"Processing photo {place} of 5..." for place in range(1, 6)]


async def test_a_cancel_during_lookups_keeps_all_books(api):
    api.upstream.say(said(seen(**FERRY), *(seen(f"Qwv {n} Zab", author="X Y") for n in range(9))))
    for name in ("google", "openlibrary", "isbndb"):
        api.upstream.delay(name, 20)
    job_id = await running(api, "Detected", drawn())
    assert await stop(api, job_id) < 2.5
    results = (await api.get(f"/v1/jobs/{job_id}/results")).json["data"]
    assert (len(results["books"]), results["partial"]) == (10, True)
    assert {book["enrichmentStatus"] for book in results["books"]} == {"pending"}
    assert (results["approved"], results["booksEnriched"]) == (10, 0)
    name, last = (await events(api, job_id))[-1]
    assert (name, last["processedCount"], last["totalCount"]) == ("canceled", 1, 11)
    assert last["summary"]["totalProcessed"] == last["summary"]["booksUnique"] == 10


async def test_a_hard_cancel_deletes_the_photos(api):
    api.upstream.delay("gemini", 20)
    answer = await scan(api, drawn(shade=1), drawn(shade=2), job_id=ID)
    assert len(await stored(api)) == 2
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    gone = await api.request("DELETE", f"/v1/jobs/{ID}", headers=headers)
    assert gone.json["data"]["cleanup"]["r2ObjectsDeleted"] == 2
    assert await stored(api) == {}
    again = await api.request("DELETE", f"/v1/jobs/{ID}", headers=headers)
    assert again.json["data"]["cleanup"]["r2ObjectsDeleted"] == 0


async def test_photos_of_a_finished_scan_stay_unless_none_are_kept(start):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini")
    await scanned(api, drawn(shade=1), drawn(shade=2))
    assert len(await stored(api)) == 2
    tidy = await start(
        GEMINI_API_KEY="k", AI_PROVIDER="gemini", KEEP_SCAN_PHOTOS="false", folder="tidy"
    )
    await scanned(tidy, drawn(shade=1), drawn(shade=2))
    assert await stored(tidy) == {}


async def test_the_broom_takes_old_photos(start, clock):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", clock=clock)
    answer = await scan(api, drawn())

    async def over():
        await clock.advance(0.2)
        return (await status(api, answer.json["jobId"]))["status"] == "completed"

    await until(over)
    assert len(await stored(api)) == 1
    await clock.advance(86_400)

    async def swept():
        await clock.advance(600)
        return await stored(api) == {}

    await until(swept)
