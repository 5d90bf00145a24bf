"""Rows that a model copied, put together with what the rules make of the others. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bookstrack.imports import generic
from bookstrack.imports.duplicates import without_duplicates
from bookstrack.imports.export import (
    DuplicateRow,
    Export,
    ImportedBook,
    RowError,
    RowProblem,
    Table,
)
from bookstrack.imports.rows import read_row
from bookstrack.imports.ways import decided
from bookstrack.pipelines.csv_rows import Note
from bookstrack.readers.table_rows import RowsRead

_MISMATCH = "ai_mismatch"
_NOTHING = "No book could be made out in the row"


def combined(
    table: Table, found: RowsRead, plain: Export | None
) -> tuple[Export, tuple[Note, ...]]:
    """Return a file whose rows a model read, and notes on those it made up.

    Rows without an answer that can be believed are taken from ``plain``.
    """
    books = list(_copied(found))
    copied = {book.row for book in books}
    rest = [book for book in plain.books if book.row not in copied] if plain is not None else []
    unique, doubles = without_duplicates(sorted([*books, *rest], key=lambda book: book.row))
    duplicates = [*doubles, *_duplicates(plain, unique, copied)]
    skipped = [one for one in plain.skipped if one.row not in copied] if plain is not None else []
    told = {row for book in unique for row in book.rows}
    told |= {one.row for one in (*duplicates, *skipped)}
    export = Export(
        **{name: getattr(table.outline, name) for name in table.outline.__struct_fields__},
        books=tuple(unique),
        duplicates=tuple(sorted(duplicates, key=lambda one: one.row)),
        skipped=tuple(skipped),
        errors=tuple(_errors(table, plain, told)),
        warnings=() if plain is None else tuple(w for w in plain.warnings if w.row not in copied),
    )
    mismatches = sorted(found.mismatched)
    message = "The AI answered with a book that is not in the row"
    return export, tuple(Note(code=_MISMATCH, message=message, row=row) for row in mismatches)


def _copied(found: RowsRead) -> Iterator[ImportedBook]:
    ways = decided(generic.LAYOUT, list(found.books.values()))
    for row, cells in sorted(found.books.items()):
        read = read_row(cells, ways, row=row)
        if read.book is not None:
            yield read.book


def _duplicates(
    plain: Export | None, books: list[ImportedBook], copied: set[int]
) -> Iterator[DuplicateRow]:
    """Yield the doubles of the rules, which the model was not asked about or did not tell."""
    if plain is None:
        return
    place = {row: book.row for book in books for row in book.rows}
    for one in plain.duplicates:
        if one.row not in copied and one.row not in place and one.of in place:
            yield msgspec.structs.replace(one, of=place[one.of])


def _errors(table: Table, plain: Export | None, told: set[int]) -> Iterator[RowError]:
    known = {one.row: one for one in plain.errors} if plain is not None else {}
    for row, cells in table.rows:
        if row not in told:
            yield known.get(row) or RowError(
                row=row, code=RowProblem.MISSING_TITLE, message=_NOTHING, cells=cells
            )
