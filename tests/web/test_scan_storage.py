"""Photos on their way into the object store: where they lie, and what a failure costs (§2.4)."""

from __future__ import annotations

from typing import Any

import pytest

from bookstrack.errors import StorageUnavailable
from photos import ID, drawn, ended, said, scan, seen, stored, until


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", PROVIDER_RETRIES="1")


def refuse(api, monkeypatch, *names: str) -> None:
    """Let the object store refuse paths that hold one of these names."""
    blobs = api.parts.storage.blobs
    for method in ("put", "put_new"):
        real = getattr(blobs, method)

        async def refusing(path: str, *rest: Any, real: Any = real, **how: Any) -> Any:
            if any(name in path for name in names):
                raise StorageUnavailable("The object store cannot be reached")
            return await real(path, *rest, **how)

        monkeypatch.setattr(blobs, method, refusing)


async def photo_paths(api) -> list[str]:
    return sorted(path for path in await stored(api) if "/photo-" in path)


async def test_the_place_of_a_photo_is_told_by_the_job_and_its_number(api):
    await scan(api, drawn(shade=1), drawn(shade=2), job_id=ID)
    assert await photo_paths(api) == [f"bookshelf-scans/{ID}/photo-{n}.jpg" for n in (0, 1)]
    own = (await scan(api, drawn(shade=3))).json["jobId"]
    assert f"bookshelf-scans/{own}/photo-0.jpg" in await photo_paths(api)


async def test_another_request_of_the_same_id_touches_no_photo(api):
    await scan(api, drawn(shade=1), job_id=ID)
    before = await stored(api)
    path = f"bookshelf-scans/{ID}/photo-0.jpg"
    assert (await scan(api, drawn(shade=2), job_id=ID)).status == 409
    assert (await scan(api, drawn(shade=1), job_id=ID)).status == 202

    async def alone() -> bool:
        return await photo_paths(api) == [path]

    await until(alone)
    assert (await stored(api))[path] == before[path]


async def test_a_photo_that_is_not_stored_is_its_own_error(api, monkeypatch):
    api.upstream.gemini.otherwise = said(seen("Qwv Zab"))
    refuse(api, monkeypatch, "photo-1")
    answer = await scan(api, drawn(shade=1), drawn(shade=2), drawn(shade=3), job_id=ID)
    assert (answer.status, answer.json["totalPhotos"]) == (202, 3)
    assert (await ended(api, ID))["status"] == "completed"
    results = (await api.get(f"/v1/jobs/{ID}/results")).json["data"]
    told = [(photo["index"], photo["status"]) for photo in results["photoResults"]]
    assert told == [(0, "complete"), (1, "error"), (2, "complete")]
    bad = results["photoResults"][1]
    assert (bad["errorCode"], bad["booksFound"]) == ("E_SCAN_PHOTO_NOT_STORED", 0)
    assert [book["photos"] for book in results["books"]] == [[0, 2]]
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    gone = await api.request("DELETE", f"/v1/jobs/{ID}", headers=headers)
    assert gone.json["data"]["cleanup"]["r2ObjectsDeleted"] == 4  # two photos, two spines


async def test_without_any_photo_there_is_no_job(api, monkeypatch):
    refuse(api, monkeypatch, "photo-")
    answer = await scan(api, drawn(shade=1), drawn(shade=2), job_id=ID)
    assert (answer.status, answer.json["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert (await api.get(f"/v1/jobs/{ID}")).status == 404


async def test_who_keeps_no_photos_stands_a_photo_that_was_not_stored(start, monkeypatch):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", KEEP_SCAN_PHOTOS="false")
    refuse(api, monkeypatch, "photo-0")
    answer = await scan(api, drawn(shade=1), drawn(shade=2), job_id=ID)
    assert (await ended(api, ID))["status"] == "completed"
    assert await stored(api) == {}
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    gone = await api.request("DELETE", f"/v1/jobs/{ID}", headers=headers)
    assert gone.json["data"]["cleanup"]["r2ObjectsDeleted"] == 0  # it was gone before
