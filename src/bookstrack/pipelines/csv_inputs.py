"""A file that was read, as the items of its job: one per data row, in their order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bookstrack.imports.export import Export
from bookstrack.imports.read import read_table
from bookstrack.imports.refusal import Unreadable
from bookstrack.pipelines.csv_books import own_key
from bookstrack.pipelines.csv_reading import ReadFile
from bookstrack.pipelines.csv_rows import Fate, FileFacts, Note, RowInput

_encode = msgspec.json.Encoder().encode


def inputs_of(
    data: bytes,
    read: ReadFile,
    *,
    held: Mapping[str, tuple[str, ...]],
    before: Sequence[str] = (),
) -> list[bytes]:
    """Return the encoded items; ``held`` has the empty columns of known books by their keys.

    ``before`` are keys that came up between the making of the job and now.
    """
    rows = sorted(_rows(data, read.export, held), key=lambda row: row.row)
    if rows:
        facts = msgspec.structs.replace(_facts(read), before=tuple(before))
        rows[0] = msgspec.structs.replace(rows[0], file=facts)
    return [_encode(row) for row in rows]


def _rows(data: bytes, export: Export, held: Mapping[str, tuple[str, ...]]) -> Iterator[RowInput]:
    cells = _cells(data, export)
    keys: set[str] = set()
    for book in export.books:
        key = own_key(book)
        yield RowInput(
            row=book.row,
            fate=Fate.BOOK,
            book=book,
            held=() if key in keys else held.get(key),
            isbn=book.isbn_raw or "",
            title=book.title or "",
            cells=cells.get(book.row, ()) if book.needs_lookup else (),
        )
        if not book.needs_lookup:
            keys.add(key)
    for double in export.duplicates:
        yield RowInput(row=double.row, fate=Fate.DUPLICATE)
    for left_out in export.skipped:
        yield RowInput(
            row=left_out.row,
            fate=Fate.SKIPPED,
            code=left_out.reason.value,
            message="Left out on purpose",
            title=left_out.title,
            cells=left_out.cells,
        )
    for error in export.errors:
        yield RowInput(
            row=error.row,
            fate=Fate.ERROR,
            code=error.code.value,
            message=error.message,
            isbn=error.isbn,
            title=error.title,
            cells=error.cells,
        )


def _cells(data: bytes, export: Export) -> dict[int, tuple[str, ...]]:
    """Return the cells of rows whose books may turn out to be none."""
    if not any(book.needs_lookup for book in export.books):
        return {}
    try:
        return dict(read_table(data, max_rows=export.data_rows).rows)
    except Unreadable:  # of another form than the one that was forced
        return {}


def _facts(read: ReadFile) -> FileFacts:
    export = read.export
    warnings = (
        Note(code=one.code.value, message=one.message, row=one.row) for one in export.warnings
    )
    return FileFacts(
        format=export.format.value,
        encoding=export.encoding,
        delimiter=export.delimiter,
        parser=read.parser,
        columns=export.columns,
        header=_names(export),
        repaired_bytes=export.repaired_bytes,
        warnings=(*read.notes, *warnings),
    )


def _names(export: Export) -> tuple[str, ...]:
    """Return the header; where there was none, names by which the columns are known again."""
    if export.has_header:
        return export.header
    known = {header: field for field, header in export.columns.items()}
    return tuple(known.get(name, name) for name in export.header)
