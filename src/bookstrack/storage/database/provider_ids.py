"""The ids that works, editions and people bear at providers, as rows of ``external_ids``."""

from __future__ import annotations

from collections.abc import Iterator

from bookstrack.model.book import Author, Edition
from bookstrack.model.record import BookRecord


def work_ids(record: BookRecord) -> Iterator[tuple[str, str]]:
    """Yield provider and id of everything that names a work."""
    work = record.work
    yield from _named("openlibrary", work.open_library_work_id, work.open_library_id)
    yield from _named("isbndb", work.isbndb_id)
    yield from _named("google-books", work.google_books_volume_id, *work.google_books_volume_ids)
    yield from _named("goodreads", work.goodreads_id, *work.goodreads_work_ids)
    yield from _named("amazon", *work.amazon_asins)
    yield from _named("librarything", *work.librarything_ids)


def edition_ids(edition: Edition) -> Iterator[tuple[str, str]]:
    """Yield provider and id of everything that names an edition."""
    yield from _named("openlibrary", edition.open_library_edition_id, edition.open_library_id)
    yield from _named("isbndb", edition.isbndb_id)
    volumes = (edition.google_books_volume_id, *edition.google_books_volume_ids)
    yield from _named("google-books", *volumes)
    yield from _named("goodreads", edition.goodreads_id)
    yield from _named("amazon", *edition.amazon_asins)
    yield from _named("librarything", *edition.librarything_ids)


def author_ids(author: Author) -> Iterator[tuple[str, str]]:
    """Yield provider and id of everything that names a person."""
    yield from _named("isbndb", author.isbndb_id)
    yield from _named("google-books", author.google_books_id)
    yield from _named("goodreads", author.goodreads_id)


def _named(provider: str, *numbers: str | None) -> Iterator[tuple[str, str]]:
    return ((provider, number) for number in numbers if number)
