"""The pipeline ``ai_scan``: photos of shelves, read, merged into books, each book looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from bookstrack.enrichment.enricher import Enricher, Lookups
from bookstrack.errors import JobFailed, StorageProblem
from bookstrack.jobs.context import Context
from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.job import Item, ItemResult, ItemState, Job, PipelineName
from bookstrack.pipelines import scan_items, scan_results
from bookstrack.pipelines.scan_enrichment import enriched
from bookstrack.pipelines.scan_items import Book, Scan
from bookstrack.pipelines.scan_photos import PhotoWork, now_ms
from bookstrack.pipelines.scan_readers import AUTO, Readers
from bookstrack.pipelines.scan_spines import Spines
from bookstrack.pipelines.scan_tally import STORED, Tally, counted
from bookstrack.readers.keeping import AnswerCache
from bookstrack.scans.detection import Detection
from bookstrack.storage.blobs import Blobs

log = structlog.get_logger(__name__)

SINGLE_FAILED = "E_AI_SCAN_FAILED"
BATCH_FAILED = "E_BATCH_SCAN_FAILED"

_PHOTOS_AT_ONCE = 5
_LAST_ANSWERS_S = 1.2
"""So long after a cancel answers that were asked for before may come, below the 2 s of [C2]."""
_encode = msgspec.json.Encoder().encode


class ScanParts(Struct, frozen=True, kw_only=True):
    """What scans work with; ``at_once`` books are looked up at the same time."""

    readers: Readers
    enricher: Enricher
    answers: AnswerCache
    blobs: Blobs
    at_once: int
    keep_photos: bool = True


class BookshelfScan:
    """Reads all photos of a job at the same time, then looks up each book once."""

    name: PipelineName = PipelineName.AI_SCAN

    def __init__(self, parts: ScanParts) -> None:
        self._parts = parts

    async def run(self, ctx: Context) -> Outcome:
        """Read the photos that are left, then look up the books that are left.

        Raises:
            JobFailed: no photo could be read.
        """
        scan = scan_items.decode(await ctx.items())
        tally = Tally(scan)
        await self._read_photos(ctx, scan, tally)
        scan = scan_items.decode(await ctx.items())
        if not self._parts.keep_photos:
            await self._drop(ctx, scan)
        _check_read(ctx.job, scan)
        scan = await self._announce_books(ctx, scan, tally)
        await self._look_up(ctx, scan, tally)
        scan = scan_items.decode(await ctx.items())
        return scan_results.outcome(ctx.job, scan, spines=True)

    def outcome(self, job: Job, items: Sequence[Item]) -> Outcome:
        """Return the books seen so far, those not looked up yet as pending.

        Whoever stops a scan deletes its pictures, so there is no address of one.
        """
        return scan_results.outcome(job, scan_items.decode(items))

    async def _read_photos(self, ctx: Context, scan: Scan, tally: Tally) -> None:
        left = [photo for photo in scan.photos if photo.result is None]
        if not left:
            return
        readers = self._parts.readers.chosen(str(ctx.job.options.get("provider", AUTO)))
        if not readers:
            raise JobFailed(
                SINGLE_FAILED if tally.single else BATCH_FAILED,
                "This server has nothing that reads photos",
                retryable=False,
                details={"jobId": ctx.job.id, "stage": "analyzing"},
            )
        first = "Analyzing image quality..." if tally.single else "Photos are stored"
        await ctx.emit(
            progress=STORED, message=first, stage="analyzing", extra=tally.facts(), important=True
        )
        parts = self._parts
        work = PhotoWork(
            ctx,
            readers,
            answers=parts.answers,
            tally=tally,
            spines=Spines(ctx, parts.blobs) if parts.keep_photos else None,
        )
        # One that reads on this machine's own processors has no use for several at a time.
        alone = readers[0] is parts.readers.ocr
        await ctx.each(
            left, work.read, at_once=1 if alone else _PHOTOS_AT_ONCE, grace_s=_LAST_ANSWERS_S
        )

    async def _announce_books(self, ctx: Context, scan: Scan, tally: Tally) -> Scan:
        if not scan.books:
            books = await scan_items.new_books(scan, scan_results.threshold_of(ctx.job))
            await ctx.add_items(books, start=len(scan.photos))
            scan = scan_items.decode(await ctx.items())
        count = len(scan.books)
        await ctx.emit(
            progress=tally.detected_progress,
            message=f"Detected {counted(count)}, enriching data...",
            stage="enriching",
            total=len(scan.photos) + count,
            extra={**tally.facts(), "booksUnique": count},
            important=True,
        )
        return scan

    async def _look_up(self, ctx: Context, scan: Scan, tally: Tally) -> None:
        left = [book for book in scan.books if book.result is None]
        lookups = self._parts.enricher.lookups()
        done, count = len(scan.books) - len(left), len(scan.books)

        async def work(book: Book) -> None:
            nonlocal done
            result = await _looked_up(ctx, lookups, book.seen.detection)
            done += 1
            await ctx.done(
                _stored(book, result),
                ok=result.error is None or result.status == "not_found",
                progress=tally.sought(done, count),
                message=f"Enriched {done}/{counted(count)}",
            )

        try:
            await ctx.each(left, work, at_once=self._parts.at_once)
        except BaseException:
            lookups.drop()
            raise
        lookups.finish()

    async def _drop(self, ctx: Context, scan: Scan) -> None:
        """Delete the photos of a server that keeps none; the broom tries again."""
        gone: list[str] = []
        for given in (photo.input for photo in scan.photos if photo.input.path):
            try:
                await self._parts.blobs.delete(given.path)
                gone.append(given.name)
            except StorageProblem as problem:
                log.warning("photo_left", path=given.path, problem=problem.message)
        await ctx.forget_blobs(gone)


async def _looked_up(ctx: Context, lookups: Lookups, detection: Detection) -> scan_items.BookResult:
    found = await enriched(lookups, detection, at_ms=0)
    return msgspec.structs.replace(found, ended=now_ms(ctx))


def _stored(book: Book, result: scan_items.BookResult) -> ItemResult:
    assert book.item is not None  # noqa: S101 books of stored items
    return ItemResult(index=book.item.index, state=ItemState.DONE, result=_encode(result))


def _check_read(job: Job, scan: Scan) -> None:
    """Let a scan go on of which at least one photo was read.

    Raises:
        JobFailed: none was.
    """
    unread = [photo.result for photo in scan.photos if photo.result and photo.result.error]
    if len(unread) < len(scan.photos) or not unread:
        return
    retryable = any(result.retryable for result in unread)
    first = unread[0]
    if len(scan.photos) == 1:
        details: dict[str, Any] = {"jobId": job.id, "stage": "reading", "reason": first.code}
        raise JobFailed(
            SINGLE_FAILED,
            f"The photo could not be read: {first.error}",
            retryable=retryable,
            details=details,
        )
    photos = [
        {"index": photo.input.index, "code": photo.result.code, "error": photo.result.error}
        for photo in scan.photos
        if photo.result
    ]
    raise JobFailed(
        BATCH_FAILED,
        "None of the photos could be read",
        retryable=retryable,
        details={"photos": photos},
    )
