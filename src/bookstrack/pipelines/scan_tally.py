"""Where the photos of a running scan stand: the shares of progress, and the texts that say so."""

from __future__ import annotations

from typing import Any

from bookstrack.pipelines import scan_results
from bookstrack.pipelines.scan_items import Photo, Scan
from bookstrack.readers.shelf import ShelfReader

STORED = 0.1
"""The progress of a scan whose photos are stored."""

_READ, _SOUGHT = 0.8, 0.99
_SINGLE_READING, _SINGLE_READ, _SINGLE_SEEKING, _SINGLE_SOUGHT = 0.3, 0.5, 0.7, 0.95


class Tally:
    """What events say of the photos of a scan while it runs.

    No text holds a title, nor "error" or "fail": one client gives up on these [J11].
    """

    def __init__(self, scan: Scan) -> None:
        self._photos = {photo.input.index: photo for photo in scan.photos}
        self._places = {photo.input.index: place for place, photo in enumerate(scan.photos, 1)}
        self._begun: set[int] = set()
        self.single = len(scan.photos) == 1

    def begin(self, photo: Photo) -> None:
        """Note that a photo is being read."""
        self._begun.add(photo.input.index)

    def end(self, photo: Photo) -> None:
        """Note a photo with its result."""
        self._photos[photo.input.index] = photo

    @property
    def _ended(self) -> list[Photo]:
        return [photo for photo in self._photos.values() if photo.result is not None]

    @property
    def reading_progress(self) -> float | None:
        """Return the progress when a photo goes to its reader, None: as it was."""
        return _SINGLE_READING if self.single else None

    @property
    def read_progress(self) -> float:
        """Return the progress after the photos that have ended."""
        if self.single:
            return _SINGLE_READ
        return STORED + (_READ - STORED) * len(self._ended) / len(self._photos)

    @property
    def detected_progress(self) -> float:
        """Return the progress when all photos have ended."""
        return _SINGLE_READ if self.single else _READ

    def sought(self, done: int, count: int) -> float:
        """Return the progress after so many of the books."""
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
        """Return the name of a photo for people."""
        return f"Photo {self._places[photo.input.index]} of {len(self._photos)}"

    def reading(self, photo: Photo, reader: ShelfReader) -> str:
        """Say that a photo goes to a reader."""
        if not self.single:
            return f"Processing photo {self._places[photo.input.index]} of {len(self._photos)}..."
        name = "Gemini AI" if reader.name == "gemini" else "on-device OCR"
        return f"Processing with {name}..."

    def ended(self, photo: Photo) -> str:
        """Say what became of a photo."""
        if photo.result is not None and photo.result.error:
            place = self._places[photo.input.index]
            return f"Photo {place} could not be read" + ("" if self.single else ", continuing")
        if self.single:
            return f"Found {counted(photo.found)}"
        place, found = self._places[photo.input.index], photo.found
        return f"Completed photo {place} of {len(self._photos)} - Found {counted(found)}"


def counted(count: int) -> str:
    """Return ``1 book`` or ``7 books``."""
    return f"{count} book" if count == 1 else f"{count} books"
