"""What comes out of an export file: books, and what became of every row that brought none.

``len(books) + len(duplicates) + len(skipped) + len(errors) == data_rows`` always holds.
Rows are numbered as records, blank ones left out; a header is row 1.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from bookstrack.model.enums import EditionFormat


class Format(StrEnum):
    """Where an export comes from."""

    GOODREADS = "goodreads"
    STORYGRAPH = "storygraph"
    LIBRARYTHING = "librarything"
    CALIBRE = "calibre"
    BOOKWYRM = "bookwyrm"
    HARDCOVER = "hardcover"
    OPEN_LIBRARY = "openlibrary"
    OPENREADS = "openreads"
    GENERIC = "generic"


class Certainty(StrEnum):
    """How sure it is what the columns hold: ``UNCERTAIN`` files are worth asking an AI about."""

    EXACT = "exact"
    RECOGNISED = "recognised"
    UNCERTAIN = "uncertain"


class ReadingStatus(StrEnum):
    """Where a book stands in a reader's library."""

    WANT_TO_READ = "want_to_read"
    READING = "reading"
    COMPLETED = "completed"


class RowProblem(StrEnum):
    """Why a row brought no book."""

    INVALID_ISBN = "invalid_isbn"
    MISSING_TITLE = "missing_title"
    COLUMN_COUNT = "column_count"
    CELL_TOO_LONG = "cell_too_long"
    NEEDS_LOOKUP = "needs_lookup"


class SkipReason(StrEnum):
    """Why a row was left out on purpose."""

    NOT_A_BOOK = "not_a_book"
    IGNORED = "ignored"
    DELETED = "deleted"


class Doubt(StrEnum):
    """What was repaired, dropped or guessed in a row that brought a book, or in the file."""

    INVALID_ISBN = "invalid_isbn"
    RUINED_ISBN = "ruined_isbn"
    REPAIRED_ROW = "repaired_row"
    CUT_CELL = "cut_cell"
    FINISHED_BEFORE_START = "finished_before_start"
    DATE_IN_FUTURE = "date_in_future"
    UNREADABLE_DATE = "unreadable_date"
    AMBIGUOUS_DATES = "ambiguous_dates"
    DAMAGED_TEXT = "damaged_text"


class Contributor(Struct, frozen=True):
    """Somebody who took part without being the author; ``role`` as the file says it."""

    name: str
    role: str | None = None


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the reader has to say about a book.

    ``source_status`` is the file's own word. ``rating`` is 1 to 5 stars, ``rating_exact`` the
    same before rounding. Dates are ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``. ``tags`` are shelves
    and labels, without those that only say the status.
    """

    status: ReadingStatus | None = None
    source_status: str | None = None
    rating: int | None = None
    rating_exact: float | None = None
    date_added: str | None = None
    date_started: str | None = None
    date_finished: str | None = None
    review: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()


class ImportedBook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One book of the file, with what every row about it said.

    ``rows`` are the rows it came from, the first one kept and later ones merged into it.
    ``isbn`` is a valid ISBN-13; ``isbn_raw`` is what the cell held, valid or not. ``year`` and
    ``original_year`` may be negative (before Christ); ``published`` is the date of this edition
    as far as known. ``external_ids`` are keyed by scheme (``goodreads``, ``openLibraryWork``…).
    ``low_confidence`` marks a title without author: only one clear match may enrich it.
    """

    rows: tuple[int, ...]
    title: str | None = None
    subtitle: str | None = None
    authors: tuple[str, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    isbn: str | None = None
    isbn_raw: str | None = None
    publisher: str | None = None
    published: str | None = None
    year: int | None = None
    original_year: int | None = None
    pages: int | None = None
    language: str | None = None
    format: EditionFormat | None = None
    series: str | None = None
    series_number: str | None = None
    description: str | None = None
    external_ids: dict[str, str] = field(default_factory=dict[str, str])
    reading: Reading = Reading()
    low_confidence: bool = False

    @property
    def row(self) -> int:
        """Return the number of the first row."""
        return self.rows[0]

    @property
    def needs_lookup(self) -> bool:
        """Tell whether a key is all that is known: neither a title nor an ISBN."""
        return self.title is None and self.isbn is None


class RowError(Struct, frozen=True, kw_only=True):
    """A row that brought no book. ``isbn`` and ``title`` are raw, empty where there is none."""

    row: int
    code: RowProblem
    message: str
    isbn: str = ""
    title: str = ""
    cells: tuple[str, ...] = ()


class SkippedRow(Struct, frozen=True, kw_only=True):
    """A row left out on purpose."""

    row: int
    reason: SkipReason
    title: str = ""
    cells: tuple[str, ...] = ()


class DuplicateRow(Struct, frozen=True, kw_only=True):
    """A row merged into the book whose first row is ``of``."""

    row: int
    of: int


class RowWarning(Struct, frozen=True, kw_only=True):
    """Something to know about a row, or about the whole file where ``row`` is ``None``."""

    code: Doubt
    message: str
    row: int | None = None


class Outline(Struct, frozen=True, kw_only=True):
    """What a file is, before its rows are read.

    ``delimiter`` is empty for a bare list. ``columns`` tells for each recognised field the header
    it was found under; ``has_header`` is false where columns were told by what they hold.
    """

    format: Format
    encoding: str
    repaired_bytes: int
    delimiter: str
    has_header: bool
    header: tuple[str, ...]
    columns: dict[str, str]
    certainty: Certainty
    data_rows: int


class Table(Struct, frozen=True, kw_only=True):
    """A file whose cells are not interpreted: pairs of row number and cells."""

    outline: Outline
    rows: tuple[tuple[int, tuple[str, ...]], ...]


class Export(Outline, frozen=True, kw_only=True):
    """A file that was read. ``books`` and the other lists are in the order of their rows."""

    books: tuple[ImportedBook, ...] = ()
    duplicates: tuple[DuplicateRow, ...] = ()
    skipped: tuple[SkippedRow, ...] = ()
    errors: tuple[RowError, ...] = ()
    warnings: tuple[RowWarning, ...] = ()
