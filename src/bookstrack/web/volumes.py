"""Pure functions: answers in the shapes of the first generation (http-api §7.H, §7.I)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Book, Edition, Work
from bookstrack.model.naming import camel_name, dto_name
from bookstrack.web.views import Pagination


class Identifier(Struct, frozen=True, kw_only=True):
    """One number of a volume: ``ISBN_13`` or ``ISBN_10``."""

    type: str
    identifier: str


class ImageLinks(Struct, frozen=True, kw_only=True, rename=camel_name):
    """Covers of a volume."""

    thumbnail: str
    small_thumbnail: str


class VolumeInfo(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What Google Books says about a volume."""

    title: str
    subtitle: str | None = None
    authors: tuple[str, ...] = msgspec.field(default_factory=tuple[str, ...])
    publisher: str | None = None
    published_date: str | None = None
    description: str | None = None
    industry_identifiers: tuple[Identifier, ...] = msgspec.field(
        default_factory=tuple[Identifier, ...]
    )
    page_count: int | None = None
    categories: tuple[str, ...] = msgspec.field(default_factory=tuple[str, ...])
    language: str | None = None
    image_links: ImageLinks | None = None


class Volume(Struct, frozen=True, kw_only=True, rename=camel_name):
    """A book in the form of Google Books; ``kind`` is always ``books#volume``."""

    kind: str
    id: str
    volume_info: VolumeInfo


class CacheFacts(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What every legacy answer says of itself; ``response_time`` in ms."""

    provider: str
    cached: bool
    response_time: int
    cache_source: str | None = None


class Volumes(CacheFacts, frozen=True, kw_only=True, omit_defaults=True):
    """A list of volumes (H1, H2); ``kind`` is always ``books#volumes``."""

    kind: str
    total_items: int
    items: tuple[Volume, ...]


class Items(CacheFacts, frozen=True, kw_only=True, omit_defaults=True):
    """The advanced search (H4, H5); ``negative_cache`` marks a remembered miss."""

    items: tuple[Volume, ...]
    negative_cache: bool | None = None


class LegacyAuthor(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The author of a legacy search; the key is null where nobody of that name is known."""

    name: str
    open_library_key: str | None
    total_works: int


class LegacyEdition(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """An edition in the list of an author's works."""

    isbn: str
    published_date: str | None = None


class LegacyWork(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=dto_name):
    """A work in the list of an author's works."""

    title: str
    open_library_work_key: str | None = None
    first_publication_year: int | None = None
    cover_image_url: str | None = None
    editions: tuple[LegacyEdition, ...] = msgspec.field(default_factory=tuple[LegacyEdition, ...])


class AuthorVolumes(CacheFacts, frozen=True, kw_only=True, omit_defaults=True):
    """An author and one page of works (H3)."""

    author: LegacyAuthor
    works: tuple[LegacyWork, ...]
    pagination: Pagination


class Normalised(Struct, frozen=True, kw_only=True):
    """What one provider said (7.I)."""

    works: tuple[Work, ...]
    editions: tuple[Edition, ...]
    authors: tuple[Author, ...]


class NormalisedBook(Struct, frozen=True, kw_only=True):
    """What one provider said about one ISBN (I7)."""

    work: Work
    edition: Edition
    authors: tuple[Author, ...]


class EditionList(Struct, frozen=True, kw_only=True):
    """The editions one provider has of a work (I6)."""

    editions: tuple[Edition, ...]


class KnownAuthor(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """An author as Open Library names them."""

    name: str
    open_library_key: str | None = None


class AuthorList(Struct, frozen=True, kw_only=True):
    """An author's works as Open Library has them (I4)."""

    author: KnownAuthor
    works: tuple[LegacyWork, ...]


def google_items(data: SearchData) -> tuple[Volume, ...]:
    """Return results in the Google volume form of the legacy search (7.H)."""
    return tuple(_volume(book, data.editions[index]) for index, book in enumerate(data.books))


def _volume(book: Book, edition: Edition) -> Volume:
    identifiers = tuple(
        Identifier(type="ISBN_13" if len(isbn) == 13 else "ISBN_10", identifier=isbn)
        for isbn in edition.isbns
    )
    info = VolumeInfo(
        title=book.title,
        subtitle=book.subtitle,
        authors=book.authors,
        publisher=book.publisher,
        published_date=book.published_date,
        description=book.description,
        industry_identifiers=identifiers,
        page_count=book.page_count,
        categories=book.categories,
        language=book.language,
        image_links=_image_links(book),
    )
    ids = edition.google_books_volume_ids or edition.isbns
    return Volume(
        kind="books#volume", id=next(iter(ids), book.work_key or book.title), volume_info=info
    )


def _image_links(book: Book) -> ImageLinks | None:
    if book.cover_url is None:
        return None
    return ImageLinks(
        thumbnail=book.cover_url, small_thumbnail=book.thumbnail_url or book.cover_url
    )


def legacy_works(books: Sequence[Book], works: Sequence[Work]) -> tuple[LegacyWork, ...]:
    """Return an author's works in the form of the legacy author search (H3)."""
    return tuple(
        LegacyWork(
            title=work.title,
            open_library_work_key=work.open_library_work_id,
            first_publication_year=work.first_publication_year,
            cover_image_url=work.cover_image_url,
            editions=_editions(book),
        )
        for book, work in zip(books, works, strict=True)
    )


def _editions(book: Book) -> tuple[LegacyEdition, ...]:
    if book.isbn is None:
        return ()
    return (LegacyEdition(isbn=book.isbn, published_date=book.published_date),)
