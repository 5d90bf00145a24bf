"""The way of the sockets out of service: active, deprecated, sunset (jobs-and-progress §11.9)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from bookstrack.errors import Gone
from bookstrack.settings import ApiSettings, StreamSettings
from bookstrack.web.exchange import Headers

_PROGRAM = re.compile(r"[A-Za-z0-9._-]{1,40}")
_PROGRAMS = 50
_V1_DEPRECATED_AT = 1_763_164_800
_WARNING = (b"warning", b'299 - "Deprecated API"')
_IN_HEADER = "/?=&{}"


class SocketPhase:
    """Announces the end, and refuses what has ended. The clock alone changes nothing."""

    def __init__(self, settings: StreamSettings, api: ApiSettings | None = None) -> None:
        self.phase = settings.websocket_phase
        self._v1 = api.lifecycle.get("ws_v1_envelope", "deprecated") if api else "active"
        self._sunset = format_datetime(_midnight(settings.websocket_sunset_on), usegmt=True)
        deprecated = int(_midnight(settings.websocket_deprecated_on).timestamp())
        self._dates: Headers = [
            (b"deprecation", b"@%d" % deprecated),
            (b"sunset", self._sunset.encode()),
            _WARNING,
        ]

    @property
    def over(self) -> bool:
        """Tell whether sockets have ended."""
        return self.phase == "sunset"

    def headers(self, sse_path: str) -> Headers:
        """Return what answers about a job announce; ``sse_path`` comes after the sockets."""
        if self.phase == "active":
            return []
        target = quote(sse_path, safe=_IN_HEADER)
        return [*self._dates, (b"link", f'<{target}>; rel="successor-version"'.encode())]

    def headers_of(self, version: int, sse_path: str) -> Headers:
        """Return what a 101 announces: the end of all sockets, else that of version 1."""
        announced = self.headers(sse_path)
        if announced or version != 1 or self._v1 == "active":
            return announced
        return [(b"deprecation", b"@%d" % _V1_DEPRECATED_AT), _WARNING]

    def groups(self, version: int) -> list[str]:
        """Return the deprecated groups that a socket of a version belongs to."""
        groups = [] if self.phase == "active" else ["websocket"]
        return [*groups, "ws_v1_envelope"] if version == 1 and self._v1 != "active" else groups

    def check(self, sse_path: str, status_path: str) -> None:
        """Refuse sockets after their sunset.

        Raises:
            Gone: with the paths that replace them.
        """
        if self.over:
            details = {
                "sseUrl": sse_path,
                "statusUrl": status_path,
                "successor": sse_path,
                "sunset": self._sunset,
            }
            raise Gone("WebSockets have ended; use the event stream", details=details)

    def check_version(self, version: int) -> None:
        """Refuse version 1 after its end.

        Raises:
            Gone: the version is not served any more.
        """
        if version == 1 and self._v1 == "gone":
            raise Gone("Version 1 has ended; use version 2", details={"successor": "2"})


class Programs:
    """Names the programs of clients, few enough to count each of them."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def name(self, user_agent: str) -> str:
        """Return the first product of a ``User-Agent``, without its version."""
        found = _PROGRAM.match(user_agent)
        name = found.group() if found else "unknown"
        if name not in self._known and len(self._known) >= _PROGRAMS:
            return "other"
        self._known.add(name)
        return name


def _midnight(day: str) -> datetime:
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
