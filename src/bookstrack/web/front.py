"""The one layer in front of the framework: everything that holds for every request.

Order of checks (http-api §2.1): request id, CORS, lifecycle, path and method, rate limit, declared
size; then the fast way for repeated ISBN searches, else the framework. The order and the headers
are the same whichever way the answer takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from bookstrack import errors
from bookstrack.clock import Clock
from bookstrack.limits.limiter import Limiter, Verdict
from bookstrack.settings import Settings
from bookstrack.telemetry.metrics import Metrics
from bookstrack.web.answering import Answering
from bookstrack.web.contract import RouteFacts, RouteMap
from bookstrack.web.cors import Cors
from bookstrack.web.envelope import Envelope
from bookstrack.web.exchange import (
    Addresses,
    Exchange,
    Headers,
    Networks,
    Streaming,
    attach,
    identity_of,
)
from bookstrack.web.failures import ours, render
from bookstrack.web.fast import PATH as FAST_PATH
from bookstrack.web.fast import FastIsbn
from bookstrack.web.lifecycle import Lifecycle
from bookstrack.web.open_streams import OpenStreams
from bookstrack.web.protocol import ABORT
from bookstrack.web.requestlog import RequestLog
from bookstrack.web.socket import Sockets
from bookstrack.web.socket_entry import SocketEntry

_URL_LIMIT = 8 * 1024
_HEADERS_LIMIT = 32 * 1024
_MIB = 1024 * 1024
_TOKEN_PREFIX = b"Bearer bt_"


class TokenReader(Protocol):
    """Recognises API tokens."""

    async def identity(self, token: str, *, caller: str) -> str | None:
        """Return the id of a valid token; ``caller`` may not try many."""
        ...


class FrontParts(Struct, frozen=True, kw_only=True):
    """What the front is made of."""

    app: ASGIApp
    routes: RouteMap
    settings: Settings
    clock: Clock
    metrics: Metrics
    limiter: Limiter
    envelope: Envelope
    fast: FastIsbn
    tokens: TokenReader
    new_id: Callable[[], str]
    draining: Callable[[], bool]
    streams: OpenStreams
    sockets: Sockets


class Front:
    """The ASGI application that the server runs."""

    def __init__(self, parts: FrontParts) -> None:
        settings = parts.settings
        self._parts = parts
        self._clock = parts.clock
        self._cors = Cors(settings.api, development=settings.server.environment == "development")
        self._lifecycle = Lifecycle(settings.api)
        self._addresses = Addresses(Networks(settings.server.trusted_proxies))
        self._exempt = Networks(settings.limits.exempt_cidrs)
        self._limits_on = settings.limits.enabled
        self._timeout_s = settings.server.request_timeout_ms / 1000
        self._json_limit = settings.server.json_max_mb * _MIB
        self._answering = Answering(parts.clock, parts.metrics, RequestLog(settings.telemetry))
        self._in_flight = parts.metrics.http_in_flight
        self.streams = parts.streams
        self._sockets = SocketEntry(parts, self, self._answering)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of the server."""
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        exchange = Exchange(
            scope,
            now=self._clock.time(),
            started=self._clock.monotonic(),
            fallback_id=self._parts.new_id(),
        )
        self._in_flight.inc()
        try:
            await self._serve(exchange, scope, receive, send)
        finally:
            self._in_flight.dec()
            self._answering.ended(exchange)
        if exchange.stream is not None:
            await self._stream(exchange, exchange.stream, scope, receive, send)

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        ready: tuple[Headers, bytes] | None = None
        try:
            facts = self._admit(exchange, scope)
            if facts is not None:
                await self._limit(exchange, facts)
                _check_declared_size(exchange, max(facts.body_limit or 0, self._json_limit))
                if facts.template == FAST_PATH:
                    ready = self._parts.fast.answer(exchange)
        except Exception as problem:  # the outermost edge; ``fail`` logs the unknown
            await self.fail(exchange, problem, send)
            return
        if facts is None:
            await self._preflight(exchange, send)
        elif ready is not None:
            await self._answering.send_ready(exchange, *ready, send)
        else:
            await self._framework(exchange, facts, scope, receive, send)

    def _admit(self, exchange: Exchange, scope: Scope) -> RouteFacts | None:
        """Run the checks that need no waiting; ``None`` for an admitted preflight."""
        self.prepare(exchange, scope)
        origin = exchange.headers.get(b"origin")
        if origin is not None and not self._cors.allowed(origin):
            self._foreign(exchange)
        if exchange.method == "OPTIONS":
            return None
        facts = exchange.facts = self._parts.routes.find(exchange.path)
        if facts is None:
            raise errors.NotFound("There is nothing at this path", details={"path": exchange.path})
        if facts.group is not None:
            self._age(exchange, facts.group)
        head = exchange.method == "HEAD" and not facts.stream
        if ("GET" if head else exchange.method) not in facts.methods:
            raise errors.MethodNotAllowed(
                f"{exchange.method} is not possible here", details={"allow": facts.allow}
            )
        if self._parts.draining() and not facts.template.startswith(
            ("/health", "/livez", "/readyz")
        ):
            raise _draining()
        return facts

    def prepare(self, exchange: Exchange, scope: Scope) -> None:
        """Fill in the address and the headers of every answer; refuse what is too large."""
        known: Any = scope
        peer = known.get("client")
        exchange.response_headers = self._answering.headers(exchange, scope)
        exchange.client = self._addresses.client(peer[0] if peer else "", exchange.headers)
        exchange.response_headers.extend(self._cors.headers(exchange.headers.get(b"origin")))
        _check_request_line(exchange, scope)

    def _foreign(self, exchange: Exchange) -> None:
        if exchange.method == "OPTIONS" or self._cors.rejects:
            raise errors.OriginBlocked("Pages of this origin may not use this server")

    def _age(self, exchange: Exchange, group: str) -> None:
        announced = self._lifecycle.headers(group, exchange.path, exchange.now)
        if announced:
            self._parts.metrics.deprecated_requests.labels(group).inc()
            exchange.response_headers.extend(announced)
        self._lifecycle.check(group, exchange.path, exchange.now)

    async def _preflight(self, exchange: Exchange, send: Send) -> None:
        origin = exchange.headers.get(b"origin")
        known = {name for name, _ in exchange.response_headers}
        headers = [h for h in self._cors.preflight(origin) if h[0] not in known]
        await self._answering.send(exchange, 204, headers, b"", send)

    async def _limit(self, exchange: Exchange, facts: RouteFacts) -> None:
        """Count the caller.

        Raises:
            RateLimited: the class's limit is used up.
        """
        if facts.limit is None and not facts.stream:
            return
        await self.identify(exchange)
        if facts.limit is None or not self._limits_on or exchange.client in self._exempt:
            return
        limiter = self._parts.limiter
        known = exchange.token_id is not None
        if limiter.counts_in_memory:
            verdict = limiter.check_now(facts.limit, exchange.identity, authenticated=known)
        else:
            verdict = await limiter.check(facts.limit, exchange.identity, authenticated=known)
        exchange.verdict = verdict
        exchange.response_headers.extend(_rate_headers(verdict))
        if not verdict.allowed:
            raise _limited(verdict, facts.limit, exchange.client)

    async def identify(self, exchange: Exchange) -> None:
        """Fill in who calls: the id of a valid API token, else the address."""
        exchange.identity = identity_of(exchange.client)
        authorization = exchange.headers.get(b"authorization", b"")
        if authorization.startswith(_TOKEN_PREFIX):
            token = authorization[7:].decode("latin-1").strip()
            exchange.token_id = await self._parts.tokens.identity(token, caller=exchange.identity)
            if exchange.token_id is not None:
                exchange.identity = exchange.token_id

    async def _framework(
        self, exchange: Exchange, facts: RouteFacts, scope: Scope, receive: Receive, send: Send
    ) -> None:
        inner: Any = dict(scope)
        inner["state"] = dict(inner.get("state") or {})
        attach(inner, exchange)
        if exchange.method == "HEAD":
            inner["method"] = "GET"
        bounded = _bounded(receive, max(facts.body_limit or 0, self._json_limit))
        sender = self._answering.wrap(exchange, send)
        try:
            async with asyncio.timeout(facts.timeout_s or self._timeout_s):
                await self._parts.app(inner, bounded, sender)
                if exchange.stream is not None:
                    exchange.stream.enter()
                    exchange.status = 200
        except TimeoutError:
            if sender.started:
                raise
            problem = errors.RequestTimedOut("The request took too long")
            await self.fail(exchange, problem, send)
        except asyncio.CancelledError:  # the grace of the shutdown has ended
            if sender.started or not self._parts.draining():
                raise
            await self.fail(exchange, _draining(), send)
        except Exception as problem:  # what even the framework's own handler did not answer
            if sender.started:
                raise
            await self.fail(exchange, problem, send)

    async def _stream(
        self, exchange: Exchange, stream: Streaming, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let an answer run that takes as long as it wants, past the framework."""
        headers = self._answering.complete(exchange, stream.headers)
        if await stream.run(receive, send, headers):
            known: Any = scope
            abort = known.get("extensions", {}).get(ABORT)
            if abort is not None:
                abort()

    async def fail(self, exchange: Exchange, problem: BaseException, send: Send) -> None:
        """Answer with a failure."""
        exchange.stream = None
        known = ours(problem, request_id=exchange.request_id)
        took = int((self._clock.monotonic() - exchange.started) * 1000)
        rendered = render(known, exchange, self._parts.envelope, took_ms=took)
        exchange.error_code = rendered.code
        await self._answering.send(exchange, rendered.status, rendered.headers, rendered.body, send)


def _draining() -> errors.Draining:
    return errors.Draining("The server is shutting down", retry_after=5)


def _check_request_line(exchange: Exchange, scope: Mapping[str, Any]) -> None:
    raw_path = scope.get("raw_path") or b""
    if len(raw_path) + len(exchange.query) > _URL_LIMIT:
        raise errors.UrlTooLong("The address is longer than 8 KiB")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > _HEADERS_LIMIT:
        raise errors.HeadersTooLarge("The request headers are larger than 32 KiB")


def _check_declared_size(exchange: Exchange, limit: int) -> None:
    declared = exchange.headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(int(declared), limit)


def too_large(received: int, limit: int) -> errors.TooLarge:
    """Return the error of a body above its limit, sizes in bytes."""
    details = {
        "receivedMB": round(received / _MIB, 2),
        "maxMB": round(limit / _MIB, 2),
        "receivedBytes": received,
        "maxBytes": limit,
        "resourceType": "body",
    }
    return errors.TooLarge(f"The body is larger than {limit / _MIB:g} MiB", details=details)


def _bounded(receive: Receive, limit: int) -> Receive:
    """Count the body while it is read: the declared length may be absent or wrong.

    A client that leaves before its end raises ClientGone; nothing went wrong on our side.
    """
    received, ended = 0, False

    async def counted() -> Any:
        nonlocal received, ended
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if received > limit:
                raise too_large(received, limit)
        elif not ended:
            raise errors.ClientGone("The client went away while it was sending")
        return message

    return counted


def _rate_headers(verdict: Verdict) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-ratelimit-limit", b"%d" % verdict.limit),
        (b"x-ratelimit-remaining", b"%d" % verdict.remaining),
        (b"x-ratelimit-reset", b"%d" % -(-verdict.resets_at // 1)),
    ]


def _limited(verdict: Verdict, name: str, client: str) -> errors.RateLimited:
    seconds = max(1, verdict.retry_after)
    return errors.RateLimited(
        f"Rate limit exceeded. Try again in {seconds} seconds.",
        retry_after=seconds,
        details={
            "retryAfter": seconds,
            "limit": verdict.limit,
            "window": "1 minute",
            "requestsLimit": verdict.limit,
            "requestsRemaining": 0,
            "class": name,
            "clientIP": client[:8] + "…" if len(client) > 8 else client,
        },
    )
