"""Who reads the photos of a scan: what this server has, and what was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from bookstrack.catalogue.search import Catalogue
from bookstrack.clock import Clock
from bookstrack.errors import BooksTrackError, ProviderProblem
from bookstrack.model.job import Fault
from bookstrack.providers.gemini import Gemini
from bookstrack.readers.keeping import Keep
from bookstrack.readers.on_device import OnDeviceShelf, OwnBooks
from bookstrack.readers.shelf import GeminiShelf, PhotoReading, PhotoUnread, ShelfReader
from bookstrack.scans import barcodes
from bookstrack.scans.detection import Detection
from bookstrack.scans.engines import engines
from bookstrack.scans.picture import CheckedPicture
from bookstrack.scans.quality import Quality, measure
from bookstrack.scans.refusals import ReaderMissing
from bookstrack.settings import Settings

log = structlog.get_logger(__name__)

AUTO = "auto"
GEMINI = "gemini"
OCR = "ocr"
REFUSED = "E_SCAN_AI_REFUSED"
BROKEN = "E_SCAN_PHOTO_UNREADABLE"
NOT_STORED = "E_SCAN_PHOTO_NOT_STORED"
_ASKED = {"gemini": GEMINI, "gemini-flash": GEMINI, "ocr": OCR}


def provider_asked(text: str) -> str:
    """Return ``auto``, ``gemini`` or ``ocr`` for what a caller has asked for."""
    return _ASKED.get(text.strip().lower(), AUTO)


class Readers(Struct, frozen=True, kw_only=True):
    """The readers that may be used here; ``engines`` are their names for people."""

    gemini: ShelfReader | None = None
    ocr: ShelfReader | None = None
    engines: tuple[str, ...] = ()

    @property
    def configured(self) -> bool:
        """Tell whether photos can be read at all."""
        return self.gemini is not None or self.ocr is not None

    def chosen(self, asked: str) -> tuple[ShelfReader, ...]:
        """Return who reads, then who steps in for the first one; none without a reader."""
        only = {GEMINI: self.gemini, OCR: self.ocr}.get(asked)
        if only is not None:
            return (only,)
        return tuple(reader for reader in (self.gemini, self.ocr) if reader is not None)


def open_readers(
    settings: Settings, *, gemini: Gemini | None, own: OwnBooks, catalogue: Catalogue, clock: Clock
) -> Readers:
    """Return who reads photos here: what is installed, of what the operator allows."""
    allowed = settings.imports.ai_provider
    seeing = reading = None
    names: list[str] = []
    if gemini is not None and allowed in ("auto", "gemini"):
        seeing = GeminiShelf(gemini, clock, model=settings.providers.gemini.model)
        names.append(GEMINI)
    for name, make in engines().items() if allowed in ("auto", "local") else ():
        reading = OnDeviceShelf(make, own, catalogue, clock)
        names.append(name)
        break  # the first is the default one
    return Readers(gemini=seeing, ocr=reading, engines=tuple(names))


class Looked(Struct, frozen=True, kw_only=True):
    """What a photo shows whoever reads it: how good it is, and the barcodes on it."""

    quality: Quality
    codes: tuple[Detection, ...]


async def look(photo: CheckedPicture) -> Looked:
    """Measure a photo and read its barcodes, in a thread."""
    return await asyncio.to_thread(_look, photo)


def _look(photo: CheckedPicture) -> Looked:
    image = photo.opened()
    try:
        codes = barcodes.detections(barcodes.read_barcodes(image))
    except ReaderMissing:  # an extra of its own: spines are read without it
        codes = []
    return Looked(quality=measure(image), codes=tuple(codes))


class Read(Struct, frozen=True, kw_only=True):
    """A photo as somebody read it; where that was not the first choice, why not."""

    reader: ShelfReader
    reading: PhotoReading
    instead_of: ShelfReader | None = None
    because: Fault | None = None


Begin = Callable[[ShelfReader], Awaitable[None]]


async def read_by(
    readers: tuple[ShelfReader, ...], photo: CheckedPicture, *, keep: Keep, begin: Begin
) -> Read:
    """Read a photo; one that the first reader refuses, or cannot be asked about, has the next.

    ``begin`` is told of each reader before its turn. An answer that makes no sense is none of
    these: it is the photo's error.

    Raises:
        PhotoUnread: it cannot be read.
        ProviderProblem: the reader could not be asked.
    """
    first, *others = readers
    await begin(first)
    try:
        return Read(reader=first, reading=await first.read(photo, keep=keep))
    except (PhotoUnread, ProviderProblem) as problem:
        why = fault_of(problem)
        if not others or not (isinstance(problem, ProviderProblem) or why.code == REFUSED):
            raise
    second = others[0]
    log.info("photo_goes_on", reader=first.name, code=why.code, next=second.name)
    await begin(second)
    reading = await second.read(photo, keep=keep)
    return Read(reader=second, reading=reading, instead_of=first, because=why)


def fault_of(problem: Exception) -> Fault:
    """Return why a photo was not read, and whether it may go better later."""
    if isinstance(problem, PhotoUnread):
        return Fault(code=problem.photo_code, message=problem.message, retryable=problem.retryable)
    if isinstance(problem, ProviderProblem):
        return Fault(code=problem.code, message=problem.told, retryable=problem.retryable)
    if isinstance(problem, BooksTrackError):
        return Fault(code=problem.code, message=problem.message, retryable=problem.retryable)
    return Fault(code=BROKEN, message="The photo could not be processed", retryable=False)
