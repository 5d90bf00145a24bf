"""Lines of text on a photo: the interface of reading engines, and what they give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct
from PIL import Image

from bookstrack.scans.detection import Orientation

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""Pixels of the upright picture: where the text's top left, top right, bottom right and bottom
left are, as somebody sees it who holds the text upright."""


class TextLine(Struct, frozen=True, kw_only=True):
    """One piece of text as read. ``confidence`` is 0 to 1."""

    text: str
    confidence: float
    corners: Corners

    @property
    def angle(self) -> float:
        """Return the direction of reading in degrees, clockwise from left-to-right, 0 to 360."""
        (x1, y1), (x2, y2) = self.corners[0], self.corners[1]
        return math.degrees(math.atan2(y2 - y1, x2 - x1)) % 360.0

    @property
    def length(self) -> float:
        """Return the extent along the direction of reading, in pixels."""
        return math.dist(self.corners[0], self.corners[1])

    @property
    def height(self) -> float:
        """Return the extent across the direction of reading, in pixels."""
        return math.dist(self.corners[0], self.corners[3])

    @property
    def orientation(self) -> Orientation:
        """Return the nearest of the four directions that spines have."""
        quarter = round(self.angle / 90.0) % 4
        return (
            Orientation.HORIZONTAL,
            Orientation.VERTICAL_DOWN,
            Orientation.UPSIDE_DOWN,
            Orientation.VERTICAL_UP,
        )[quarter]


class Engine(Protocol):
    """Reads text on pictures without asking anybody. Calls are slow and need a thread."""

    @property
    def name(self) -> str:
        """Return engine and version as metadata state them (``ocr:rapidocr-3.10``)."""
        ...

    def read(self, image: Image.Image) -> Sequence[TextLine]:
        """Return the text on an upright RGB picture, in every direction it may run."""
        ...
