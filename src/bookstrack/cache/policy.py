"""How long what is kept (data-model §3.2). Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from bookstrack.settings import CacheSettings

_LONGEST_S = 730 * 86_400


class Kind(StrEnum):
    """Families of answers that share a lifetime."""

    ISBN = "isbn"
    TITLE = "title"
    TEXT = "text"
    AUTHOR = "author"
    ADVANCED = "advanced"
    EDITIONS = "editions"
    ENRICHMENT = "enrichment"


_BY_QUALITY = frozenset({Kind.TITLE, Kind.ISBN, Kind.AUTHOR, Kind.ENRICHMENT})
_TEXT_S = 300


class Lifetimes(Struct, frozen=True):
    """The lifetimes in force; every result is in seconds."""

    settings: CacheSettings

    def base(self, kind: Kind) -> int:
        """Return the shared-tier lifetime of a complete answer of middling quality."""
        table = {
            Kind.ISBN: self.settings.isbn_s,
            Kind.TITLE: self.settings.title_s,
            Kind.TEXT: _TEXT_S,
            Kind.AUTHOR: self.settings.author_s,
            Kind.ADVANCED: self.settings.advanced_s,
            Kind.EDITIONS: self.settings.editions_s,
            Kind.ENRICHMENT: self.settings.enrichment_s,
        }
        return table[kind]

    def shared(self, kind: Kind, quality: float, *, complete: bool = True) -> int:
        """Return how long an answer stays in the shared tier.

        Good records live twice as long, poor ones half; an answer that some provider could not
        complete is asked again after the hot lifetime at the latest.
        """
        seconds: float = self.base(kind)
        if kind in _BY_QUALITY and quality > 0.8:
            seconds *= 2
        elif kind in _BY_QUALITY and quality < 0.4:
            seconds /= 2
        if not self.settings.aggressive:
            seconds /= 2
        if not complete:
            seconds = min(seconds, self.settings.hot_ttl_s)
        return max(1, int(min(seconds, _LONGEST_S)))

    def refill(self, kind: Kind, quality: float, *, complete: bool = True) -> int:
        """Return the shared-tier lifetime of an answer read from our own database."""
        return min(self.settings.book_s, self.shared(kind, quality, complete=complete))

    def row(self, kind: Kind, quality: float) -> int:
        """Return how old a database row may be and still end a search."""
        return self.shared(kind, quality)
