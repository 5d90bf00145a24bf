"""Addresses of covers: safe for display, and as identity in the caches (data-model §6.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

_LONGEST = 2_000
_LONGEST_READ = 8_000  # with a fragment and white space, which do not count
_PATH_SAFE = "/:@!$&'()*+,;=~-._%"
_QUERY_SAFE = _PATH_SAFE + "?"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_DEFAULT_PORTS = (None, 80, 443)
_GOOGLE_HOSTS = re.compile(
    r"(?:bks\d\.)?books\.google\.(?:com|[a-z]{2,3}|co\.[a-z]{2}|com\.[a-z]{2})"
)
_GOOGLE_COVER_PATHS = frozenset({"/books/content", "/books/publisher/content", "/books"})
_QUERY_TELLS_NOTHING = re.compile(
    r"covers\.openlibrary\.org|(?:.+\.)?isbndb\.com|(?:.+\.)?(?:ssl-images|media)-amazon\.com"
)
"""Hosts that name a picture by its path alone."""

_GOOGLE_KEPT = frozenset({"id", "printsec", "img", "zoom", "imgtk"})


def https_url(url: str | None) -> str | None:
    """Return the address as an absolute, percent-encoded https URL, or ``None`` if it is none.

    Only http and https with a host name and without credentials are accepted; the fragment is
    dropped.
    """
    parts = _split((url or "").strip()) if len(url or "") <= _LONGEST_READ else None
    if parts is None:
        return None
    host = _host(parts)
    if host is None:
        return None
    path = _encoded(parts.path, _PATH_SAFE) or "/"
    result = urlunsplit(("https", host, path, _encoded(parts.query, _QUERY_SAFE), ""))
    return result if len(result) <= _LONGEST else None


@lru_cache(maxsize=512)  # a record passes here half a dozen times
def cover_url(url: str | None) -> str | None:
    """Return the display form of a cover's address; Google's decorations are dropped."""
    address = https_url(url)
    if address is None:
        return None
    parts = urlsplit(address)
    if not _is_google_cover(parts):
        return address
    kept = [pair for pair in _parameters(parts) if pair[0] in _GOOGLE_KEPT]
    return urlunsplit(parts._replace(query=_query(kept)))


def image_key(url: str) -> str:
    """Return what names the picture in caches: host, path and telling parameters, sorted.

    Where a host ignores the query, nobody can make more keys of one picture by adding some. An
    address that is none is its own key.
    """
    address = cover_url(url)
    if address is None:
        return url.strip()
    parts = urlsplit(address)
    if _QUERY_TELLS_NOTHING.fullmatch(parts.netloc):
        return f"{parts.netloc}{parts.path}"
    signature = "imgtk" if _is_google_cover(parts) else None
    query = _query(sorted(pair for pair in _parameters(parts) if pair[0] != signature))
    return f"{parts.netloc}{parts.path}?{query}" if query else f"{parts.netloc}{parts.path}"


def _parameters(parts: SplitResult) -> list[tuple[str, str]]:
    # Latin-1 keeps every byte apart, so that no two addresses fall together in decoding.
    return parse_qsl(parts.query, keep_blank_values=True, encoding="latin-1")


def _query(parameters: list[tuple[str, str]]) -> str:
    return urlencode(parameters, encoding="latin-1")


def _split(url: str) -> SplitResult | None:
    if not url or any(ord(char) < 32 or char == "\x7f" for char in url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    is_web = parts.scheme.lower() in {"http", "https"}
    return parts if is_web and "@" not in parts.netloc else None


def _host(parts: SplitResult) -> str | None:
    """Return host and unusual port, lower-case and in ASCII."""
    name = (parts.hostname or "").rstrip(".")
    if ":" in name:
        return None
    try:
        ascii_name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = ascii_name.lower().split(".")
    if len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        return None
    if labels[-1].isdigit() and not _is_ipv4(labels):
        return None
    host = ".".join(labels)
    return host if parts.port in _DEFAULT_PORTS else f"{host}:{parts.port}"


def _is_ipv4(labels: list[str]) -> bool:
    return len(labels) == 4 and all(label.isdigit() and int(label) < 256 for label in labels)


def _encoded(text: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=safe, errors="replace")


def _is_google_cover(parts: SplitResult) -> bool:
    host = parts.netloc.partition(":")[0]
    return parts.path in _GOOGLE_COVER_PATHS and bool(_GOOGLE_HOSTS.fullmatch(host))
