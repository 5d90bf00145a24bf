"""Routes on their way out: deprecation headers, and 410 after the sunset (http-api §8)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct

from bookstrack.errors import Gone
from bookstrack.settings import ApiSettings


class Group(Struct, frozen=True, kw_only=True):
    """A group of routes with one fate; dates are epoch seconds.

    The star of ``successor`` stands for the kind of search, ``{id}`` for the job's id.
    """

    deprecated_at: int
    successor: str
    sunset_at: int | None = None


_KINDS = {
    "isbn": "isbn",
    "author": "author",
    "advanced": "advanced",
    "google-books-isbn": "isbn",
    "openlibrary-author": "author",
    "isbndb": "advanced",
    "isbndb-editions": "editions",
    "isbndb-isbn": "isbn",
}
_MARCH_2026 = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
_JUNE_2026 = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
_ID = "{id}"

GROUPS = {
    "legacy_search": Group(
        deprecated_at=1_763_164_800, sunset_at=_MARCH_2026, successor="/v1/search/*"
    ),
    "legacy_enrichment": Group(
        deprecated_at=1_763_164_800, sunset_at=_MARCH_2026, successor="/v1/enrichment/batch"
    ),
    "csv_gemini": Group(
        deprecated_at=1_764_288_000, sunset_at=_JUNE_2026, successor="/api/v2/imports"
    ),
    "pipeline_results": Group(deprecated_at=1_764_288_000, successor=f"/v1/jobs/{_ID}/results"),
    "legacy_cancel": Group(deprecated_at=1_764_288_000, successor=f"/v1/jobs/{_ID}"),
    "external": Group(deprecated_at=1_763_164_800, successor="/v1/search/*"),
}


class Lifecycle:
    """Knows the phase of each group: active, deprecated or gone."""

    def __init__(self, settings: ApiSettings) -> None:
        self._phases = settings.lifecycle
        self._enforce = settings.sunset_enforce

    def phase(self, name: str, now: float) -> str:
        """Return the phase of a group at a time in epoch seconds."""
        phase = self._phases.get(name, "deprecated")
        sunset = GROUPS[name].sunset_at
        if phase == "deprecated" and self._enforce and sunset is not None and now >= sunset:
            return "gone"
        return phase

    def headers(self, name: str, path: str, now: float) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers that announce the end of one of a group's routes."""
        if self.phase(name, now) == "active":
            return ()
        return _headers(GROUPS[name], _successor(GROUPS[name], path))

    def check(self, name: str, path: str, now: float) -> None:
        """Refuse a route that is gone.

        Raises:
            Gone: with successor and sunset date.
        """
        if self.phase(name, now) == "gone":
            group = GROUPS[name]
            successor = _successor(group, path)
            details = {"successor": successor}
            if group.sunset_at is not None:
                details["sunset"] = _http_date(group.sunset_at)
            raise Gone(f"This route is gone; use {successor}", details=details)


def _successor(group: Group, path: str) -> str:
    """Return what replaces a route: for the same kind of search, or for the same job."""
    name = path.rstrip("/").rpartition("/")[2]
    if _ID in group.successor and name != "cancel":
        return group.successor.replace(_ID, quote(name))
    return group.successor.replace("*", _KINDS.get(name, "title"))


@lru_cache(maxsize=1024)
def _headers(group: Group, successor: str) -> tuple[tuple[bytes, bytes], ...]:
    headers = [
        (b"deprecation", b"@%d" % group.deprecated_at),
        (b"link", f'<{successor}>; rel="successor-version"'.encode()),
        (b"warning", b'299 - "Deprecated API"'),
    ]
    if group.sunset_at is not None:
        headers.append((b"sunset", _http_date(group.sunset_at).encode()))
    return tuple(headers)


def _http_date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
