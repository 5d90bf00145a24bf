"""Rows with too few cells or too many, brought to the width of the header."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Final

from msgspec import Struct

from bookstrack.imports.cells import bare
from bookstrack.imports.dates import read_date
from bookstrack.imports.fields import DATES, NUMBERS_OF_BOOKS, Field
from bookstrack.imports.people import is_suffix

_MOST_JOINTS = 3
_MOST_CELLS = 60
_LONGEST = 64
_FEWEST_DIGITS = 9
_NUMBER = re.compile(r"-?\d{1,4}(?:[.,]\d{1,2})?(?:\s?/\s?\d+)?|[★☆⭐½]+")
_YEAR = re.compile(r"-?\d{1,4}(?:\.0)?")


class Shape(Struct, frozen=True, kw_only=True):
    """What rows of one file must look like: ``places`` of fields in ``width`` cells."""

    width: int
    places: Mapping[Field, int]
    delimiter: str


def fitted(cells: list[str], shape: Shape, *, quoted: Callable[[], list[bool]]) -> list[str] | None:
    """Return a row of too many cells at the right width, or ``None`` where nothing fits.

    Cells too many are dropped if they are empty. Else neighbours are joined that a delimiter
    without quotes tore apart, where afterwards every typed column holds what it should;
    ``quoted`` tells which cells were in quotes, and so are whole.
    """
    surplus = len(cells) - shape.width
    head = cells[: shape.width]
    if not any(map(str.strip, cells[shape.width :])) and (surplus < 1 or _is_valid(head, shape)):
        return head
    if surplus <= _MOST_JOINTS and len(cells) <= _MOST_CELLS:
        joined = _joined(cells, shape, quoted())
        if joined is not None:
            return joined
    return None if any(map(str.strip, cells[shape.width :])) else head


def _joined(cells: list[str], shape: Shape, quoted: list[bool]) -> list[str] | None:
    """Try every set of joints; of several that fit, the one with most signs of a torn cell."""
    joints = [
        at
        for at in range(1, len(cells))
        if not (quoted[at - 1] or quoted[at]) and cells[at].strip()
    ]
    surplus = len(cells) - shape.width
    if surplus > 1:
        joints = [at for at in joints if _is_torn(cells[at])]
    ways = combinations(joints, surplus)
    fits: list[tuple[int, list[str]]] = []
    for way in ways:
        row = _join_at(cells, way, shape.delimiter)
        if _is_valid(row, shape):
            fits.append((sum(_is_torn(cells[at]) for at in way), row))
    best = max((signs for signs, _ in fits), default=0)
    chosen = [row for signs, row in fits if signs == best]
    return chosen[0] if len(chosen) == 1 else None


def _join_at(cells: Sequence[str], joints: tuple[int, ...], delimiter: str) -> list[str]:
    row: list[str] = []
    for at, cell in enumerate(cells):
        if at in joints:
            row[-1] += delimiter + cell
        else:
            row.append(cell)
    return row


def _is_torn(cell: str) -> bool:
    """Tell whether a cell looks like the rest of the one before: a space, "Jr.", lower case."""
    return cell[0] == " " or is_suffix(cell.strip()) or cell[0].islower()


def _is_valid(row: Sequence[str], shape: Shape) -> bool:
    for field, check in _CHECKS.items():
        place = shape.places.get(field)
        if place is None or place >= len(row):
            continue
        cell = bare(row[place])
        if cell and not check(cell):
            return False
    return True


def _is_isbn(cell: str) -> bool:
    """Tell whether a cell is one number, right or wrong; a name before it is another cell."""
    if cell[0].isalpha() or "," in cell:
        return False
    return sum(map(str.isdigit, cell[:_LONGEST])) >= _FEWEST_DIGITS


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell[:_LONGEST]) is not None


def _is_year(cell: str) -> bool:
    return _YEAR.fullmatch(cell[:_LONGEST]) is not None or read_date(cell) is not None


def _is_date(cell: str) -> bool:
    return read_date(cell) is not None


_CHECKS: Final[dict[Field, Callable[[str], bool]]] = {
    **dict.fromkeys(NUMBERS_OF_BOOKS, _is_isbn),
    **dict.fromkeys((Field.YEAR, Field.ORIGINAL_YEAR), _is_year),
    **dict.fromkeys((Field.RATING, Field.PAGES), _is_number),
    **dict.fromkeys(DATES, _is_date),
}
