"""A file that was read, as the items of its job: one per data row, in their order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bookstrack.imports.export import Export, Format
from bookstrack.imports.read import read_table
from bookstrack.imports.writing import column_names
from bookstrack.pipelines.csv_books import own_key
from bookstrack.pipelines.csv_reading import ReadFile
from bookstrack.pipelines.csv_rows import Fate, FileFacts, ImportOptions, Note, RowInput

_encode = msgspec.json.Encoder().encode


def inputs_of(
    data: bytes,
    read: ReadFile,
    options: ImportOptions,
    *,
    held: Mapping[str, tuple[str, ...]],
    before: Sequence[str] = (),
) -> list[bytes]:
    """Return the encoded items; ``held`` has the empty columns of known books by their keys.

    ``before`` are keys that came up between the making of the job and now.
    """
    needed = any(book.needs_lookup for book in read.export.books)
    cells = cells_of(data, options) if needed else {}
    rows = sorted(_rows(read.export, held, cells), key=lambda row: row.row)
    if rows:
        facts = msgspec.structs.replace(_facts(read), before=tuple(before))
        rows[0] = msgspec.structs.replace(rows[0], file=facts)
    return [_encode(row) for row in rows]


def cells_of(data: bytes, options: ImportOptions) -> dict[int, tuple[str, ...]]:
    """Return the original cells by row, of a file whose rows were counted before."""
    table = read_table(
        data,
        declared_charset=options.charset,
        forced_format=None if options.format is None else Format(options.format),
        max_rows=len(data),
    )
    return dict(table.rows)


def _rows(
    export: Export, held: Mapping[str, tuple[str, ...]], cells: Mapping[int, tuple[str, ...]]
) -> Iterator[RowInput]:
    for book in export.books:
        yield RowInput(
            row=book.row,
            fate=Fate.BOOK,
            book=book,
            held=held.get(own_key(book)),
            isbn=book.isbn_raw or "",
            title=book.title or "",
            # A book of which only a key is known may turn out to be none.
            cells=cells.get(book.row, ()) if book.needs_lookup else (),
        )
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
        header=column_names(export),
        repaired_bytes=export.repaired_bytes,
        warnings=(*read.notes, *warnings),
    )
