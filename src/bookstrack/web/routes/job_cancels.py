"""Stopping jobs: the ``DELETE`` of today and the three calls of shipped apps (jobs §7)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Raw, Struct, field

from bookstrack.assembly import Assembly
from bookstrack.errors import MissingParameter
from bookstrack.jobs.canceling import Canceled
from bookstrack.model.job import CancelMode, JobStatus
from bookstrack.model.naming import camel_name
from bookstrack.web.contract import Shape
from bookstrack.web.job_access import JobDesk
from bookstrack.web.job_results import Asked, results_data
from bookstrack.web.json_bodies import json_object, required_text, text_of
from bookstrack.web.reply import Reply
from bookstrack.web.routes.jobs import JobId, Token, wants_ios_words
from bookstrack.web.routes.route import remove, write

_TAG = "Jobs"
_CANCELED = "canceled"
_TEXTS = {
    JobStatus.CANCELED: "The job was canceled",
    JobStatus.COMPLETED: "The job had been completed before",
    JobStatus.FAILED: "The job had failed before",
}

KeepResults = Annotated[
    bool, QueryParameter(name="keepResults", description="Keep partial results readable")
]


class CleanupFacts(Struct, frozen=True, kw_only=True, rename=camel_name):
    """What this call removed, under the names of two generations."""

    r2_objects_deleted: int
    kv_cache_cleared: bool
    objects_deleted: int
    cache_entries_cleared: int


class PartialFacts(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What was finished; ``results`` is left out when it is larger than 1 MiB."""

    processed_count: int
    total_count: int
    success_count: int
    failure_count: int
    results: dict[str, Any] | None = None
    truncated: bool | None = None


class Cancellation(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """A job that is over; ``job_status`` tells how it really ended."""

    job_id: str
    status: str
    job_status: JobStatus
    message: str
    cleanup: CleanupFacts
    partial_results: PartialFacts | None = None


class Stopped(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The answer of the old cancel routes."""

    job_id: str
    status: str
    message: str


class ScanStopped(Stopped, frozen=True, kw_only=True):
    """The same for scans, whose client looks for ``success`` in the data."""

    success: bool


class CancelBody(Struct, frozen=True, kw_only=True):
    """The job to stop."""

    jobId: str
    token: str | None = field(default=None)


@remove(
    [
        "/v1/jobs/{job_id:str}",
        "/api/v2/jobs/{job_id:str}/cancel",
        "/api/v2/imports/{job_id:str}",
        "/api/v2/enrichments/{job_id:str}",
        "/api/v2/scans/{job_id:str}",
        "/api/v2/books/enrich-batch/{job_id:str}",
    ],
    answer=Cancellation,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
)
async def delete_job(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: JobId,
    keep_results: KeepResults = False,
    token: Token = None,
) -> Response[Any]:
    """Stop a job and delete what it has left; what was finished travels in the answer."""
    return await _delete(reply, parts, desk, job_id, keep_results=keep_results)


@write(
    "/api/v2/jobs/{job_id:str}/cancel",
    answer=Cancellation,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
    any_body=True,
)
async def post_cancel(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: JobId,
    keep_results: KeepResults = False,
    token: Token = None,
) -> Response[Any]:
    """Stop a job, for clients that cannot send ``DELETE``."""
    return await _delete(reply, parts, desk, job_id, keep_results=keep_results)


async def _delete(
    reply: Reply, parts: Assembly, desk: JobDesk, job_id: str, *, keep_results: bool
) -> Response[Any]:
    await desk.owned(job_id, reply.exchange, admin=True)
    ended = await desk.board.cancel(job_id, CancelMode.HARD, keep_results=keep_results)
    removed = ended.cleanup
    asked = Asked(ios_strings=wants_ios_words(reply, parts))
    payload = Cancellation(
        job_id=job_id,
        status=_CANCELED,
        job_status=ended.job.status,
        message=_TEXTS[ended.job.status],
        cleanup=CleanupFacts(
            r2_objects_deleted=removed.objects,
            kv_cache_cleared=removed.entries > 0,
            objects_deleted=removed.objects,
            cache_entries_cleared=removed.entries,
        ),
        partial_results=_partial(ended, asked),
    )
    return reply.data(payload)


def _partial(ended: Canceled, asked: Asked) -> PartialFacts | None:
    """Return what was finished, its results in the form of the routes for results [C3]."""
    found, job = ended.partial, ended.job
    if found is None:
        return None
    results: Any = None
    if found.results is not None:
        until = job.results_expires_at
        results = Raw(results_data(job, found.results, expires_at=until, asked=asked))
    return PartialFacts(
        processed_count=found.processed,
        total_count=found.total,
        success_count=found.succeeded,
        failure_count=found.failed,
        results=results,
        truncated=True if found.truncated else None,
    )


@write(
    "/api/enrichment/cancel",
    answer=Stopped,
    tag="Enrichment",
    failures=(401, 404),
    limit="job_status",
    group="legacy_cancel",
    shape=Shape.MIRRORED,
    body=CancelBody,
)
async def cancel_enrichment(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
) -> Response[Any]:
    """Stop a job; what it has finished stays readable."""
    body = json_object(await request.body())
    job_id = required_text(body, "jobId")
    await _stop(reply, parts, desk, job_id, text_of(body, "token"))
    payload = Stopped(job_id=job_id, status=_CANCELED, message=_TEXTS[JobStatus.CANCELED])
    return reply.data(payload, mirrored=True)


@write(
    "/api/scan-bookshelf/cancel",
    answer=ScanStopped,
    top=Stopped,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
    group="legacy_cancel",
    shape=Shape.MIRRORED,
    legacy=True,
    body=CancelBody,
)
async def cancel_scan(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
) -> Response[Any]:
    """Stop a scan; what it has found stays readable."""
    body = json_object(await request.body())
    job_id = text_of(body, "jobId")
    if job_id is None:
        raise MissingParameter("jobId is required", details={"parameter": "jobId"})
    # Results are kept, the photos are not (imports-and-scans §2.9).
    await _stop(reply, parts, desk, job_id, text_of(body, "token"), mode=CancelMode.HARD)
    top = Stopped(job_id=job_id, status="canceling", message=_TEXTS[JobStatus.CANCELED])
    data = ScanStopped(**msgspec.structs.asdict(top), success=True)
    return reply.data(data, top=top)


@write(
    "/v1/csv/cancel/{job_id:str}",
    answer=Stopped,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
    group="legacy_cancel",
    shape=Shape.MIRRORED,
    any_body=True,
)
async def cancel_import(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: JobId,
    token: Token = None,
) -> Response[Any]:
    """Stop an import; what it has brought in stays readable."""
    await _stop(reply, parts, desk, job_id, None)
    payload = Stopped(job_id=job_id, status=_CANCELED, message=_TEXTS[JobStatus.CANCELED])
    return reply.data(payload, mirrored=True)


async def _stop(
    reply: Reply,
    parts: Assembly,
    desk: JobDesk,
    job_id: str,
    body_token: str | None,
    *,
    mode: CancelMode = CancelMode.SOFT,
) -> None:
    """Stop a job and keep its results; hard mode deletes what it was given."""
    required = not parts.settings.api.legacy_unauth_cancel
    await desk.stoppable(job_id, reply.exchange, body_token, required=required)
    await desk.board.cancel(job_id, mode, keep_results=True)


HANDLERS = (delete_job, post_cancel, cancel_enrichment, cancel_scan, cancel_import)
