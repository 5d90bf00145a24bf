"""Where lines of text lie to each other, and the long edges between them that books have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct
from PIL import Image, ImageFilter, ImageOps

from bookstrack.scans.ocr import TextLine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LONG_SIDE = 1200
_STEP = 10.0  # grey levels over two pixels that make an edge
_OUTLIERS = 0.5  # percent of the darkest and of the lightest pixels that may be anything
_SHARE = 0.6  # of the length along which it must run
_TILTS = (0.0, -1.2, 1.2, -2.4, 2.4, -3.6, 3.6)
_INSIDE = 0.2  # of a line's height: its box is wider than its letters


class Extent(Struct, frozen=True, kw_only=True):
    """Where a line lies in the frame of another: pixels along its reading and across it."""

    line: TextLine
    frame: TextLine
    start: float
    end: float
    top: float
    bottom: float

    @classmethod
    def of(cls, line: TextLine, frame: TextLine) -> Extent:
        """Measure a line in the frame of another."""
        (x0, y0), angle = frame.corners[0], math.radians(frame.angle)
        along = [(x - x0) * math.cos(angle) + (y - y0) * math.sin(angle) for x, y in line.corners]
        across = [(y - y0) * math.cos(angle) - (x - x0) * math.sin(angle) for x, y in line.corners]
        return cls(
            line=line,
            frame=frame,
            start=min(along),
            end=max(along),
            top=min(across),
            bottom=max(across),
        )

    @property
    def middle(self) -> float:
        """Return the place across the frame's direction."""
        return (self.top + self.bottom) / 2

    def gap_along(self, other: Extent) -> float:
        """Return the distance along the frame; below zero where the two overlap."""
        return max(self.start, other.start) - min(self.end, other.end)

    def gap_across(self, other: Extent) -> float:
        """Return the distance across the frame; below zero where the two overlap."""
        return max(self.top, other.top) - min(self.bottom, other.bottom)


class EdgeMap:
    """The brightness of a picture, small, to be asked for edges. Needs numpy."""

    def __init__(self, image: Image.Image) -> None:
        import numpy as np

        self._scale = min(1.0, _LONG_SIDE / max(image.size))
        width, height = (max(1, round(side * self._scale)) for side in image.size)
        small = image.convert("L").resize((width, height), Image.Resampling.BOX)
        stretched = ImageOps.autocontrast(small, cutoff=_OUTLIERS)
        blurred = stretched.filter(ImageFilter.GaussianBlur(0.8))
        self._grey = np.asarray(blurred, dtype=np.float32)

    def runs_between(self, one: Extent, other: Extent) -> bool:
        """Tell whether an edge runs along between two lines that lie side by side."""
        upper, lower = sorted((one, other), key=lambda extent: extent.middle)
        top = upper.bottom - _INSIDE * (upper.bottom - upper.top)
        bottom = lower.top + _INSIDE * (lower.bottom - lower.top)
        if bottom < top:
            top, bottom = (top + bottom) / 2, (top + bottom) / 2
        along = min(one.start, other.start), max(one.end, other.end)
        across = top - 3 / self._scale, bottom + 3 / self._scale
        return any(
            _has_edge(self._strip(one.frame, along=along, across=across, tilt=tilt))
            for tilt in _TILTS
        )

    def _strip(
        self,
        frame: TextLine,
        *,
        along: tuple[float, float],
        across: tuple[float, float],
        tilt: float,
    ) -> NDArray[np.float32]:
        """Return the brightness of a rectangle in a line's frame, a row for each step across.

        ``tilt`` in degrees turns the rows about their middle.
        """
        import numpy as np

        (x0, y0), angle = frame.corners[0], math.radians(frame.angle)
        u = np.arange(along[0], along[1], 1 / self._scale)[None, :]
        rising = (u - sum(along) / 2) * math.tan(math.radians(tilt))
        v = np.arange(across[0], across[1], 1 / self._scale)[:, None] + rising
        x = (x0 + u * math.cos(angle) - v * math.sin(angle)) * self._scale
        y = (y0 + u * math.sin(angle) + v * math.cos(angle)) * self._scale
        rows = np.clip(np.rint(y).astype(np.intp), 0, self._grey.shape[0] - 1)
        columns = np.clip(np.rint(x).astype(np.intp), 0, self._grey.shape[1] - 1)
        return self._grey[rows, columns]


def _has_edge(strip: NDArray[np.float32]) -> bool:
    """Tell whether a row gets lighter, or darker, along most of its length."""
    steps = strip[2:] - strip[:-2]
    return any(
        _thickened(steps * sign > _STEP).mean(axis=1).max(initial=0.0) >= _SHARE for sign in (1, -1)
    )


def _thickened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Let every mark count for the rows beside it: no book stands quite straight."""
    thick = mask.copy()
    thick[1:] |= mask[:-1]
    thick[:-1] |= mask[1:]
    return thick
