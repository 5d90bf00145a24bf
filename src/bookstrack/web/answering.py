"""How an answer leaves: the headers that all answers carry, compression, counting, the log."""

from __future__ import annotations

from typing import Any

from litestar.types import Send

from bookstrack.clock import Clock
from bookstrack.telemetry.metrics import Metrics
from bookstrack.web.compression import WORTH_IT, accepts_gzip, finish, pack
from bookstrack.web.exchange import Exchange, Headers
from bookstrack.web.requestlog import RequestLog

_BASE: tuple[tuple[bytes, bytes], ...] = (
    (b"x-router", b"bookstrack"),
    (b"x-response-format", b"v2.0"),
    (b"x-api-version", b"3.3"),
    (b"vary", b"Origin, Accept-Encoding, X-API-Version, X-Client-Version"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_JSON_POLICY = b"default-src 'none'"
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_TEXT = (b"application/json", b"text/", b"application/javascript", b"application/yaml")


class Answering:
    """Sends answers and keeps account of them."""

    def __init__(self, clock: Clock, metrics: Metrics, request_log: RequestLog) -> None:
        self._clock = clock
        self._metrics = metrics
        self._log = request_log
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._timers: dict[tuple[str, str], Any] = {}

    def headers(self, exchange: Exchange, scope: Any) -> Headers:
        """Return the headers that the answer carries whatever it is."""
        headers = [*_BASE, (b"x-request-id", exchange.request_id.encode())]
        if scope.get("scheme") == "https":
            headers.append(_HSTS)
        return headers

    async def send(
        self, exchange: Exchange, status: int, headers: Headers, body: bytes, send: Send
    ) -> None:
        """Send a whole answer, compressed where that is worth it."""
        sender = Sender(self, exchange, send)
        await sender({"type": "http.response.start", "status": status, "headers": headers})
        await sender({"type": "http.response.body", "body": body})

    async def send_ready(
        self, exchange: Exchange, headers: Headers, body: bytes, send: Send
    ) -> None:
        """Send a 200 whose body is encoded for this caller already."""
        exchange.status = 200
        headers.append((b"content-length", b"%d" % len(body)))
        headers = self.complete(exchange, headers)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = b"" if exchange.method == "HEAD" else body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def wrap(self, exchange: Exchange, send: Send) -> Sender:
        """Return the send function for the framework."""
        return Sender(self, exchange, send)

    def complete(self, exchange: Exchange, headers: Headers) -> Headers:
        """Add the common headers to those of an answer."""
        named = {name for name, _ in headers}
        took = int((self._clock.monotonic() - exchange.started) * 1000)
        own = [header for header in exchange.response_headers if header[0] not in named]
        headers = [*headers, *own, (b"x-response-time", b"%dms" % took)]
        if b"x-cache-status" not in named:
            headers.append((b"x-cache-status", b"NONE"))
        if b"cache-control" not in named:
            headers.append((b"cache-control", b"no-store"))
        if b"content-security-policy" not in named:
            policy = exchange.facts.policy if exchange.facts else None
            value = policy.encode() if policy else _JSON_POLICY
            headers.append((b"content-security-policy", value))
        return headers

    def ended(self, exchange: Exchange) -> None:
        """Count and log a request that was answered (or whose caller left)."""
        path = exchange.facts.template if exchange.facts else "unmatched"
        method = exchange.method if exchange.method in _METHODS else "OTHER"
        status = exchange.status or 499
        seconds = self._clock.monotonic() - exchange.started
        counter = self._counters.get((method, path, status))
        if counter is None:
            counter = self._metrics.http_requests.labels(method, path, str(status))
            self._counters[method, path, status] = counter
        counter.inc()
        timer = self._timers.get((method, path))
        if timer is None:
            timer = self._timers[method, path] = self._metrics.http_duration.labels(method, path)
        timer.observe(seconds)
        if exchange.error_code is not None:
            self._metrics.http_errors.labels(path, exchange.error_code).inc()
        self._log.write(exchange, path, status, seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Sender:
    """A send function that completes headers and compresses bodies sent in one piece."""

    def __init__(self, answering: Answering, exchange: Exchange, send: Send) -> None:
        self._answering = answering
        self._exchange = exchange
        self._send = send
        self._start: Any = None
        self.started = False

    async def __call__(self, message: Any) -> None:
        """Take one ASGI message."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body" or self._start is None:
            await self._body(message)
            return
        start, self._start = self._start, None
        self._exchange.status = start["status"]
        headers: Headers = [(name.lower(), value) for name, value in start["headers"]]
        body = message.get("body", b"")
        if not message.get("more_body", False):
            headers, body = self._whole(start["status"], headers, body)
        self.started = True
        start["headers"] = self._answering.complete(self._exchange, headers)
        await self._send(start)
        await self._body({**message, "body": body})

    async def _body(self, message: Any) -> None:
        if self._exchange.method == "HEAD" and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    def _whole(self, status: int, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        named = dict(headers)
        headers = [header for header in headers if header[0] != b"content-length"]
        wanted = self._exchange.headers.get(b"accept-encoding", b"")
        if (
            len(body) >= WORTH_IT
            and b"content-encoding" not in named
            and named.get(b"content-type", b"").startswith(_TEXT)
            and accepts_gzip(wanted)
        ):
            body = finish(pack(body, level=3), b"")
            headers.append((b"content-encoding", b"gzip"))
        if status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(body)))
        return headers, body
