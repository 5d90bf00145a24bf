"""Finds answers that no cache tier has: our tables first, then the providers.

What was found is merged, completed with author facts, written to the tables and encoded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from msgspec import Struct

from bookstrack.background import Background
from bookstrack.cache.memory import Facts
from bookstrack.cache.policy import Kind, Lifetimes
from bookstrack.cache.tiers import Fresh
from bookstrack.catalogue.answer import assemble
from bookstrack.catalogue.asking import Heard, Questioner
from bookstrack.catalogue.authors import Biographer, Completed, with_facts
from bookstrack.catalogue.merge import merge
from bookstrack.catalogue.quality import completeness, data_quality, image_quality
from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.model.answer import AuthorData, Caution, SearchData
from bookstrack.model.book import Author, Book
from bookstrack.model.enums import CacheSource
from bookstrack.model.isbn import Isbn
from bookstrack.model.provider_names import answer_name
from bookstrack.model.query import IsbnQuery
from bookstrack.model.record import BookRecord, Findings, ProviderId
from bookstrack.providers.base import Budget
from bookstrack.providers.roster import Roster
from bookstrack.settings import ProviderSettings
from bookstrack.storage.database.catalogue import CatalogueStore, Stored

Replace = Callable[[str, Fresh], Awaitable[None]]
log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Question(Struct, frozen=True, kw_only=True):
    """What an answer is made for: its cache key and family, and the words that were asked."""

    key: str
    kind: Kind
    words: str
    isbn: Isbn | None = None


class Finder:
    """Turns records into answers that may be kept."""

    def __init__(
        self,
        store: CatalogueStore,
        roster: Roster,
        questioner: Questioner,
        biographer: Biographer,
        *,
        lifetimes: Lifetimes,
        clock: Clock,
        background: Background,
        replace: Replace,
        settings: ProviderSettings,
    ) -> None:
        self._store = store
        self._roster = roster
        self._questioner = questioner
        self._biographer = biographer
        self._lifetimes = lifetimes
        self._clock = clock
        self._background = background
        self._replace = replace
        self._settings = settings

    def budget(self) -> Budget:
        """Return the time one interactive question may take."""
        seconds = self._settings.interactive_budget_ms / 1000
        return Budget(deadline=self._clock.monotonic() + seconds)

    async def isbn(self, question: Question, *, prefer: ProviderId | None = None) -> Fresh:
        """Find the book that carries a valid ISBN.

        Raises:
            ProviderProblem: nobody could be asked and the tables do not know it.
            StorageUnavailable: the tables cannot be read.
        """
        isbn = question.isbn
        assert isbn is not None  # noqa: S101 narrows the type
        assert isbn.isbn13 is not None  # noqa: S101 narrows the type
        stored = await self._store.find_isbn(isbn.isbn13)
        if stored is not None and prefer is None and self._current(stored, question):
            return await self._from_row(question, stored)
        heard = await self._questioner.in_turn(
            self._roster.for_query(IsbnQuery, prefer=prefer),
            IsbnQuery(isbn),
            within=self.budget(),
            enough=_has_cover,
        )
        if heard.records:
            return await self._from_isbn(question, heard)
        if stored is not None:
            return await self._from_row(question, stored, cautions=heard.cautions())
        heard.raise_if_unanswered()
        return self.nothing(question, heard)

    async def misprint(self, question: Question) -> Fresh:
        """Find a book printed with a wrong check digit, in our own tables only."""
        stored = await self._store.find_misprint(question.words)
        if stored is None:
            return self.nothing(question, Heard())
        return await self._from_row(question, stored)

    def _current(self, stored: Stored, question: Question) -> bool:
        book = assemble([stored.record], query=question.words).books
        lifetime = self._lifetimes.row(question.kind, data_quality(book))
        return self._clock.time() < stored.updated_at + lifetime

    async def _from_row(
        self, question: Question, stored: Stored, *, cautions: Sequence[Caution] = ()
    ) -> Fresh:
        done = await self._biographer.complete([stored.record], wait=False)
        primary = stored.record.work.primary_provider
        fresh = self.encode(
            question,
            assemble(done.records, query=question.words, isbn=question.isbn),
            provider=primary.value if primary else "database",
            source=CacheSource.DB,
            cautions=cautions,
        )
        self._later(question, done, fresh, total=None)
        return fresh

    async def _from_isbn(self, question: Question, heard: Heard) -> Fresh:
        record = merge(heard.records, isbn=question.isbn)
        providers = tuple(name for name, found in heard.findings if found)
        return await self.found(question, [record], heard, providers=providers)

    async def found(
        self,
        question: Question,
        records: Sequence[BookRecord],
        heard: Heard,
        *,
        providers: Sequence[ProviderId],
        total: int | None = None,
    ) -> Fresh:
        """Complete, save and encode what providers answered.

        One book is saved before it is answered; a list is saved in the background.
        """
        done = await self._biographer.complete(records)
        asked_outside = [r for r in done.records if r.provider is not ProviderId.CATALOG]
        if question.isbn is not None:
            await self._save(asked_outside)
        elif asked_outside:
            self._background.start(self._store.save(asked_outside), "save search results")
        cautions = (*heard.cautions(), *done.cautions)
        fresh = self.encode(
            question,
            assemble(done.records, query=question.words, total=total, isbn=question.isbn),
            provider=answer_name(providers),
            source=CacheSource.API,
            cautions=cautions,
            asked=heard.asked,
        )
        self._later(question, done, fresh, total=total)
        return fresh

    async def _save(self, records: Sequence[BookRecord]) -> None:
        try:
            await self._store.save(records)
        except StorageProblem as problem:  # the caller still gets what the providers said
            log.warning("answer_unsaved", problem=problem.message)

    def _later(
        self, question: Question, done: Completed, fresh: Fresh, *, total: int | None
    ) -> None:
        if done.late is None:
            return
        self._background.start(
            self._improve(question, done, fresh, total=total), "late author facts"
        )

    async def _improve(
        self, question: Question, done: Completed, fresh: Fresh, *, total: int | None
    ) -> None:
        """Wait for late facts and put the completed answer where the first one stands."""
        assert done.late is not None  # noqa: S101 narrows the type
        records = with_facts(done.records, await done.late)
        if records == done.records and not _lacks_facts(fresh):
            return
        data = assemble(records, query=question.words, total=total, isbn=question.isbn)
        await self._replace(question.key, self.encode_like(question, fresh, data))

    def encode_like(self, question: Question, fresh: Fresh, data: SearchData) -> Fresh:
        """Encode a better answer to the same question: its author facts are complete now."""
        missing = [c for c in fresh.facts.cautions if c.provider != ProviderId.WIKIDATA]
        return self.encode(
            question, data, provider=fresh.facts.provider, source=fresh.source, cautions=missing
        )

    def encode(
        self,
        question: Question,
        data: SearchData | AuthorData,
        *,
        provider: str,
        source: CacheSource,
        cautions: Sequence[Caution] = (),
        asked: Sequence[ProviderId] = (),
    ) -> Fresh:
        """Encode an answer and say how long it may be kept."""
        books = _books(data)
        quality = data_quality(books)
        if source is CacheSource.DB:
            ttl = self._lifetimes.refill(question.kind, quality, complete=not cautions)
        else:
            ttl = self._lifetimes.shared(question.kind, quality, complete=not cautions)
        facts = Facts(
            provider=provider,
            image_quality=image_quality(books),
            completeness=completeness(books),
            asked=tuple(name.value for name in asked),
            cautions=tuple(cautions),
        )
        return Fresh(body=_encode(data), facts=facts, source=source, ttl=ttl, quality=quality)

    def nothing(self, question: Question, heard: Heard) -> Fresh:
        """Encode a miss; it is kept only where every source that was asked answered."""
        empty: SearchData | AuthorData = SearchData(query=question.words)
        if question.kind is Kind.AUTHOR:
            empty = AuthorData(query=question.words)
        asked = tuple(name.value for name in heard.asked)
        return Fresh(
            body=_encode(empty),
            facts=Facts(found=False, asked=asked, cautions=heard.cautions()),
            source=CacheSource.NONE,
            ttl=self._lifetimes.settings.negative_s if heard.complete else 0,
        )

    async def author(self, question: Question, heard: Heard) -> Fresh:
        """Encode an author's whole list of works from the first source that knows it."""
        name, findings = next((n, f) for n, f in heard.findings if f)
        done = await self._biographer.complete(findings.books[:1])
        author = _the_author(findings, done, question.words)
        found = assemble(findings.books, query=question.words, total=findings.total)
        if name is not ProviderId.CATALOG and findings.books:
            self._background.start(self._store.save(findings.books), "save an author's works")
        total = max(findings.total or 0, found.result_count)
        data = AuthorData(query=question.words, author=author, total=total, found=found)
        return self.encode(
            question,
            data,
            provider=answer_name((name,)),
            source=_source(name),
            cautions=(*heard.cautions(), *done.cautions),
            asked=heard.asked,
        )


def _lacks_facts(fresh: Fresh) -> bool:
    return any(caution.provider == ProviderId.WIKIDATA for caution in fresh.facts.cautions)


def _has_cover(findings: Findings) -> bool:
    return any(
        record.work.cover_image_url or any(e.cover_image_url for e in record.editions)
        for record in findings.books
    )


def _books(data: SearchData | AuthorData) -> tuple[Book, ...]:
    return data.found.books if isinstance(data, AuthorData) else data.books


def _source(name: ProviderId) -> CacheSource:
    return CacheSource.DB if name is ProviderId.CATALOG else CacheSource.API


def _the_author(findings: Findings, done: Completed, asked: str) -> Author:
    """Return the person the list belongs to, with the facts that are known about them."""
    known = [author for record in done.records for author in record.authors]
    chosen = findings.authors[0].author if findings.authors else None
    if chosen is None:
        return known[0] if known else Author(name=asked)
    same = next((a for a in known if a.name == chosen.name), None)
    if same is None:
        return chosen
    return msgspec.structs.replace(
        same,
        open_library_id=chosen.open_library_id or same.open_library_id,
        book_count=chosen.book_count or same.book_count,
    )
