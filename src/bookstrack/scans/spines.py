"""Lines of text become spines: which lines stand on one book, in which order they are read.

Two lines belong together when they continue each other, stand close beside each other, or one
crosses the other's spine, and when no long edge runs between them. Doubtful lines stay together:
matching finds two books on one spine, but not one book on two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from msgspec import Struct
from PIL import Image

from bookstrack.scans.detection import Box, Orientation
from bookstrack.scans.edges import EdgeMap, Extent
from bookstrack.scans.ocr import TextLine

PARALLEL = 14.0
"""Lines that are turned by so few degrees to each other run side by side."""

_ON_ONE_LINE = 0.5
_GAP = 6.0  # times the letters' height, between two pieces of one line
_GAP_OF_SHORTER = 0.8  # times the shorter piece's length
_BESIDE = 0.7  # times the smaller letters' height, between two lines
_LEANING = 28.0  # degrees
_ORNAMENT = 2
_ENTWINED = 0.2  # times the smaller letters' height: so far do boxes of two books never overlap
_CROSSING = 0.6  # of the length of the line it crosses
_CROSSWISE = 1.5  # times the width, between a line and one that crosses its spine
_AT_EDGE = 0.004


class Spine(Struct, frozen=True, kw_only=True):
    """Lines of text that stand on one book, in reading order.

    ``orientation`` is that of most letters; ``partially_visible`` where text touches the
    picture's edge.
    """

    lines: tuple[TextLine, ...]
    box: Box
    orientation: Orientation
    partially_visible: bool = False

    @property
    def text(self) -> str:
        """Return everything that was read, a line break between lines."""
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> float:
        """Return the mean confidence of the letters."""
        letters = sum(len(line.text) for line in self.lines)
        return sum(line.confidence * len(line.text) for line in self.lines) / max(1, letters)


def find_spines(lines: Sequence[TextLine], image: Image.Image) -> list[Spine]:
    """Return the spines of an upright picture, from left to right, then downward."""
    edges = EdgeMap(image)
    lines = [line for line in lines if _may_be_on_spine(line)]
    groups = list(range(len(lines)))
    for one, other in combinations(range(len(lines)), 2):
        if groups[one] != groups[other] and _together(lines[one], lines[other], edges):
            old, new = groups[other], groups[one]
            groups = [new if group == old else group for group in groups]
    members: dict[int, list[TextLine]] = {}
    for line, group in zip(lines, groups, strict=True):
        members.setdefault(group, []).append(line)
    spines = [spine_of(found, image.size) for found in members.values()]
    return sorted(spines, key=lambda spine: (round(spine.box.x, 2), spine.box.y))


def _may_be_on_spine(line: TextLine) -> bool:
    """Tell whether a line runs as spines do and is no mere ornament read as a sign or two."""
    leaning = abs((line.angle + 45) % 90 - 45)
    letters = [char for char in line.text if char.isalnum()]
    is_ornament = len(letters) <= _ORNAMENT and not "".join(letters).isascii()
    return leaning <= _LEANING and not is_ornament


def spine_of(lines: Sequence[TextLine], size: tuple[int, int]) -> Spine:
    """Return the spine that some lines are; ``size`` is the picture's, in pixels."""
    letters: Counter[Orientation] = Counter()
    for line in lines:
        letters[line.orientation] += len(line.text)
    corners = [corner for line in lines for corner in line.corners]
    box = Box.between(
        min(x for x, _ in corners) / size[0],
        min(y for _, y in corners) / size[1],
        max(x for x, _ in corners) / size[0],
        max(y for _, y in corners) / size[1],
    )
    ends = (box.x1, box.y1, 1.0 - box.x2, 1.0 - box.y2)
    return Spine(
        lines=tuple(in_reading_order(lines)),
        box=box,
        orientation=letters.most_common(1)[0][0],
        partially_visible=min(ends) < _AT_EDGE,
    )


