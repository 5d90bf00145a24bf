"""Detections of all photos of a scan become its books: merged, counted, approved or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from rapidfuzz import fuzz

from bookstrack.model.naming import camel_name
from bookstrack.normalise.titles import name_key, title_key
from bookstrack.scans.detection import BookFormat, Box, Detection

THRESHOLD = 0.7
"""The confidence from which a book is approved; exactly this is enough."""

_SAME_TITLE = 92
_SAME_PLACE = 0.3
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})


class SeenBook(Struct, frozen=True, kw_only=True, rename=camel_name):
    """A book of a scan. ``photos`` are the indices where it was seen, the surest first.

    ``copies`` is above one where one photo shows it at different places.
    """

    detection: Detection
    photo_index: int
    photos: tuple[int, ...]
    copies: int = 1
    approved: bool = False


def collect(
    photos: Iterable[tuple[int, Sequence[Detection]]], *, threshold: float = THRESHOLD
) -> list[SeenBook]:
    """Return the books of a scan, each once, in the order in which they were first seen."""
    groups: list[list[tuple[int, Detection]]] = []
    for index, detections in photos:
        for detection in detections:
            group = next(
                (group for group in groups if any(same(detection, one) for _, one in group)), None
            )
            if group is None:
                groups.append([(index, detection)])
            else:
                group.append((index, detection))
    return [_seen(group, threshold) for group in groups]


def same(one: Detection, other: Detection) -> bool:
    """Tell whether two detections are one book: by ISBN, else by title and surname."""
    if one.isbn and other.isbn:
        return one.isbn == other.isbn
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
                confidence=max(code.confidence, merged[place].confidence),
            )
    return merged


def _on(code: Detection, found: Detection) -> bool:
    return code.box.overlap(found.box) >= _SAME_PLACE and found.isbn in (None, code.isbn)


def _surnames(author: str | None) -> set[str]:
    """Return the surnames of "Amir Levine, Rachel Heller" and of "KUANG"."""
    names = (name for name in (author or "").replace(" and ", ",").replace("&", ",").split(","))
    keys = [[word for word in name_key(name).split() if word not in _SUFFIXES] for name in names]
    return {words[-1] for words in keys if words}


def _seen(group: list[tuple[int, Detection]], threshold: float) -> SeenBook:
    ranked = sorted(group, key=lambda found: -found[1].confidence)
    index, best = ranked[0]
    for _, other in ranked[1:]:
        best = _filled(best, other)
    return SeenBook(
        detection=best,
        photo_index=index,
        photos=tuple(dict.fromkeys(number for number, _ in ranked)),
        copies=max(_copies(group, number) for number in {number for number, _ in group}),
        approved=best.confidence >= threshold,
    )


def _filled(best: Detection, other: Detection) -> Detection:
    """Return the surer detection, its gaps filled from the other."""
    return msgspec.structs.replace(
        best,
        title=best.title or other.title,
        author=best.author or other.author,
        isbn=best.isbn or other.isbn,
        format=other.format if best.format is BookFormat.UNKNOWN else best.format,
        orientation=best.orientation or other.orientation,
        raw_text=best.raw_text or other.raw_text,
        work_id=best.work_id or other.work_id,
    )


def _copies(group: list[tuple[int, Detection]], index: int) -> int:
    """Return how many places of one photo show a book; unknown places count as one."""
    places: list[Box] = []
    for number, detection in group:
        box = detection.box
        if number == index and box.area and not any(map(box.overlap, places)):
            places.append(box)
    return max(1, len(places))
