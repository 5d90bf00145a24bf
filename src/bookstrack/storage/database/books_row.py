"""The Books table: rows made from records, and records read back from rows (data-model §2.1).

``canonical_metadata`` holds the flat book, and under ``record`` all we know. Reading builds on
it and lays the typed columns over, so that a column corrected by hand is what readers see.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from bookstrack.model.book import Author, Book, Edition
from bookstrack.model.isbn import from_number
from bookstrack.model.naming import camel_name
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.storage.database.foreign_row import record_of_flat
from bookstrack.storage.database.sql import Row

COLUMNS = (
    "title",
    "authors",
    "publication_year",
    "publisher",
    "page_count",
    "language",
    "categories",
    "description",
    "cover_url",
    "thumbnail_url",
    "canonical_metadata",
    "updated_at",
)


class Stored(Struct, frozen=True, kw_only=True):
    """A record of the catalogue and when it was last written, in epoch seconds."""

    record: BookRecord
    updated_at: float


class _Canonical(Book, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What stands in ``canonical_metadata``."""

    record: BookRecord
    authors_detailed: tuple[Author, ...]
    image_links: dict[str, str]


class _Envelope(Struct):
    record: BookRecord | None = None


class _Columns(Struct, frozen=True):
    """The values of the typed columns, decoded."""

    title: str | None
    authors: tuple[str, ...] | None
    publication_year: int | None
    publisher: str | None
    page_count: int | None
    language: str | None
    categories: tuple[str, ...] | None
    description: str | None
    cover_url: str | None
    thumbnail_url: str | None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_STRINGS = msgspec.json.Decoder(tuple[str, ...])
_NO_EDITION = Edition()


def row_of(record: BookRecord, *, isbn13: str, now: int) -> Row:
    """Return the row of one ISBN; the record has that edition alone."""
    columns = _columns_of(record)
    return {
        "isbn": isbn13,
        **msgspec.structs.asdict(columns),
        "authors": _json(columns.authors),
        "authors_detailed": _json(record.authors),
        "categories": _json(columns.categories),
        "canonical_metadata": _json(_canonical(record, columns, isbn13)),
        "created_at": now,
        "updated_at": now,
    }


def stored_of(isbn13: str, values: tuple[Any, ...]) -> Stored:
    """Return what a row holds; ``values`` are those of ``COLUMNS``."""
    *cells, canonical, updated_at = values
    decoded: list[Any] = [
        _strings(cell) if name in ("authors", "categories") else cell
        for name, cell in zip(COLUMNS, cells, strict=False)
    ]
    columns = _Columns(*decoded)
    record = _record(canonical) or record_of_flat(isbn13, canonical)
    return Stored(record=_overlaid(record, columns), updated_at=float(updated_at))


def _record(canonical: str) -> BookRecord | None:
    try:
        return _ENVELOPE.decode(canonical).record
    except msgspec.MsgspecError:  # of another origin, or of an older shape
        return None


def _strings(cell: str | None) -> tuple[str, ...] | None:
    if cell is None:
        return None
    try:
        return _STRINGS.decode(cell)
    except msgspec.MsgspecError:  # a hand-written cell without JSON says nothing
        return None


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _columns_of(record: BookRecord) -> _Columns:
    work = record.work
    edition = record.editions[0] if record.editions else _NO_EDITION
    return _Columns(
        title=edition.title or work.title,
        authors=tuple(author.name for author in record.authors),
        publication_year=_year(edition) or work.first_publication_year,
        publisher=edition.publisher,
        page_count=edition.page_count,
        language=edition.language or work.original_language,
        categories=work.subject_tags,
        description=work.description or edition.edition_description,
        cover_url=edition.cover_image_url or work.cover_image_url,
        thumbnail_url=record.thumbnail_url,
    )


def _year(edition: Edition) -> int | None:
    if edition.publication_year is not None or not edition.publication_date:
        return edition.publication_year
    year = edition.publication_date[:4]
    return int(year) if year.isascii() and year.isdigit() else None


def _canonical(record: BookRecord, columns: _Columns, isbn13: str) -> _Canonical:
    edition = record.editions[0] if record.editions else _NO_EDITION
    isbn, rating = from_number(isbn13), record.rating
    images = {"large": columns.cover_url, "medium": columns.cover_url}
    images["thumbnail"] = columns.thumbnail_url
    first_year = record.work.first_publication_year
    shared = {name: value for name, value in msgspec.structs.asdict(columns).items() if value}
    return _Canonical(
        **shared,
        author=", ".join(columns.authors or ()),
        isbn=isbn13,
        isbn13=isbn.isbn13,
        isbn10=isbn.isbn10,
        subtitle=record.subtitle,
        published_date=edition.publication_date or (str(first_year) if first_year else None),
        average_rating=rating.average if rating else None,
        ratings_count=rating.count if rating else None,
        provider=record.work.primary_provider,
        quality=edition.isbndb_quality or record.work.isbndb_quality or None,
        work_key=record.work.open_library_work_id,
        edition_key=edition.open_library_edition_id,
        authors_detailed=record.authors,
        image_links={size: url for size, url in images.items() if url},
        record=record,
    )


def _overlaid(record: BookRecord, columns: _Columns) -> BookRecord:
    """Lay every column that is not NULL, and says something else, over the record."""
    known = _columns_of(record)
    if known == columns:
        return record
    new: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(columns).items()
        if value is not None and value != getattr(known, name)
    }
    if not new:
        return record
    return msgspec.structs.replace(
        record,
        provider=ProviderId.CATALOG,
        work=msgspec.structs.replace(record.work, **_work_changes(record, known, new)),
        editions=_editions(record, known, new),
        authors=_authors(record, new),
        thumbnail_url=new.get("thumbnail_url", record.thumbnail_url),
    )


def _work_changes(record: BookRecord, known: _Columns, new: dict[str, Any]) -> dict[str, Any]:
    """Return what changes on the work: its own field, or one that showed the replaced value."""
    work, changes = record.work, dict[str, Any]()
    if "categories" in new:
        changes["subject_tags"] = new["categories"]
    if "description" in new:
        changes["description"] = new["description"]
    for column, field in (("title", "title"), ("cover_url", "cover_image_url")):
        if column in new and (
            not record.editions or getattr(work, field) == getattr(known, column)
        ):
            changes[field] = new[column]
    if not record.editions:
        for column, field in (
            ("publication_year", "first_publication_year"),
            ("language", "original_language"),
        ):
            if column in new:
                changes[field] = new[column]
    return changes


def _editions(record: BookRecord, known: _Columns, new: dict[str, Any]) -> tuple[Edition, ...]:
    if not record.editions:
        return ()
    edition, changes = record.editions[0], dict[str, Any]()
    for column, field in (
        ("title", "title"),
        ("publication_year", "publication_year"),
        ("publisher", "publisher"),
        ("page_count", "page_count"),
        ("language", "language"),
        ("cover_url", "cover_image_url"),
    ):
        if column in new:
            changes[field] = new[column]
    if "publication_year" in new and edition.publication_date:
        changes["publication_date"] = str(new["publication_year"])
    if "description" in new and edition.edition_description == known.description:
        changes["edition_description"] = new["description"]
    return (msgspec.structs.replace(edition, **changes), *record.editions[1:])


def _authors(record: BookRecord, new: dict[str, Any]) -> tuple[Author, ...]:
    if "authors" not in new:
        return record.authors
    known = {author.name: author for author in record.authors}
    return tuple(known.get(name) or Author(name=name) for name in new["authors"])
