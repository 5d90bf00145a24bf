"""Which browser pages may read our answers (operations §4.1)."""

from __future__ import annotations

import re

from bookstrack.settings import ApiSettings

_METHODS = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
_ALLOW_HEADERS = (
    b"Content-Type, Authorization, X-AI-Provider, X-Auth-Token, X-API-Version, X-Client-Version, "
    b"X-Request-ID, X-WebSocket-Version, Last-Event-ID, Idempotency-Key, If-Match, If-None-Match, "
    b"X-Skip-Analytics"
)
_EXPOSE = (
    b"X-Router, X-Response-Time, Retry-After, X-Request-ID, X-API-Version, X-RateLimit-Limit, "
    b"X-RateLimit-Remaining, X-RateLimit-Reset, X-Cache, X-Cache-Status, X-Cache-Age, X-Cache-TTL, "
    b"X-Cache-Source, X-Provider, X-Image-Quality, X-Data-Completeness, X-Error-Code, Deprecation, "
    b"Sunset, Link, Location, ETag, X-Poll-Interval, Idempotent-Replayed"
)
_LOCAL_ANY_PORT = re.compile(rb"http://localhost:\d{1,5}\Z")

_Headers = tuple[tuple[bytes, bytes], ...]


class Cors:
    """Decides by exact origin; ``http://localhost:*`` stands for every port."""

    def __init__(self, settings: ApiSettings, *, development: bool) -> None:
        origins = {origin.encode() for origin in settings.cors_origins}
        self._any_local_port = development or b"http://localhost:*" in origins
        self._origins = origins
        self.rejects = settings.cors_enforce == "reject"
        self._everybody: _Headers = (
            (b"access-control-allow-origin", b"*"),
            (b"access-control-expose-headers", _EXPOSE),
        )
        self._foreign: _Headers = ((b"x-custom-error", b"CORS_BLOCKED"),)

    def allowed(self, origin: bytes) -> bool:
        """Tell whether a page of this origin may read answers."""
        return origin in self._origins or (
            self._any_local_port and _LOCAL_ANY_PORT.match(origin) is not None
        )

    def headers(self, origin: bytes | None) -> _Headers:
        """Return the headers of an ordinary answer."""
        if origin is None:
            return self._everybody
        if not self.allowed(origin):
            return self._foreign
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", _EXPOSE),
        )

    def preflight(self, origin: bytes | None) -> _Headers:
        """Return the headers of an ``OPTIONS`` answer to an allowed origin, or to none."""
        return (
            *self.headers(origin),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _ALLOW_HEADERS),
            (b"access-control-max-age", b"86400"),
        )
