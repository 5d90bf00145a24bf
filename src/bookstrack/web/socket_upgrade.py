"""What a client asks for when it opens a socket, read from the upgrade request (§11.1, §11.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from msgspec import Struct

from bookstrack.errors import Gone, InvalidRequest, MissingParameter
from bookstrack.settings import StreamSettings
from bookstrack.web.socket_session import Wish

_AUTH = "bookstrack-auth."
_VERSION = re.compile(r"bookstrack\.v(.*)\Z")
_KNOWN = ("1", "2")
_DIGITS = 15


class Asked(Struct, frozen=True, kw_only=True):
    """An upgrade request."""

    parameters: Mapping[str, str]
    protocols: Sequence[str]
    version_header: str

    @property
    def job_id(self) -> str:
        """Return the job id.

        Raises:
            MissingParameter: there is none.
        """
        job_id = self.parameters.get("jobId", "")
        if not job_id:
            raise MissingParameter("Missing jobId parameter", details={"parameter": "jobId"})
        return job_id

    @property
    def wish(self) -> Wish:
        """Return how to begin."""
        after = self.parameters.get("lastEventId", "")
        number = after.isascii() and after.isdigit() and len(after) <= _DIGITS
        return Wish(
            reconnect=self.parameters.get("reconnect", "").lower() in ("true", "1"),
            after=int(after) if number else None,
        )

    @property
    def token(self) -> str | None:
        """Return the token among the subprotocols."""
        found = (p.removeprefix(_AUTH) for p in self.protocols if p.startswith(_AUTH))
        return next(found, None) or None

    def version(self, settings: StreamSettings) -> int:
        """Choose the version: header, then subprotocol, then query, else the configured one.

        Raises:
            InvalidRequest: a version that does not exist.
            Gone: version 1 was switched off.
        """
        asked = self._version()
        if not asked:
            return 2 if settings.websocket_v2 else 1
        if asked not in _KNOWN:
            raise InvalidRequest(
                f"WebSocket version {asked[:20]} is not known",
                details={"parameter": "wsVersion", "supported": list(_KNOWN)},
            )
        if asked == "1" and settings.websocket_v2 and not settings.websocket_v1:
            raise Gone("Version 1 was switched off; use version 2", details={"successor": "2"})
        return int(asked)

    def _version(self) -> str:
        if self.version_header:
            return self.version_header
        offered = [found[1] for p in self.protocols if (found := _VERSION.match(p))]
        known = (version for version in offered if version in _KNOWN)
        first = offered[0] if offered else self.parameters.get("wsVersion", "")
        return next(known, first)

    def selected(self, version: int) -> str | None:
        """Return the subprotocol to answer with, one that was offered [W3]."""
        if f"bookstrack.v{version}" in self.protocols:
            return f"bookstrack.v{version}"
        return next((p for p in self.protocols if p.startswith(_AUTH)), None)


def read_upgrade(query: bytes, protocols: Sequence[str], version_header: str) -> Asked:
    """Read an upgrade request; of a parameter given twice the first counts."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return Asked(
        parameters=dict(reversed(pairs)),
        protocols=protocols,
        version_header=version_header.strip(),
    )
