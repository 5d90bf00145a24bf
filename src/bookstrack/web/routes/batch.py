"""Batch enrichment: many books in, a job out (http-api C2, C3)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from bookstrack.jobs.board import JobBoard, StartRequest
from bookstrack.model.job import PipelineName
from bookstrack.web.batch_orders import MOST_BARCODES, MOST_BOOKS, Forms, Order, read_order
from bookstrack.web.contract import Shape
from bookstrack.web.job_access import JobDesk
from bookstrack.web.job_starts import JobStarts
from bookstrack.web.job_views import JobStart, StartTop
from bookstrack.web.json_bodies import json_object
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import write

_CANONICAL = "/v1/enrichment/batch"
_SAME_BOOKS = "/api/enrichment/batch"  # where one client turns when the canonical path fails
_WITH_WORK_IDS = "/v1/enrich/batch"
_PATHS = (
    _CANONICAL,
    _SAME_BOOKS,
    "/api/batch-enrich",
    _WITH_WORK_IDS,
    "/api/v2/books/enrich-batch",
    "/api/v2/enrichments",
)
_MOST_BYTES = 2 * 1024 * 1024  # operations §4.3
_ACCEPTED = "Batch enrichment accepted"
_FAMILY = "batch_enrichment"
_FORMS = {path: Forms() for path in _PATHS} | {
    _CANONICAL: Forms(job_id=True),
    _SAME_BOOKS: Forms(job_id=True),
    _WITH_WORK_IDS: Forms(work_ids=True),
}
_FORM_OF_START = Forms(books=False, work_ids=True, job_id=True)

_JobId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
_Key = Annotated[str, Meta(min_length=1, max_length=255)]
_Title = Annotated[str, Meta(min_length=1, max_length=500)]


class BookAsked(Struct, frozen=True, kw_only=True):
    """A book to be enriched."""

    title: _Title
    author: Annotated[str, Meta(max_length=300)] | None = None
    isbn: Annotated[str, Meta(max_length=17)] | None = None


class BatchBody(Struct, frozen=True, kw_only=True):
    """Books, or barcodes, or (on one path) work ids; the first of these that is there."""

    jobId: _JobId | None = None
    books: Annotated[list[BookAsked], Meta(min_length=1, max_length=MOST_BOOKS)] | None = None
    barcodes: Annotated[list[str], Meta(min_length=1, max_length=MOST_BARCODES)] | None = None
    workIds: Annotated[list[_Title], Meta(min_length=1, max_length=MOST_BOOKS)] | None = None
    vectorize: bool | None = None
    idempotencyKey: _Key | None = None
    idempotency_key: _Key | None = None


class StartBody(Struct, frozen=True, kw_only=True):
    """The body of the oldest route: each id is taken as a title."""

    jobId: _JobId
    workIds: Annotated[list[_Title], Meta(min_length=1, max_length=MOST_BOOKS)]


@write(
    list(_PATHS),
    answer=JobStart,
    top=StartTop,
    tag="Enrichment",
    failures=(409,),
    limit="batch",
    shape=Shape.MIRRORED,
    status=202,
    body=BatchBody,
    body_limit=_MOST_BYTES,
)
async def start_batch(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    desk: NamedDependency[JobDesk],
    starts: NamedDependency[JobStarts],
) -> Response[Any]:
    """Enrich many books; the same request again gives the same job."""
    facts = reply.exchange.facts
    forms = _FORMS[facts.template if facts is not None else _CANONICAL]
    return await _start(await request.body(), forms, reply, desk.board, starts)


@write(
    "/api/enrichment/start",
    answer=JobStart,
    top=StartTop,
    tag="Enrichment",
    failures=(409,),
    limit="batch",
    group="legacy_enrichment",
    shape=Shape.MIRRORED,
    status=202,
    body=StartBody,
    body_limit=_MOST_BYTES,
)
async def start_by_work_ids(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    desk: NamedDependency[JobDesk],
    starts: NamedDependency[JobStarts],
) -> Response[Any]:
    """Enrich works by their titles."""
    return await _start(await request.body(), _FORM_OF_START, reply, desk.board, starts)


async def _start(
    body: bytes, forms: Forms, reply: Reply, board: JobBoard, starts: JobStarts
) -> Response[Any]:
    exchange = reply.exchange
    order = read_order(json_object(body), exchange.header(b"idempotency-key"), forms)
    started = await board.start(_request(order, exchange.token_id))
    return await starts.answer(reply, started, status="processing", message=_ACCEPTED)


def _request(order: Order, user: str | None) -> StartRequest:
    return StartRequest(
        pipeline=PipelineName.BATCH_ENRICHMENT,
        items=order.items,
        total=len(order.items),
        options={"vectorize": order.vectorize},
        job_id=order.job_id,
        key=order.key,
        user=user,
        family=_FAMILY,
        fingerprint=order.fingerprint,
        message=_ACCEPTED,
    )


HANDLERS = (start_batch, start_by_work_ids)
