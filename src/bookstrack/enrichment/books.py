"""A book as somebody knows it in part, and what was found out about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct

from bookstrack.model.answer import SearchData
from bookstrack.model.isbn import Isbn
from bookstrack.normalise.titles import name_key, title_key

_DATA = msgspec.json.Decoder(SearchData)


class EnrichmentStatus(StrEnum):
    """How a lookup ended, as jobs tell it; ``PENDING`` is one that was not tried."""

    PENDING = "pending"
    SUCCESS = "success"
    NOT_FOUND = "not_found"
    ERROR = "error"
    CIRCUIT_OPEN = "circuit_open"


class PartialBook(Struct, frozen=True, kw_only=True):
    """What is known of a book; unknown is empty. ``isbn`` is as people write it."""

    title: str = ""
    author: str = ""
    isbn: str = ""

    @property
    def number(self) -> Isbn | None:
        """Return the ISBN, also one with a wrong check digit, ``None`` where it is none."""
        return Isbn.find(self.isbn)

    @property
    def identity(self) -> tuple[str, str, str]:
        """Return what two entries have in common that ask for the same book."""
        number = self.number
        return (
            number.canonical if number else "",
            title_key(self.title) or self.title,
            name_key(self.author) or self.author,
        )


class Enriched(Struct, frozen=True, kw_only=True):
    """What was found. ``found`` is an encoded ``SearchData`` with one work, where there is one.

    ``confidence`` (0 to 1) says how sure it is that this is the book that was meant; it is not
    ``clear`` where a title alone was given and books of several people fit. ``retry_after`` is in
    seconds, ``provider`` the wire name of who answered; ``cached`` means that nobody outside had
    to be asked.
    """

    status: EnrichmentStatus
    found: bytes | None = None
    confidence: float = 0.0
    clear: bool = True
    provider: str = "none"
    cached: bool = False
    error: str | None = None
    retry_after: float | None = None

    @property
    def succeeded(self) -> bool:
        """Tell whether a book was found."""
        return self.status is EnrichmentStatus.SUCCESS

    def data(self) -> SearchData:
        """Return what was found as work, edition, authors and flat book; empty for nothing."""
        return SearchData() if self.found is None else _DATA.decode(self.found)
