"""Rows about the same book, merged into the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from bookstrack.imports.export import DuplicateRow, ImportedBook, Reading, ReadingStatus
from bookstrack.imports.external import OF_EDITIONS
from bookstrack.imports.people import surname
from bookstrack.normalise.titles import title_key

_RANK = {
    None: 0,
    ReadingStatus.WANT_TO_READ: 1,
    ReadingStatus.READING: 2,
    ReadingStatus.COMPLETED: 3,
}
_LONGEST_TITLE = 300

Key = tuple[str, ...]


def without_duplicates(
    books: Iterable[ImportedBook],
) -> tuple[list[ImportedBook], list[DuplicateRow]]:
    """Return each book once, and which rows were merged into which.

    Rows are about one book if they have the same ISBN; or the same key of an edition, unless two
    ISBNs differ; or title, series and author's last name, when at most one of them has an ISBN.
    """
    shelf = _Shelf()
    for book in books:
        shelf.put(book)
    return shelf.books, shelf.duplicates


class _Shelf:
    """Books so far, found by every key they go by; of equal keys the first book counts."""

    def __init__(self) -> None:
        self.books: list[ImportedBook] = []
        self.duplicates: list[DuplicateRow] = []
        self._places: dict[Key, int] = {}

    def put(self, book: ImportedBook) -> None:
        """Add a book, or merge it into the one it is."""
        place = self._place_of(book)
        if place is None:
            place = len(self.books)
            self.books.append(book)
        else:
            kept = self.books[place]
            self.duplicates.append(DuplicateRow(row=book.row, of=kept.row))
            self.books[place] = merged(kept, book)
        for key in _keys(self.books[place]):
            self._places.setdefault(key, place)

    def _place_of(self, book: ImportedBook) -> int | None:
        for key in _searched(book):
            place = self._places.get(key)
            if place is not None and not _are_editions(self.books[place], book):
                return place
        return None


def _are_editions(one: ImportedBook, other: ImportedBook) -> bool:
    """Tell whether two valid ISBNs make two editions of what may be one work."""
    return one.isbn is not None and other.isbn is not None and one.isbn != other.isbn


def _keys(book: ImportedBook) -> Iterator[Key]:
    """Yield the keys by which a book is found."""
    yield from _numbers(book)
    named = _name(book)
    if named is not None:
        yield ("with" if book.isbn else "without", *named)


def _searched(book: ImportedBook) -> Iterator[Key]:
    """Yield the keys under which the same book may stand, surest first."""
    yield from _numbers(book)
    named = _name(book)
    if named is not None:
        yield ("without", *named)
        if book.isbn is None:
            yield ("with", *named)


def _numbers(book: ImportedBook) -> Iterator[Key]:
    if book.isbn is not None:
        yield ("isbn", book.isbn)
    ids = book.external_ids
    for scheme in OF_EDITIONS:
        if scheme in ids:
            yield (scheme, ids[scheme])
    if "openLibraryWork" in ids and "openLibraryEdition" not in ids and book.title is None:
        yield ("openLibraryWork", ids["openLibraryWork"])


def _name(book: ImportedBook) -> Key | None:
    """Return title, what makes another volume of it, and the last name of the first author."""
    if book.title is None:
        return None
    volume = title_key(book.subtitle[:_LONGEST_TITLE]) if book.subtitle else ""
    author = surname(book.authors[0]) if book.authors else ""
    return title_key(book.title[:_LONGEST_TITLE]), volume, book.series_number or "", author


def merged(first: ImportedBook, later: ImportedBook) -> ImportedBook:
    """Return the first book with what the later row adds."""
    empty = {
        name: getattr(later, name)
        for name in later.__struct_fields__
        if not getattr(first, name) and getattr(later, name)
    }
    together = {
        "rows": (*first.rows, *later.rows),
        "contributors": tuple(dict.fromkeys((*first.contributors, *later.contributors))),
        "external_ids": {**later.external_ids, **first.external_ids},
        "reading": _merged_reading(first.reading, later.reading),
        "low_confidence": first.low_confidence and later.low_confidence,
        "isbn_raw": (later if first.isbn is None and later.isbn else first).isbn_raw,
    }
    return msgspec.structs.replace(first, **{**empty, **together})


def _merged_reading(first: Reading, later: Reading) -> Reading:
    leading = later if _RANK[later.status] > _RANK[first.status] else first
    last = max((first, later), key=lambda one: one.date_finished or "")
    rated = later if later.rating is not None else first
    return Reading(
        status=leading.status,
        source_status=leading.source_status or first.source_status or later.source_status,
        rating=rated.rating,
        rating_exact=rated.rating_exact,
        date_added=min(filter(None, (first.date_added, later.date_added)), default=None),
        date_started=last.date_started or first.date_started or later.date_started,
        date_finished=last.date_finished,
        review=_longer(first.review, later.review),
        notes=_longer(first.notes, later.notes),
        tags=tuple(dict.fromkeys((*first.tags, *later.tags))),
    )


def _longer(one: str | None, other: str | None) -> str | None:
    return max(one, other, key=lambda text: len(text or ""))
