"""Four-cornered places in a picture, as detectors of text draw them. Needs numpy and OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    """A picture, or a piece of one: rows, columns, colours."""

    Quad = NDArray[np.float64]
    """Four corners in pixels of the upright picture, clockwise from top left as they lie there."""


class Surroundings:
    """Numbered quads, up to so many, asked which of them may touch another."""

    def __init__(self, most: int) -> None:
        import numpy as np

        self._least = np.empty((most, 2))
        self._greatest = np.empty((most, 2))
        self._count = 0

    def add(self, quad: Quad) -> None:
        """Give a quad the next number, from zero on."""
        self._least[self._count] = quad.min(axis=0)
        self._greatest[self._count] = quad.max(axis=0)
        self._count += 1

    def touched(self, quad: Quad) -> list[int]:
        """Return the numbers of the quads whose upright boxes meet that of another."""
        least, greatest = self._least[: self._count], self._greatest[: self._count]
        meet = (least <= quad.max(axis=0)) & (greatest >= quad.min(axis=0))
        return [int(number) for number in meet.all(axis=1).nonzero()[0]]


def clockwise(quad: Quad) -> Quad:
    """Order four corners clockwise, the one nearest to the picture's own corner first."""
    import numpy as np

    offsets = quad - quad.mean(axis=0)
    ordered = quad[np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]))]
    return np.roll(ordered, -int(ordered.sum(axis=1).argmin()), axis=0)


def sides(quad: Quad) -> tuple[float, float]:
    """Return the width and height of a quad as it lies in the picture."""
    import numpy as np

    lengths = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    return float(max(lengths[0], lengths[2])), float(max(lengths[1], lengths[3]))


def shared(one: Quad, other: Quad) -> float:
    """Return the area that two quads share, in square pixels."""
    import cv2
    import numpy as np

    if (one.max(axis=0) < other.min(axis=0)).any() or (other.max(axis=0) < one.min(axis=0)).any():
        return 0.0
    area, _ = cv2.intersectConvexConvex(one.astype(np.float32), other.astype(np.float32))
    return float(area)


def area(quad: Quad) -> float:
    """Return about how many square pixels a quad has, at least one."""
    width, height = sides(quad)
    return max(1.0, width * height)


def covered(one: Quad, other: Quad) -> float:
    """Return how much of the smaller of two quads lies in the other."""
    return shared(one, other) / min(area(one), area(other))


def cut_out(pixels: Pixels, quad: Quad) -> Pixels:
    """Return the rectangle that a quad is, turned upright by less than an eighth."""
    import cv2
    import numpy as np

    width, height = (max(4, round(side)) for side in sides(quad))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    bend = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    return np.asarray(
        cv2.warpPerspective(
            pixels, bend, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        dtype=np.uint8,
    )


def turned(crop: Pixels, turns: int) -> Pixels:
    """Return a crop turned by so many quarters against the clock."""
    import numpy as np

    return np.ascontiguousarray(np.rot90(crop, turns))
