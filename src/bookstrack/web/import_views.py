"""Imports as their clients decode them: results, the preview, and the rejected rows as CSV."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from bookstrack.imports.export import Export, ImportedBook, Reading
from bookstrack.imports.writing import rejected_csv
from bookstrack.model.job import PipelineName, Summary
from bookstrack.model.naming import camel_name
from bookstrack.pipelines.csv_books import ResultBook
from bookstrack.pipelines.csv_results import LibraryEntry, Rejected, RowFault, Skipped
from bookstrack.pipelines.csv_rows import Note
from bookstrack.web.envelope import encode

_REJECTED = "rejectedRows"
_NEWEST = "/api/v2/imports/{job_id}/results"
_FAULTS = msgspec.json.Decoder(list[RowFault])
_SUMMARY = msgspec.json.Decoder(Summary)
_REJECTED_ROWS = msgspec.json.Decoder(Rejected)


class ImportResults(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The results of an import; ``errors`` are texts for one client, ``timestamp`` epoch ms."""

    job_id: str
    pipeline: PipelineName
    status: str
    books_created: int
    books_updated: int
    duplicates_skipped: int
    enrichment_succeeded: int
    enrichment_failed: int
    errors: tuple[RowFault | str, ...]
    error_count: int
    errors_truncated: bool = field(default_factory=bool)
    books: tuple[ResultBook, ...]
    results: tuple[ResultBook, ...] | None = None
    skipped: Skipped
    warnings: tuple[Note, ...] = field(default_factory=tuple[Note, ...])
    library: tuple[LibraryEntry, ...]
    format: str | None = None
    encoding: str | None = None
    repaired_bytes: int = 0
    delimiter: str | None = None
    parser: str | None = None
    columns: dict[str, str] | None = None
    dry_run: bool = field(default_factory=bool)
    success_rate: str
    timestamp: int
    duration_ms: int | None = None
    summary: Summary | None = None
    partial: bool | None = None
    expires_at: str


def import_view(results: dict[str, Raw], *, path: str, texts: bool) -> dict[str, Raw]:
    """Return stored results as they are sent; ``texts`` for the client that wants errors so."""
    shown = {name: value for name, value in results.items() if name != _REJECTED}
    if texts and "errors" in shown:
        faults = _FAULTS.decode(shown["errors"])
        shown["errors"] = Raw(encode([f"Row {fault.row}: {fault.error}" for fault in faults]))
    if path == _NEWEST and "books" in shown:
        shown["results"] = shown["books"]
    if "summary" in shown:
        shown["durationMs"] = Raw(encode(_SUMMARY.decode(shown["summary"]).duration))
    return shown


def rejected_file(results: dict[str, Raw]) -> bytes:
    """Return every row that brought no book, as it was, with its number and what was wrong."""
    rejected = _REJECTED_ROWS.decode(results[_REJECTED])
    return rejected_csv(rejected.header, rejected.rows)


class PreviewBook(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """A book as the file tells it; ``reading`` is what the reader says of it."""

    row: int
    title: str | None = None
    subtitle: str | None = None
    authors: tuple[str, ...] = field(default_factory=tuple[str, ...])
    isbn: str | None = None
    publisher: str | None = None
    published_date: str | None = None
    publication_year: int | None = None
    page_count: int | None = None
    language: str | None = None
    format: str | None = None
    series: str | None = None
    series_number: str | None = None
    external_ids: dict[str, str] = field(default_factory=dict[str, str])
    low_confidence: bool = field(default_factory=bool)
    reading: dict[str, Any] = field(default_factory=dict[str, Any])


class Preview(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What a file is and what its first rows hold; ``total_count`` are all its data rows."""

    format: str
    encoding: str
    repaired_bytes: int = 0
    delimiter: str
    has_header: bool
    header: tuple[str, ...]
    columns: dict[str, str]
    certainty: str
    parser: str
    total_count: int
    previewed_rows: int
    books: tuple[PreviewBook, ...]
    errors: tuple[RowFault, ...]
    skipped: Skipped
    duplicates_skipped: int
    warnings: tuple[Note, ...]


def preview_of(first: Export, *, total: int, parser: str) -> Preview:
    """Return the preview of a file whose first rows were read."""
    reasons: dict[str, int] = {}
    for one in first.skipped:
        reasons[one.reason.value] = reasons.get(one.reason.value, 0) + 1
    return Preview(
        format=first.format.value,
        encoding=first.encoding,
        repaired_bytes=first.repaired_bytes,
        delimiter=first.delimiter,
        has_header=first.has_header,
        header=first.header,
        columns=first.columns,
        certainty=first.certainty.value,
        parser=parser,
        total_count=total,
        previewed_rows=first.data_rows,
        books=tuple(map(_book, first.books)),
        errors=tuple(
            RowFault(
                row=one.row, isbn=one.isbn, title=one.title, error=one.message, code=one.code.value
            )
            for one in first.errors
        ),
        skipped=Skipped(count=len(first.skipped), reasons=reasons),
        duplicates_skipped=len(first.duplicates),
        warnings=tuple(
            Note(code=one.code.value, message=one.message, row=one.row) for one in first.warnings
        ),
    )


def _book(book: ImportedBook) -> PreviewBook:
    return PreviewBook(
        row=book.row,
        title=book.title,
        subtitle=book.subtitle,
        authors=book.authors,
        isbn=book.isbn,
        publisher=book.publisher,
        published_date=book.published,
        publication_year=book.year,
        page_count=book.pages,
        language=book.language,
        format=book.format,
        series=book.series,
        series_number=book.series_number,
        external_ids=book.external_ids,
        low_confidence=book.low_confidence,
        reading=_reading(book.reading),
    )


def _reading(said: Reading) -> dict[str, Any]:
    found = msgspec.to_builtins(said)
    return {camel_name(name): value for name, value in found.items()}
