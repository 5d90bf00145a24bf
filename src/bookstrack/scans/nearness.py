"""Which pieces of text may stand on one book although nothing shows that they do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from bookstrack.scans.edges import Extent
from bookstrack.scans.ocr import TextLine
from bookstrack.scans.spines import PARALLEL, turn_between

_FAR = 15.0  # times the letters' height, between title and author with a picture between
_FARTHEST = 45.0  # the same, where one goes on exactly where the other ends
_FAR_UNDER = 6.0  # the same, between lines under each other
_UNLIKELY = 8.0  # how much nearer a line must stand that does not go on with the other
_ON_ONE_LINE = 0.5  # of the smaller extent


class Nearness:
    """Which of some groups of lines are near each other, and how far apart they are."""

    def __init__(self, groups: Sequence[Sequence[TextLine]]) -> None:
        self._around: list[list[tuple[float, int]]] = [[] for _ in groups]
        for one, other in combinations(range(len(groups)), 2):
            gap = _gap_of_groups(groups[one], groups[other])
            if gap is not None:
                self._around[one].append((gap, other))
                self._around[other].append((gap, one))
        for found in self._around:
            found.sort()

    def around(self, number: int, *, most: int) -> list[int]:
        """Return the numbers of the groups near one, the nearest first."""
        return [other for _, other in self._around[number][:most]]

    def pairs(self) -> list[tuple[int, int]]:
        """Return all pairs of groups that are near each other, the nearest first."""
        found = [
            (gap, one, other)
            for one, around in enumerate(self._around)
            for gap, other in around
            if one < other
        ]
        return [(one, other) for _, one, other in sorted(found)]


def aligned(line: TextLine, others: Sequence[TextLine]) -> bool:
    """Tell whether a line runs as others do and may be a further line of their text."""
    for other in others:
        frame, guest = (line, other) if line.length >= other.length else (other, line)
        gap = _gap(Extent.of(frame, frame), Extent.of(guest, frame))
        if gap is not None and turn_between(line, other) <= PARALLEL:
            return True
    return False


def _gap_of_groups(group: Sequence[TextLine], other: Sequence[TextLine]) -> float | None:
    found = [gap for a in group for b in other if (gap := _gap_of_lines(a, b)) is not None]
    return min(found, default=None)


def _gap_of_lines(one: TextLine, other: TextLine) -> float | None:
    """Return the distance of two lines that may be on one book, in pixels; else ``None``."""
    frame, guest = (one, other) if one.length >= other.length else (other, one)
    if _apart(frame, guest) > _FARTHEST * max(frame.height, guest.height):
        return None
    host, extent = Extent.of(frame, frame), Extent.of(guest, frame)
    gap = _gap(host, extent)
    return gap if gap is not None else _gap_from_afar(host, extent)


def _gap(host: Extent, guest: Extent) -> float | None:
    """Return how far apart two lines are of which one may go on with the other; else ``None``."""
    height = max(host.line.height, guest.line.height)
    along, across = host.gap_along(guest), host.gap_across(guest)
    if (across <= 0 and along <= _FAR * height) or (along <= height and across <= height):
        return max(along, across, 0.0)
    return None


def _gap_from_afar(host: Extent, guest: Extent) -> float | None:
    """Return how far apart two lines are that are read one after the other; else ``None``.

    One may go on where the other ends, or stand under it as words do that are set across a spine.
    """
    if abs((host.line.angle - guest.line.angle + 180) % 360 - 180) > PARALLEL:
        return None
    heights = (host.bottom - host.top, guest.bottom - guest.top)
    lengths = (host.end - host.start, guest.end - guest.start)
    along, across = host.gap_along(guest), host.gap_across(guest)
    if -across >= _ON_ONE_LINE * min(heights) and along <= _FARTHEST * max(heights):
        return along
    if -along >= _ON_ONE_LINE * min(lengths) and across <= _FAR_UNDER * max(heights):
        return _UNLIKELY * across
    return None


def _apart(one: TextLine, other: TextLine) -> float:
    """Return at least how far apart two lines are, in pixels."""
    (x1, y1), (x2, y2) = _middle(one), _middle(other)
    reach = (one.length + other.length + one.height + other.height) / 2
    return max(abs(x1 - x2), abs(y1 - y2)) - reach


def _middle(line: TextLine) -> tuple[float, float]:
    (x1, y1), _, (x2, y2), _ = line.corners
    return (x1 + x2) / 2, (y1 + y2) / 2
