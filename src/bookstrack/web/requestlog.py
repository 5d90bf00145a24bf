"""One log line per request (operations §12): no bodies, tokens or full addresses."""

from __future__ import annotations

import structlog

from bookstrack.settings import TelemetrySettings
from bookstrack.web.exchange import Exchange, anonymised

log = structlog.get_logger("bookstrack.request")
_SILENT = ("/health", "/livez", "/readyz", "/test/")


class RequestLog:
    """Writes request lines unless they are switched off or the caller declined."""

    def __init__(self, settings: TelemetrySettings) -> None:
        self._on = settings.request_log and settings.log_level in ("DEBUG", "INFO")

    def write(self, exchange: Exchange, path: str, status: int, seconds: float) -> None:
        """Write the line of one request; ``path`` is the route's template."""
        if not self._on or path.startswith(_SILENT) or _declined(exchange):
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
        }
        present = {name: value for name, value in facts.items() if value is not None}
        log.log(40 if status >= 500 else 30 if status == 429 else 20, "request", **present)


def _declined(exchange: Exchange) -> bool:
    return (
        exchange.headers.get(b"dnt") == b"1" or exchange.headers.get(b"x-skip-analytics") == b"true"
    )
