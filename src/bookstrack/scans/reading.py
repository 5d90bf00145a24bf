"""A photo becomes detections without AI: an engine reads, spines are found, books are matched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

from msgspec import Struct
from PIL import Image

from bookstrack.scans import barcodes, rapid
from bookstrack.scans.candidates import Candidates
from bookstrack.scans.detection import Detection
from bookstrack.scans.matching import Asking, match
from bookstrack.scans.ocr import Engine
from bookstrack.scans.picture import CheckedPicture
from bookstrack.scans.quality import Quality, measure
from bookstrack.scans.refusals import ReaderMissing
from bookstrack.scans.results import with_barcodes
from bookstrack.scans.spines import Spine, find_spines

GROUP = "bookstrack.ocr_engines"
"""The entry points by which other engines are plugged in: callables that return an ``Engine``."""

RAPID = "rapidocr"


class Reading(Struct, frozen=True, kw_only=True):
    """What was read on one photo, and by which engine and version (``model``)."""

    detections: tuple[Detection, ...]
    quality: Quality
    model: str


def engines() -> dict[str, Callable[[], Engine]]:
    """Return how to make each engine that is installed here, by name; the default one first."""
    found: dict[str, Callable[[], Engine]] = {}
    if rapid.is_installed():
        found[RAPID] = rapid.RapidReader
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, point.load())
    return found


class OcrReader:
    """Reads photos of shelves with an engine and a source of books."""

    def __init__(
        self, engine: Engine, candidates: Candidates, *, asking: Asking | None = None
    ) -> None:
        self._engine = engine
        self._candidates = candidates
        self._asking = asking

    @property
    def name(self) -> str:
        """Return engine and version as metadata state them."""
        return self._engine.name

    async def read(self, picture: CheckedPicture) -> Reading:
        """Read one prepared photo: spines, and barcodes where their reader is installed.

        The slow parts run in a thread, which a cancelled call leaves behind to end by itself.

        Raises:
            ReaderMissing: the engine's package is not installed.
        """
        image = await asyncio.to_thread(picture.opened)
        spines = await asyncio.to_thread(self._spines, image)
        found = await match(spines, self._candidates, size=image.size, asking=self._asking)
        codes = await asyncio.to_thread(_codes, image)
        return Reading(
            detections=tuple(with_barcodes(found, codes)),
            quality=await asyncio.to_thread(measure, image),
            model=self._engine.name,
        )

    def _spines(self, image: Image.Image) -> list[Spine]:
        return find_spines(self._engine.read(image), image)


def _codes(image: Image.Image) -> Sequence[Detection]:
    """Return the ISBNs of barcodes on a photo; none where their reader is not installed."""
    try:
        return barcodes.detections(barcodes.read_barcodes(image))
    except ReaderMissing:  # an extra of its own: spines are read without it
        return ()
