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
from bookstrack.catalogue.authors import Biographer, Completed, Later, Lookup, with_facts
from bookstrack.catalogue.matching import authors_match
from bookstrack.catalogue.merge import merge
from bookstrack.catalogue.quality import completeness, data_quality, image_quality
from bookstrack.catalogue.saving import Saver
from bookstrack.catalogue.switches import READS, WRITES, Switches
from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.model.answer import AuthorData, Caution, SearchData
from bookstrack.model.book import Author, Book
from bookstrack.model.enums import CacheSource
from bookstrack.model.isbn import Isbn
from bookstrack.model.provider_names import answer_name
from bookstrack.model.query import IsbnQuery
from bookstrack.model.record import BookRecord, Findings, ProviderId
from bookstrack.normalise.titles import name_key
from bookstrack.providers.base import Budget
from bookstrack.providers.roster import Roster
from bookstrack.settings import ProviderSettings
from bookstrack.storage.database.catalogue import CatalogueStore, Stored

Replace = Callable[[str, Fresh], Awaitable[None]]
Render = Callable[[Sequence[BookRecord]], SearchData | AuthorData]
log = structlog.get_logger(__name__)
_JOB_ITEM_S = 60.0
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
        improving: Background,
        replace: Replace,
        settings: ProviderSettings,
        switches: Switches,
    ) -> None:
        self._store = store
        self._roster = roster
        self._questioner = questioner
        self._biographer = biographer
        self._lifetimes = lifetimes
        self._clock = clock
        self._background = background
        self._improving = improving
        self._replace = replace
        self._settings = settings
        self._switches = switches
        self._saver = Saver(store, clock, background)

    def budget(self, *, patient: bool = False) -> Budget:
        """Return the time one interactive question, or one book of a job, may take."""
        seconds = _JOB_ITEM_S if patient else self._settings.interactive_budget_ms / 1000
        return Budget(self._clock.monotonic() + seconds, interactive=not patient)

    async def isbn(
        self, question: Question, *, prefer: ProviderId | None = None, later: Later | None = None
    ) -> Fresh:
        """Find the book that carries a valid ISBN.

        With ``later`` it is one book of a job: it has time, its authors' facts are noted there
        rather than waited for, and it is written together with others.

        Raises:
            ProviderProblem: nobody could be asked and the tables do not know it.
            StorageUnavailable: the tables cannot be read.
        """
        isbn = question.isbn
        assert isbn is not None  # noqa: S101 narrows the type
        assert isbn.isbn13 is not None  # noqa: S101 narrows the type
        reads = await self._switches.enabled(READS, isbn=isbn.isbn13)
        stored = await self._store.find_isbn(isbn.isbn13) if reads else None
        if stored is not None and prefer is None and self._current(stored, question):
            return await self._from_row(question, stored, later=later)
        heard = await self._questioner.in_turn(
            self._roster.for_query(IsbnQuery, prefer=prefer),
            IsbnQuery(isbn),
            within=self.budget(patient=later is not None),
            enough=_is_enough,
        )
        if any(map(_is_proven, heard.records)) or (heard.records and stored is None):
            record = merge(heard.records, isbn=question.isbn)
            return await self.single(question, record, heard, later=later)
        if stored is not None:
            return await self._from_row(question, stored, cautions=heard.cautions(), later=later)
        heard.raise_if_unanswered()
        return self.nothing(question, heard)

    async def misprint(self, question: Question) -> Fresh:
        """Find a book printed with a wrong check digit, in our own tables only."""
        stored = await self._store.find_misprint(question.words)
        if stored is None:
            return self.nothing(question, Heard())
        return await self._from_row(question, stored)

    def _current(self, stored: Stored, question: Question) -> bool:
        """Tell whether a row ends the search: it is young enough, and no thin one.

        A row may come from a list, or from an answer some provider was missing from; where cover
        or description is wanting, the providers may know more.
        """
        (book,) = assemble([stored.record], query=question.words).books
        if not (book.cover_url and book.description):
            return False
        lifetime = self._lifetimes.row(question.kind, data_quality([book]))
        return self._clock.time() < stored.updated_at + lifetime

    async def _from_row(
        self,
        question: Question,
        stored: Stored,
        *,
        cautions: Sequence[Caution] = (),
        later: Later | None = None,
    ) -> Fresh:
        done = await self._biographer.complete([stored.record], wait=False, later=later)
        primary = stored.record.work.primary_provider
        return self._answer(
            question,
            done,
            self._one(question),
            provider=primary.value if primary else "database",
            source=CacheSource.DB,
            heard=Heard(),
            cautions=cautions,
        )

    def _one(self, question: Question) -> Render:
        return lambda records: assemble(records, query=question.words, isbn=question.isbn)

    async def single(
        self,
        question: Question,
        record: BookRecord,
        heard: Heard,
        *,
        later: Later | None = None,
        rivals: int = 0,
    ) -> Fresh:
        """Complete, write and encode the one book that providers answered.

        ``rivals`` counts other books that it might have been as well; ``total_results`` tells.
        """
        proven = _is_proven(record)
        names = [name for name, found in heard.findings if found]
        done = await self._completed_and_saved(
            record, saves=proven and record.provider is not ProviderId.CATALOG, later=later
        )
        return self._answer(
            question,
            done,
            lambda records: assemble(
                records, query=question.words, isbn=question.isbn, total=1 + rivals
            ),
            provider=answer_name(names),
            source=_source(names),
            heard=heard,
            cautions=heard.cautions(),
            provisional=not proven,
        )

    async def _completed_and_saved(
        self, record: BookRecord, *, saves: bool, later: Later | None
    ) -> Completed:
        if later is not None:
            if saves and await self._switches.enabled(WRITES):
                await self._saver.later(record)
            return await self._biographer.complete([record], later=later)
        # The book is written while its authors are looked up; their facts are stored by themselves.
        saving = self._background.start(self._save([record] if saves else []), "save a book")
        done = await self._biographer.complete([record])
        await saving
        return done

    def complete_authors(self, later: Later) -> None:
        """Ask for the facts of people noted during a job; its answers get them then."""
        self._biographer.ask_later(later)

    async def found(self, question: Question, records: Sequence[BookRecord], heard: Heard) -> Fresh:
        """Complete and encode a list that providers answered; it is saved in the background."""
        done = await self._biographer.complete(records)
        outside = [r for r in done.records if r.provider is not ProviderId.CATALOG]
        if outside:
            self._background.start(self._write(outside), "save search results")
        names = [name for name, found in heard.findings if found]
        return self._answer(
            question,
            done,
            lambda books: assemble(books, query=question.words, total=heard.total),
            provider=answer_name(names),
            source=_source(names),
            heard=heard,
            cautions=heard.cautions(),
        )

    async def author(self, question: Question, heard: Heard) -> Fresh:
        """Encode an author's whole list of works from the first source that knows it."""
        name, findings = next((n, f) for n, f in heard.findings if f)
        first, rest = findings.books[:1], findings.books[1:]
        done = await self._biographer.complete(first)
        if name is not ProviderId.CATALOG and findings.books:
            self._background.start(self._write(findings.books), "save an author's works")

        def render(completed: Sequence[BookRecord]) -> AuthorData:
            author = _the_author(findings, completed, question.words)
            found = assemble((*completed, *rest), query=question.words, total=findings.total)
            total = max(findings.total or 0, found.result_count)
            return AuthorData(query=question.words, author=author, total=total, found=found)

        return self._answer(
            question,
            done,
            render,
            provider=answer_name((name,)),
            source=_source((name,)),
            heard=heard,
            cautions=heard.cautions(),
        )

    async def _save(self, records: Sequence[BookRecord]) -> None:
        try:
            await self._write(records)
        except StorageProblem as problem:  # the caller still gets what the providers said
            log.warning("answer_unsaved", problem=problem.message)

    async def _write(self, records: Sequence[BookRecord]) -> None:
        if records and await self._switches.enabled(WRITES):
            await self._store.save(records)

    def _answer(
        self,
        question: Question,
        done: Completed,
        render: Render,
        *,
        provider: str,
        source: CacheSource,
        heard: Heard,
        cautions: Sequence[Caution],
        provisional: bool = False,
    ) -> Fresh:
        """Encode what is known now, and see to it that late author facts take its place."""
        fresh = self.encode(
            question,
            render(done.records),
            provider=provider,
            source=source,
            cautions=(*cautions, *done.cautions),
            asked=heard.asked,
            provisional=provisional or done.late is not None,
        )
        if done.late is not None:

            async def improve() -> None:
                records = with_facts(done.records, await _result_of(done.late))
                better = self.encode(
                    question,
                    render(records),
                    provider=provider,
                    source=source,
                    cautions=cautions,
                    asked=heard.asked,
                    provisional=provisional,
                )
                await self._replace(question.key, better)

            self._improving.start(improve(), "late author facts")
        return fresh

    def encode(
        self,
        question: Question,
        data: SearchData | AuthorData,
        *,
        provider: str,
        source: CacheSource,
        cautions: Sequence[Caution] = (),
        asked: Sequence[ProviderId] = (),
        provisional: bool = False,
    ) -> Fresh:
        """Encode an answer and say how long it may be kept.

        One that lacks a source or author facts, or is not proven, is kept for a short time.
        """
        books = _books(data)
        quality = data_quality(books)
        complete = not cautions and not provisional
        lifetime = self._lifetimes.refill if source is CacheSource.DB else self._lifetimes.shared
        ttl = lifetime(question.kind, quality, complete=complete)
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


