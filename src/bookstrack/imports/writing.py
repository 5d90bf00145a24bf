"""CSV of our own: no spreadsheet takes a cell of it for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from msgspec import Struct

from bookstrack.imports.cells import guarded
from bookstrack.imports.export import Outline
from bookstrack.imports.sheet import ADDED_COLUMNS

_MARK = "\ufeff"


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a table as CSV in UTF-8 with a byte order mark, safe to open in a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(guarded, header))
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return (_MARK + text.getvalue()).encode("utf-8", "replace")


class RejectedRow(Struct, frozen=True, kw_only=True):
    """A row that brought no book, with its original cells and what was wrong."""

    row: int
    code: str
    error: str
    cells: tuple[str, ...]


def rejected_csv(header: Sequence[str], rejected: Sequence[RejectedRow]) -> bytes:
    """Return rows as they were, with their numbers and what was wrong.

    Reading the result as an export ignores the columns added, so that a reader may put the rows
    right and send them again.
    """
    width = max((len(header), *(len(one.cells) for one in rejected)))
    rows = ([*_filled(one.cells, width), str(one.row), one.code, one.error] for one in rejected)
    return csv_bytes([*_filled(header, width), *ADDED_COLUMNS], rows)


def column_names(outline: Outline) -> tuple[str, ...]:
    """Return the header; where there was none, names by which the columns are known again."""
    if outline.has_header:
        return outline.header
    known = {header: field for field, header in outline.columns.items()}
    return tuple(known.get(name, name) for name in outline.header)


def _filled(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]
