"""The orders in which an author's works are listed (providers §9)."""

from __future__ import annotations

from collections.abc import Iterable

from bookstrack.model.enums import AuthorSort
from bookstrack.model.record import BookRecord
from bookstrack.normalise.titles import title_key


def in_order(books: Iterable[BookRecord], sort: AuthorSort) -> tuple[BookRecord, ...]:
    """Sort works; equal ones by title. Works without a year come last in both directions."""
    return tuple(sorted(books, key=lambda book: (*_rank(book, sort), _by_title(book))))


def _rank(book: BookRecord, sort: AuthorSort) -> tuple[int, ...]:
    if sort is AuthorSort.TITLE:
        return ()
    if sort is AuthorSort.POPULARITY:
        return (-(book.edition_count or 0),)
    year = book.work.first_publication_year
    if year is None:
        return (1, 0)
    return (0, -year if sort is AuthorSort.NEWEST else year)


def _by_title(book: BookRecord) -> tuple[str, str]:
    return title_key(book.work.title), book.work.title