async def _result_of(late: Lookup | None) -> dict[str, Author]:
    assert late is not None  # noqa: S101 narrows the type
    return await late


def _is_proven(record: BookRecord) -> bool:
    return record.confidence >= 1


def _is_enough(findings: Findings) -> bool:
    """Tell whether the search for an ISBN may stop: the book is proven and has a cover."""
    return any(
        record.work.cover_image_url or any(e.cover_image_url for e in record.editions)
        for record in findings.books
        if _is_proven(record)
    )


def _books(data: SearchData | AuthorData) -> tuple[Book, ...]:
    """Return what quality is judged by; a list of editions has no books of its own."""
    if isinstance(data, AuthorData):
        return data.found.books
    return data.books or tuple(
        Book(
            title=edition.title or data.query,
            isbn=edition.isbn,
            cover_url=edition.cover_image_url,
            description=edition.edition_description,
        )
        for edition in data.editions
    )


def _source(names: Sequence[ProviderId]) -> CacheSource:
    own = all(name is ProviderId.CATALOG for name in names)
    return CacheSource.DB if own else CacheSource.API


def _the_author(findings: Findings, records: Sequence[BookRecord], asked: str) -> Author:
    """Return the person the list belongs to, with the facts that are known about them."""
    known = [author for record in records for author in record.authors]
    chosen = findings.authors[0].author if findings.authors else None
    name = chosen.name if chosen else asked
    same = next((a for a in known if name_key(a.name) == name_key(name)), None)
    same = same or next((a for a in known if authors_match(a.name, name)), None)
    if chosen is None or same is None:
        return same or chosen or Author(name=asked)
    return msgspec.structs.replace(
        same,
        name=chosen.name,
        open_library_id=chosen.open_library_id or same.open_library_id,
        book_count=chosen.book_count or same.book_count,
    )
