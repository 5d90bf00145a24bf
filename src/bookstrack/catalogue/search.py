"""The catalogue as callers see it: one method per kind of question, every answer a cache hit."""

from __future__ import annotations

from collections.abc import Sequence

from bookstrack.cache.policy import Kind
from bookstrack.cache.tiers import Fresh, Hit, TieredCache
from bookstrack.catalogue import keys
from bookstrack.catalogue.asking import Heard, Questioner
from bookstrack.catalogue.authors import Later
from bookstrack.catalogue.filters import Filters, plausible
from bookstrack.catalogue.finding import Finder, Question
from bookstrack.catalogue.identify import Identifier
from bookstrack.catalogue.local import LocalCatalogue
from bookstrack.catalogue.merge import distinct, edition_list
from bookstrack.errors import FeatureDisabled, InvalidIsbn, ProviderProblem
from bookstrack.model.answer import Caution, SearchData
from bookstrack.model.enums import AuthorSort, CacheSource
from bookstrack.model.isbn import Isbn
from bookstrack.model.provider_names import answer_name
from bookstrack.model.query import (
    AuthorWorksQuery,
    EditionsQuery,
    IsbnQuery,
    Query,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import BookRecord, Findings, ProviderId
from bookstrack.providers.base import Provider
from bookstrack.providers.roster import Roster

_CHECK_DIGIT = Caution(code="ISBN_CHECK_DIGIT")
_EDITIONS_AT_MOST = 100


class Catalogue:
    """Answers questions about books: from the cache tiers, our tables, or the providers.

    Every method returns a ``Hit`` whose entry holds an encoded ``SearchData`` (``by_author``: an
    encoded ``AuthorData``) and raises ``ProviderProblem`` where nobody answered and
    ``StorageUnavailable`` where our own tables are needed and cannot be read.
    """

    def __init__(
        self,
        tiers: TieredCache,
        finder: Finder,
        roster: Roster,
        questioner: Questioner,
        local: LocalCatalogue,
        *,
        identifier: Identifier,
        strict_isbn: bool = False,
        editions_page: int = 40,
    ) -> None:
        self.tiers = tiers
        self.roster = roster
        self.identifier = identifier
        self._finder = finder
        self._questioner = questioner
        self._local = local
        self._strict_isbn = strict_isbn
        self._editions_page = editions_page

    async def by_isbn(
        self, isbn: Isbn, *, prefer: ProviderId | None = None, later: Later | None = None
    ) -> Hit:
        """Find the book that carries an ISBN.

        A number with a wrong check digit is looked up in our own tables only, with a warning.
        With ``later`` it is one book of a job (see ``Finder.isbn``).

        Raises:
            InvalidIsbn: a wrong check digit, where the server is strict about them.
        """
        if not isbn.is_valid:
            return await self._misprint(isbn)
        key = keys.isbn(isbn.canonical)
        if prefer is not None:
            key = keys.enrichment(isbn.canonical, prefer.value)
        kind = Kind.ISBN if prefer is None else Kind.ENRICHMENT
        question = Question(key=key, kind=kind, words=isbn.canonical, isbn=isbn)
        return await self.tiers.fetch(
            key,
            lambda: self._finder.isbn(question, prefer=prefer, later=later),
            keep=later is None,
        )

    async def _misprint(self, isbn: Isbn) -> Hit:
        if self._strict_isbn:
            raise InvalidIsbn(
                "The check digit of this ISBN is wrong", details={"isbn": isbn.number}
            )
        question = Question(key=keys.isbn(isbn.number), kind=Kind.ISBN, words=isbn.number)
        hit = await self.tiers.fetch(question.key, lambda: self._finder.misprint(question))
        return Hit(
            key=hit.key,
            entry=hit.entry,
            source=hit.source,
            stale=hit.stale,
            remarks=(_CHECK_DIGIT,),
        )

    async def by_title(self, text: str, *, limit: int, offset: int = 0) -> Hit:
        """Find works by title; a text of the shape of an ISBN is looked up as one first."""
        isbn = Isbn.find(text)
        if isbn is not None and offset == 0:
            hit = await self._as_isbn(isbn)
            if hit is not None:
                return hit
        key = keys.title(text, limit, offset)
        question = Question(key=key, kind=Kind.TITLE, words=text)
        query = TextQuery(text, limit, offset)
        return await self.tiers.fetch(key, lambda: self._first_list(question, query, limit))

    async def _as_isbn(self, isbn: Isbn) -> Hit | None:
        try:
            hit = await self.by_isbn(isbn)
        except (InvalidIsbn, ProviderProblem):  # then it is looked for as a title
            return None
        return hit if hit.entry.facts.found else None

    async def _first_list(self, question: Question, query: Query, limit: int) -> Fresh:
        """Take the first source that has results; our own tables are the last to be asked."""
        heard = await self._in_turn(query)
        if not heard.records:
            heard.raise_if_unanswered()
            return self._finder.nothing(question, heard)
        return await self._listed(question, heard.records[:limit], heard)

    async def _in_turn(self, query: Query) -> Heard:
        providers = (*self.roster.for_query(type(query)), self._local)
        return await self._questioner.in_turn(
            providers, query, within=self._finder.budget(), enough=bool
        )

    async def _listed(
        self, question: Question, records: Sequence[BookRecord], heard: Heard
    ) -> Fresh:
        return await self._finder.found(question, distinct(records), heard)

    async def by_text(self, text: str, *, limit: int, offset: int = 0) -> Hit:
        """Find works by any words: our own tables first, topped up from the providers."""
        key = keys.text(text, limit, offset)
        question = Question(key=key, kind=Kind.TEXT, words=text)
        return await self.tiers.fetch(key, lambda: self._topped_up(question, text, limit, offset))

    async def _topped_up(self, question: Question, text: str, limit: int, offset: int) -> Fresh:
        query = TextQuery(text, limit, offset)
        own = await self._questioner.together([self._local], query, within=self._finder.budget())
        if len(own.records) >= limit:
            return await self._listed(question, own.records, own)
        # What our own tables hold stands before what the providers add, on every page.
        before = own.total or len(own.records)
        rest = TextQuery(text, limit - len(own.records), max(0, offset - before))
        outside = await self._questioner.in_turn(
            self.roster.for_query(TextQuery), rest, within=self._finder.budget(), enough=bool
        )
        heard = _both(own, outside)
        if not heard.records:
            heard.raise_if_unanswered()
            return self._finder.nothing(question, heard)
        return await self._listed(question, heard.records[:limit], heard)

    async def advanced(self, title: str, author: str, *, limit: int, filters: Filters) -> Hit:
        """Find works by title and/or author; a hit must match what was asked."""
        key = keys.advanced(
            title,
            author,
            limit,
            year=filters.year,
            publisher=filters.publisher,
            language=filters.language,
        )
        words = " ".join(part for part in (title, author) if part)
        question = Question(key=key, kind=Kind.ADVANCED, words=words)
        return await self.tiers.fetch(
            key, lambda: self._advanced(question, title, author, limit, filters)
        )

    async def _advanced(
        self, question: Question, title: str, author: str, limit: int, filters: Filters
    ) -> Fresh:
        def matching(findings: Findings) -> list[BookRecord]:
            return [
                record
                for record in findings.books
                if filters.accept(record) and plausible(record, title=title, author=author)
            ]

        query = TitleAuthorQuery(title, author, limit)
        providers = [
            provider
            for provider in self.roster.for_query(TitleAuthorQuery)
            if provider.name is not ProviderId.ISBNDB or (title and author)
        ]
        heard = await self._questioner.in_turn(
            (*providers, self._local),
            query,
            within=self._finder.budget(),
            enough=lambda findings: bool(matching(findings)),
        )
        records = [r for _, findings in heard.findings for r in matching(findings)]
        if not records:
            heard.raise_if_unanswered()
            return self._finder.nothing(question, heard)
        return await self._listed(question, records[:limit], heard)

    async def by_author(self, name: str, *, sort: AuthorSort) -> Hit:
        """Return an author with the whole list of works in one order."""
        key = keys.author(name, sort)
        question = Question(key=key, kind=Kind.AUTHOR, words=name)
        return await self.tiers.fetch(key, lambda: self._author(question, name, sort))

    async def _author(self, question: Question, name: str, sort: AuthorSort) -> Fresh:
        heard = await self._in_turn(AuthorWorksQuery(name, sort))
        if not any(found for _, found in heard.findings):
            heard.raise_if_unanswered()
            return self._finder.nothing(question, heard)
        return await self._finder.author(question, heard)

    async def editions(self, title: str, author: str) -> Hit:
        """Return the editions of a work, at most 100, best first; ``total_results`` counts all."""
        key = keys.editions(title, author)
        question = Question(key=key, kind=Kind.EDITIONS, words=title)
        return await self.tiers.fetch(key, lambda: self._editions(question, title, author))

    async def _editions(self, question: Question, title: str, author: str) -> Fresh:
        heard = await self._questioner.together(
            (*self.roster.for_query(EditionsQuery), self._local),
            EditionsQuery(title, author, self._editions_page),
            within=self._finder.budget(),
        )
        found = edition_list(heard.records, title=title, author=author)
        if not found:
            heard.raise_if_unanswered()
            return self._finder.nothing(question, heard)
        data = SearchData(
            editions=tuple(found[:_EDITIONS_AT_MOST]),
            result_count=len(found[:_EDITIONS_AT_MOST]),
            total_results=len(found),
            query=title,
        )
        providers = [name for name, findings in heard.findings if findings]
        own = all(name is ProviderId.CATALOG for name in providers)
        return self._finder.encode(
            question,
            data,
            provider=answer_name(providers),
            source=CacheSource.DB if own else CacheSource.API,
            cautions=heard.cautions(),
            asked=heard.asked,
        )

    async def joined_title(self, text: str, *, limit: int) -> Hit:
        """Search a title at Google and Open Library together, Google's hits first (legacy)."""
        key = keys.joined("title", text, limit)
        question = Question(key=key, kind=Kind.TITLE, words=text)
        return await self.tiers.fetch(
            key, lambda: self._joined(question, TextQuery(text, limit), limit)
        )

    async def joined_isbn(self, isbn: Isbn, *, limit: int) -> Hit:
        """Search an ISBN at every book provider together (legacy)."""
        if not isbn.is_valid:
            return await self._misprint(isbn)
        key = keys.joined("isbn", isbn.canonical, limit)
        question = Question(key=key, kind=Kind.ISBN, words=isbn.canonical)
        return await self.tiers.fetch(key, lambda: self._joined(question, IsbnQuery(isbn), limit))

    async def ask_one(self, name: ProviderId, query: Query) -> Findings:
        """Ask one provider, past every cache.

        Raises:
            FeatureDisabled: the provider is not in use here, for instance for want of a key.
        """
        provider = self.roster.get(name)
        if provider is None:
            raise FeatureDisabled(f"{name.value} is not configured on this server")
        return await provider.ask(query, within=self._finder.budget())

    async def _joined(self, question: Question, query: Query, limit: int) -> Fresh:
        wanted = {ProviderId.GOOGLE, ProviderId.OPEN_LIBRARY, ProviderId.OFFLINE}
        if isinstance(query, IsbnQuery):
            wanted.add(ProviderId.ISBNDB)
        providers: list[Provider] = [
            p for p in self.roster.for_query(type(query)) if p.name in wanted
        ]
        providers.sort(key=lambda p: p.name is not ProviderId.GOOGLE)
        budget = self._finder.budget()
        heard = await self._questioner.together(providers, query, within=budget)
        if not heard.records:
            own = await self._questioner.together([self._local], query, within=budget)
            heard = _both(heard, own)
        if not heard.records:
            heard.raise_if_unanswered()
            return self._finder.nothing(question, heard)
        proven_first = sorted(heard.records, key=lambda record: record.confidence < 1)
        return await self._listed(question, distinct(proven_first)[:limit], heard)


def _both(first: Heard, second: Heard) -> Heard:
    return Heard(
        findings=(*first.findings, *second.findings),
        problems=(*first.problems, *second.problems),
        asked=(*first.asked, *second.asked),
    )
