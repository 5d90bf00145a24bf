"""Rows of an export file as items of a job: what is stored of each before and after the work."""

from __future__ import annotations

from enum import StrEnum

from msgspec import UNSET, Raw, Struct, UnsetType

from bookstrack.enrichment.books import EnrichmentStatus
from bookstrack.imports.export import ImportedBook
from bookstrack.model.naming import camel_name


class Fate(StrEnum):
    """What parsing made of a row."""

    BOOK = "book"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    ERROR = "error"


class Verdict(StrEnum):
    """What a book meant for our catalogue: new, fuller than before, or nothing new."""

    CREATED = "created"
    UPDATED = "updated"
    KNOWN = "known"


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to know about a row, or about the whole file where there is no ``row``."""

    code: str
    message: str
    row: int | None = None


class FileFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found out about the file. ``columns`` are headers by field.

    ``before`` are the keys of books that came into the catalogue after the job was made, but
    before it stored anything.
    """

    format: str
    encoding: str
    delimiter: str
    parser: str
    columns: dict[str, str]
    header: tuple[str, ...]
    repaired_bytes: int = 0
    warnings: tuple[Note, ...] = ()
    before: tuple[str, ...] = ()


class RowInput(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row as it goes into the work; the first of a file carries the facts of the file.

    ``held`` says what we knew of the book before the job: ``None`` nothing, else which columns
    were empty. ``code`` and ``message`` say why a row brought no book; ``isbn``, ``title`` and
    ``cells`` are raw.
    """

    row: int
    fate: Fate
    book: ImportedBook | None = None
    held: tuple[str, ...] | None = None
    code: str = ""
    message: str = ""
    isbn: str = ""
    title: str = ""
    cells: tuple[str, ...] = ()
    file: FileFacts | None = None


class Kept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a row with a book.

    ``book`` is its encoded entry in the results, ``key`` the one it goes by in the catalogue.
    With ``code`` and ``message`` it brought none after all; ``cells`` are then the original
    ones, unless they stand in the input.
    """

    verdict: Verdict | None = None
    status: EnrichmentStatus | None = None
    key: str = ""
    book: Raw | UnsetType = UNSET
    code: str = ""
    message: str = ""
    cells: tuple[str, ...] = ()


class ImportOptions(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What was asked for, as it stands in the row of the job.

    ``parser`` is ``auto``, ``deterministic`` or ``ai``; ``charset`` that of the upload.
    """

    parser: str = "auto"
    format: str | None = None
    enrich: bool = True
    dry_run: bool = False
    on_duplicate: str = "skip"
    charset: str | None = None
