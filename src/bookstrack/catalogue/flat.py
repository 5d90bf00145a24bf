"""The flat book of contract v3: one record as a single row of plain values (http-api §5.4)."""

from __future__ import annotations

import re

from msgspec.structs import replace

from bookstrack.catalogue.quality import data_quality
from bookstrack.model.book import Book, CoverUrls, Edition
from bookstrack.model.isbn import Isbn
from bookstrack.model.provider_names import dto_provider
from bookstrack.model.record import BookRecord

_OPEN_LIBRARY_COVER = re.compile(r"^(https://[^?]+/b/[a-z]+/[^/?]+)-[SML]\.jpg")


def flat_book(record: BookRecord, *, isbn: Isbn | None = None) -> Book:
    """Return the flat form of a record; ``isbn`` is the number it was asked by.

    ``quality`` is the ISBNdb score where there is one, else our own data quality times 100.
    """
    work, edition = record.work, primary_edition(record, isbn=isbn)
    names = tuple(author.name for author in record.authors)
    number = _number(edition, isbn)
    cover = edition.cover_image_url or work.cover_image_url
    year = edition.publication_year or _year(edition.publication_date)
    provider = work.primary_provider or dto_provider(record.provider)
    rating = record.rating
    book = Book(
        title=edition.title or work.title,
        subtitle=record.subtitle,
        authors=names,
        author=", ".join(names),
        categories=work.subject_tags,
        isbn=number.canonical if number else edition.isbn,
        isbn13=number.isbn13 if number else None,
        isbn10=number.isbn10 if number else None,
        publisher=edition.publisher,
        published_date=edition.publication_date or _text(year or work.first_publication_year),
        publication_year=year or work.first_publication_year,
        description=work.description or edition.edition_description,
        page_count=edition.page_count,
        language=edition.language or work.original_language,
        cover_url=cover,
        thumbnail_url=record.thumbnail_url or _sizes(cover).get("medium"),
        cover_urls=_sizes(cover) or None,
        average_rating=rating.average if rating else None,
        ratings_count=rating.count if rating else None,
        provider=provider.value if provider else None,
        work_key=_key("works", work.open_library_work_id),
        edition_key=_key("books", edition.open_library_edition_id),
    )
    own_score = round(100 * data_quality([book]))
    return replace(book, quality=work.isbndb_quality or edition.isbndb_quality or own_score)


def primary_edition(record: BookRecord, *, isbn: Isbn | None) -> Edition:
    """Return the edition that carries the asked ISBN, else the first, else an empty one."""
    first = record.editions[0] if record.editions else Edition()
    return next((e for e in record.editions if carries(e, isbn)), first)


def carries(edition: Edition, isbn: Isbn | None) -> bool:
    """Tell whether an edition has this ISBN in either notation."""
    return isbn is not None and not {isbn.canonical, *isbn.forms}.isdisjoint(edition.isbns)


def _number(edition: Edition, isbn: Isbn | None) -> Isbn | None:
    """Return the edition's number: the asked one where it fits or nothing else is known."""
    if isbn is not None and (carries(edition, isbn) or not edition.isbns):
        return isbn
    return Isbn.find(edition.isbn or next(iter(edition.isbns), None))


def _year(date: str | None) -> int | None:
    return int(date[:4]) if date else None


def _text(year: int | None) -> str | None:
    return None if year is None else str(year)


def _sizes(cover: str | None) -> CoverUrls:
    match = _OPEN_LIBRARY_COVER.match(cover or "")
    if match is None:
        return CoverUrls()
    stem = match[1]
    return CoverUrls(small=f"{stem}-S.jpg", medium=f"{stem}-M.jpg", large=f"{stem}-L.jpg")


def _key(kind: str, number: str | None) -> str | None:
    return f"/{kind}/{number}" if number else None
