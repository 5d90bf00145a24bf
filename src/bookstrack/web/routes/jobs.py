"""Jobs of any pipeline: how they stand, what they found, how they end (http-api §7.F)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from bookstrack.assembly import Assembly
from bookstrack.clock import timestamp
from bookstrack.errors import NotFound, Unauthorized
from bookstrack.model.naming import camel_name
from bookstrack.web.contract import Shape
from bookstrack.web.job_access import JobDesk, path_id
from bookstrack.web.job_views import (
    POLL_INTERVAL,
    JobState,
    StateTop,
    StatusView,
    state_facts,
    state_view,
    status_view,
)
from bookstrack.web.json_bodies import json_object, required_text
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import read, write

_TAG = "Jobs"
_IOS = "ios-v"
_IMPORTS = "/api/v2/imports/"

JobId = Annotated[str, PathParameter(description="The job, whatever its pipeline")]
Token = Annotated[str | None, QueryParameter(description="The token of the job")]


def wants_ios_words(reply: Reply, parts: Assembly) -> bool:
    """Tell whether the one client asks that decodes imports its own way [R5] [Q1]."""
    exchange = reply.exchange
    return (
        parts.settings.api.client_sniff
        and exchange.path.startswith(_IMPORTS)
        and exchange.header(b"x-client-version").startswith(_IOS)
    )


@read(
    [
        "/v1/jobs/{job_id:str}",
        "/v1/jobs/{job_id:str}/status",
        "/api/v2/imports/{job_id:str}",
        "/api/v2/enrichments/{job_id:str}",
        "/api/v2/scans/{job_id:str}",
        "/api/v2/books/enrich-batch/{job_id:str}",
    ],
    answer=StatusView,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
)
async def status(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: JobId,
    token: Token = None,
) -> Response[Any]:
    """Tell how a job stands; ask every ten seconds at most."""
    standing = await desk.standing(job_id, reply.exchange)
    view = status_view(
        standing.job,
        standing.event,
        now=parts.clock.time(),
        upper_case=wants_ios_words(reply, parts),
    )
    return reply.data(view, headers=POLL_INTERVAL)


@read(
    "/api/job-state/{job_id:str}",
    answer=JobState,
    top=StateTop,
    tag=_TAG,
    failures=(401, 404),
    limit="job_status",
    shape=Shape.MIRRORED,
)
async def job_state(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
    job_id: JobId,
    token: Token = None,
) -> Response[Any]:
    """Tell a client that comes back how its job stands."""
    try:
        await desk.owned(job_id, reply.exchange)
    except Unauthorized as problem:
        raise _with_legacy_code(problem) from None
    standing = await desk.board.status(job_id)
    view = state_view(standing.job, standing.event)
    return reply.data(view, top=StateTop(**state_facts(standing.job, standing.event)))


class RefreshBody(Struct, frozen=True, kw_only=True):
    """The token that is about to end."""

    jobId: str
    oldToken: str


class Refreshed(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The new token under all its names; ``expires_in`` in seconds."""

    job_id: str
    token: str
    auth_token: str
    new_token: str
    expires_in: int
    expires_at: str


@write(
    ["/api/token/refresh", "/v1/token/refresh"],
    answer=Refreshed,
    tag=_TAG,
    failures=(401, 409),
    limit="token",
    shape=Shape.MIRRORED,
    body=RefreshBody,
)
async def refresh_token(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    desk: NamedDependency[JobDesk],
) -> Response[Any]:
    """Change a token that ends within half an hour for a new one; it ends the old one at once."""
    body = json_object(await request.body())
    job_id, old = required_text(body, "jobId"), required_text(body, "oldToken")
    try:
        new = await desk.board.refresh(_known_form(job_id), old)
    except Unauthorized as problem:
        raise _with_legacy_code(problem) from None
    payload = Refreshed(
        job_id=job_id,
        token=new.token,
        auth_token=new.token,
        new_token=new.token,
        expires_in=parts.settings.jobs.token_ttl_s,
        expires_at=timestamp(new.expires_at),
    )
    return reply.data(payload, mirrored=True)


def _known_form(job_id: str) -> str:
    """Return an id as it stands, or refuse what can be none as any unknown one is refused."""
    try:
        return path_id(job_id)
    except NotFound:
        raise Unauthorized("Invalid token", details={"reason": "invalid_token"}) from None


def _with_legacy_code(problem: Unauthorized) -> Unauthorized:
    """Return the same refusal with the name that the first backend gave it here."""
    return Unauthorized(
        problem.message,
        details={**problem.details, "legacyCode": "AUTH_ERROR"},
        retry_after=problem.retry_after,
    )


HANDLERS = (status, job_state, refresh_token)
