"""One log line per request (operations §12): no bodies, tokens or full addresses."""

from __future__ import annotations

import logging

import structlog

from bookstrack.errors import OriginBlocked
from bookstrack.settings import TelemetrySettings
from bookstrack.web.exchange import Exchange, anonymised

log = structlog.get_logger("bookstrack.request")
_SILENT = ("/health", "/livez", "/readyz", "/test/")


class RequestLog:
    """Writes request lines unless they are switched off or the caller declined."""

    def __init__(self, settings: TelemetrySettings) -> None:
        self._on = settings.request_log
        self._least = logging.getLevelNamesMapping()[settings.log_level]

    def write(self, exchange: Exchange, path: str, status: int, seconds: float) -> None:
        """Write the line of one request; ``path`` is the route's template."""
        level = _level(exchange, status)
        if not self._on or level < self._least or path.startswith(_SILENT) or _declined(exchange):
            return
        facts = {
            "requestId": exchange.request_id,
            "method": exchange.method,
            "path": path,
            "status": status,
            "durationMs": round(seconds * 1000, 1),
            "cacheStatus": exchange.cache_status,
            "errorCode": exchange.error_code,
            "provider": exchange.provider,
            "clientIp": anonymised(exchange.client),
            "userAgent": exchange.header(b"user-agent")[:200] or None,
            "clientVersion": exchange.header(b"x-client-version")[:40] or None,
            "origin": exchange.header(b"origin")[:200] if _blocked(exchange) else None,
        }
        present = {name: value for name, value in facts.items() if value is not None}
        log.log(level, "request", **present)


def _level(exchange: Exchange, status: int) -> int:
    if status >= 500:
        return logging.ERROR
    return logging.WARNING if status == 429 or _blocked(exchange) else logging.INFO


def _blocked(exchange: Exchange) -> bool:
    return exchange.error_code == OriginBlocked.code


def _declined(exchange: Exchange) -> bool:
    skipped = exchange.headers.get(b"x-skip-analytics", b"").lower() == b"true"
    return skipped or exchange.headers.get(b"dnt") == b"1"
