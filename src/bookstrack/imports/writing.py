"""CSV of our own: no spreadsheet takes a cell of it for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from bookstrack.imports.cells import guarded
from bookstrack.imports.export import Export
from bookstrack.imports.sheet import ADDED_COLUMNS

_MARK = "\ufeff"


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a table as CSV in UTF-8 with a byte order mark, safe to open in a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(guarded, header))
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return (_MARK + text.getvalue()).encode("utf-8", "replace")


def errors_csv(export: Export) -> bytes:
    """Return every row that brought no book, as it was, with its number and what was wrong.

    Rows left out on purpose are among them. Reading the result as an export ignores the columns
    added, so that a reader may put the rows right and send them again.
    """
    failed = [
        *((one.row, one.code.value, one.message, one.cells) for one in export.errors),
        *((one.row, one.reason.value, "Left out on purpose", one.cells) for one in export.skipped),
    ]
    header = _names(export)
    width = max((len(header), *(len(cells) for *_, cells in failed)))
    rows = (
        [*_filled(cells, width), str(row), code, message]
        for row, code, message, cells in sorted(failed)
    )
    return csv_bytes([*_filled(header, width), *ADDED_COLUMNS], rows)


def _names(export: Export) -> tuple[str, ...]:
    """Return the header; where there was none, names by which the columns are known again."""
    if export.has_header:
        return export.header
    known = {header: field for field, header in export.columns.items()}
    return tuple(known.get(name, name) for name in export.header)


def _filled(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]
