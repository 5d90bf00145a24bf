"""The kinds of question a provider may be asked."""

from __future__ import annotations

from msgspec import Struct

from bookstrack.model.enums import AuthorSort
from bookstrack.model.isbn import Isbn


class IsbnQuery(Struct, frozen=True, tag="isbn"):
    """The book that carries this ISBN."""

    isbn: Isbn


class TextQuery(Struct, frozen=True, tag="text"):
    """Free text, as a reader types it."""

    text: str
    limit: int = 20
    offset: int = 0


class TitleAuthorQuery(Struct, frozen=True, tag="title_author"):
    """A title, an author or both; at least one is not empty."""

    title: str = ""
    author: str = ""
    limit: int = 20
    offset: int = 0


class ProviderIdQuery(Struct, frozen=True, tag="provider_id"):
    """A record by a provider's own id.

    ``scheme`` is ``google``, ``openlibrary`` or ``goodreads``.
    """

    scheme: str
    id: str


class EditionsQuery(Struct, frozen=True, tag="editions"):
    """All editions of the work with this title by this author."""

    title: str
    author: str
    limit: int = 40


class AuthorWorksQuery(Struct, frozen=True, tag="author_works"):
    """The works of the author of this name, the whole list in one order."""

    name: str
    sort: AuthorSort = AuthorSort.NEWEST


class Person(Struct, frozen=True):
    """An author to look up: the name, and the ids where a book source gave them.

    ``open_library_id`` (``OL23919A``) and ``birth_year`` tell namesakes apart.
    """

    name: str
    wikidata_id: str | None = None
    open_library_id: str | None = None
    birth_year: int | None = None


class AuthorFactsQuery(Struct, frozen=True, tag="author_facts"):
    """Gender, nationality, region and life years of up to 50 people, in one go."""

    people: tuple[Person, ...]


Query = (
    IsbnQuery
    | TextQuery
    | TitleAuthorQuery
    | ProviderIdQuery
    | EditionsQuery
    | AuthorWorksQuery
    | AuthorFactsQuery
)
