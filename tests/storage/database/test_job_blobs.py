"""Objects that a running job has made: noted before they exist, gone when the job goes."""

from __future__ import annotations

import pytest

from bookstrack.errors import LeaseLost
from bookstrack.model.job import Blob
from stored_jobs import DAY_S, LEASE_S, NOW, ended, new_job


def blob(name: str, **facts: object) -> Blob:
    known = {"path": f"made/{name}", "sha256": "0", "content_type": "image/jpeg", "size": 7}
    return Blob(name=name, **{**known, **facts})  # pyright: ignore[reportArgumentType]


@pytest.fixture
async def job(jobs):
    """The id of a job that ``me`` runs, with one input."""
    new = new_job(blobs=(blob("photo"),))
    created = await jobs.create(new, now=NOW, idempotency_ttl_s=DAY_S)
    await jobs.claim(created.job.id, "me", now=NOW, lease_s=LEASE_S)
    return created.job.id


async def test_they_stand_beside_the_inputs_each_once(jobs, job):
    await jobs.add_blobs(job, "me", now=NOW, blobs=[blob("b"), blob("a")])
    again = blob("b", sha256="1", size=9)
    await jobs.add_blobs(job, "me", now=NOW, blobs=[again])
    await jobs.add_blobs(job, "me", now=NOW, blobs=[])
    assert await jobs.blobs(job) == [blob("a"), again, blob("photo")]


async def test_only_who_holds_the_job_adds_any(jobs, job):
    with pytest.raises(LeaseLost):
        await jobs.add_blobs(job, "other", now=NOW, blobs=[blob("a")])
    await jobs.finish(job, owner="me", now=NOW, event=ended())
    with pytest.raises(LeaseLost):
        await jobs.add_blobs(job, "me", now=NOW, blobs=[blob("a")])
    assert await jobs.blobs(job) == [blob("photo")]


async def test_what_is_deleted_is_forgotten(jobs, job):
    await jobs.add_blobs(job, "me", now=NOW, blobs=[blob("a"), blob("b")])
    await jobs.forget_blobs(job, "me", now=NOW, names=["a", "photo", "c"])
    await jobs.forget_blobs(job, "me", now=NOW, names=[])
    assert await jobs.blobs(job) == [blob("b")]
    with pytest.raises(LeaseLost):
        await jobs.forget_blobs(job, "other", now=NOW, names=["b"])
    assert await jobs.blobs(job) == [blob("b")]


async def test_they_go_with_the_job(jobs, job):
    await jobs.add_blobs(job, "me", now=NOW, blobs=[blob("a")])
    dropped = await jobs.drop_artefacts(job, results=False)
    assert sorted(dropped.paths) == ["made/a", "made/photo"]
    assert await jobs.blobs(job) == []


async def test_the_broom_takes_them(jobs, job):
    await jobs.add_blobs(job, "me", now=NOW, blobs=[blob("a")])
    await jobs.finish(job, owner="me", now=NOW, event=ended())
    due = await jobs.blobs_due(now=NOW + DAY_S, retention_s=DAY_S)
    assert sorted(due) == ["made/a", "made/photo"]
