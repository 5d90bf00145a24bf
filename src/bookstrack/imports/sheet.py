"""A file as a table: its header, its records, and which column holds what."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from msgspec import Struct

from bookstrack.imports.cells import bare
from bookstrack.imports.decode import Decoded
from bookstrack.imports.dialect import find_dialect, first_records
from bookstrack.imports.export import Certainty, Format
from bookstrack.imports.fields import NUMBERS_OF_BOOKS, Field, header_key
from bookstrack.imports.headless import guessed_places, is_header, isbn_column
from bookstrack.imports.isbns import holds_isbn
from bookstrack.imports.layout import Layout
from bookstrack.imports.mapping import Mapping
from bookstrack.imports.ratings import stars
from bookstrack.imports.refusal import Reason, Unreadable
from bookstrack.imports.sniff import (
    KNOWN_NAMES,
    layout_named,
    layout_of,
    mapped_places,
    places,
    spare_places,
)
from bookstrack.imports.tokens import Dialect, Record, records

MOST_COLUMNS = 200
ADDED_COLUMNS = ("row", "error_code", "error")
"""What our own lists of failed rows add; not part of the reader's data."""

_KEYS = frozenset(
    {
        Field.GOODREADS_ID,
        Field.OPEN_LIBRARY_ID,
        Field.OPEN_LIBRARY_WORK,
        Field.OPEN_LIBRARY_EDITION,
        Field.GOOGLE_BOOKS_ID,
        Field.ASIN,
        Field.OCLC,
        Field.IDENTIFIERS,
    }
)
_GUESSED_FROM = 200


class Sheet(Struct, frozen=True, kw_only=True):
    """A table. ``records`` are the data rows; ``first_row`` is the number of the first one.

    ``spares`` are further columns of the same name as that of a field, for rows in which it is
    empty.
    """

    text: str
    dialect: Dialect
    has_header: bool
    header: tuple[str, ...]
    records: list[Record]
    layout: Layout
    places: dict[Field, int]
    certainty: Certainty
    removed: slice = slice(0, 0)
    spares: dict[Field, tuple[int, ...]] = {}

    @property
    def first_row(self) -> int:
        """Return the number of the first data row: a header is row 1."""
        return 2 if self.has_header else 1

    def own_cells(self, record: Record) -> list[str]:
        """Return a record's cells without what an earlier list of errors of ours added."""
        if self.removed.stop == 0:
            return record.cells
        return record.cells[: self.removed.start] + record.cells[self.removed.stop :]

    def numbered_cells(self) -> list[tuple[int, tuple[str, ...]]]:
        """Return every data row's number and cells."""
        rows = enumerate(self.records, start=self.first_row)
        return [(row, tuple(self.own_cells(record))) for row, record in rows]

    @property
    def is_usable(self) -> bool:
        """Tell whether any column can say which book a row is about."""
        usable = {Field.TITLE, *NUMBERS_OF_BOOKS, *_KEYS}
        return not usable.isdisjoint(self.places)


def open_sheet(
    decoded: Decoded,
    *,
    max_rows: int,
    forced_format: Format | None = None,
    mapping: Mapping | None = None,
) -> Sheet:
    """Return the table in a text.

    Raises:
        Unreadable: with any reason but ``binary``.
    """
    text = decoded.text
    sign = mapping.delimiter if mapping is not None else None
    dialect = find_dialect(text, known=KNOWN_NAMES, delimiter=sign)
    _refuse_blank_header(text, dialect)
    dialect = _with_ordinary_quotes(text, dialect, forced_format)
    found = list(islice(records(text, dialect), max_rows + 2))
    if not found:
        raise Unreadable(Reason.EMPTY, "The file holds nothing but blank cells")
    if not dialect.delimiter:
        return _bare_list(text, dialect, found, max_rows)
    if len(found[0].cells) > MOST_COLUMNS:
        raise Unreadable(
            Reason.TOO_MANY_COLUMNS,
            f"The file has more than {MOST_COLUMNS} columns",
            max_columns=MOST_COLUMNS,
        )
    return _table(text, dialect, found, max_rows, forced_format, mapping)


def _refuse_blank_header(text: str, dialect: Dialect) -> None:
    for record in records(text, dialect, blanks=True):
        if len(record.cells) > 1 or not record.is_blank:
            if record.is_blank:
                raise Unreadable(Reason.EMPTY_HEADER, "The header row is blank")
            return


def _with_ordinary_quotes(text: str, dialect: Dialect, forced: Format | None) -> Dialect:
    """Switch quoting off where a format never quotes, unless the rows fit only with it."""
    first = first_records(text, dialect, at_most=1)
    if dialect.delimiter != "\t" or not first:
        return dialect
    layout = layout_named(forced) if forced is not None else layout_of(first[0].cells)
    if not layout.unquoted:
        return dialect
    plain = Dialect(delimiter="\t", quoting=False, start=dialect.start)
    uneven = _uneven_records(text, plain)
    return dialect if uneven and _uneven_records(text, dialect) < uneven else plain


def _uneven_records(text: str, dialect: Dialect) -> int:
    sample = first_records(text, dialect, at_most=_GUESSED_FROM)
    return sum(len(record.cells) != len(sample[0].cells) for record in sample)


