"""What an import has come to, made of its rows alone (imports-and-scans §1.9, jobs §9.2). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, field

from bookstrack.enrichment.books import EnrichmentStatus
from bookstrack.imports.export import ImportedBook
from bookstrack.imports.writing import RejectedRow
from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.job import Fault, Item, Job, PipelineName
from bookstrack.model.naming import camel_name
from bookstrack.pipelines.csv_rows import Fate, FileFacts, Kept, Note, RowInput, Verdict

MOST_ERRORS = 1000
_MOST_SHOWN = 20
_encode = msgspec.json.Encoder().encode
_INPUT = msgspec.json.Decoder(RowInput)
_KEPT = msgspec.json.Decoder(Kept)


class RowFault(Struct, frozen=True, kw_only=True, rename=camel_name):
    """A row that brought no book; ``isbn`` and ``title`` are raw, empty where there is none."""

    row: int
    isbn: str
    title: str
    error: str
    code: str


class Skipped(Struct, frozen=True, kw_only=True):
    """How many rows were left out on purpose, and why."""

    count: int
    reasons: dict[str, int]


class LibraryEntry(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """What the reader has to say about a book; ``isbn`` is its key in the catalogue."""

    row: int
    isbn: str
    status: str | None = None
    source_status: str | None = None
    rating: int | None = None
    rating_exact: float | None = None
    date_added: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    review: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()


class Rejected(Struct, frozen=True, kw_only=True):
    """All rows that brought no book, under the header of the file."""

    header: tuple[str, ...]
    rows: list[RejectedRow]


class ImportResults(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The results of an import as they are stored; ``timestamp`` in epoch ms.

    ``books_created + books_updated + duplicates_skipped + skipped.count`` and the number of all
    errors are the rows that have ended.
    """

    job_id: str
    pipeline: PipelineName
    books_created: int
    books_updated: int
    duplicates_skipped: int
    enrichment_succeeded: int
    enrichment_failed: int
    errors: list[RowFault]
    error_count: int
    errors_truncated: bool = field(default_factory=bool)
    books: list[Raw]
    skipped: Skipped
    warnings: tuple[Note, ...] = field(default_factory=tuple[Note, ...])
    library: list[LibraryEntry]
    format: str | None = None
    encoding: str | None = None
    repaired_bytes: int = 0
    delimiter: str | None = None
    parser: str | None = None
    columns: dict[str, str] | None = None
    dry_run: bool = field(default_factory=bool)
    success_rate: str
    timestamp: int
    rejected_rows: Rejected


class Done(Struct, frozen=True):
    """A row that has ended: what went in, and what came out where it had a book."""

    input: RowInput
    kept: Kept

    @property
    def brought_none(self) -> bool:
        """Tell whether the row is an error."""
        return self.input.fate is Fate.ERROR or bool(self.kept.code)


_NO_WORK = Kept()


def outcome_of(job: Job, items: Sequence[Item], *, now: float, dry_run: bool) -> Outcome:
    """Return what an import has come to so far; ``now`` in epoch seconds."""
    rows = sorted(items, key=lambda item: item.index)
    done = [_done(item) for item in rows if item.result is not None]
    facts = _INPUT.decode(rows[0].input).file if rows else None
    results = _results(job, done, facts, now=now, dry_run=dry_run, total=len(rows) or job.total)
    failed = results.error_count
    succeeded = len(done) - failed - results.skipped.count
    return Outcome(
        results=_encode(results),
        succeeded=succeeded,
        failed=failed,
        processed=len(done),
        extra={"booksCount": len(results.books), "successRate": results.success_rate},
    )


def no_books(rows: Sequence[RowInput]) -> Fault:
    """Return why a file without a single book fails, with the first of its faults."""
    faults = [_fault(Done(row, _NO_WORK)) for row in rows if row.fate is Fate.ERROR]
    skipped = sum(row.fate is Fate.SKIPPED for row in rows)
    details: dict[str, Any] = {
        "rows": len(rows),
        "skipped": skipped,
        "errorCount": len(faults),
        "errors": msgspec.to_builtins(faults[:_MOST_SHOWN]),
    }
    return Fault(
        code="E_CSV_NO_BOOKS",
        message="No valid books found in CSV",
        retryable=False,
        details=details,
    )


def _done(item: Item) -> Done:
    kept = _KEPT.decode(item.result) if item.result else _NO_WORK
    return Done(_INPUT.decode(item.input), kept)


def _results(
    job: Job,
    done: Sequence[Done],
    facts: FileFacts | None,
    *,
    now: float,
    dry_run: bool,
    total: int,
) -> ImportResults:
    verdicts = Counter(one.kept.verdict for one in done)
    doubles = sum(one.input.fate is Fate.DUPLICATE for one in done)
    errors = [one for one in done if one.brought_none]
    skipped = Counter(one.input.code for one in done if one.input.fate is Fate.SKIPPED)
    statuses = Counter(one.kept.status for one in done)
    looked_up = sum(count for status, count in statuses.items() if status is not None)
    found = statuses[EnrichmentStatus.SUCCESS]
    usable = len(done) - len(errors) - skipped.total()
    return ImportResults(
        job_id=job.id,
        pipeline=PipelineName.CSV_IMPORT,
        books_created=verdicts[Verdict.CREATED],
        books_updated=verdicts[Verdict.UPDATED],
        duplicates_skipped=verdicts[Verdict.KNOWN] + doubles,
        enrichment_succeeded=found,
        enrichment_failed=looked_up - found,
        errors=[_fault(one) for one in errors[:MOST_ERRORS]],
        error_count=len(errors),
        errors_truncated=len(errors) > MOST_ERRORS,
        books=[one.kept.book for one in done if one.kept.book is not UNSET],
        skipped=Skipped(count=skipped.total(), reasons=dict(skipped)),
        library=[
            _entry(one.input.book, one)
            for one in done
            if one.input.book is not None and not one.brought_none
        ],
        dry_run=dry_run,
        success_rate=f"{usable}/{total}",
        timestamp=round(now * 1000),
        rejected_rows=_rejected(done, facts),
        **_described(facts),
    )


def _described(facts: FileFacts | None) -> dict[str, Any]:
    if facts is None:
        return {}
    names = ("format", "encoding", "repaired_bytes", "delimiter", "parser", "columns", "warnings")
    return {name: getattr(facts, name) for name in names}


def _fault(one: Done) -> RowFault:
    row = one.input
    return RowFault(
        row=row.row,
        isbn=row.isbn,
        title=row.title,
        error=one.kept.message or row.message,
        code=one.kept.code or row.code,
    )


def _entry(book: ImportedBook, one: Done) -> LibraryEntry:
    said = book.reading
    return LibraryEntry(
        row=one.input.row,
        isbn=one.kept.key,
        status=said.status,
        source_status=said.source_status,
        rating=said.rating,
        rating_exact=said.rating_exact,
        date_added=said.date_added,
        started_at=said.date_started,
        completed_at=said.date_finished,
        review=said.review,
        notes=said.notes,
        tags=said.tags,
    )


def _rejected(done: Iterable[Done], facts: FileFacts | None) -> Rejected:
    rows = [
        RejectedRow(
            row=one.input.row,
            code=one.kept.code or one.input.code,
            error=one.kept.message or one.input.message,
            cells=one.kept.cells or one.input.cells,
        )
        for one in done
        if one.brought_none or one.input.fate is Fate.SKIPPED
    ]
    return Rejected(header=() if facts is None else facts.header, rows=rows)
