"""One request and one answer of the fake upstream, free of any server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field


class Asked(Struct, frozen=True):
    """What a provider was asked.

    ``path`` goes without the provider's prefix, percent signs decoded; ``query`` has the last
    value of each name; ``headers`` have lower-case names.
    """

    path: str
    query: dict[str, str] = field(default_factory=dict[str, str])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    method: str = "GET"
    body: bytes = b""


class Answer(Struct, frozen=True, kw_only=True):
    """What a provider answers. A ``location`` header that begins with / is under its prefix."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Wire(Protocol):
    """How one provider speaks."""

    def answer(self, asked: Asked) -> Answer:
        """Answer as the provider does when it is well."""
        ...

    def status(self, status: int) -> Answer:
        """Answer with an error status and the provider's body for it."""
        ...

    def quota(self, status: int = 429) -> Answer:
        """Refuse because the daily quota is used up."""
        ...

    def auth(self, status: int = 403) -> Answer:
        """Refuse the key or the caller."""
        ...


def json_answer(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """Answer with JSON."""
    return Answer(status=status, body=msgspec.json.encode(value), headers=headers or {})


def html_answer(title: str, *, status: int = 200) -> Answer:
    """Answer with a small page, as proxies and unknown paths do."""
    head = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>"
    page = f"{head}<body><h1>{title}</h1></body></html>"
    return Answer(status=status, body=page.encode(), content_type="text/html; charset=utf-8")


def whole(text: str | None, default: int, *, low: int = 0, high: int = 10_000) -> int:
    """Read a number of a query within limits."""
    if text is None or not text.lstrip("-").isdecimal():
        return default
    return max(low, min(int(text), high))
