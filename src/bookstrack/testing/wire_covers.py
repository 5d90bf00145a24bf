"""The cover host of Open Library: small real pictures, a blank for what it does not have."""

from __future__ import annotations

import io
import re
from functools import lru_cache

from PIL import Image, ImageDraw

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.exchange import Answer, Asked, html_answer
from bookstrack.testing.things import Printing

_PATH = re.compile(r"^/([ab])/(id|isbn|olid)/(\w+?)(?:-([SML]))?\.jpg$")
_SIZES = {"S": (40, 60), "M": (180, 270), "L": (400, 600), None: (400, 600)}
_KINDS = 64


class CoversWire:
    """Covers by id, ISBN and edition key; author photos by id and key."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def answer(self, asked: Asked) -> Answer:
        """Answer ``/b/id/…-L.jpg`` and its relatives."""
        found = _PATH.match(asked.path)
        if found is None:
            return html_answer("404 Not Found", status=404)
        kind, by, value, size = found.groups()
        number = self._photo(value) if kind == "a" else self._cover(by, value)
        if number is None:
            if asked.query.get("default") == "false":
                return html_answer("404 Not Found", status=404)
            return Answer(body=_blank(), content_type="image/gif")
        return Answer(body=picture(number % _KINDS, size or "L"), content_type="image/jpeg")

    def status(self, status: int) -> Answer:
        """Answer an error page."""
        return html_answer(f"{status}", status=status)

    def quota(self, status: int = 403) -> Answer:
        """Refuse: too many covers asked for by ISBN."""
        return self.status(status)

    def auth(self, status: int = 403) -> Answer:
        """Refuse this address."""
        return self.status(status)

    def _photo(self, value: str) -> int | None:
        person = self._catalogue.person(int("".join(filter(str.isdecimal, value)) or -1))
        return person.number if person else None

    def _cover(self, by: str, value: str) -> int | None:
        printing: Printing | None = None
        if by == "isbn" and len(value) in (10, 13):
            printing = self._catalogue.by_isbn(value.upper())
        elif by != "isbn":
            printing = self._catalogue.printing(int("".join(filter(str.isdecimal, value)) or -1))
        return printing.number if printing and printing.cover else None


@lru_cache(maxsize=4 * _KINDS)
def picture(number: int, size: str) -> bytes:
    """Draw a JPEG of 40x60 (S), 180x270 (M) or 400x600 pixels (L); ``number`` picks the look."""
    width, height = _SIZES[size]
    colour = (40 + number * 37 % 180, 40 + number * 61 % 180, 40 + number * 89 % 180)
    image = Image.new("RGB", (width, height), colour)
    draw = ImageDraw.Draw(image)
    band = height * (2 + number % 5) // 10
    draw.rectangle((0, band, width, band + height // 6), fill=(245, 240, 225))
    draw.line((width // 12, 0, width // 12, height), fill=(20, 20, 20), width=max(1, width // 60))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


@lru_cache(maxsize=1)
def _blank() -> bytes:
    out = io.BytesIO()
    Image.new("P", (1, 1)).save(out, "GIF")
    return out.getvalue()