def _bare_list(text: str, dialect: Dialect, found: list[Record], max_rows: int) -> Sheet:
    """Read one ISBN a line, the only table that may have a single column."""
    cells = [bare(record.cells[0]) for record in found]
    valid = sum(map(holds_isbn, cells))
    if len(found) == 1 and not valid:
        raise Unreadable(Reason.NO_ROWS, "The file has a header and no rows")
    if valid * 2 < len(found):
        raise Unreadable(
            Reason.TOO_FEW_COLUMNS,
            "The file has fewer than 2 columns, whatever separates them",
        )
    key = header_key(cells[0])
    has_header = not holds_isbn(cells[0]) and ("isbn" in key or key in KNOWN_NAMES)
    return Sheet(
        text=text,
        dialect=dialect,
        has_header=has_header,
        header=(cells[0] if has_header else "Column 1",),
        records=_within(found[1:] if has_header else found, max_rows),
        layout=layout_named(Format.GENERIC),
        places={Field.ISBN: 0},
        certainty=Certainty.RECOGNISED,
    )


def _within(data: list[Record], max_rows: int) -> list[Record]:
    if not data:
        raise Unreadable(Reason.NO_ROWS, "The file has a header and no rows")
    if len(data) > max_rows:
        raise Unreadable(
            Reason.TOO_MANY_ROWS,
            f"The file has more than {max_rows} rows; split it",
            max_rows=max_rows,
        )
    return data


def _table(
    text: str,
    dialect: Dialect,
    found: list[Record],
    max_rows: int,
    forced: Format | None,
    mapping: Mapping | None,
) -> Sheet:
    first, removed = _without_added(found[0].cells)
    name = forced if mapping is None else Format.GENERIC
    layout = layout_named(name) if name is not None else layout_of(first)
    has_header = _has_header(found, layout, mapping)
    header = _header(first, is_named=has_header)
    data = _within(found[1:] if has_header else found, max_rows)
    at, certainty = _places(layout, header, data, has_header, mapping)
    return Sheet(
        text=text,
        dialect=dialect,
        has_header=has_header,
        header=tuple(header),
        records=data,
        layout=layout,
        places=at,
        certainty=certainty,
        removed=removed,
        spares=spare_places(header, at) if has_header else {},
    )


def _header(first: Sequence[str], *, is_named: bool) -> list[str]:
    if is_named:
        return [cell.strip().lstrip("\ufeff") for cell in first]
    return [f"Column {number}" for number in range(1, len(first) + 1)]


def _without_added(header: list[str]) -> tuple[list[str], slice]:
    """Drop the columns that our own list of failed rows added, and the unnamed ones before."""
    names = [cell.strip() for cell in header]
    size = len(ADDED_COLUMNS)
    for at in range(len(names) - size + 1):
        if tuple(names[at : at + size]) == ADDED_COLUMNS:
            kept = header[:at] + header[at + size :]
            while kept and not kept[-1].strip():
                kept.pop()
            return kept, slice(at, at + size)
    return header, slice(0, 0)


def _has_header(found: Sequence[Record], layout: Layout, mapping: Mapping | None) -> bool:
    if mapping is not None and mapping.has_header is not None:
        return mapping.has_header
    if layout.format is not Format.GENERIC:
        return True
    return is_header(found[0].cells, found[1].cells if len(found) > 1 else None)


def _places(
    layout: Layout,
    header: Sequence[str],
    data: Sequence[Record],
    has_header: bool,
    mapping: Mapping | None,
) -> tuple[dict[Field, int], Certainty]:
    if mapping is not None:
        return mapped_places(mapping, header), Certainty.RECOGNISED
    sample = [record.cells for record in data[:_GUESSED_FROM]]
    if not has_header:
        guessed = guessed_places(sample, len(header))
        is_sure = Field.ISBN in guessed
        return guessed, Certainty.RECOGNISED if is_sure else Certainty.UNCERTAIN
    at = places(layout, header)
    if layout.format is not Format.GENERIC:
        return at, Certainty.EXACT
    if at.keys().isdisjoint(NUMBERS_OF_BOOKS):
        isbn = isbn_column(sample, len(header))
        if isbn is not None and isbn not in at.values():
            at[Field.ISBN] = isbn
    _tell_marks_from_notes(at, header, sample)
    return at, _certainty(at)


def _tell_marks_from_notes(
    at: dict[Field, int], header: Sequence[str], sample: Sequence[Sequence[str]]
) -> None:
    """Move "note", a mark in French and Italian, to the notes where it holds words."""
    place = at.get(Field.RATING)
    if place is None or header_key(header[place]) != "note" or Field.NOTES in at:
        return
    cells = [bare(row[place]) for row in sample if place < len(row)]
    filled = [cell for cell in cells if cell]
    if sum(stars(cell, 100) is None for cell in filled) * 2 > len(filled):
        at[Field.NOTES] = at.pop(Field.RATING)


def _certainty(at: dict[Field, int]) -> Certainty:
    has_names = Field.TITLE in at and not at.keys().isdisjoint({Field.AUTHOR, Field.AUTHOR_SORTED})
    has_isbn = not at.keys().isdisjoint(NUMBERS_OF_BOOKS)
    return Certainty.RECOGNISED if has_names or has_isbn else Certainty.UNCERTAIN
