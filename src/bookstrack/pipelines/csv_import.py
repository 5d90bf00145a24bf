"""The pipeline ``csv_import``: an export file in, its books in the catalogue (jobs §9.2).

Its items are the rows of the file, known once it is parsed; the first carries what was found out
about the file. Rows that are no books end at once, books as they are looked up and stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from bookstrack.enrichment.by_key import KeyLookup
from bookstrack.enrichment.enricher import Enricher
from bookstrack.errors import StorageProblem
from bookstrack.jobs.context import Context
from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.job import Item, ItemResult, ItemState, Job, PipelineName
from bookstrack.pipelines.csv_books import own_key
from bookstrack.pipelines.csv_inputs import cells_of, inputs_of
from bookstrack.pipelines.csv_reading import FileReader, ReadFile
from bookstrack.pipelines.csv_results import no_books, outcome_of
from bookstrack.pipelines.csv_rows import Fate, ImportOptions, Kept, RowInput
from bookstrack.pipelines.csv_storing import DryShelf, Shelf
from bookstrack.pipelines.csv_work import PARSED, STORING, Work
from bookstrack.storage.database.imported import ImportedBooks

log = structlog.get_logger(__name__)

FILE = "csv"
"""The name of the blob that is the uploaded file."""

_STATES = {
    Fate.DUPLICATE: ItemState.DONE,
    Fate.SKIPPED: ItemState.SKIPPED,
    Fate.ERROR: ItemState.ERROR,
}
_encode = msgspec.json.Encoder().encode
_NOTHING = _encode(Kept())
_INPUT = msgspec.json.Decoder(RowInput)
_KEPT = msgspec.json.Decoder(Kept)


class CsvImport:
    """Parses a file, looks its books up ``at_once`` at a time, and stores them."""

    name: PipelineName = PipelineName.CSV_IMPORT

    def __init__(
        self,
        reader: FileReader,
        enricher: Enricher,
        keys: KeyLookup,
        *,
        rows: ImportedBooks,
        at_once: int,
    ) -> None:
        self._reader = reader
        self._enricher = enricher
        self._keys = keys
        self._rows = rows
        self._at_once = at_once

    async def run(self, ctx: Context) -> Outcome:
        """Parse the file unless that is done, then take in the rows that are left.

        Raises:
            JobFailed: nothing can be read from the file, or a demanded AI failed.
        """
        options = msgspec.convert(ctx.job.options, ImportOptions)
        items = await ctx.items()
        if not items:
            await self._parse(ctx, options)
            items = await ctx.items()
        rows = [_INPUT.decode(item.input) for item in items]
        await _end_others(ctx, items, rows)
        if not any(row.fate is Fate.BOOK for row in rows):
            return Outcome(results=b"{}", succeeded=0, failed=len(rows), fault=no_books(rows))
        left = [
            (item.index, row)
            for item, row in zip(items, rows, strict=True)
            if row.fate is Fate.BOOK and item.state in (ItemState.PENDING, ItemState.RUNNING)
        ]
        work = Work(
            ctx,
            options,
            rows,
            shelf=DryShelf() if options.dry_run else self._shelf(ctx.job, items, rows[0]),
            cells=_Cells(ctx, options),
            at_once=self._at_once,
        )
        if options.dry_run or not options.enrich:
            await work.without_lookups(left)
        else:
            await work.with_lookups(left, self._enricher.lookups(), self._keys)
        await ctx.emit(progress=STORING, message="Storing books", stage="storing")
        await _forget_file(ctx)
        return await asyncio.to_thread(
            outcome_of,
            ctx.job,
            await ctx.items(),
            now=ctx.clock.time(),
            dry_run=options.dry_run,
        )

    def _shelf(self, job: Job, items: Sequence[Item], first: RowInput) -> Shelf:
        seen = [_KEPT.decode(item.result).key for item in items if item.result]
        before = first.file.before if first.file is not None else ()
        return Shelf(self._rows, job, before=before, seen=filter(None, seen))

    def outcome(self, job: Job, items: Sequence[Item]) -> Outcome:
        """Return what the rows that have ended have come to."""
        options = msgspec.convert(job.options, ImportOptions)
        now = job.cancel_requested_at or job.updated_at
        return outcome_of(job, items, now=now, dry_run=options.dry_run)

    async def _parse(self, ctx: Context, options: ImportOptions) -> None:
        await ctx.emit(
            progress=0.02, message="Checking the file", stage="validating", important=True
        )
        data = await ctx.blob(FILE)
        await ctx.emit(progress=0.05, message="Reading the file", stage="parsing", important=True)
        lookup = options.enrich and not options.dry_run
        read = await self._reader.read(data, options, lookup=lookup, keep=ctx.checkpoint)
        inputs = await self._inputs(ctx.job, data, read, options)
        await ctx.add_items(inputs, start=0)
        await ctx.emit(
            progress=PARSED,
            message=f"Found {len(read.export.books)} books in {len(inputs)} rows",
            stage="parsed",
            total=len(inputs),
            important=True,
        )

    async def _inputs(
        self, job: Job, data: bytes, read: ReadFile, options: ImportOptions
    ) -> list[bytes]:
        held = await self._rows.held([own_key(book) for book in read.export.books])
        return await asyncio.to_thread(
            inputs_of,
            data,
            read,
            options,
            held={key: one.empty for key, one in held.items()},
            before=await self._rows.made_since(int(job.created_at)),
        )


class _Cells:
    """The original cells of rows: the file is read again once somebody needs them."""

    def __init__(self, ctx: Context, options: ImportOptions) -> None:
        self._ctx = ctx
        self._options = options
        self._known: dict[int, tuple[str, ...]] | None = None

    async def __call__(self, row: int) -> tuple[str, ...]:
        if self._known is None:
            data = await self._ctx.blob(FILE)
            self._known = await asyncio.to_thread(cells_of, data, self._options)
        return self._known.get(row, ())


async def _forget_file(ctx: Context) -> None:
    """Delete the file, whose rows are all kept; one that stays goes with the job."""
    try:
        await ctx.discard_blob(FILE)
    except StorageProblem as problem:
        log.warning("import_file_left", problem=problem.message)


async def _end_others(ctx: Context, items: Sequence[Item], rows: Sequence[RowInput]) -> None:
    """End the rows that brought no book of their own."""
    results = [
        ItemResult(index=item.index, state=_STATES[row.fate], result=_NOTHING)
        for item, row in zip(items, rows, strict=True)
        if row.fate is not Fate.BOOK and item.state in (ItemState.PENDING, ItemState.RUNNING)
    ]
    await ctx.ended(results, progress=PARSED, message="Reading the file")
