"""Short ways to read small files in tests."""

from __future__ import annotations

from datetime import date
from typing import Any

from bookstrack.imports.export import Export, ImportedBook
from bookstrack.imports.read import read_export

TODAY = date(2026, 6, 15)


def read(text: str | bytes, **options: Any) -> Export:
    data = text.encode() if isinstance(text, str) else text
    return read_export(data, **{"today": TODAY, **options})


def one_book(text: str | bytes, **options: Any) -> ImportedBook:
    export = read(text, **options)
    assert export.errors == ()
    (book,) = export.books
    return book


def fates(export: Export) -> dict[int, str]:
    """Return what became of every row; each must have exactly one fate."""
    pairs = [
        *((book.row, "book") for book in export.books),
        *((one.row, f"duplicate of {one.of}") for one in export.duplicates),
        *((one.row, f"skipped: {one.reason}") for one in export.skipped),
        *((one.row, f"error: {one.code}") for one in export.errors),
    ]
    found = dict(pairs)
    assert len(pairs) == len(found) == export.data_rows
    first = 2 if export.has_header else 1
    assert sorted(found) == list(range(first, first + export.data_rows))
    return dict(sorted(found.items()))
