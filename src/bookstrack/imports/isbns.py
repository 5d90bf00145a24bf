"""ISBNs as spreadsheets and exports leave them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

from msgspec import Struct
from stdnum import ean

from bookstrack.imports.cells import is_ruined_isbn
from bookstrack.imports.export import Doubt
from bookstrack.imports.fields import NUMBERS_OF_BOOKS
from bookstrack.imports.layout import Cells
from bookstrack.model.isbn import Isbn

_LONGEST = 400
_PLAIN = re.compile(r"97[89][0-9]{10}")
_SHORT = re.compile(r"\d{8}[\dXx](?:\.0)?")
_SEVERAL = re.compile(r"[,;|/\s]+")
_AROUND = " []{}()<>#*.,;:'\"“”„‘’"
_FULL = re.compile(r"(\d)[.,](\d{12})E\+?12", re.I)  # a spreadsheet's notation with all digits


class FoundIsbn(Struct, frozen=True):
    """``isbn`` is a valid ISBN-13; ``raw`` the cell it, or nothing usable, came from."""

    isbn: str | None = None
    raw: str | None = None
    doubt: Doubt | None = None


_NONE = FoundIsbn()


def find_isbn(cells: Cells, *, padded: bool) -> FoundIsbn:
    """Return the first valid ISBN of a row's ISBN cells.

    ``padded`` restores the zero that a spreadsheet took from the front of nine digits.
    """
    raws = [cells[field] for field in NUMBERS_OF_BOOKS if field in cells]
    for raw in raws:
        isbn = read_isbn(raw, padded=padded)
        if isbn is not None:
            return FoundIsbn(isbn, raw)
    if not raws:
        return _NONE
    ruined = any(map(is_ruined_isbn, raws))
    return FoundIsbn(None, raws[0], Doubt.RUINED_ISBN if ruined else Doubt.INVALID_ISBN)


@lru_cache(maxsize=4_096)
def read_isbn(cell: str, *, padded: bool) -> str | None:
    """Return the valid ISBN-13 of a cell; of several the first."""
    text = cell[:_LONGEST]
    if _PLAIN.fullmatch(text) and ean.calc_check_digit(text[:-1]) == text[-1]:
        return text  # as almost all are; the long way takes ten times as long
    whole = Isbn.printed(text, sbn=padded and _SHORT.fullmatch(text) is not None)
    several = (Isbn.printed(part) for part in _parts(text))
    found = (isbn.isbn13 for isbn in chain((whole,), several) if isbn is not None)
    return next(filter(None, found), None)


def _parts(text: str) -> Iterator[str]:
    """Yield what else of a cell may be a number: without signs around it, or one of several."""
    full = _FULL.fullmatch(text)
    yield full[1] + full[2] if full is not None else text.strip(_AROUND)
    parts = _SEVERAL.split(text)
    if len(parts) > 1:
        yield from parts


def holds_isbn(cell: str) -> bool:
    """Tell whether a cell is a valid ISBN."""
    return len(cell) <= _LONGEST and read_isbn(cell, padded=False) is not None
