"""Event streams of jobs: opened here, run in front of the framework (jobs §12, http-api §6.5)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from msgspec import Struct

from bookstrack.errors import NotAcceptable
from bookstrack.jobs.board import JobBoard
from bookstrack.jobs.snapshot import Snapshot
from bookstrack.model.event import Event
from bookstrack.web.event_stream import EventStream, Start, StreamParts
from bookstrack.web.exchange import Exchange
from bookstrack.web.job_access import JobDesk, missing_token
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import read
from bookstrack.web.sse import Streamed, names_for

_TYPES = ("text/event-stream", "text/*", "*/*")
_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_TIME = re.compile(r"([0-9]{13})-\w+\Z")
_PAGE = 1000
_PUBLIC = "/api/v2/imports/"


class ServerSentEvent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of a stream; what ``data`` holds is in the AsyncAPI document."""

    id: str | None = None
    event: str
    data: str


class _LeftToTheFront(Response[None]):
    """An answer that the front sends after the handler has returned."""

    def to_asgi_response(self, *_arguments: Any, **_options: Any) -> Any:
        """Return an application that sends nothing."""
        return _silent


async def _silent(_scope: Any, _receive: Any, _send: Any) -> None:
    return


@read(
    [
        "/api/v2/imports/{job_id:str}/stream",
        "/api/v2/enrichments/{job_id:str}/stream",
        "/api/v2/scans/{job_id:str}/stream",
        "/api/v2/books/enrich-batch/{job_id:str}/stream",
    ],
    answer=ServerSentEvent,
    tag="Jobs",
    failures=(401, 404, 406, 429),
    media_type="text/event-stream",
    empty=(204,),
    stream=True,
)
async def stream(
    reply: NamedDependency[Reply],
    desk: NamedDependency[JobDesk],
    stream_parts: NamedDependency[StreamParts],
    job_id: Annotated[str, PathParameter(description="The job, whatever its pipeline")],
    last_event_id: Annotated[
        str | None, HeaderParameter(name="Last-Event-ID", description="The last event received")
    ] = None,
    last_event_id_query: Annotated[
        str | None,
        QueryParameter(name="lastEventId", description="The same, for a new EventSource"),
    ] = None,
    events: Annotated[
        str | None, QueryParameter(description="photoscan or enrichment: the names of one client")
    ] = None,
    token: Annotated[str | None, QueryParameter(description="The token of the job")] = None,
) -> Response[Any]:
    """Stream the events of a job as they happen, or those after the last one received."""
    exchange = reply.exchange
    standing = await _authorized(job_id, exchange, desk)
    _check_accepted(exchange)
    resumed = (last_event_id or last_event_id_query or "").strip()
    after = await _position(desk.board, standing, resumed) if resumed else None
    if after is not None and standing.event.terminal and after >= standing.event.seq:
        stream_parts.metrics.sse_connects.labels("finished").inc()
        return Response(None, status_code=204)
    first = await _first(desk.board, standing) if after is None else ()
    if after is not None:
        stream_parts.metrics.sse_resumes.labels("resumed" if after else "replayed").inc()
    start = Start(
        job=Streamed(standing.job.id, standing.job.pipeline),
        names=names_for(events, standing.job.pipeline),
        first=first,
        after=standing.event.seq if after is None else after,
        status=standing.event.status,
        progress=standing.event.progress,
    )
    exchange.stream = EventStream(stream_parts, start, exchange)
    return _LeftToTheFront(None)


async def _authorized(job_id: str, exchange: Exchange, desk: JobDesk) -> Snapshot:
    """Check the token as the setting wants it, and return how the job stands [S1]."""
    token = desk.token(exchange)
    if token is None and desk.stream_path_needs_token(exchange.path.startswith(_PUBLIC)):
        raise missing_token()
    standing = await desk.standing(job_id, exchange)
    if token is None and desk.streams_need_token(standing.job.pipeline):
        raise missing_token()
    return standing


def _check_accepted(exchange: Exchange) -> None:
    """Refuse callers who cannot read events.

    Raises:
        NotAcceptable: ``Accept`` excludes event streams.
    """
    accept = exchange.header(b"accept")
    if not accept.strip():
        return
    for choice in accept.lower().split(","):
        kind, _, parameters = choice.partition(";")
        if kind.strip() in _TYPES and not re.search(r"q\s*=\s*0(\.0*)?\s*(;|\Z)", parameters):
            return
    raise NotAcceptable("This is a stream of events", details={"available": "text/event-stream"})


async def _first(board: JobBoard, standing: Snapshot) -> tuple[Event, ...]:
    """Return what a new listener gets at once: the first event and the newest [S10]."""
    if standing.event.seq == 1:
        return (standing.event,)
    first = await board.events(standing.job.id, after=0, limit=1)
    return (*first[:1], standing.event)


async def _position(board: JobBoard, standing: Snapshot, resumed: str) -> int:
    """Return the number after which a client that comes back has everything to get [S11]."""
    newest = standing.event
    if _NUMBER.match(resumed):
        number = int(resumed)
        return number if number <= newest.seq or newest.terminal else 0
    if resumed.isascii() and resumed.isdigit():  # larger than any number there can be
        return newest.seq if newest.terminal else 0
    old = _TIME.match(resumed)
    return 0 if old is None else await _number_at(board, standing, int(old[1]))


async def _number_at(board: JobBoard, standing: Snapshot, at: int) -> int:
    """Return the number of the last event that was logged up to a time in epoch ms."""
    number = 0
    while number < standing.event.seq:
        page = await board.events(standing.job.id, after=number, limit=_PAGE)
        later = next((event for event in page if event.at > at), None)
        if later is not None:
            return later.seq - 1
        if not page:
            break
        number = page[-1].seq
    return number


HANDLERS = (stream,)
