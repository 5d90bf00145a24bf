"""Pure functions: answers in the shapes that each client generation reads (http-api §2.6, §5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from bookstrack.errors import InvalidRequest
from bookstrack.model.answer import AuthorData, SearchData
from bookstrack.model.book import Author, Book, Edition, Work
from bookstrack.model.naming import camel_name
from bookstrack.web.exchange import Exchange

decode_search = msgspec.json.Decoder(SearchData).decode
decode_author = msgspec.json.Decoder(AuthorData).decode


class View(StrEnum):
    """The three forms of a search answer."""

    WORKS = "works"
    FLAT = "flat"
    LIST = "list"


def choose_view(
    exchange: Exchange, asked: str | None, *, list_spelling: bool, sniff: bool, isbn: bool
) -> View:
    """Return the view of an answer; the first signal of http-api §2.6 decides.

    Raises:
        InvalidRequest: ``view`` names none.
    """
    if asked:
        try:
            return View(asked)
        except ValueError:
            raise InvalidRequest(
                "view must be works, flat or list", details={"parameter": "view"}
            ) from None
    version = exchange.headers.get(b"x-api-version", b"").partition(b".")[0]
    if version == b"2":
        return View.WORKS
    if version == b"3":
        return View.FLAT
    if list_spelling:
        return View.LIST
    if sniff and exchange.headers.get(b"x-client-version", b"").startswith(b"ios-v"):
        return View.FLAT if isbn else View.LIST
    return View.WORKS


class ServedBook(Book, frozen=True, kw_only=True, omit_defaults=True, rename=None):
    """A flat book as the ISBN search sends it: with the kind of store it came from."""

    cache_source: str | None = msgspec.field(default=None, name="_cacheSource")


class BookList(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """Several results in the flat view."""

    books: tuple[Book, ...] = msgspec.field(default_factory=tuple[Book, ...])
    total_results: int = msgspec.field(default_factory=int)
    query: str = msgspec.field(default_factory=str)


def flat_list(data: SearchData) -> BookList:
    """Return the flat view of a search with several results."""
    return BookList(books=data.books, total_results=data.total_results, query=data.query)


class AuthorWithWorks(Author, frozen=True, kw_only=True, omit_defaults=True, rename=None):
    """An author with a C3 key and flat books, as the author search lists them."""

    key: str | None = None
    birth_date: str | None = msgspec.field(default=None, name="birth_date")
    works: tuple[Book, ...] | None = None
    work_count: int | None = msgspec.field(default=None, name="workCount")


class Pagination(Struct, frozen=True, kw_only=True, rename=camel_name):
    """Where a page lies in the whole; ``nextOffset`` is null on the last page."""

    total: int
    limit: int
    offset: int
    has_more: bool
    next_offset: int | None


def pagination(total: int, limit: int, offset: int) -> Pagination:
    """Return the place of a page."""
    more = offset + limit < total
    return Pagination(
        total=total,
        limit=limit,
        offset=offset,
        has_more=more,
        next_offset=offset + limit if more else None,
    )


class AuthorPage(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """One page of an author's works (B3)."""

    authors: tuple[AuthorWithWorks, ...] = msgspec.field(
        default_factory=tuple[AuthorWithWorks, ...]
    )
    works: tuple[Work, ...] = msgspec.field(default_factory=tuple[Work, ...])
    editions: tuple[Edition, ...] = msgspec.field(default_factory=tuple[Edition, ...])
    books: tuple[Book, ...] = msgspec.field(default_factory=tuple[Book, ...])
    result_count: int = msgspec.field(default_factory=int)
    total_results: int = msgspec.field(default_factory=int)
    query: str = msgspec.field(default_factory=str)
    pagination: Pagination


def author_page(data: AuthorData, *, limit: int, offset: int) -> AuthorPage:
    """Cut one page out of an author's works."""
    part = slice(offset, offset + limit)
    books = data.found.books[part]
    authors: tuple[AuthorWithWorks, ...] = ()
    if data.author is not None:
        author = detailed_author(data.author, works=books, work_count=data.total)
        authors = (author,)
    return AuthorPage(
        authors=authors,
        works=data.found.works[part],
        editions=data.found.editions[part],
        books=books,
        result_count=len(books),
        total_results=data.total,
        query=data.query,
        pagination=pagination(len(data.found.books), limit, offset),
    )


def detailed_author(
    author: Author,
    *,
    works: tuple[Book, ...] | None = None,
    work_count: int | None = None,
) -> AuthorWithWorks:
    """Return an author with the keys that contract v3 adds."""
    return AuthorWithWorks(
        **_fields(author),
        key=f"/authors/{author.open_library_id}" if author.open_library_id else None,
        birth_date=str(author.birth_year) if author.birth_year else None,
        works=works,
        work_count=work_count,
    )


class C3Work(Work, frozen=True, kw_only=True, omit_defaults=True, rename=None):
    """A work with the extra keys of contract v3 (http-api §5.5)."""

    id: str | None = None
    subjects: tuple[str, ...] = msgspec.field(default_factory=tuple[str, ...])
    first_publish_year: int | None = msgspec.field(default=None, name="firstPublishYear")


