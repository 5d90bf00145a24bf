"""Workflows as clients know them: how they are asked for, how they stand (http-api 7.D). Pure.

A workflow is a job of a kind that other routes do not know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from bookstrack.clock import timestamp
from bookstrack.errors import InvalidRequest, MissingParameter, NotFound
from bookstrack.jobs.board import StartRequest
from bookstrack.jobs.snapshot import Snapshot
from bookstrack.model.isbn import Isbn
from bookstrack.model.job import Job, JobStatus, PipelineName
from bookstrack.model.naming import camel_name
from bookstrack.model.record import ProviderId
from bookstrack.pipelines.import_workflow import RESULT, Order, Step, WorkflowResult
from bookstrack.web.json_bodies import text_of

PATH = "/v2/import/workflow"
SOURCES = {
    "google_books": ProviderId.GOOGLE,
    "open_library": ProviderId.OPEN_LIBRARY,
    "isbndb": ProviderId.ISBNDB,
}
_DEFAULT = "google_books"
_FAMILY = "import_workflow"
_STATUSES = {
    JobStatus.INITIALIZED: "running",
    JobStatus.PROCESSING: "running",
    JobStatus.COMPLETED: "complete",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELED: "failed",
}


class WorkflowStart(Struct, frozen=True, kw_only=True, rename=camel_name):
    """A workflow that was taken on."""

    workflow_id: str
    status: str
    created_at: str = field(name="created_at")


class WorkflowStatus(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """How a workflow stands: ``running``, ``complete`` or ``failed``.

    ``current_step`` is the one under way, or the one that failed; ``result`` is there when all
    are done; the other three say why one failed.
    """

    workflow_id: str
    status: str
    created_at: str = field(name="created_at")
    current_step: Step | None = None
    result: WorkflowResult | None = None
    message: str | None = None
    error_code: str | None = None
    retryable: bool | None = None


def read_order(body: Mapping[str, Any]) -> Order:
    """Return what is to be imported.

    Raises:
        MissingParameter: there is no ISBN.
        InvalidIsbn: it has not the shape of one.
        InvalidRequest: the source is none that we know, or something is no text.
    """
    isbn = text_of(body, "isbn")
    if isbn is None:
        raise MissingParameter("isbn is required", details={"parameter": "isbn"})
    source = text_of(body, "source") or _DEFAULT
    if source not in SOURCES:
        raise InvalidRequest(
            f"source must be one of {', '.join(SOURCES)}",
            details={"parameter": "source", "allowed": list(SOURCES)},
        )
    return Order(isbn=Isbn.parse(isbn).canonical, prefer=SOURCES[source])


def start_request(order: Order, *, key: str | None, user: str | None) -> StartRequest:
    """Return the job that brings the book in."""
    options: dict[str, Any] = msgspec.to_builtins(order)
    return StartRequest(
        pipeline=PipelineName.IMPORT_WORKFLOW,
        items=tuple(msgspec.json.encode(step) for step in Step),
        options=options,
        key=key,
        user=user,
        fingerprint=hashlib.sha256(msgspec.json.encode(options)).hexdigest(),
        family=_FAMILY,
        total=len(Step),
        message="Workflow accepted",
    )


def start_view(job: Job) -> WorkflowStart:
    """Return the answer to a start, a repeated one too."""
    return WorkflowStart(workflow_id=job.id, status="running", created_at=timestamp(job.created_at))


def unknown_workflow(workflow_id: str) -> NotFound:
    """Return the error for a workflow that nobody knows (any more)."""
    return NotFound("There is no workflow of this id", details={"workflowId": workflow_id[:100]})


def status_view(standing: Snapshot) -> WorkflowStatus:
    """Return how a workflow stands."""
    job, event = standing.job, standing.event
    complete = event.status is JobStatus.COMPLETED
    fault = event.fault
    return WorkflowStatus(
        workflow_id=job.id,
        status=_STATUSES[event.status],
        created_at=timestamp(job.created_at),
        current_step=None if complete or event.stage is None else Step(event.stage),
        result=msgspec.convert(event.extra[RESULT], WorkflowResult) if complete else None,
        message=fault.message if fault else None,
        error_code=fault.code if fault else None,
        retryable=fault.retryable if fault else None,
    )
