"""Detections of all photos of a scan become its books: merged, counted, approved or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec
from msgspec import Struct
from rapidfuzz import fuzz

from bookstrack.normalise.titles import name_key, title_key
from bookstrack.scans.detection import BookFormat, Box, Detection

THRESHOLD = 0.7
"""The confidence from which a book is approved; exactly this is enough."""

_SAME_TITLE = 92
_SAME_PLACE = 0.3
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})


class Place(Struct, frozen=True, kw_only=True):
    """Where a book was seen; ``number`` is that of the detection among those of its photo."""

    photo: int
    number: int
    box: Box = Box()


class SeenBook(Struct, frozen=True, kw_only=True):
    """A book of a scan with all places where it was seen, the surest first."""

    detection: Detection
    places: tuple[Place, ...]
    approved: bool = False

    @property
    def photos(self) -> tuple[int, ...]:
        """Return the indices of the photos that show it, the surest first."""
        return tuple(dict.fromkeys(place.photo for place in self.places))

    @property
    def copies(self) -> int:
        """Return at how many places one photo shows it; unknown places count as one."""
        return max(_apart(self.places, photo) for photo in self.photos)


def collect(
    photos: Iterable[tuple[int, Sequence[Detection]]], *, threshold: float = THRESHOLD
) -> list[SeenBook]:
    """Return the books of a scan, each once, in the order in which they were first seen."""
    groups: list[list[SeenBook]] = []
    for photo, detections in photos:
        for number, detection in enumerate(detections):
            place = Place(photo=photo, number=number, box=detection.box)
            group = next(
                (found for found in groups if any(same(detection, one.detection) for one in found)),
                None,
            )
            if group is None:
                groups.append(group := [])
            group.append(SeenBook(detection=detection, places=(place,)))
    return [united(group, threshold=threshold) for group in groups]


def united(books: Sequence[SeenBook], *, threshold: float) -> SeenBook:
    """Return as one what was seen of one book: the surest, its gaps filled from the others."""
    first, *others = sorted(books, key=lambda seen: -seen.detection.confidence)
    best = first.detection
    for other in others:
        best = _filled(best, other.detection)
    return SeenBook(
        detection=best,
        places=(*first.places, *chain.from_iterable(other.places for other in others)),
        approved=best.confidence >= threshold,
    )


def same(one: Detection, other: Detection) -> bool:
    """Tell whether two detections are one book: by the ISBN that was read, else by the words."""
    if one.isbn and other.isbn:
        if one.isbn == other.isbn:
            return True
        if not (one.isbn_guessed or other.isbn_guessed):
            return False
    if not one.title or not other.title:
        return False
    titles = [title_key(detection.title) for detection in (one, other)]
    surnames = [_surnames(detection.author) for detection in (one, other)]
    if not all(surnames):
        return fuzz.ratio(*titles) >= _SAME_TITLE
    return titles[0] == titles[1] and not surnames[0].isdisjoint(surnames[1])


def with_barcodes(detections: Sequence[Detection], codes: Sequence[Detection]) -> list[Detection]:
    """Give ISBNs that barcodes told to the detections whose place they share; keep the others.

    Both must be of one photo. A code on a book that was matched already confirms it.
    """
    merged = list(detections)
    for code in codes:
        place = max(
            (number for number, found in enumerate(merged) if _on(code, found)),
            key=lambda number: merged[number].confidence,
            default=None,
        )
        if place is None:
            merged.append(code)
        else:
            merged[place] = msgspec.structs.replace(
                merged[place],
                isbn=code.isbn,
                isbn_guessed=False,
                confidence=max(code.confidence, merged[place].confidence),
            )
    return merged


def _on(code: Detection, found: Detection) -> bool:
    fits = found.isbn_guessed or found.isbn in (None, code.isbn)
    return fits and code.box.overlap(found.box) >= _SAME_PLACE


def _surnames(author: str | None) -> set[str]:
    """Return the surnames of "Amir Levine, Rachel Heller" and of "KUANG"."""
    names = (name for name in (author or "").replace(" and ", ",").replace("&", ",").split(","))
    keys = [[word for word in name_key(name).split() if word not in _SUFFIXES] for name in names]
    return {words[-1] for words in keys if words}


def _filled(best: Detection, other: Detection) -> Detection:
    """Return the surer detection, its gaps filled from the other."""
    numbered = [found for found in (best, other) if found.isbn]
    number = min(numbered, key=lambda found: found.isbn_guessed, default=best)
    return msgspec.structs.replace(
        best,
        title=best.title or other.title,
        author=best.author or other.author,
        isbn=number.isbn,
        isbn_guessed=number.isbn_guessed,
        format=other.format if best.format is BookFormat.UNKNOWN else best.format,
        orientation=best.orientation or other.orientation,
        raw_text=best.raw_text or other.raw_text,
        work_id=best.work_id or other.work_id,
    )


def _apart(places: Iterable[Place], photo: int) -> int:
    """Return how many places of one photo do not overlap."""
    boxes: list[Box] = []
    for place in places:
        box = place.box
        if place.photo == photo and box.area and not any(map(box.overlap, boxes)):
            boxes.append(box)
    return max(1, len(boxes))
