"""What is stored of a scan: its photos as items first, then the books that were seen on them.

Everything that results are made of is in here, so that any process can make them [C2].
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from bookstrack.enrichment.books import EnrichmentStatus
from bookstrack.model.job import Item
from bookstrack.providers.gemini import Tokens
from bookstrack.scans.detection import Detection
from bookstrack.scans.quality import Quality
from bookstrack.scans.results import SeenBook, collect


class PhotoInput(Struct, frozen=True, kw_only=True, tag="photo"):
    """A photo: its number as the client gave it, and where the prepared picture lies.

    ``name`` is that of the job's blob at ``path``, which is empty where the picture could not be
    stored; sides in pixels.
    """

    index: int
    name: str
    path: str
    sha256: str
    width: int
    height: int


class BookInput(Struct, frozen=True, kw_only=True, tag="book"):
    """A book of the scan, each once."""

    seen: SeenBook


class PhotoResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a photo; ``error`` is a text where it could not be read.

    ``began`` and ``ended`` are epoch milliseconds; ``reader`` is ``gemini`` or ``ocr``, and
    ``instead_of`` the reader whose turn it would have been, but for the code ``because``.
    ``spines`` are the numbers of the detections of which there is a picture.
    """

    began: int = 0
    ended: int = 0
    detections: tuple[Detection, ...] = ()
    quality: Quality | None = None
    reader: str | None = None
    model: str | None = None
    took_ms: int = 0
    tokens: Tokens | None = None
    instead_of: str | None = None
    because: str | None = None
    spines: tuple[int, ...] = ()
    code: str | None = None
    error: str | None = None
    retryable: bool = field(default_factory=bool)


class BookResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found out about a book; ``retry_after`` in seconds, ``ended`` in epoch ms.

    ``found`` is an encoded ``SearchData`` with one work.
    """

    status: EnrichmentStatus
    ended: int
    found: Raw | UnsetType = UNSET  # not None: with it a decoder would not take a Raw
    provider: str = "none"
    cached: bool = False
    error: str | None = None
    retry_after: float | None = None


class Photo(Struct, frozen=True, kw_only=True):
    """A photo with what became of it so far."""

    item: Item
    input: PhotoInput
    result: PhotoResult | None = None

    @property
    def found(self) -> int:
        """Return how many books were seen on it."""
        return len(self.result.detections) if self.result else 0

    @property
    def state(self) -> str:
        """Return ``queued``, ``complete`` or ``error``."""
        if self.result is None:
            return "queued"
        return "error" if self.result.error else "complete"


class Book(Struct, frozen=True, kw_only=True):
    """A book with what became of it so far."""

    seen: SeenBook
    result: BookResult | None = None
    item: Item | None = None


class Scan(Struct, frozen=True, kw_only=True):
    """All items of a scan, decoded and in order; no books before all photos have ended."""

    photos: tuple[Photo, ...]
    books: tuple[Book, ...]

    @property
    def read(self) -> tuple[Photo, ...]:
        """Return the photos that have ended, well or not."""
        return tuple(photo for photo in self.photos if photo.result is not None)

    def seen(self, threshold: float) -> list[SeenBook]:
        """Return the books of all photos read so far, each once."""
        read = ((photo.input.index, photo.result) for photo in self.photos)
        return collect(
            [(index, result.detections) for index, result in read if result is not None],
            threshold=threshold,
        )


_encode = msgspec.json.Encoder().encode
_INPUT = msgspec.json.Decoder(PhotoInput | BookInput)
_PHOTO = msgspec.json.Decoder(PhotoResult)
_BOOK = msgspec.json.Decoder(BookResult)


def decode(items: Sequence[Item]) -> Scan:
    """Return the items of a job as photos and books."""
    photos: list[Photo] = []
    books: list[Book] = []
    for item in sorted(items, key=lambda item: item.index):
        given, result = _INPUT.decode(item.input), item.result
        if isinstance(given, PhotoInput):
            ended = None if result is None else _PHOTO.decode(result)
            photos.append(Photo(item=item, input=given, result=ended))
        else:
            known = None if result is None else _BOOK.decode(result)
            books.append(Book(seen=given.seen, result=known, item=item))
    return Scan(photos=tuple(photos), books=tuple(books))


async def new_books(scan: Scan, threshold: float) -> list[bytes]:
    """Return the items of the books of a scan whose photos have all ended."""
    seen = await asyncio.to_thread(scan.seen, threshold)
    return [_encode(BookInput(seen=book)) for book in seen]
