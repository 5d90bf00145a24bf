"""Tells which book somebody means who knows its title and perhaps its author.

Nobody looks at the answer before it is taken, so a record has to match, and where none does the
answer is "not found" rather than a wrong book (providers §7).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from bookstrack.cache.policy import Kind
from bookstrack.cache.tiers import Fresh, Hit, TieredCache
from bookstrack.catalogue import keys
from bookstrack.catalogue.asking import Heard, Questioner
from bookstrack.catalogue.authors import Later
from bookstrack.catalogue.finding import Finder, Question
from bookstrack.catalogue.matching import authors_match, confidence, known_names
from bookstrack.catalogue.merge import distinct
from bookstrack.catalogue.switches import READS, Switches
from bookstrack.model.isbn import Isbn
from bookstrack.model.query import TitleAuthorQuery
from bookstrack.model.record import BookRecord, Findings, ProviderId
from bookstrack.providers.roster import Roster
from bookstrack.storage.database.catalogue import CatalogueStore

ENOUGH = 0.6
"""The confidence from which on a record is taken for the book that was asked for."""

_LIMIT = 10
_AS_GOOD = 0.02  # differences of confidence that mean nothing


class Identifier:
    """Finds one book for what is known of it; answers are kept like those of searches."""

    def __init__(
        self,
        tiers: TieredCache,
        finder: Finder,
        roster: Roster,
        questioner: Questioner,
        store: CatalogueStore,
        switches: Switches,
    ) -> None:
        self._tiers = tiers
        self._finder = finder
        self._roster = roster
        self._questioner = questioner
        self._store = store
        self._switches = switches

    async def book(self, title: str, author: str, *, later: Later | None = None) -> Hit:
        """Return the book of this title, by this author where one is named.

        ``total_results`` above 1 says that books of other people fit as well as the one found.
        With ``later`` it is one book of a job (see ``Finder.isbn``).

        Raises:
            ProviderProblem: nobody could be asked and our tables do not know it.
            StorageUnavailable: our tables cannot be read.
        """
        key = keys.book(title, author)
        question = Question(key=key, kind=Kind.ENRICHMENT, words=title or author)
        return await self._tiers.fetch(
            key, lambda: self._find(question, title, author, later), keep=later is None
        )

    def at_hand(self, *, isbn: Isbn | None, title: str, author: str) -> Hit | None:
        """Return an answer that is to be had without waiting; a miss counts only for titles.

        A book that is not known by its number may be known by its title.
        """
        if isbn is None:
            return self._tiers.peek(keys.book(title, author)) if title else None
        hit = self._tiers.peek(keys.isbn(isbn.canonical))
        return hit if hit is not None and hit.entry.facts.found else None

    async def known(self, isbns: Sequence[str]) -> frozenset[str]:
        """Return those of these ISBN-13s that our own tables know; nobody else is asked."""
        return await self._store.known_isbns(isbns)

    def complete_authors(self, later: Later) -> None:
        """Ask for the facts of the people noted, in the background; answers get them then."""
        self._finder.complete_authors(later)

    async def _find(
        self, question: Question, title: str, author: str, later: Later | None
    ) -> Fresh:
        reads = bool(author) and await self._switches.enabled(READS)
        own = await self._store.titled(title) if reads else Findings()
        chosen = _chosen(own.books, title, author)
        if chosen and _is_whole(chosen[0]):
            heard = Heard(findings=((ProviderId.CATALOG, own),))
            return await self._finder.single(question, chosen[0], heard, later=later)
        heard = await self._ask(title, author, patient=later is not None)
        chosen = _chosen((*heard.records, *own.books), title, author)
        if not chosen:
            heard.raise_if_unanswered()
            return self._finder.nothing(question, heard)
        if not any(found for _, found in heard.findings):
            heard = replace(heard, findings=((ProviderId.CATALOG, own), *heard.findings))
        return await self._finder.single(
            question, chosen[0], heard, later=later, rivals=len(chosen) - 1
        )

    async def _ask(self, title: str, author: str, *, patient: bool) -> Heard:
        """Ask until somebody knows the book and has a cover of it."""

        def enough(findings: Findings) -> bool:
            return any(
                map(_has_cover, (r for r in findings.books if _sure(r, title, author) >= ENOUGH))
            )

        providers = [
            provider
            for provider in self._roster.for_query(TitleAuthorQuery)
            if provider.name is not ProviderId.ISBNDB or author
        ]
        return await self._questioner.in_turn(
            providers,
            TitleAuthorQuery(title, author, _LIMIT),
            within=self._finder.budget(patient=patient),
            enough=enough,
        )


def _sure(record: BookRecord, title: str, author: str) -> float:
    return confidence(title=title, author=author, record=record)


def _chosen(records: Sequence[BookRecord], title: str, author: str) -> list[BookRecord]:
    """Return the record that fits best, and after it those of other people that fit as well."""
    fitting = [record for record in records if _sure(record, title, author) >= ENOUGH]
    if not fitting:
        return []
    rated = [(_sure(record, title, author), record) for record in distinct(fitting)]
    most = max(rate for rate, _ in rated)
    best = [record for rate, record in rated if rate >= most - _AS_GOOD]
    best.sort(key=lambda record: not _has_cover(record))
    first, *rest = best
    return [first, *(record for record in rest if not _by_one_of(record, first))]


def _by_one_of(record: BookRecord, other: BookRecord) -> bool:
    names = known_names(other)
    return any(authors_match(name, theirs) for name in known_names(record) for theirs in names)


def _has_cover(record: BookRecord) -> bool:
    return bool(record.work.cover_image_url or any(e.cover_image_url for e in record.editions))


def _is_whole(record: BookRecord) -> bool:
    """Tell whether our own record leaves nothing to ask for."""
    described = record.work.description or any(e.edition_description for e in record.editions)
    return _has_cover(record) and bool(described)
