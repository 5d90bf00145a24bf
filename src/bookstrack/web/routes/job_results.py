"""The results of jobs, and the status of imports that has them in it (jobs §9, http-api §6.4)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from bookstrack.assembly import Assembly
from bookstrack.clock import timestamp
from bookstrack.errors import NotFound
from bookstrack.jobs.board import JobBoard
from bookstrack.model.job import Job
from bookstrack.web.import_views import ImportResults
from bookstrack.web.job_access import JobDesk, results_id
from bookstrack.web.job_missing import lifetime, missing
from bookstrack.web.job_paths import status_path
from bookstrack.web.job_results import Asked, BatchResults, decode_results, results_data
from bookstrack.web.job_views import POLL_INTERVAL, CsvStatusView, csv_status_view
from bookstrack.web.reply import Reply
from bookstrack.web.routes.jobs import JobId, Token, wants_ios_words
from bookstrack.web.routes.route import read
from bookstrack.web.scan_views import ScanResults

_TAG = "Jobs"
_KEYS = {
    "/v1/scan/results/{job_id}": "scan-results",
    "/v1/csv/results/{job_id}": "csv-results",
}
_KEY = "job-results"
_PATHS = [
    "/v1/jobs/{job_id:str}/results",
    "/api/v2/imports/{job_id:str}/results",
    "/api/v2/enrichments/{job_id:str}/results",
    "/api/v2/scans/{job_id:str}/results",
    "/api/v2/books/enrich-batch/{job_id:str}/results",
]

Alias = Annotated[
    str | None, QueryParameter(description="results: repeat the books of a batch under this name")
]


@read(
    _PATHS,
    answer=BatchResults | ImportResults | ScanResults,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
)
async def results(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: JobId,
    alias: Alias = None,
    token: Token = None,
) -> Response[Any]:
    """Return what a job has found, for as long as it is kept."""
    return await _results(reply, parts, desk, job_id, alias)


@read(
    ["/v1/scan/results/{job_id:str}", "/v1/csv/results/{job_id:str}"],
    answer=BatchResults | ImportResults | ScanResults,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
    group="pipeline_results",
)
async def pipeline_results(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: JobId,
    alias: Alias = None,
    token: Token = None,
) -> Response[Any]:
    """Return what a job has found, under the older addresses."""
    return await _results(reply, parts, desk, job_id, alias)


async def _results(
    reply: Reply, parts: Assembly, desk: JobDesk, given: str, alias: str | None
) -> Response[Any]:
    facts = reply.exchange.facts
    path = facts.template if facts is not None else ""
    ttl, job_id = lifetime(parts.settings.jobs.results_ttl_s), results_id(given)
    key = f"{_KEYS.get(path, _KEY)}:{job_id}"
    try:
        job = await desk.known(job_id, reply.exchange)
    except NotFound as problem:
        raise missing(problem, {"jobId": job_id, "resultsKey": key, "ttl": ttl}) from None
    try:
        stored = await desk.board.results(job_id)
    except NotFound as problem:
        known = {"jobId": job_id, "resultsKey": key, "ttl": ttl}
        raise missing(problem, known, status_url=status_path(job_id, job.pipeline)) from None
    standing = await desk.board.status(job_id)
    asked = Asked(alias=alias, ios_strings=wants_ios_words(reply, parts), path=path)
    data = results_data(standing.job, stored.body, expires_at=stored.expires_at, asked=asked)
    left = max(0, int(stored.expires_at - parts.clock.time()))
    return reply.data(
        msgspec.Raw(data),
        headers={"cache-control": f"private, max-age={left}"},
        cached=True,
        provider="kv_cache",
        source="kv_cache",
        ttl=ttl,
        resource_id=f"{_KEY}:{job.id}",
        expires_at=timestamp(stored.expires_at),
    )


@read(
    "/v1/csv/status/{job_id:str}",
    answer=CsvStatusView,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
)
async def csv_status(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: JobId,
    token: Token = None,
) -> Response[Any]:
    """Tell how an import stands; its books and errors once it is completed."""
    standing = await desk.standing(job_id, reply.exchange)
    books, errors = await _found(desk.board, standing.job)
    view = csv_status_view(
        standing.job, standing.event, now=parts.clock.time(), books=books, errors=errors
    )
    return reply.data(view, headers=POLL_INTERVAL)


async def _found(board: JobBoard, job: Job) -> tuple[Any, Any]:
    """Return books and errors of an ended job, nothing where there are none (any more)."""
    if not job.status.terminal:
        return None, None
    try:
        stored = await board.results(job.id)
    except NotFound:
        return None, None
    found = decode_results(stored.body)
    return found.get("books"), found.get("errors")


HANDLERS = (results, pipeline_results, csv_status)
