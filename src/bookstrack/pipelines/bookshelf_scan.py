"""The pipeline ``ai_scan``: photos of shelves, read, merged into books, each book looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from bookstrack.enrichment.enricher import Enricher, Lookups
from bookstrack.errors import (
    BooksTrackError,
    JobCanceled,
    JobFailed,
    LeaseLost,
    StorageProblem,
)
from bookstrack.jobs.context import Context
from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.job import Item, ItemResult, ItemState, Job, PipelineName
from bookstrack.pipelines import scan_items, scan_results
from bookstrack.pipelines.scan_enrichment import enriched
from bookstrack.pipelines.scan_items import Book, Photo, PhotoResult, Scan
from bookstrack.pipelines.scan_readers import AUTO, Readers, fault_of, look, read_by
from bookstrack.readers.keeping import AnswerCache, within
from bookstrack.readers.shelf import ShelfReader
from bookstrack.scans.detection import Detection
from bookstrack.scans.kinds import Kind
from bookstrack.scans.picture import CheckedPicture
from bookstrack.scans.results import with_barcodes
from bookstrack.storage.blobs import Blobs

log = structlog.get_logger(__name__)

SINGLE_FAILED = "E_AI_SCAN_FAILED"
BATCH_FAILED = "E_BATCH_SCAN_FAILED"

_PHOTOS_AT_ONCE = 5
_STORED, _READ, _SOUGHT = 0.1, 0.8, 0.99
_SINGLE_READING, _SINGLE_READ, _SINGLE_SEEKING, _SINGLE_SOUGHT = 0.3, 0.5, 0.7, 0.95
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
        tally = _Tally(scan)
        await self._read_photos(ctx, scan, tally)
        scan = scan_items.decode(await ctx.items())
        if not self._parts.keep_photos:
            await self._drop(scan)
        _check_read(ctx.job, scan)
        scan = await self._announce_books(ctx, scan, tally)
        await self._look_up(ctx, scan, tally)
        return self.outcome(ctx.job, await ctx.items())

    def outcome(self, job: Job, items: Sequence[Item]) -> Outcome:
        """Return the books seen so far, those not looked up yet as pending."""
        return scan_results.outcome(job, scan_items.decode(items))

    async def _read_photos(self, ctx: Context, scan: Scan, tally: _Tally) -> None:
        left = [photo for photo in scan.photos if photo.result is None]
        if not left:
            return
        readers = self._parts.readers.chosen(str(ctx.job.options.get("provider", AUTO)))
        if not readers:
            raise JobFailed(
                SINGLE_FAILED if tally.single else BATCH_FAILED,
                "This server has nothing that reads photos",
                retryable=False,
            )
        first = "Analyzing image quality..." if tally.single else "Photos are stored"
        await ctx.emit(
            progress=_STORED, message=first, stage="analyzing", extra=tally.facts(), important=True
        )

        async def work(photo: Photo) -> None:
            await self._read_photo(ctx, photo, readers, tally)

        # One that reads on this machine's own processors has no use for several at a time.
        alone = readers[0] is self._parts.readers.ocr
        await ctx.each(left, work, at_once=1 if alone else _PHOTOS_AT_ONCE)

    async def _read_photo(
        self, ctx: Context, photo: Photo, readers: tuple[ShelfReader, ...], tally: _Tally
    ) -> None:
        """Read a photo; whatever is wrong with it is its own error and no other photo's."""
        began, looked = _now_ms(ctx), None
        try:
            picture = await _picture(ctx, photo)
            looked = await look(picture)
            await self._begin(ctx, photo, readers[0], tally)
            keep = within(ctx.checkpoint, self._parts.answers.keep)
            reader, reading = await read_by(readers, picture, keep=keep)
        except (JobCanceled, LeaseLost, StorageProblem):
            raise
        except Exception as problem:
            if not isinstance(problem, BooksTrackError):
                log.exception("photo_broke_reader", job_id=ctx.job.id)
            fault = fault_of(problem)
            log.info("photo_unread", job_id=ctx.job.id, code=fault.code, problem=fault.message)
            result = PhotoResult(
                quality=looked.quality if looked else None,
                code=fault.code,
                error=fault.message,
                retryable=fault.retryable,
            )
        else:
            result = PhotoResult(
                detections=tuple(with_barcodes(reading.detections, looked.codes)),
                quality=looked.quality,
                reader=reader.name,
                model=reading.model,
                took_ms=reading.took_ms,
                tokens=reading.tokens if reading.tokens.total else None,
            )
        stamped = msgspec.structs.replace(result, began=began, ended=_now_ms(ctx))
        await self._photo_ended(ctx, photo, stamped, tally)

    async def _begin(self, ctx: Context, photo: Photo, reader: ShelfReader, tally: _Tally) -> None:
        tally.begin(photo)
        await ctx.emit(
            progress=_SINGLE_READING if tally.single else None,
            message=tally.reading(photo, reader),
            current_item=tally.named(photo),
            stage="reading",
            extra=tally.facts(photo),
            important=True,
        )

    async def _photo_ended(
        self, ctx: Context, photo: Photo, result: PhotoResult, tally: _Tally
    ) -> None:
        ended = msgspec.structs.replace(photo, result=result)
        tally.end(ended)
        state = ItemState.ERROR if result.error else ItemState.DONE
        stored = ItemResult(index=photo.item.index, state=state, result=_encode(result))
        progress, message = tally.read_progress, tally.ended(ended)
        facts = tally.facts(ended)
        await ctx.done(stored, ok=not result.error, progress=progress, message=message, extra=facts)
        await ctx.emit(progress=progress, message=message, extra=facts, important=True)

    async def _announce_books(self, ctx: Context, scan: Scan, tally: _Tally) -> Scan:
        if not scan.books:
            books = await scan_items.new_books(scan, scan_results.threshold_of(ctx.job))
            await ctx.add_items(books, start=len(scan.photos))
            scan = scan_items.decode(await ctx.items())
        count = len(scan.books)
        await ctx.emit(
            progress=_SINGLE_READ if tally.single else _READ,
            message=f"Detected {count} {_books(count)}, enriching data...",
            stage="enriching",
            total=len(scan.photos) + count,
            extra={**tally.facts(), "booksUnique": count},
            important=True,
        )
        return scan

    async def _look_up(self, ctx: Context, scan: Scan, tally: _Tally) -> None:
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
                message=f"Enriched {done}/{count} {_books(count)}",
            )

        try:
            await ctx.each(left, work, at_once=self._parts.at_once)
        except BaseException:
            lookups.drop()
            raise
        lookups.finish()

    async def _drop(self, scan: Scan) -> None:
        """Delete the photos of a server that keeps none; the broom tries again."""
        for photo in scan.photos:
            try:
                await self._parts.blobs.delete(photo.input.path)
            except StorageProblem as problem:
                log.warning("photo_left", path=photo.input.path, problem=problem.message)


