"""The merged answer to a search: the default view of http-api §5.8, and what the caches keep."""

from __future__ import annotations

from msgspec import Struct, field

from bookstrack.model.book import Author, Book, Edition, Work
from bookstrack.model.naming import camel_name


class SearchData(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """Works, editions and authors of one question, ready for the wire.

    ``editions[i]`` belongs to ``works[i]``; further editions follow after the works' own.
    ``books[i]`` is the flat form of ``works[i]``. The scalar keys of ISBN searches repeat those
    of ``book``. ``book`` is ``None`` (sent as null) on a miss.
    """

    works: tuple[Work, ...] = field(default_factory=tuple[Work, ...])
    editions: tuple[Edition, ...] = field(default_factory=tuple[Edition, ...])
    authors: tuple[Author, ...] = field(default_factory=tuple[Author, ...])
    result_count: int = field(default_factory=int)
    total_results: int = field(default_factory=int)
    query: str = field(default_factory=str)
    books: tuple[Book, ...] = field(default_factory=tuple[Book, ...])
    book: Book | None = field(default_factory=lambda: None)
    author_names: tuple[str, ...] = field(default_factory=tuple[str, ...])
    isbn: str | None = None
    isbn13: str | None = None
    title: str | None = None
    publisher: str | None = None
    published_date: str | None = None
    description: str | None = None
    page_count: int | None = None
    categories: tuple[str, ...] | None = None
    language: str | None = None
    cover_url: str | None = None
    average_rating: float | None = None
    ratings_count: int | None = None
    expires_at: str | None = None


class Caution(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something the caller should know about a successful answer (``metadata.warnings``)."""

    code: str
    provider: str | None = None


class AuthorData(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """An author with the whole list of works in one order.

    ``books`` is in that order; pages are cut from it. ``author`` is ``None`` when nobody of that
    name is known.
    """

    query: str
    author: Author | None = None
    total: int = field(default_factory=int)
    found: SearchData = SearchData()
