"""Books of which only another catalogue's number is known, looked up by that number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping

import msgspec
import structlog

from bookstrack.catalogue.answer import assemble
from bookstrack.clock import Clock
from bookstrack.enrichment.books import Enriched, EnrichmentStatus
from bookstrack.enrichment.enricher import NOT_FOUND
from bookstrack.errors import BooksTrackError, CircuitOpen, NotFound, ProviderProblem
from bookstrack.model.provider_names import answer_name
from bookstrack.model.query import ProviderIdQuery
from bookstrack.model.record import BookRecord
from bookstrack.providers.base import Budget
from bookstrack.providers.roster import Roster

log = structlog.get_logger(__name__)

Keep = Callable[[str, Callable[[], Awaitable[bytes]]], Awaitable[bytes]]
"""``await keep(name, make)`` returns what is kept under a name, else makes and keeps it."""

_SCHEMES = {
    "openLibraryEdition": "openlibrary",
    "openLibraryWork": "openlibrary",
    "googleBooks": "google",
    "goodreads": "goodreads",
}
_BOOK_S = 60.0
_encode = msgspec.json.Encoder().encode
_RECORD = msgspec.json.Decoder(BookRecord)


class KeyLookup:
    """Looks up books by the ids of providers; answers are kept."""

    def __init__(self, roster: Roster, clock: Clock, *, keep: Keep) -> None:
        self._roster = roster
        self._clock = clock
        self._keep = keep

    async def enrich(self, ids: Mapping[str, str]) -> Enriched:
        """Find out about the book of these ids by scheme. Nothing is raised but cancellation."""
        try:
            return await self._found(ids)
        except CircuitOpen as problem:
            status = EnrichmentStatus.CIRCUIT_OPEN
            return Enriched(status=status, error=problem.message, retry_after=problem.retry_after)
        except BooksTrackError as problem:
            status = EnrichmentStatus.ERROR
            return Enriched(status=status, error=problem.message, retry_after=problem.retry_after)
        except Exception:
            log.exception("enrichment_defect", ids=dict(ids))
            wrong = "Something went wrong on our side"
            return Enriched(status=EnrichmentStatus.ERROR, error=wrong)

    async def _found(self, ids: Mapping[str, str]) -> Enriched:
        problem: ProviderProblem | None = None
        for query in _queries(ids):
            try:
                record = await self._record(query)
            except NotFound:
                continue
            except ProviderProblem as failed:
                problem = failed
                continue
            data = assemble([record], query=query.id)
            return Enriched(
                status=EnrichmentStatus.SUCCESS,
                found=_encode(data),
                confidence=1.0,
                provider=answer_name((record.provider,)),
            )
        if problem is not None:
            raise problem
        return Enriched(status=EnrichmentStatus.NOT_FOUND, error=NOT_FOUND)

    async def _record(self, query: ProviderIdQuery) -> BookRecord:
        name = f"provider-id:{query.scheme}:{query.id}"
        return _RECORD.decode(await self._keep(name, lambda: self._ask(query)))

    async def _ask(self, query: ProviderIdQuery) -> bytes:
        """Ask who may know the number; a miss is not kept."""
        problem: ProviderProblem | None = None
        for provider in self._roster.for_query(ProviderIdQuery):
            within = Budget(self._clock.monotonic() + _BOOK_S, interactive=False)
            try:
                found = await provider.ask(query, within=within)
            except ProviderProblem as failed:
                problem = failed
                continue
            if found.books:
                return _encode(found.books[0])
        raise problem or NotFound(NOT_FOUND)


def _queries(ids: Mapping[str, str]) -> Iterator[ProviderIdQuery]:
    for scheme, name in _SCHEMES.items():
        if scheme in ids:
            yield ProviderIdQuery(scheme=name, id=ids[scheme])
