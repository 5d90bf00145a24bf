"""Event logs as WebSocket messages: upgrades, refusals before them, and who is connected.

Refusals are HTTP answers [W1]: a close before the upgrade would turn each of them into a bare 403.
"""

from __future__ import annotations

from typing import Any

import structlog
from litestar.types import Receive, Send
from msgspec import Struct

from bookstrack import errors
from bookstrack.clock import Clock
from bookstrack.model.job import Job, PipelineName
from bookstrack.settings import Settings
from bookstrack.telemetry.metrics import Metrics
from bookstrack.web.cors import Cors
from bookstrack.web.exchange import Exchange, Headers
from bookstrack.web.job_access import JobAccess, path_id
from bookstrack.web.job_paths import status_path, stream_path
from bookstrack.web.open_streams import OpenStreams
from bookstrack.web.socket_board import Board
from bookstrack.web.socket_dialect import Dialect, Trouble
from bookstrack.web.socket_phase import Programs, SocketPhase
from bookstrack.web.socket_rooms import Room, Rooms
from bookstrack.web.socket_session import Ended, Left, Meter, Session, Wish
from bookstrack.web.socket_upgrade import Asked
from bookstrack.web.socket_v1 import Version1
from bookstrack.web.socket_v2 import Version2

log = structlog.get_logger(__name__)

PATH = "/ws/progress"
_LIMIT_CODE = "CONNECTION_LIMIT_EXCEEDED"
_IOS_STACK = "CFNetwork"
_REASON_BYTES = 120  # a close frame takes 123


class Upgrade(Struct, frozen=True, kw_only=True):
    """An upgrade whose checks have passed."""

    job: Job
    dialect: Dialect
    wish: Wish
    subprotocol: str | None
    headers: Headers
    asked_at: float


