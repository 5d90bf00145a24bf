"""Workflows: one book brought in by its ISBN, step by step (http-api D9, D10)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Meta, Struct

from bookstrack.assembly import Assembly
from bookstrack.errors import InvalidRequest, NotFound, TooLarge
from bookstrack.model.job import PipelineName
from bookstrack.web.contract import Shape
from bookstrack.web.import_orders import ImportQuery
from bookstrack.web.job_access import JobDesk, path_id
from bookstrack.web.job_starts import JobStarts
from bookstrack.web.job_views import POLL_INTERVAL, JobStart, StartTop
from bookstrack.web.json_bodies import idempotency_key, json_object
from bookstrack.web.openapi import answer_type
from bookstrack.web.reply import Reply
from bookstrack.web.routes.imports import BODY_LIMIT, ImportForm, import_file
from bookstrack.web.routes.route import read, write
from bookstrack.web.workflows import (
    PATH,
    WorkflowStart,
    WorkflowStatus,
    read_order,
    start_request,
    start_view,
    status_view,
    unknown_workflow,
)

_TAG = "Imports"
_JSON, _FORM = "application/json", "multipart/form-data"
_LARGEST_JSON = 64 * 1024
_Started: Any = answer_type(WorkflowStart, Shape.MIRRORED) | answer_type(
    JobStart, Shape.MIRRORED, StartTop
)


class WorkflowBody(Struct, frozen=True, kw_only=True):
    """The book, and who is asked about it first."""

    isbn: Annotated[str, Meta(min_length=1)]
    source: Annotated[str, Meta(pattern="^(google_books|open_library|isbndb)$")] = "google_books"
    idempotencyKey: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


@write(
    PATH,
    answer=_Started,
    tag=_TAG,
    failures=(409,),
    limit="enrich_single",
    shape=Shape.RAW,  # the type of the answer is that of the whole
    status=202,
    any_body=True,
    body={_JSON: WorkflowBody, _FORM: ImportForm},
    body_limit=BODY_LIMIT,
)
async def start_workflow(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    starts: NamedDependency[JobStarts],
) -> Response[Any]:
    """Bring in the book of an ISBN; a form with an export file is imported as any other."""
    content_type = reply.exchange.header(b"content-type")
    named = content_type.partition(";")[0].strip().lower()
    if named == _FORM:
        return await import_file(request, reply, parts, desk.board, starts, ImportQuery())
    if named not in ("", _JSON) and not named.endswith("+json"):
        raise InvalidRequest(
            f"The body must be {_JSON} or {_FORM}",
            details={"contentType": named[:100], "expected": _JSON},
        )
    body = json_object(await _bounded(request))
    key = idempotency_key(reply.exchange.header(b"idempotency-key"), body)
    order = start_request(read_order(body), key=key, user=reply.exchange.token_id)
    started = await desk.board.start(order)
    headers = {"location": f"{PATH}/{started.job.id}"}
    if started.replayed:
        headers["idempotent-replayed"] = "true"
    return reply.data(start_view(started.job), mirrored=True, status=202, headers=headers)


async def _bounded(request: Request[Any, Any, Any]) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_JSON:
            raise TooLarge("The body is too large", details={"maxBytes": _LARGEST_JSON})
    return bytes(body)


@read(
    f"{PATH}/{{workflow_id:str}}",
    answer=WorkflowStatus,
    tag=_TAG,
    failures=(404,),
    limit="job_status",
    shape=Shape.MIRRORED,
)
async def workflow_status(
    reply: NamedDependency[Reply],
    desk: NamedDependency[JobDesk],
    workflow_id: Annotated[str, PathParameter(description="The workflow")],
) -> Response[Any]:
    """Tell how a workflow stands; ask every ten seconds at most."""
    try:
        standing = await desk.board.status(path_id(workflow_id))
    except NotFound:
        raise unknown_workflow(workflow_id) from None
    if standing.job.pipeline is not PipelineName.IMPORT_WORKFLOW:
        raise unknown_workflow(workflow_id)
    return reply.data(status_view(standing), mirrored=True, headers=POLL_INTERVAL)


HANDLERS = (start_workflow, workflow_status)
