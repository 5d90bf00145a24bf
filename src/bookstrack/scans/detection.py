"""What a reader of photos reports: one book seen, with its place on the upright picture."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from bookstrack.model.naming import camel_name


class Orientation(StrEnum):
    """How the text of a spine runs."""

    VERTICAL_UP = "vertical_up"
    VERTICAL_DOWN = "vertical_down"
    HORIZONTAL = "horizontal"
    UPSIDE_DOWN = "upside_down"
    COVER = "cover"


class BookFormat(StrEnum):
    """Binding as a photo shows it."""

    HARDCOVER = "hardcover"
    PAPERBACK = "paperback"
    MASS_MARKET = "mass-market"
    UNKNOWN = "unknown"


class Box(Struct, frozen=True, kw_only=True):
    """A place in both notations clients ask for; shares of the upright picture, 0.0 to 1.0.

    All zeros where no place is known. Make one with ``Box.between``.
    """

    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    x1: float = 0.0
    y1: float = 0.0
    x2: float = 0.0
    y2: float = 0.0

    @classmethod
    def between(cls, x1: float, y1: float, x2: float, y2: float) -> Box:
        """Return the box between two corners, in any order, cut at the edges of the picture.

        A box without area is all zeros.
        """
        left, right = sorted(min(1.0, max(0.0, value)) for value in (x1, x2))
        top, bottom = sorted(min(1.0, max(0.0, value)) for value in (y1, y2))
        width, height = right - left, bottom - top
        if not width * height > 0.0:
            return cls()
        return cls(x=left, y=top, width=width, height=height, x1=left, y1=top, x2=right, y2=bottom)

    @property
    def area(self) -> float:
        """Return the share of the picture."""
        return self.width * self.height

    def overlap(self, other: Box) -> float:
        """Return how much of the smaller of two boxes lies in the other, 0 to 1."""
        across = min(self.x2, other.x2) - max(self.x1, other.x1)
        down = min(self.y2, other.y2) - max(self.y1, other.y1)
        smaller = min(self.area, other.area)
        if across <= 0 or down <= 0 or smaller <= 0:
            return 0.0
        return min(1.0, across * down / smaller)

    def around(self, other: Box) -> Box:
        """Return the box that holds both; a box of zeros adds nothing."""
        if not self.area or not other.area:
            return self if self.area else other
        return Box.between(
            min(self.x1, other.x1),
            min(self.y1, other.y1),
            max(self.x2, other.x2),
            max(self.y2, other.y2),
        )


class Detection(Struct, frozen=True, kw_only=True, rename=camel_name):
    """One book on one photo, as any reader of photos reports it.

    ``title`` is the empty string where only an ISBN was read. ``confidence`` is 0 to 1.
    ``raw_text`` is what stands on the spine, as read. ``work_id`` is the candidate's own id
    where a catalogue said which book it is; an ISBN that it named, and nobody read, is guessed.
    """

    title: str
    author: str | None = None
    isbn: str | None = None
    format: BookFormat = BookFormat.UNKNOWN
    confidence: float
    box: Box = Box()
    orientation: Orientation | None = None
    raw_text: str = ""
    partially_visible: bool = False
    work_id: str | None = None
    isbn_guessed: bool = False