class C3Edition(Edition, frozen=True, kw_only=True, omit_defaults=True, rename=None):
    """An edition with the extra keys of contract v3 (http-api §5.5)."""

    id: str | None = None
    number_of_pages: int | None = msgspec.field(default=None, name="numberOfPages")
    physical_format: str | None = msgspec.field(default=None, name="physicalFormat")
    publishers: tuple[str, ...] = msgspec.field(default_factory=tuple[str, ...])


def c3_work(work: Work) -> C3Work:
    """Return a work as contract v3 nests it."""
    return C3Work(
        **_fields(work),
        id=f"/works/{work.open_library_work_id}" if work.open_library_work_id else None,
        subjects=work.subject_tags,
        first_publish_year=work.first_publication_year,
    )


def c3_edition(edition: Edition) -> C3Edition:
    """Return an edition as contract v3 nests it."""
    key = edition.open_library_edition_id
    return C3Edition(
        **_fields(edition),
        id=f"/books/{key}" if key else None,
        number_of_pages=edition.page_count,
        physical_format=edition.format.value,
        publishers=(edition.publisher,) if edition.publisher else (),
    )


class EnrichedBook(Book, frozen=True, kw_only=True, omit_defaults=True, rename=None):
    """A flat book with its work, editions and detailed authors (C1, N1, N2)."""

    work: C3Work | None = None
    edition: C3Edition | None = None
    editions: tuple[Edition, ...] | None = None
    authors_detailed: tuple[AuthorWithWorks, ...] = msgspec.field(
        name="authorsDetailed", default_factory=tuple[AuthorWithWorks, ...]
    )
    enriched_at: str | None = msgspec.field(default=None, name="enrichedAt")
    enriched_at_snake: str | None = msgspec.field(default=None, name="enriched_at")
    published_date_snake: str | None = msgspec.field(default=None, name="published_date")
    page_count_snake: int | None = msgspec.field(default=None, name="page_count")
    cover_url_snake: str | None = msgspec.field(default=None, name="cover_url")
    vectorized: bool | None = None


def enriched_book(
    data: SearchData, index: int = 0, *, all_editions: bool = False, **extra: Any
) -> EnrichedBook:
    """Return one result of a search as an enriched book."""
    book, work = data.books[index], data.works[index]
    names = set(book.authors)
    authors = tuple(detailed_author(a) for a in data.authors if a.name in names)
    primary = data.editions[index]
    return EnrichedBook(
        **(_fields(book) | extra),
        work=c3_work(work),
        edition=c3_edition(primary),
        editions=data.editions if all_editions else None,
        authors_detailed=authors,
    )


def enrichment(data: SearchData, *, provider: str, at: str) -> EnrichedBook:
    """Return the answer of the single enrichment route (C1), with its snake case twins."""
    book = data.books[0]
    return enriched_book(
        data,
        all_editions=True,
        provider=provider,
        enriched_at=at,
        enriched_at_snake=at,
        published_date_snake=book.published_date,
        page_count_snake=book.page_count,
        cover_url_snake=book.cover_url,
        vectorized=False,
    )


class TextResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the v2 search, as the shipping app decodes it."""

    id: str
    title: str
    authors: tuple[str, ...] = msgspec.field(default_factory=tuple[str, ...])
    relevance_score: float
    match_type: str
    isbn: str | None = None
    cover_url: str | None = None


class TextTop(Struct, frozen=True, kw_only=True):
    """The top-level keys of the v2 search (B8)."""

    results: tuple[TextResult, ...]
    total: int
    mode: str
    query: str
    latency_ms: int


class TextData(SearchData, frozen=True, kw_only=True, omit_defaults=True, rename=None):
    """The default view of the v2 search."""

    results: tuple[TextResult, ...]
    total: int
    mode: str
    search_type: str = msgspec.field(name="searchType")
    latency_ms: int
    limit: int
    offset: int


class TextBookList(BookList, frozen=True, kw_only=True, omit_defaults=True, rename=None):
    """The flat view of the v2 search."""

    results: tuple[TextResult, ...]
    total: int
    mode: str
    search_type: str = msgspec.field(name="searchType")
    latency_ms: int
    limit: int
    offset: int


def text_results(data: SearchData) -> tuple[TextResult, ...]:
    """Return the v2 lines of a text search; the score falls with the rank."""
    count = max(1, len(data.books))
    return tuple(
        TextResult(
            id=_result_id(book, work, index),
            isbn=book.isbn,
            title=book.title,
            authors=book.authors,
            cover_url=book.cover_url,
            relevance_score=round(1 - index / (2 * count), 4),
            match_type="text",
        )
        for index, (book, work) in enumerate(zip(data.books, data.works, strict=True))
    )


def _result_id(book: Book, work: Work, index: int) -> str:
    return (
        book.isbn or work.open_library_work_id or work.google_books_volume_id or f"result-{index}"
    )


def _fields(struct: Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
