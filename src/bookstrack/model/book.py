"""Works, editions, authors and flat books as they stand on the wire (http-api §5).

Optional fields without a value are left out; the fields that the contract always sends have a
default factory of our own, which msgspec does not omit.
"""

from __future__ import annotations

from typing import TypedDict

from msgspec import Struct, field

from bookstrack.model.enums import (
    AuthorGender,
    CulturalRegion,
    DataProvider,
    EditionFormat,
    ReviewStatus,
)
from bookstrack.model.naming import camel_name, dto_name


def _no_strings() -> tuple[str, ...]:
    return ()


def _zero() -> int:
    return 0


def _verified() -> ReviewStatus:
    return ReviewStatus.VERIFIED


def _paperback() -> EditionFormat:
    return EditionFormat.PAPERBACK


def _unknown() -> AuthorGender:
    return AuthorGender.UNKNOWN


def _false() -> bool:
    return False


class BoundingBox(Struct, frozen=True, kw_only=True):
    """A place on a photo; every number is a share of the photo's size, 0.0 to 1.0."""

    x: float
    y: float
    width: float
    height: float


class SearchLinks(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """Where a reader finds the same book elsewhere; https URLs."""

    google_books: str | None = None
    open_library: str | None = None
    amazon: str | None = None


class Work(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=dto_name):
    """An abstract creation (data-model §1.2). ``subject_tags`` are canonical, sorted, unique."""

    title: str
    subject_tags: tuple[str, ...] = field(default_factory=_no_strings)
    original_language: str | None = None
    first_publication_year: int | None = None
    description: str | None = None
    cover_image_url: str | None = None
    search_links: SearchLinks | None = None
    synthetic: bool = field(default_factory=_false)
    primary_provider: DataProvider | None = None
    contributors: tuple[DataProvider, ...] = ()
    open_library_id: str | None = None
    open_library_work_id: str | None = None
    isbndb_id: str | None = None
    google_books_volume_id: str | None = None
    goodreads_id: str | None = None
    goodreads_work_ids: tuple[str, ...] = field(default_factory=_no_strings)
    amazon_asins: tuple[str, ...] = field(name="amazonASINs", default_factory=_no_strings)
    librarything_ids: tuple[str, ...] = field(default_factory=_no_strings)
    google_books_volume_ids: tuple[str, ...] = field(default_factory=_no_strings)
    last_isbndb_sync: str | None = None
    isbndb_quality: int = field(default_factory=_zero)
    review_status: ReviewStatus = field(default_factory=_verified)
    original_image_path: str | None = None
    bounding_box: BoundingBox | None = None
    author_names: tuple[str, ...] = ()


class Edition(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=dto_name):
    """One published form of a work (data-model §1.3).

    ``isbns`` are clean and unique, ISBN-13 first; ``isbn`` is one of them. ``publication_date``
    is ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``.
    """

    isbn: str | None = None
    isbns: tuple[str, ...] = field(default_factory=_no_strings)
    title: str | None = None
    publisher: str | None = None
    publication_date: str | None = None
    publication_year: int | None = None
    page_count: int | None = None
    format: EditionFormat = field(default_factory=_paperback)
    cover_image_url: str | None = None
    edition_title: str | None = None
    edition_description: str | None = None
    language: str | None = None
    search_links: SearchLinks | None = None
    primary_provider: DataProvider | None = None
    contributors: tuple[DataProvider, ...] = ()
    open_library_id: str | None = None
    open_library_edition_id: str | None = None
    isbndb_id: str | None = None
    google_books_volume_id: str | None = None
    goodreads_id: str | None = None
    amazon_asins: tuple[str, ...] = field(name="amazonASINs", default_factory=_no_strings)
    google_books_volume_ids: tuple[str, ...] = field(default_factory=_no_strings)
    librarything_ids: tuple[str, ...] = field(default_factory=_no_strings)
    last_isbndb_sync: str | None = None
    isbndb_quality: int = field(default_factory=_zero)


class Author(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=dto_name):
    """A person who made a work (data-model §1.4); ``name`` is the display form."""

    name: str
    gender: AuthorGender = field(default_factory=_unknown)
    cultural_region: CulturalRegion | None = None
    nationality: str | None = None
    birth_year: int | None = None
    death_year: int | None = None
    open_library_id: str | None = None
    isbndb_id: str | None = None
    google_books_id: str | None = None
    goodreads_id: str | None = None
    book_count: int | None = None


class CoverUrls(TypedDict, total=False):
    """Covers of one book by size."""

    small: str
    medium: str
    large: str


class Book(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The flat book of contract v3 (http-api §5.4)."""

    title: str
    authors: tuple[str, ...] = field(default_factory=_no_strings)
    author: str = field(default_factory=str)
    categories: tuple[str, ...] = field(default_factory=_no_strings)
    isbn: str | None = None
    isbn13: str | None = None
    isbn10: str | None = None
    subtitle: str | None = None
    publisher: str | None = None
    published_date: str | None = None
    publication_year: int | None = None
    description: str | None = None
    page_count: int | None = None
    language: str | None = None
    cover_url: str | None = None
    thumbnail_url: str | None = None
    cover_urls: CoverUrls | None = None
    average_rating: float | None = None
    ratings_count: int | None = None
    provider: str | None = None
    quality: int | None = None
    work_key: str | None = None
    edition_key: str | None = None
