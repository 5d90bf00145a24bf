"""Words for where a book stands, and the three statuses of a library."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from bookstrack.imports.export import ReadingStatus

_Words = Mapping[ReadingStatus | None, str]

_WORDS: _Words = {
    ReadingStatus.WANT_TO_READ: "to read, want to read, wishlist, wish list, planned, tbr, to buy, "
    "unread, to reread, plan to read, want to reread, not started, to be read, not begun, up next",
    ReadingStatus.READING: "currently reading, reading, in progress, started, paused, on hold, "
    "reading now, now reading",
    ReadingStatus.COMPLETED: "read, finished, already read, completed, complete, done, "
    "read but unowned",
    None: "did not finish, dnf, dnf'd, stopped, stopped reading, abandoned, unfinished, gave up",
}
# In columns of statuses alone: as a tag any of them may be the reader's own.
_FOREIGN_WORDS: _Words = {
    ReadingStatus.WANT_TO_READ: "ungelesen, à lire, por leer, da leggere",
    ReadingStatus.READING: "lese ich gerade, en cours, leyendo, in lettura",
    ReadingStatus.COMPLETED: "gelesen, lu, leído, letto",
}
_GAPS = re.compile(r"[\s_-]+")
_EDGES = re.compile(r"^\W+|\W+$")


class Standing(Struct, frozen=True):
    """What a word says: ``status`` is ``None`` for a known word that is none of the three."""

    is_known: bool
    status: ReadingStatus | None = None


_UNKNOWN = Standing(False)


def _standings(by_status: _Words) -> dict[str, Standing]:
    return {
        word: Standing(True, status)
        for status, words in by_status.items()
        for word in words.split(", ")
    }


_AS_TAGS = _standings(_WORDS)
_IN_COLUMNS = {**_AS_TAGS, **_standings(_FOREIGN_WORDS)}


def status_of(
    word: str,
    *,
    given: Mapping[str, ReadingStatus | None] | None = None,
    is_tag: bool = False,
) -> Standing:
    """Return what a word says; ``given`` are words explained for this file, by ``status_key``."""
    key = status_key(word)
    if given and key in given:
        return Standing(True, given[key])
    return (_AS_TAGS if is_tag else _IN_COLUMNS).get(key, _UNKNOWN)


def status_key(word: str) -> str:
    """Return a word without case, hyphens, underscores and signs around it, if it is no sign."""
    key = _GAPS.sub(" ", word.casefold()).strip()
    return _EDGES.sub("", key) or key
