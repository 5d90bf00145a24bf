"""Words for where a book stands, and the three statuses of a library."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from bookstrack.imports.export import ReadingStatus

_WORDS = {
    ReadingStatus.WANT_TO_READ: "to read, want to read, wishlist, wish list, planned, tbr, to buy, "
    "unread, to reread, plan to read, want to reread, not started",
    ReadingStatus.READING: "currently reading, reading, in progress, started, paused, on hold",
    ReadingStatus.COMPLETED: "read, finished, already read, completed, complete, done, "
    "read but unowned",
    None: "did not finish, dnf, stopped, abandoned, unfinished, gave up",
}
_STATUSES = {word: status for status, words in _WORDS.items() for word in words.split(", ")}
_GAPS = re.compile(r"[\s_-]+")


class Standing(Struct, frozen=True):
    """What a word says: ``status`` is ``None`` for a known word that is none of the three."""

    is_known: bool
    status: ReadingStatus | None = None


_UNKNOWN = Standing(False)
_STANDINGS = {word: Standing(True, status) for word, status in _STATUSES.items()}


def status_of(word: str, *, given: Mapping[str, ReadingStatus | None] | None = None) -> Standing:
    """Return what a word says; ``given`` are words explained for this file, by ``status_key``."""
    key = status_key(word)
    if given and key in given:
        return Standing(True, given[key])
    return _STANDINGS.get(key, _UNKNOWN)


def status_key(word: str) -> str:
    """Return a word without case, hyphens and underscores."""
    return _GAPS.sub(" ", word.casefold()).strip()
