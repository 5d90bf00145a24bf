"""Scores of an answer: how complete it is and how good its covers are (data-model §6.7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from bookstrack.model.book import Book

_TELLING = 100
_OPEN_LIBRARY_SIZE = re.compile(r"-([SML])\.jpg$")
_GOOGLE_COVERS = "/books/content"


def data_quality(books: Sequence[Book]) -> float:
    """Return the mean completeness of the books, 0 to 1: ISBN 0.4, cover 0.4, description 0.2.

    A description counts from 101 characters. No books give 0.
    """
    if not books:
        return 0.0
    points = sum(
        4 * bool(book.isbn)
        + 4 * bool(book.cover_url)
        + 2 * (len(book.description or "") > _TELLING)
        for book in books
    )
    return points / (10 * len(books))


def completeness(books: Sequence[Book]) -> int:
    """Return the share of books with both an ISBN and a cover, 0 to 100."""
    if not books:
        return 0
    return round(100 * sum(bool(b.isbn and b.cover_url) for b in books) / len(books))


def image_quality(books: Sequence[Book]) -> str:
    """Return ``high``, ``medium``, ``low`` or ``missing`` for the covers as a whole.

    The thresholds are those of http-api §2.2.
    """
    levels = [cover_quality(book.cover_url) for book in books]
    if not levels:
        return "missing"
    if levels.count("high") > 0.5 * len(levels):
        return "high"
    if levels.count("medium") > 0.3 * len(levels):
        return "medium"
    return "missing" if levels.count("missing") > 0.5 * len(levels) else "low"


def cover_quality(url: str | None) -> str:
    """Return the level of one cover as its address tells it.

    Google's zoom 1 and 2 and Open Library's ``-L`` are high, zoom 0 and ``-S`` low, all other
    covers medium.
    """
    if not url:
        return "missing"
    parts = urlsplit(url)
    size = _OPEN_LIBRARY_SIZE.search(parts.path)
    if size is not None:
        return {"L": "high", "M": "medium", "S": "low"}[size[1]]
    zoom = parse_qs(parts.query).get("zoom", [""])[0]
    if parts.path != _GOOGLE_COVERS:
        return "medium"
    return {"0": "low", "1": "high", "2": "high"}.get(zoom, "medium")
