"""Photo batches moved by hand, for the tests of client makers (http-api §7.M).

Served only where ``BOOKSTRACK_ENABLE_TEST_ENDPOINTS`` is on. These batches are no jobs and nothing
works on them; asked about a real job, the last two routes tell of it and stop it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from bookstrack.assembly import Assembly
from bookstrack.errors import InvalidRequest, MissingParameter, NotFound
from bookstrack.jobs.board import JobBoard
from bookstrack.model.job import CancelMode, Job
from bookstrack.web.contract import Shape
from bookstrack.web.job_access import JobDesk, chosen_id, path_id
from bookstrack.web.json_bodies import json_object
from bookstrack.web.photo_batches import (
    CANCELING,
    COMPLETE,
    Batch,
    Batches,
    FinalResults,
    Photo,
)
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import read, write

_TAG = "Test endpoints"
_Status = Literal[
    "initialized",
    "uploading",
    "queued",
    "processing",
    "complete",
    "completed",
    "canceling",
    "canceled",
    "error",
    "failed",
]
"""What clients have been seen to call a batch."""

_Count = Annotated[int, Meta(ge=0, le=10_000)]
_JobId = Annotated[str | None, QueryParameter(name="jobId", description="The batch")]


class InitBatch(Struct, kw_only=True):
    """M1: a batch of photos, all of them queued."""

    jobId: str
    totalPhotos: Annotated[int, Meta(ge=1, le=5)]
    status: _Status


class UpdatePhoto(Struct, kw_only=True):
    """M3: what became of one photo."""

    jobId: str
    photoIndex: Annotated[int, Meta(ge=0)]
    status: Annotated[str, Meta(pattern="^(queued|processing|complete|error)$")]
    booksFound: _Count | None = None
    error: Annotated[str, Meta(max_length=1000)] | None = None


class CompleteBatch(Struct, kw_only=True):
    """M4: the end of a batch."""

    jobId: str
    status: _Status = COMPLETE
    totalBooks: _Count
    photoResults: list[dict[str, Any]]
    books: list[dict[str, Any]]


class CancelBatch(Struct, kw_only=True):
    """M6: the batch to stop."""

    jobId: str


class Done(Struct, frozen=True, kw_only=True):
    """Whether it was done; what is over is not changed any more."""

    success: bool


class IsCanceled(Struct, frozen=True, kw_only=True):
    """M5."""

    canceled: bool


class _Nothing(Struct):
    """What is repeated at top level: ``success`` stands there anyway."""


_Asked = TypeVar("_Asked", InitBatch, UpdatePhoto, CompleteBatch, CancelBatch)


async def _asked(request: Request[Any, Any, Any], kind: type[_Asked]) -> _Asked:
    """Read a body.

    Raises:
        MissingParameter: there is no jobId.
        InvalidRequest: something else is missing or wrong.
    """
    body = json_object(await request.body())
    if not body.get("jobId"):
        raise _missing_id()
    try:
        found = msgspec.convert(body, kind)
    except msgspec.ValidationError as problem:
        raise InvalidRequest(str(problem)) from None
    chosen_id(found.jobId)
    return found


def _missing_id() -> MissingParameter:
    return MissingParameter("jobId is required", details={"parameter": "jobId"})


def _done(reply: Reply, *, success: bool = True) -> Response[Any]:
    return reply.data(Done(success=success), top=_Nothing())


def _test_write(path: str, body: Any) -> Any:
    return write(
        path,
        answer=Done,
        top=_Nothing,
        tag=_TAG,
        failures=(404,),
        shape=Shape.MIRRORED,
        legacy=True,
        body=body,
    )


@_test_write("/test/do/init-batch", InitBatch)
async def init_batch(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
) -> Response[Any]:
    """Make a batch, in place of any other of this id."""
    asked = await _asked(request, InitBatch)
    batch = Batch(
        job_id=asked.jobId,
        type="batch",
        total_photos=asked.totalPhotos,
        photos=[Photo(index=index, status="queued") for index in range(asked.totalPhotos)],
        overall_status=asked.status,
    )
    await Batches(parts).keep(batch)
    return _done(reply)


@read(
    "/test/do/get-state",
    answer=Batch,
    tag=_TAG,
    failures=(404,),
    shape=Shape.MIRRORED,
    legacy=True,
)
async def get_state(
    reply: NamedDependency[Reply], parts: NamedDependency[Assembly], job_id: _JobId = None
) -> Response[Any]:
    """Return a batch as it stands."""
    if not job_id:
        raise _missing_id()
    return reply.data(await Batches(parts).known(job_id), mirrored=True)


@_test_write("/test/do/update-photo", UpdatePhoto)
async def update_photo(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
) -> Response[Any]:
    """Say what became of one photo."""
    asked = await _asked(request, UpdatePhoto)
    batches = Batches(parts)
    batch = await batches.known(asked.jobId)
    if asked.photoIndex >= len(batch.photos):
        raise NotFound(
            "There is no photo of this index",
            details={"jobId": asked.jobId, "photoIndex": asked.photoIndex},
        )
    if batch.over:
        return _done(reply, success=False)
    photo = batch.photos[asked.photoIndex]
    photo.status, photo.error = asked.status, asked.error
    if asked.booksFound is not None:
        photo.books_found = asked.booksFound
    batch.current_photo = asked.photoIndex
    batch.total_books_found = sum(photo.books_found for photo in batch.photos)
    await batches.keep(batch)
    return _done(reply)


@_test_write("/test/do/complete-batch", CompleteBatch)
async def complete_batch(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
) -> Response[Any]:
    """End a batch."""
    asked = await _asked(request, CompleteBatch)
    batches = Batches(parts)
    batch = await batches.known(asked.jobId)
    if batch.over:
        return _done(reply, success=False)
    batch.overall_status = asked.status
    batch.total_books_found = asked.totalBooks
    batch.final_results = FinalResults(
        total_books=asked.totalBooks, photo_results=asked.photoResults, books=asked.books
    )
    await batches.keep(batch)
    return _done(reply)


@read(
    "/test/do/is-canceled",
    answer=IsCanceled,
    tag=_TAG,
    shape=Shape.MIRRORED,
    legacy=True,
)
async def is_canceled(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: _JobId = None,
) -> Response[Any]:
    """Tell whether somebody wants a batch or a job to stop."""
    if not job_id:
        raise _missing_id()
    batch = await Batches(parts).find(job_id)
    if batch is not None:
        return reply.data(IsCanceled(canceled=batch.cancel_requested), mirrored=True)
    job = await _real_job(desk.board, job_id)
    canceled = job is not None and job.cancel_requested_at is not None
    return reply.data(IsCanceled(canceled=canceled), mirrored=True)


@_test_write("/test/do/cancel-batch", CancelBatch)
async def cancel_batch(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
) -> Response[Any]:
    """Ask a batch or a job to stop."""
    asked = await _asked(request, CancelBatch)
    batches = Batches(parts)
    batch = await batches.find(asked.jobId)
    if batch is None:
        await desk.board.cancel(asked.jobId, CancelMode.SOFT, keep_results=True)
        return _done(reply)
    if batch.over:
        return _done(reply, success=False)
    batch.cancel_requested, batch.overall_status = True, CANCELING
    await batches.keep(batch)
    return _done(reply)


async def _real_job(board: JobBoard, job_id: str) -> Job | None:
    try:
        return await board.job(path_id(job_id))
    except NotFound:
        return None


HANDLERS = (init_batch, get_state, update_photo, complete_batch, is_canceled, cancel_batch)
