"""Partial books to fuller ones: by ISBN first, else by title and author.

Every failure is part of the answer, so that one book never ends the work on the others.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import structlog

from bookstrack.cache.tiers import Hit
from bookstrack.catalogue.authors import Later
from bookstrack.catalogue.identify import ENOUGH
from bookstrack.catalogue.matching import confidence
from bookstrack.catalogue.search import Catalogue
from bookstrack.enrichment.books import Enriched, EnrichmentStatus, PartialBook
from bookstrack.errors import BooksTrackError, CircuitOpen, InvalidIsbn, StorageProblem
from bookstrack.model.answer import SearchData
from bookstrack.model.record import BookRecord, ProviderId

log = structlog.get_logger(__name__)

NOT_FOUND = "Book not found in any provider"
_DATA = msgspec.json.Decoder(SearchData)
_UNPROVEN = 0.5


class Enricher:
    """Looks up books for jobs; made once for all of them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def lookups(self) -> Lookups:
        """Begin the lookups of one job, which are to end with ``finish`` or ``drop``."""
        return Lookups(self._catalogue)


class Lookups:
    """The lookups of one job. Nobody waits for author facts: they are asked for at the end."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._later = Later()

    def finish(self) -> None:
        """Ask for the facts of all authors that were met, in the background."""
        self._catalogue.identifier.complete_authors(self._later)

    def drop(self) -> None:
        """Ask for nothing more; to be called where the job does not go on here."""
        self._later.drop()

    def at_hand(self, book: PartialBook) -> Enriched | None:
        """Return what is known of a book without waiting or asking anybody, if anything is."""
        identifier = self._catalogue.identifier
        hit = identifier.at_hand(isbn=book.number, title=book.title, author=book.author)
        return None if hit is None else _enriched(hit, book)

    async def known(self, books: Iterable[PartialBook]) -> frozenset[str]:
        """Return the ISBN-13s of those books that our own tables know."""
        numbers = {number.isbn13 for book in books if (number := book.number)} - {None}
        try:
            return await self._catalogue.identifier.known([one for one in numbers if one])
        except StorageProblem as problem:  # then nothing goes first
            log.warning("known_books_unread", problem=problem.message)
            return frozenset()

    async def enrich(self, book: PartialBook) -> Enriched:
        """Find out about one book. Nothing is raised but cancellation."""
        try:
            return await self._found(book)
        except CircuitOpen as problem:
            return Enriched(
                status=EnrichmentStatus.CIRCUIT_OPEN,
                error=problem.message,
                retry_after=problem.retry_after,
            )
        except BooksTrackError as problem:
            return Enriched(
                status=EnrichmentStatus.ERROR,
                error=problem.message,
                retry_after=problem.retry_after,
            )
        except Exception:
            log.exception("enrichment_defect")  # what a reader sent stays out of the log
            return Enriched(status=EnrichmentStatus.ERROR, error="Something went wrong on our side")

    async def _found(self, book: PartialBook) -> Enriched:
        """Look up by number, then by title.

        A book found by its number that does not prove to carry it must match the title as well.
        """
        enriched = Enriched(status=EnrichmentStatus.NOT_FOUND, error=NOT_FOUND)
        number = book.number
        if number is not None:
            try:
                hit = await self._catalogue.by_isbn(number, later=self._later)
                enriched = _enriched(hit, book)
            except InvalidIsbn:  # the server is strict about check digits
                pass
        sure = enriched.succeeded and enriched.confidence >= ENOUGH
        if sure or not book.title:
            return enriched
        identifier = self._catalogue.identifier
        hit = await identifier.book(book.title, book.author, later=self._later)
        return _enriched(hit, book)


def _enriched(hit: Hit, book: PartialBook) -> Enriched:
    facts = hit.entry.facts
    if not facts.found:
        return Enriched(status=EnrichmentStatus.NOT_FOUND, error=NOT_FOUND, cached=hit.cached)
    data = _DATA.decode(hit.entry.body)
    return Enriched(
        status=EnrichmentStatus.SUCCESS,
        found=hit.entry.body,
        confidence=_confidence(data, book),
        clear=data.total_results <= 1,
        provider=facts.provider,
        cached=hit.cached,
    )


def _confidence(data: SearchData, book: PartialBook) -> float:
    """Return 1 for a book that carries the number, else how well title and author fit."""
    number = book.number
    if number is not None and any(number.canonical in e.isbns for e in data.editions):
        return 1.0
    if not book.title:
        return _UNPROVEN
    record = BookRecord(
        provider=ProviderId.CATALOG,
        work=data.works[0],
        editions=data.editions,
        authors=data.authors,
    )
    return confidence(title=book.title, author=book.author, record=record)
