"""Reads query parameters the way the contract wants them read (http-api §2.3)."""

from __future__ import annotations

from bookstrack.errors import InvalidIsbn, InvalidQuery, MissingParameter
from bookstrack.model.isbn import Isbn

_LONGEST = 200
_SHORTEST = 2


def text(value: str | None) -> str:
    """Return a text trimmed and cut to 200 characters; control characters become spaces."""
    printable = "".join(c if c.isprintable() else " " for c in (value or "")[: _LONGEST * 4])
    return " ".join(printable.split())[:_LONGEST].strip()


def query_text(*values: str | None, name: str) -> str:
    """Return the first text that was given.

    Raises:
        InvalidQuery: it is missing or shorter than two characters.
    """
    given = next((t for t in map(text, values) if t), "")
    if len(given) < _SHORTEST:
        raise InvalidQuery(
            f"{name} must have at least {_SHORTEST} characters", details={"parameter": name}
        )
    return given


def required(value: str | None, name: str) -> str:
    """Return a text that must be there.

    Raises:
        MissingParameter: it is absent or empty.
    """
    given = text(value)
    if not given:
        raise MissingParameter(f"{name} is required", details={"parameter": name})
    return given


def isbn(value: str | None) -> Isbn:
    """Return the ISBN parameter.

    Raises:
        InvalidIsbn: it is missing or does not have the shape of an ISBN.
    """
    if value is None or not value.strip():
        raise InvalidIsbn("isbn is required", details={"parameter": "isbn"})
    return Isbn.parse(value)


def page(limit: int | None, max_results: int | None, *, default: int) -> int:
    """Return the page size: ``limit`` or its synonym."""
    return limit or max_results or default
