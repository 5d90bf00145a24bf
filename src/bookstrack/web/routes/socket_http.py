"""The path of the sockets for requests that are no upgrade (http-api §7.F6)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from bookstrack.errors import UpgradeRequired
from bookstrack.web.contract import Shape, route_options
from bookstrack.web.envelope import Failure
from bookstrack.web.reply import Reply
from bookstrack.web.socket import PATH, Sockets
from bookstrack.web.socket_upgrade import read_upgrade

_EXPECTED = "Expected Upgrade: websocket"
_FAILURES = {
    400: "No job id, or an unknown version",
    401: "The token is missing, wrong or expired, or there is no such job",
    403: "A page of a foreign origin",
    405: "Not possible with this method",
    410: "Sockets, or this version of their messages, have ended",
    414: "The address is too long",
    429: "The caller has too many streams open",
    431: "The request headers are too large",
    500: "Something went wrong on our side",
    503: "Not available at the moment",
}


@get(
    PATH,
    opt=route_options(shape=Shape.RAW),
    status_code=426,
    media_type="text/plain",
    responses={
        **{
            status: ResponseSpec(Failure, generate_examples=False, description=text)
            for status, text in _FAILURES.items()
        },
        426: ResponseSpec(
            str, generate_examples=False, description=_EXPECTED, media_type="text/plain"
        ),
    },
    tags=["Jobs"],
    raises=[],
)
async def socket(
    reply: NamedDependency[Reply],
    sockets: NamedDependency[Sockets],
    job_id: Annotated[str | None, QueryParameter(name="jobId", description="The job")] = None,
    token: Annotated[
        str | None, QueryParameter(description="Its token, where no header can carry it")
    ] = None,
    reconnect: Annotated[
        str | None, QueryParameter(description="true: go on after a connection was lost")
    ] = None,
    last_event_id: Annotated[
        str | None, QueryParameter(name="lastEventId", description="The last event received")
    ] = None,
    ws_version: Annotated[
        str | None, QueryParameter(name="wsVersion", description="1 or 2")
    ] = None,
) -> Response[Any]:
    """Watch a job over a WebSocket; the messages are in the AsyncAPI document.

    Without an upgrade there is nothing here.
    """
    exchange = reply.exchange
    sockets.check_phase(exchange, read_upgrade(exchange.query, (), ""))
    exchange.error_code = UpgradeRequired.code
    return Response(
        _EXPECTED,
        status_code=426,
        media_type="text/plain",
        headers={
            "upgrade": "websocket",
            "connection": "Upgrade",
            "x-error-code": UpgradeRequired.code,
        },
    )


HANDLERS = (socket,)
