"""What becomes of every row: a book, left out on purpose, or an error."""

from __future__ import annotations

from bookstrack.imports.cells import bare, is_too_long, shortened
from bookstrack.imports.export import (
    Doubt,
    ImportedBook,
    RowError,
    RowProblem,
    RowWarning,
    SkippedRow,
    SkipReason,
)
from bookstrack.imports.fields import LONG_TEXTS, NUMBERS_OF_BOOKS, Field
from bookstrack.imports.layout import Cells
from bookstrack.imports.ragged import Shape, fitted
from bookstrack.imports.rows import read_row
from bookstrack.imports.sheet import Sheet
from bookstrack.imports.tokens import Record, quoted_cells
from bookstrack.imports.ways import Ways

_SHOWN = 500


class RowSorter:
    """Takes the rows of a sheet, and reads them once it is decided how.

    ``cells`` are those of the rows still in question, adapted by the format. ``books`` are not
    yet freed of duplicates; ``errors`` and ``warnings`` are in no order.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.cells: list[Cells] = []
        self.books: list[ImportedBook] = []
        self.errors: list[RowError] = []
        self.skipped: list[SkippedRow] = []
        self.warnings: list[RowWarning] = []
        self._sheet = sheet
        self._rows: list[int] = []
        self._shape = Shape(
            width=len(sheet.header), places=sheet.places, delimiter=sheet.dialect.delimiter
        )
        for row, record in enumerate(sheet.records, start=sheet.first_row):
            self._take(row, record)

    def read(self, ways: Ways, *, lookup: bool) -> None:
        """Read every row that was taken."""
        for row, cells in zip(self._rows, self.cells, strict=True):
            found = read_row(cells, ways, row=row)
            if found.book is None:
                self._fail(row, found.problem or RowProblem.MISSING_TITLE, found.message, cells)
            elif found.book.needs_lookup and not lookup:
                message = "The row holds only a key, which was not looked up"
                self._fail(row, RowProblem.NEEDS_LOOKUP, message, cells)
            else:
                self.books.append(found.book)
                self._warn(row, found.doubts)

    def _take(self, row: int, record: Record) -> None:
        original = self._sheet.own_cells(record)
        if self._repeats_header(original):
            reason = SkipReason.NOT_A_BOOK
            self.skipped.append(SkippedRow(row=row, reason=reason, cells=tuple(original)))
            return
        fitting = self._fitted(row, record, original)
        if fitting is None:
            message = f"The row has {len(original)} cells, the header {self._shape.width}"
            self._fail(row, RowProblem.COLUMN_COUNT, message, self._named(original))
            return
        cells = self._named(fitting)
        for field in [field for field, cell in cells.items() if is_too_long(cell)]:
            if field not in LONG_TEXTS:
                message = f"The cell under “{self._header_of(field)}” is too long"
                self._fail(row, RowProblem.CELL_TOO_LONG, message, cells)
                return
            cells[field] = shortened(cells[field])
            message = f"The cell under “{self._header_of(field)}” was cut"
            self._warn(row, [(Doubt.CUT_CELL, message)])
        self._adapt(row, cells, original)

    def _repeats_header(self, cells: list[str]) -> bool:
        """Tell whether a row is the header once more, as where files were put together."""
        header = self._sheet.header
        if not self._sheet.has_header or cells[0].strip() != header[0]:
            return False
        return tuple(cell.strip() for cell in cells) == header

    def _adapt(self, row: int, cells: Cells, original: list[str]) -> None:
        title = cells.get(Field.TITLE, "")
        reason = self._sheet.layout.adapt(cells)
        if reason is None:
            self._rows.append(row)
            self.cells.append(cells)
            return
        self.skipped.append(
            SkippedRow(row=row, reason=reason, title=title[:_SHOWN], cells=tuple(original))
        )

    def _fitted(self, row: int, record: Record, cells: list[str]) -> list[str] | None:
        """Return the cells at the width of the header; too few stay as they are."""
        if len(cells) <= self._shape.width:
            return cells
        found = fitted(cells, self._shape, quoted=lambda: self._quoted(record, cells))
        if found is not None and found != cells[: self._shape.width]:
            message = (
                f"A delimiter without quotes tore a cell apart; {len(cells)} cells were joined"
            )
            self._warn(row, [(Doubt.REPAIRED_ROW, message)])
        return found

    def _quoted(self, record: Record, cells: list[str]) -> list[bool]:
        quoted = quoted_cells(self._sheet.text, self._sheet.dialect, at=record.at)
        if len(quoted) != len(record.cells):  # quotes that fit nowhere: they say nothing
            return [False] * len(cells)
        removed = self._sheet.removed
        own = quoted[: removed.start] + quoted[removed.stop :] if removed.stop else quoted
        return own[: len(cells)]

    def _named(self, cells: list[str]) -> Cells:
        """Return what the columns hold, without those that hold nothing."""
        found: Cells = {}
        for field, at in self._sheet.places.items():
            if at < len(cells) and cells[at]:
                cell = bare(cells[at])
                if cell:
                    found[field] = cell
        for field, others in self._sheet.spares.items():
            known = (bare(cells[at]) for at in others if at < len(cells))
            if field not in found and (cell := next(filter(None, known), None)):
                found[field] = cell
        return found

    def _header_of(self, field: Field) -> str:
        return self._sheet.header[self._sheet.places[field]]

    def _fail(self, row: int, code: RowProblem, message: str, cells: Cells) -> None:
        record = self._sheet.records[row - self._sheet.first_row]
        isbn = next((cells[field] for field in NUMBERS_OF_BOOKS if field in cells), "")
        self.errors.append(
            RowError(
                row=row,
                code=code,
                message=message,
                isbn=isbn[:_SHOWN],
                title=cells.get(Field.TITLE, "")[:_SHOWN],
                cells=tuple(self._sheet.own_cells(record)),
            )
        )

    def _warn(self, row: int, doubts: list[tuple[Doubt, str]]) -> None:
        for code, message in doubts:
            self.warnings.append(RowWarning(code=code, message=message, row=row))
