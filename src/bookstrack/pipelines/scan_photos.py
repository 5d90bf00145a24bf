"""Reading the photos of a scan: each for itself, so that what is wrong with one harms no other."""

from __future__ import annotations

import msgspec
import structlog

from bookstrack.errors import BooksTrackError, JobCanceled, LeaseLost, StorageProblem
from bookstrack.jobs.context import Context
from bookstrack.model.job import ItemResult, ItemState
from bookstrack.pipelines.scan_items import Photo, PhotoResult
from bookstrack.pipelines.scan_readers import (
    NOT_STORED,
    Looked,
    Read,
    fault_of,
    look,
    read_by,
)
from bookstrack.pipelines.scan_spines import Spines
from bookstrack.pipelines.scan_tally import Tally
from bookstrack.readers.keeping import AnswerCache, within
from bookstrack.readers.shelf import PhotoUnread, ShelfReader
from bookstrack.scans.kinds import Kind
from bookstrack.scans.picture import CheckedPicture
from bookstrack.scans.results import with_barcodes

log = structlog.get_logger(__name__)

_encode = msgspec.json.Encoder().encode


class PhotoWork:
    """Reads the photos of one run of a scan, by the first of the readers that can."""

    def __init__(
        self,
        ctx: Context,
        readers: tuple[ShelfReader, ...],
        *,
        answers: AnswerCache,
        tally: Tally,
        spines: Spines | None,
    ) -> None:
        """``spines`` is None where no photo is kept."""
        self._ctx = ctx
        self._readers = readers
        self._spines = spines
        self._keep = within(ctx.checkpoint, answers.keep)
        self._tally = tally

    async def read(self, photo: Photo) -> None:
        """Read a photo and store what became of it, an error among them."""
        began = now_ms(self._ctx)
        if not self._tally.single:  # before anything that takes time: photos begin in order
            await self._begin(photo, self._readers[0])
        result = await self._result(photo)
        stamped = msgspec.structs.replace(result, began=began, ended=now_ms(self._ctx))
        await self._ended(photo, stamped)

    async def _result(self, photo: Photo) -> PhotoResult:
        looked = None
        try:
            picture = await _picture(self._ctx, photo)
            looked = await look(picture)

            async def begin(reader: ShelfReader) -> None:
                self._ctx.check()  # a reader is asked no more after a cancel
                if self._tally.single or reader is not self._readers[0]:
                    await self._begin(photo, reader)

            read = await read_by(self._readers, picture, keep=self._keep, begin=begin)
            return await self._with_spines(photo, picture, _read_result(read, looked))
        except (JobCanceled, LeaseLost, StorageProblem):
            raise
        except Exception as problem:
            if not isinstance(problem, BooksTrackError):
                log.exception("photo_broke_reader", job_id=self._ctx.job.id)
            return self._unread(problem, looked)

    async def _with_spines(
        self, photo: Photo, picture: CheckedPicture, result: PhotoResult
    ) -> PhotoResult:
        if self._spines is None:
            return result
        cut = await self._spines.cut(picture, photo.input.index, result.detections)
        return msgspec.structs.replace(result, spines=cut)

    def _unread(self, problem: Exception, looked: Looked | None) -> PhotoResult:
        fault = fault_of(problem)
        # The log is for operators, the fault for readers.
        why = problem.message if isinstance(problem, BooksTrackError) else fault.message
        log.info("photo_unread", job_id=self._ctx.job.id, code=fault.code, problem=why)
        return PhotoResult(
            quality=looked.quality if looked else None,
            code=fault.code,
            error=fault.message,
            retryable=fault.retryable,
        )

    async def _begin(self, photo: Photo, reader: ShelfReader) -> None:
        tally = self._tally
        tally.begin(photo)
        await self._ctx.emit(
            progress=tally.reading_progress,
            message=tally.reading(photo, reader),
            current_item=tally.named(photo),
            stage="reading",
            extra=tally.facts(photo),
            important=True,
        )

    async def _ended(self, photo: Photo, result: PhotoResult) -> None:
        ctx, tally = self._ctx, self._tally
        ended = msgspec.structs.replace(photo, result=result)
        tally.end(ended)
        state = ItemState.ERROR if result.error else ItemState.DONE
        stored = ItemResult(index=photo.item.index, state=state, result=_encode(result))
        progress, message = tally.read_progress, tally.ended(ended)
        facts = tally.facts(ended)
        await ctx.done(
            stored,
            ok=not result.error,
            progress=progress,
            message=message,
            extra=facts,
            important=True,
        )


def _read_result(read: Read, looked: Looked) -> PhotoResult:
    reading = read.reading
    return PhotoResult(
        detections=tuple(with_barcodes(reading.detections, looked.codes)),
        quality=looked.quality,
        reader=read.reader.name,
        model=reading.model,
        took_ms=reading.took_ms,
        tokens=reading.tokens if reading.tokens.total else None,
        instead_of=read.instead_of.name if read.instead_of else None,
        because=read.because.code if read.because else None,
    )


async def _picture(ctx: Context, photo: Photo) -> CheckedPicture:
    given = photo.input
    if not given.path:
        raise PhotoUnread(NOT_STORED, "The photo could not be stored", retryable=True)
    return CheckedPicture(
        body=await ctx.blob(given.name),
        width=given.width,
        height=given.height,
        sha256=given.sha256,
        kind=Kind.JPEG,
        original=(given.width, given.height),
    )


def now_ms(ctx: Context) -> int:
    """Return the time in epoch milliseconds."""
    return round(ctx.clock.time() * 1000)
