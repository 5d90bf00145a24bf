"""A book of an export file together with what was found about it. Pure.

What the reader wrote stands; what was found fills what the file left empty.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from bookstrack.imports.export import ImportedBook
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Book, Edition, Work
from bookstrack.model.enums import EditionFormat, ReviewStatus
from bookstrack.model.isbn import Isbn
from bookstrack.model.naming import camel_name
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.normalise.titles import name_key, title_key

UNKNOWN_AUTHOR = "Unknown Author"
_UNTITLED = "Unknown Title"
_KEY_DIGITS = 20
_WEAK = frozenset(
    {
        "title",
        "subtitle",
        "original_language",
        "first_publication_year",
        "description",
        "cover_image_url",
    }
)
FILLED = {
    "authors": "authors",
    "publication_year": "publication_year",
    "publisher": "publisher",
    "page_count": "page_count",
    "language": "language",
    "categories": "categories",
    "description": "description",
    "cover_url": "cover_url",
}
"""Columns of the catalogue that an import may fill, and the fields of a flat book."""


class ResultBook(Book, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """A book of the results, with its row and why nothing more was found out about it.

    ``low_confidence`` where the file has neither author nor ISBN.
    """

    row: int
    enrichment_error: str | UnsetType = UNSET
    low_confidence: bool | UnsetType = UNSET


def flat(book: ImportedBook, found: SearchData | None) -> Book:
    """Return a book as it was imported, completed by what was found."""
    known = found.books[0] if found is not None and found.books else Book(title=_UNTITLED)
    own: dict[str, Any] = {
        "title": book.title,
        "subtitle": book.subtitle,
        "authors": book.authors,
        "publisher": book.publisher,
        "published_date": book.published,
        "publication_year": book.year,
        "description": book.description,
        "page_count": book.pages,
        "language": book.language,
    }
    changes = {name: value for name, value in own.items() if value}
    if book.year is not None and book.published is None:
        changes["published_date"] = None if book.year < 1 else f"{book.year:04}"
    if book.isbn is not None:
        number = Isbn.parse(book.isbn)
        changes |= {"isbn": book.isbn, "isbn13": number.isbn13, "isbn10": number.isbn10}
    authors = tuple(a for a in (book.authors or known.authors) if a != UNKNOWN_AUTHOR)
    changes |= {"authors": authors, "author": ", ".join(authors)}
    if not _is_address(known.cover_url):
        changes["cover_url"] = None
    return replace(known, **changes)


def shown(book: Book, *, row: int, error: str | None, doubtful: bool = False) -> ResultBook:
    """Return a book as results show it; ``doubtful`` where only a title is known."""
    facts: dict[str, Any] = {**asdict(book), "author": book.author or UNKNOWN_AUTHOR}
    return ResultBook(
        **facts,
        row=row,
        enrichment_error=UNSET if error is None else error,
        low_confidence=True if doubtful else UNSET,
    )


def own_key(book: ImportedBook) -> str:
    """Return the key of a book by what the file says of it."""
    return book.isbn or _made_key(book.title or "", book.authors)


def key_of(book: Book) -> str:
    """Return the key of a book in our catalogue: its ISBN-13, else one made of its names."""
    return book.isbn13 or _made_key(book.title, book.authors)


def _made_key(title: str, authors: tuple[str, ...]) -> str:
    words = "\n".join((title_key(title) or title, *(name_key(name) or name for name in authors)))
    return f"bt:{hashlib.sha256(words.encode()).hexdigest()[:_KEY_DIGITS]}"


def offered(book: Book, columns: tuple[str, ...]) -> dict[str, Any]:
    """Return what a book has for these columns."""
    values = {column: getattr(book, FILLED[column]) for column in columns if column in FILLED}
    return {column: value for column, value in values.items() if value}


def record_of(book: Book, imported: ImportedBook, found: SearchData | None) -> BookRecord:
    """Return what is to be stored of a book that is not in the catalogue."""
    if found is not None and found.works and _carries(found, book):
        authors = tuple(author for author in found.authors if author.name != UNKNOWN_AUTHOR)
        return BookRecord(
            provider=ProviderId.CATALOG,
            work=found.works[0],
            editions=found.editions,
            authors=authors,
            subtitle=book.subtitle,
        )
    work = Work(
        title=book.title,
        author_names=book.authors,
        subject_tags=book.categories,
        first_publication_year=imported.original_year,
        description=book.description,
        cover_image_url=book.cover_url,
        synthetic=True,
        review_status=ReviewStatus.NEEDS_REVIEW,
    )
    return BookRecord(
        provider=ProviderId.CATALOG,
        work=work,
        editions=(_edition(book, imported),),
        authors=tuple(Author(name=name) for name in book.authors),
        subtitle=book.subtitle,
        weak=_WEAK,
    )


def is_echo(found: SearchData) -> bool:
    """Tell whether what was found is no more than what an earlier import has stored."""
    work = found.works[0] if found.works else None
    return work is not None and work.synthetic and work.primary_provider is None


def _carries(found: SearchData, book: Book) -> bool:
    return book.isbn13 is None or any(book.isbn13 in one.isbns for one in found.editions)


def _edition(book: Book, imported: ImportedBook) -> Edition:
    numbers = tuple(number for number in (book.isbn13, book.isbn10) if number)
    date = book.published_date
    return Edition(
        isbn=book.isbn13,
        isbns=numbers,
        title=book.title,
        publisher=book.publisher,
        publication_date=date if date and date[:4].isdecimal() else None,
        publication_year=book.publication_year,
        page_count=book.page_count,
        format=imported.format or EditionFormat.PAPERBACK,
        language=book.language,
        cover_image_url=book.cover_url,
    )


def _is_address(url: str | None) -> bool:
    if not url:
        return False
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)
