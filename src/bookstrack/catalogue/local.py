"""Our own tables as one more source that can be asked."""

from __future__ import annotations

from bookstrack.errors import ProviderFailed, StorageProblem
from bookstrack.model.query import (
    AuthorWorksQuery,
    EditionsQuery,
    IsbnQuery,
    Query,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import Findings, ProviderId
from bookstrack.providers.base import Budget
from bookstrack.providers.bibliography import in_order
from bookstrack.storage.database.catalogue import CatalogueStore


class LocalCatalogue:
    """The relational catalogue behind the provider protocol; a database failure is a problem
    of this source alone."""

    name: ProviderId = ProviderId.CATALOG
    answers: frozenset[type] = frozenset(
        {IsbnQuery, TextQuery, TitleAuthorQuery, EditionsQuery, AuthorWorksQuery}
    )

    def __init__(self, store: CatalogueStore) -> None:
        self._store = store

    async def ask(self, query: Query, *, within: Budget) -> Findings:
        """Answer from the tables.

        Raises:
            ProviderFailed: the database cannot be reached.
        """
        try:
            return await self._answer(query)
        except StorageProblem as problem:
            raise ProviderFailed(self.name, problem.message) from problem

    async def _answer(self, query: Query) -> Findings:
        match query:
            case IsbnQuery(isbn=isbn):
                stored = await self._store.find_isbn(isbn.canonical)
                return Findings(books=(stored.record,) if stored else ())
            case TextQuery(text=text, limit=limit, offset=offset):
                return await self._store.search(text, limit=limit, offset=offset)
            case TitleAuthorQuery(title=title, author=author, limit=limit, offset=offset):
                return await self._store.search_title_author(
                    title=title, author=author, limit=limit, offset=offset
                )
            case EditionsQuery(title=title, author=author):
                return await self._store.editions_of(title=title, author=author)
            case AuthorWorksQuery(name=name, sort=sort):
                found = await self._store.works_of(name)
                return Findings(books=in_order(found.books, sort), total=found.total)
            case _:
                return Findings()
