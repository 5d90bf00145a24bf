"""The entry points: a quick check of a file at upload, and the whole of it as books."""

from __future__ import annotations

from datetime import date
from typing import TypedDict

import msgspec

from bookstrack.imports.decode import Decoded, decode
from bookstrack.imports.duplicates import without_duplicates
from bookstrack.imports.export import (
    Certainty,
    Doubt,
    Export,
    Format,
    Outline,
    RowWarning,
    Table,
)
from bookstrack.imports.mapping import Mapping
from bookstrack.imports.refusal import Reason, Unreadable
from bookstrack.imports.sheet import Sheet, open_sheet
from bookstrack.imports.sorting import RowSorter
from bookstrack.imports.ways import Ways, decided

_SHOWN = 100

MAX_ROWS = 10_000
"""Data rows one file may have unless somebody says otherwise."""

REQUIRED_COLUMNS = ("Title", "Author", "ISBN")
"""What a file should have; a title or an ISBN is enough."""


def check_export(
    data: bytes,
    *,
    declared_charset: str | None = None,
    forced_format: Format | None = None,
    max_rows: int = MAX_ROWS,
    allow_unknown_columns: bool = False,
) -> Outline:
    """Return what a file is, without reading its rows.

    ``allow_unknown_columns`` lets a file through of which no column says which book a row is
    about: an AI may tell. ``declared_charset`` is that of the part's content type.

    Raises:
        Unreadable: nothing can be read from the file.
    """
    decoded = decode(data, declared_charset=declared_charset)
    sheet = open_sheet(decoded, max_rows=max_rows, forced_format=forced_format)
    if not allow_unknown_columns:
        _refuse_unknown(sheet)
    return Outline(**_facts(decoded, sheet))


def read_export(
    data: bytes,
    *,
    declared_charset: str | None = None,
    forced_format: Format | None = None,
    mapping: Mapping | None = None,
    max_rows: int = MAX_ROWS,
    only_first: int | None = None,
    lookup: bool = True,
    today: date | None = None,
) -> Export:
    """Return the books of a file, and what became of every row that brought none.

    A ``mapping`` beats everything that would be found out from the file. ``only_first`` reads
    that many rows for a preview, and counts only those in ``data_rows``. Without ``lookup`` a row
    that holds only a key of another catalogue is an error. Days after ``today`` are dropped where
    it is given.

    Raises:
        Unreadable: nothing can be read from the file.
    """
    decoded = decode(data, declared_charset=declared_charset)
    sheet = open_sheet(decoded, max_rows=max_rows, forced_format=forced_format, mapping=mapping)
    _refuse_unknown(sheet)
    if only_first is not None:
        sheet = msgspec.structs.replace(sheet, records=sheet.records[:only_first])
    rows = RowSorter(sheet)
    ways = decided(sheet.layout, rows.cells, mapping=mapping, today=today)
    rows.read(ways, lookup=lookup)
    books, duplicates = without_duplicates(rows.books)
    return Export(
        **_facts(decoded, sheet),
        books=tuple(books),
        duplicates=tuple(duplicates),
        skipped=tuple(rows.skipped),
        errors=tuple(sorted(rows.errors, key=lambda error: error.row)),
        warnings=(
            *_file_warnings(decoded, ways),
            *sorted(rows.warnings, key=lambda one: one.row or 0),
        ),
    )


def read_table(
    data: bytes,
    *,
    declared_charset: str | None = None,
    forced_format: Format | None = None,
    max_rows: int = MAX_ROWS,
    only_first: int | None = None,
) -> Table:
    """Return the rows of a file as cells, for whoever shall tell what the columns hold.

    Raises:
        Unreadable: nothing can be read from the file.
    """
    decoded = decode(data, declared_charset=declared_charset)
    sheet = open_sheet(decoded, max_rows=max_rows, forced_format=forced_format)
    rows = sheet.numbered_cells()[:only_first]
    return Table(outline=Outline(**_facts(decoded, sheet)), rows=tuple(rows))


def _refuse_unknown(sheet: Sheet) -> None:
    if sheet.is_usable:
        return
    raise Unreadable(
        Reason.NO_USABLE_COLUMN,
        "No column holds a title, an ISBN or another key of a book",
        required_columns=list(REQUIRED_COLUMNS),
        found_columns=[name[:_SHOWN] for name in sheet.header],
    )


class _Facts(TypedDict):
    format: Format
    encoding: str
    repaired_bytes: int
    delimiter: str
    has_header: bool
    header: tuple[str, ...]
    columns: dict[str, str]
    certainty: Certainty
    data_rows: int


def _facts(decoded: Decoded, sheet: Sheet) -> _Facts:
    return {
        "format": sheet.layout.format,
        "encoding": decoded.encoding,
        "repaired_bytes": decoded.repaired_bytes,
        "delimiter": sheet.dialect.delimiter,
        "has_header": sheet.has_header,
        "header": sheet.header,
        "columns": {field.value: sheet.header[at] for field, at in sheet.places.items()},
        "certainty": sheet.certainty,
        "data_rows": len(sheet.records),
    }


def _file_warnings(decoded: Decoded, ways: Ways) -> list[RowWarning]:
    found: list[RowWarning] = []
    if decoded.repaired_bytes:
        message = f"{decoded.repaired_bytes} bytes were not valid {decoded.encoding}"
        found.append(RowWarning(code=Doubt.DAMAGED_TEXT, message=message))
    if ways.is_guessed:
        message = "Dates such as 3/4/2020 were read with the month first"
        found.append(RowWarning(code=Doubt.AMBIGUOUS_DATES, message=message))
    return found
