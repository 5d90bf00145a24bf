"""How a socket comes in: the front's checks, those of the job, then 101 or an HTTP refusal."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from litestar.types import Receive, Scope, Send

from bookstrack.errors import Draining, NotFound
from bookstrack.web.answering import Answering
from bookstrack.web.exchange import Exchange
from bookstrack.web.socket import PATH, Line, Upgrade
from bookstrack.web.socket_upgrade import read_upgrade

if TYPE_CHECKING:
    from bookstrack.web.front import FrontParts

log = structlog.get_logger(__name__)

_DENIAL = "websocket.http.response"
_OUTCOMES = {429: "limited", 410: "gone", 403: "foreign", 401: "unauthorized"}


class Gate(Protocol):
    """What the front does for sockets as it does for requests."""

    def prepare(self, exchange: Exchange, scope: Scope) -> None:
        """Fill in address and common headers, and check the request's size."""
        ...

    async def identify(self, exchange: Exchange) -> None:
        """Fill in who calls."""
        ...

    async def fail(self, exchange: Exchange, problem: BaseException, send: Send) -> None:
        """Answer with a failure."""
        ...


class SocketEntry:
    """Takes every socket that a client wants to open."""

    def __init__(self, parts: FrontParts, gate: Gate, answering: Answering) -> None:
        self._parts = parts
        self._gate = gate
        self._answering = answering
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket."""
        await receive()  # websocket.connect
        request: Any = {**scope, "method": "GET"}
        exchange = Exchange(
            request,
            now=self._parts.clock.time(),
            started=self._parts.clock.monotonic(),
            fallback_id=self._parts.new_id(),
        )
        with ExitStack() as place:
            try:
                upgrade = await self._admit(exchange, scope)
                place.enter_context(self._parts.streams.enter(exchange.identity))
            except Exception as problem:  # the outermost edge; ``fail`` logs the unknown
                await self._refuse(exchange, problem, scope, send)
                return
            try:
                await self._accept(exchange, upgrade, send)
            except OSError:  # it went away while it was let in
                return
            ended = await self._parts.sockets.serve(upgrade, Line(receive, send))
        log.info("socket_closed", code=ended.code, version=upgrade.dialect.version)

    async def _admit(self, exchange: Exchange, scope: Scope) -> Upgrade:
        self._gate.prepare(exchange, scope)
        exchange.facts = self._parts.routes.find(exchange.path)
        if exchange.facts is None or exchange.facts.template != PATH:
            raise NotFound("There is no socket at this path", details={"path": exchange.path})
        if self._parts.draining():
            raise Draining("The server is shutting down", retry_after=5)
        known: Any = scope
        version = exchange.header(b"x-websocket-version")
        asked = read_upgrade(exchange.query, known.get("subprotocols", ()), version)
        upgrade = await self._parts.sockets.admit(exchange, asked)
        await self._gate.identify(exchange)
        return upgrade

    async def _accept(self, exchange: Exchange, upgrade: Upgrade, send: Send) -> None:
        taken = {name for name, _ in upgrade.headers}
        common = [header for header in exchange.response_headers if header[0] not in taken]
        message: Any = {
            "type": "websocket.accept",
            "subprotocol": upgrade.subprotocol,
            "headers": [*common, *upgrade.headers],
        }
        await send(message)
        exchange.status = 101
        self._parts.metrics.ws_connects.labels("accepted").inc()
        self._answering.ended(exchange)

    async def _refuse(
        self, exchange: Exchange, problem: Exception, scope: Scope, send: Send
    ) -> None:
        known: Any = scope
        if _DENIAL in (known.get("extensions") or {}):
            await self._gate.fail(exchange, problem, _denying(send))
        else:
            await self._close(send)
            exchange.status = 403
        self._parts.metrics.ws_connects.labels(_OUTCOMES.get(exchange.status, "refused")).inc()
        self._answering.ended(exchange)

    async def _close(self, send: Send) -> None:
        if not self._warned:
            self._warned = True
            log.warning("socket_refusals_are_bare", reason="no denial response extension")
        message: Any = {"type": "websocket.close"}
        await send(message)


def _denying(send: Send) -> Send:
    """Return a send function that makes an HTTP answer of what is sent before the upgrade."""

    async def deny(message: Any) -> None:
        denial: Any = {**message, "type": f"websocket.{message['type']}"}
        await send(denial)

    return deny
