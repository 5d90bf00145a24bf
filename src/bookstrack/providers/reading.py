"""Reads the loosely typed parts of provider answers into plain values.

Real answers put texts where numbers belong, empty lists where texts belong and nulls anywhere.
Every function here takes what JSON can hold and returns a clean value or nothing; none raises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from bookstrack.clock import Clock
from bookstrack.model.book import Author
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import Rating
from bookstrack.normalise.markup import unescaped
from bookstrack.normalise.titles import display_name, name_key

NO_NAME = "Unknown Author"
"""Display name of a book's author where a source gives none (data-model §1.4)."""

_LARGEST = 2**53
_LONGEST_LINE = 2_500
"""More than any title needs; longer than an address may be, so that a cut one is none."""
_LONGEST_PROSE = 50_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def text(value: object) -> str | None:
    """Return one line of text from a string or number, or ``None`` where nothing is left.

    Entities are decoded, control characters and runs of spaces become one space. Only the first
    2,500 characters are read: what comes after them costs time and tells nothing.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        return None
    return " ".join(_CONTROL.sub(" ", unescaped(value[:_LONGEST_LINE])).split()) or None


def prose(value: object) -> str | None:
    """Return long text, as it is but of 50,000 characters at most, from a string or a value."""
    if isinstance(value, dict):
        value = members(cast("object", value)).get("value")
    return value[:_LONGEST_PROSE].strip() or None if isinstance(value, str) else None


def texts(value: object) -> tuple[str, ...]:
    """Return the distinct texts of a list, or of a single text."""
    found = (text(item) for item in elements(value))
    return tuple(dict.fromkeys(item for item in found if item))


def first_text(value: object) -> str | None:
    """Return the first text of a list, or a single text."""
    return next(iter(texts(value)), None)


def elements(value: object) -> list[object]:
    """Return a list's elements; a single value is a list of one, null an empty one."""
    if isinstance(value, list):
        return cast("list[object]", value)
    return [] if value is None else [value]


def members(value: object) -> dict[str, object]:
    """Return a JSON object's members; anything else has none."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def number(value: object) -> float | None:
    """Return a finite number from a number or its decimal text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and abs(found) <= _LARGEST else None


def whole(value: object) -> int | None:
    """Return a whole number above zero."""
    found = number(value)
    return int(found) if found is not None and found >= 1 else None


def date_value(value: object) -> str | int | None:
    """Return what date rules can read: a text or an integer."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return text(value)


def rating(average: object, count: object) -> Rating | None:
    """Return a rating of 0 to 5 that at least one reader gave."""
    mean, readers = number(average), whole(count)
    if mean is None or readers is None or not 0 <= mean <= 5:
        return None
    return Rating(average=round(mean, 2), count=readers)


def publisher(value: object) -> str | None:
    """Return a publisher's name; "Unknown" is no name (data-model §6.3)."""
    name = first_text(value)
    return None if name is None or name.casefold() == "unknown" else name


def believable(names: Iterable[object]) -> bool:
    """Tell whether one at least of the things an answer lists is named by a text, or not at all.

    One odd value must not cost the whole answer; but where nothing has the name it should have,
    "nothing found" would be a wrong reading of it.
    """
    listed = list(names)
    named_well = (name is None or name == [] or isinstance(name, str) for name in listed)
    return not listed or any(named_well)


def authors(people: Iterable[Author]) -> tuple[Author, ...]:
    """Return each person once, by name; ``Unknown Author`` where there is nobody."""
    distinct: dict[str, Author] = {}
    for person in people:
        distinct.setdefault(name_key(person.name) or person.name, person)
    return tuple(distinct.values()) or (Author(name=NO_NAME),)


def this_year(clock: Clock) -> int:
    """Return the current year, by which dates are judged plausible."""
    return datetime.fromtimestamp(clock.time(), UTC).year


def named(names: Iterable[str]) -> tuple[Author, ...]:
    """Return authors for raw names, in display form."""
    shown = (display_name(name) for name in names)
    return authors(Author(name=name) for name in shown if name)


def with_first(numbers: list[str], asked: Isbn | None) -> list[str]:
    """Return printed ISBNs with the asked one in front, where it is among them."""
    if asked is None:
        return numbers
    among = any(
        found.canonical == asked.canonical for number in numbers if (found := Isbn.find(number))
    )
    return [asked.canonical, *numbers] if among else numbers