class Sockets:
    """Every socket of this process."""

    def __init__(
        self,
        board: Board,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        *,
        streams: OpenStreams,
        cors: Cors,
    ) -> None:
        self._board = board
        self._settings = settings.streams
        self._clock = clock
        self._metrics = metrics
        self._streams = streams
        self._cors = cors
        self._access = JobAccess(board, settings)
        self._phase = SocketPhase(settings.streams, settings.api)
        self._programs = Programs()
        self._meter = Meter(metrics)
        self._sessions: set[Session] = set()
        self._restarting = False
        self.rooms = Rooms(board, clock, most=settings.streams.most_sockets_per_job)
        self._v1 = Version1()
        self._v2 = Version2()
        self._v2_marked = Version2(marked=True)

    async def admit(self, exchange: Exchange, asked: Asked) -> Upgrade:
        """Run the checks of §11.1 in their order.

        Raises:
            Gone: sockets, or the version, have ended.
            MissingParameter: no job id.
            InvalidRequest: an unknown version.
            Unauthorized: no token, a wrong one, an expired one, or no such job.
            OriginBlocked: a page of a foreign origin.
        """
        self.check_phase(exchange, asked)
        job_id = asked.job_id
        version = asked.version(self._settings)
        self._phase.check_version(version)
        job = await self._authorized(job_id, exchange, asked)
        origin = exchange.headers.get(b"origin")
        if origin is not None and not self._cors.allowed(origin):
            raise errors.OriginBlocked("Pages of this origin may not use this server")
        self._count_deprecated(version, exchange)
        headers = self._phase.headers_of(version, stream_path(job.id, job.pipeline))
        return Upgrade(
            job=job,
            dialect=self._dialect(version, exchange),
            wish=asked.wish,
            subprotocol=asked.selected(version),
            headers=[*headers, (b"x-websocket-version", b"%d" % version)],
            asked_at=exchange.started,
        )

    def _count_deprecated(self, version: int, exchange: Exchange) -> None:
        """Count who still uses what is on its way out."""
        groups = self._phase.groups(version)
        for group in groups:
            self._metrics.deprecated_requests.labels(group).inc()
        if groups:
            name = self._programs.name(exchange.header(b"user-agent"))
            self._metrics.ws_deprecated.labels(name).inc()

    def check_phase(self, exchange: Exchange, asked: Asked) -> None:
        """Refuse everything after the sunset of the sockets.

        Raises:
            Gone: they have ended.
        """
        job_id = asked.parameters.get("jobId", "{jobId}")
        family = PipelineName.CSV_IMPORT  # its paths take jobs of any pipeline
        sse_path = stream_path(job_id, family)
        if self._phase.over:
            exchange.response_headers.extend(self._phase.headers(sse_path))
        self._phase.check(sse_path, status_path(job_id, family))

    async def _authorized(self, job_id: str, exchange: Exchange, asked: Asked) -> Job:
        """Return the job; one answer for everything that is wrong, so that nobody can probe."""
        if self._settings.subprotocol_auth:
            exchange.query = b""  # a token in the address does not count
        token = self._access.token(exchange, asked.token)
        if token is None:
            raise errors.Unauthorized("Unauthorized")
        try:
            job = await self._board.job(path_id(job_id))
            self._board.authorize(job, token)
        except errors.NotFound:
            raise errors.Unauthorized("Unauthorized") from None
        except errors.Unauthorized as problem:
            if problem.details.get("reason") != "expired":
                raise errors.Unauthorized("Unauthorized") from None
            raise errors.Unauthorized("Token expired", details={"reason": "expired"}) from None
        return job

    def _dialect(self, version: int, exchange: Exchange) -> Dialect:
        if version == 1:
            return self._v1
        wanted = self._settings.ios_summary_marker
        apple = wanted == "auto" and _IOS_STACK in exchange.header(b"user-agent")
        return self._v2_marked if apple or wanted == "on" else self._v2

    async def serve(self, upgrade: Upgrade, line: Line) -> Ended:
        """Serve an accepted socket until it is closed."""
        session, room = self._session(upgrade, line)
        if not self.rooms.enter(room, session, replace=upgrade.wish.reconnect):
            most = self._settings.most_sockets_per_job
            text = f"Connection limit exceeded: {most} sockets of this job are open"
            return await session.refuse(Trouble(_LIMIT_CODE, text, 429, retryable=False), 1008)
        self._watch()
        self._sessions.add(session)
        if self._streams.closing.is_set():
            session.end(1012, "Restarting")
        open_now = self._metrics.ws_connections.labels(upgrade.job.pipeline.value)
        open_now.inc()
        try:
            return await session.run()
        finally:
            open_now.dec()
            self._sessions.discard(session)
            self.rooms.leave(room, session)

    def _session(self, upgrade: Upgrade, line: Line) -> tuple[Session, Room]:
        room = self.rooms.room(upgrade.job)
        session = Session(
            room,
            upgrade.dialect,
            line,
            wish=upgrade.wish,
            board=self._board,
            clock=self._clock,
            settings=self._settings,
            meter=self._meter,
            asked_at=upgrade.asked_at,
        )
        return session, room

    def _watch(self) -> None:
        if not self._restarting:
            self._restarting = True
            self._streams.ending().add_done_callback(lambda _: self._restart())

    def _restart(self) -> None:
        """Close every socket because the server leaves [P11]."""
        for session in list(self._sessions):
            session.end(1012, "Restarting")


class Line:
    """An ASGI socket as a session wants it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def receive(self) -> str | bytes | None:
        """Return what the client says next, ``None`` when it has gone."""
        message: Any = await self._receive()
        if message["type"] != "websocket.receive":
            return None
        text = message.get("text")
        return message.get("bytes") if text is None else text

    async def send(self, text: str) -> None:
        """Send one message; waits while the client does not read.

        Raises:
            Left: nobody is there to take it.
        """
        message: Any = {"type": "websocket.send", "text": text}
        try:
            await self._send(message)
        except (OSError, RuntimeError) as problem:  # the latter after a close by the protocol
            raise Left from problem

    async def close(self, code: int, reason: str) -> None:
        """Close with a code, unless that has happened."""
        short = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        message: Any = {"type": "websocket.close", "code": code, "reason": short}
        try:
            await self._send(message)
        except (OSError, RuntimeError):
            log.debug("socket_was_closed", code=code)