class _Tally:
    """Where the photos of a running scan stand, and the texts that say so.

    No text holds a title, nor "error" or "fail": one client gives up on these [J11].
    """

    def __init__(self, scan: Scan) -> None:
        self._photos = {photo.input.index: photo for photo in scan.photos}
        self._places = {photo.input.index: place for place, photo in enumerate(scan.photos, 1)}
        self._begun: set[int] = set()
        self.single = len(scan.photos) == 1

    def begin(self, photo: Photo) -> None:
        self._begun.add(photo.input.index)

    def end(self, photo: Photo) -> None:
        self._photos[photo.input.index] = photo

    @property
    def _ended(self) -> list[Photo]:
        return [photo for photo in self._photos.values() if photo.result is not None]

    @property
    def read_progress(self) -> float:
        if self.single:
            return _SINGLE_READ
        return _STORED + (_READ - _STORED) * len(self._ended) / len(self._photos)

    def sought(self, done: int, count: int) -> float:
        first, last = (_SINGLE_SEEKING, _SINGLE_SOUGHT) if self.single else (_READ, _SOUGHT)
        return first + (last - first) * done / count

    def facts(self, photo: Photo | None = None) -> dict[str, Any]:
        """Return what events say of the photos; ``photo`` is the one this event is about."""
        told = [
            scan_results.photo_status(
                one, "processing" if one.result is None and index in self._begun else None
            )
            for index, one in self._photos.items()
        ]
        return {
            "processedPhotos": len(self._ended),
            "totalPhotos": len(self._photos),
            "booksDetected": sum(one.found for one in self._photos.values()),
            "photos": told,
            "currentPhoto": None if photo is None else photo.input.index,
        }

    def named(self, photo: Photo) -> str:
        return f"Photo {self._places[photo.input.index]} of {len(self._photos)}"

    def reading(self, photo: Photo, reader: ShelfReader) -> str:
        if not self.single:
            return f"Processing photo {self._places[photo.input.index]} of {len(self._photos)}..."
        name = "Gemini AI" if reader.name == "gemini" else "on-device OCR"
        return f"Processing with {name}..."

    def ended(self, photo: Photo) -> str:
        if photo.result is not None and photo.result.error:
            place = self._places[photo.input.index]
            return f"Photo {place} could not be read" + ("" if self.single else ", continuing")
        if self.single:
            return f"Found {photo.found} {_books(photo.found)}"
        place, found = self._places[photo.input.index], photo.found
        return f"Completed photo {place} of {len(self._photos)} - Found {found} {_books(found)}"


async def _picture(ctx: Context, photo: Photo) -> CheckedPicture:
    given = photo.input
    return CheckedPicture(
        body=await ctx.blob(given.name),
        width=given.width,
        height=given.height,
        sha256=given.sha256,
        kind=Kind.JPEG,
        original=(given.width, given.height),
    )


async def _looked_up(ctx: Context, lookups: Lookups, detection: Detection) -> scan_items.BookResult:
    found = await enriched(lookups, detection, at_ms=0)
    return msgspec.structs.replace(found, ended=_now_ms(ctx))


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


def _books(count: int) -> str:
    return "book" if count == 1 else "books"


def _now_ms(ctx: Context) -> int:
    return round(ctx.clock.time() * 1000)