def in_reading_order(lines: Sequence[TextLine]) -> Iterator[TextLine]:
    """Yield lines as they are read: direction by direction, row by row.

    The direction with most letters comes first.
    """
    by_direction: dict[Orientation, list[TextLine]] = {}
    for line in lines:
        by_direction.setdefault(line.orientation, []).append(line)
    groups = sorted(by_direction.values(), key=lambda group: -sum(len(one.text) for one in group))
    for group in groups:
        yield from _rows(group)


def _rows(lines: list[TextLine]) -> Iterator[TextLine]:
    """Yield lines of one direction row by row; lines set as a block stay together."""
    longest = max(lines, key=lambda line: line.length)
    blocks: list[list[Extent]] = []
    for extent in sorted((Extent.of(line, longest) for line in lines), key=lambda one: one.middle):
        block = next((block for block in blocks if _set_under(extent, block[-1])), None)
        if block is None:
            blocks.append([extent])
        else:
            block.append(extent)
    row: list[list[Extent]] = []
    for block in blocks:
        if row and block[0].middle > max(one[-1].bottom for one in row):
            yield from _in_a_row(row)
            row = []
        row.append(block)
    yield from _in_a_row(row)


def _set_under(extent: Extent, above: Extent) -> bool:
    """Tell whether a line continues a block whose last line is another."""
    heights = (extent.bottom - extent.top, above.bottom - above.top)
    lengths = (extent.end - extent.start, above.end - above.start)
    return (
        extent.middle > above.middle
        and -extent.gap_along(above) >= 0.5 * min(lengths)
        and extent.gap_across(above) <= _BESIDE * min(heights)
        and extent.middle - above.middle >= 0.5 * min(heights)
        and min(heights) >= 0.5 * max(heights)
    )


def _in_a_row(blocks: list[list[Extent]]) -> Iterator[TextLine]:
    for block in sorted(blocks, key=lambda block: min(one.start for one in block)):
        yield from (one.line for one in block)


def _together(one: TextLine, other: TextLine, edges: EdgeMap) -> bool:
    frame, guest = (one, other) if one.length >= other.length else (other, one)
    turn = turn_between(frame, guest)
    host, extent = Extent.of(frame, frame), Extent.of(guest, frame)
    if turn <= PARALLEL:
        return _continue(host, extent) or _beside(host, extent, edges)
    return turn >= 90 - PARALLEL and _crosses(host, extent)


def turn_between(one: TextLine, other: TextLine) -> float:
    """Return the angle between two lines in degrees, whichever way they are read; 0 to 90."""
    return abs((one.angle - other.angle + 90) % 180 - 90)


def _continue(host: Extent, guest: Extent) -> bool:
    """Tell whether two pieces stand on one line, with a gap that a spine may have."""
    heights = (host.bottom - host.top, guest.bottom - guest.top)
    overlap = -host.gap_across(guest)
    widest = min(_GAP * max(heights), _GAP_OF_SHORTER * (guest.end - guest.start))
    return overlap >= _ON_ONE_LINE * min(heights) and host.gap_along(guest) <= widest


def _beside(host: Extent, guest: Extent, edges: EdgeMap) -> bool:
    """Tell whether two lines stand side by side with no edge of a book between them."""
    heights = (host.bottom - host.top, guest.bottom - guest.top)
    return (
        host.gap_along(guest) <= max(heights)
        and host.gap_across(guest) <= _BESIDE * min(heights)
        and (
            host.gap_across(guest) < -_ENTWINED * min(heights)
            or not edges.runs_between(host, guest)
        )
    )


def _crosses(host: Extent, guest: Extent) -> bool:
    """Tell whether a short line lies across the spine along which the other runs."""
    height, width = host.bottom - host.top, guest.bottom - guest.top
    return (
        width <= _CROSSING * (host.end - host.start)
        and abs(host.middle - guest.middle) <= 0.5 * max(height, 0.6 * width)
        and host.gap_along(guest) <= _CROSSWISE * max(height, width)
    )
