"""Days as exports write them; day and month in slashed dates are told by the whole column."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

from bookstrack.normalise.dates import parse_date


class DateOrder(StrEnum):
    """Which of day and month comes first where a year does not."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


_FIRST_YEAR, _LAST_YEAR = 1000, 9999
_LONGEST = 64
_PIVOT = 70  # of two-digit years
_WHOLE = len("YYYY-MM-DD")
_TIME = r"(?:[T ,]+\d{1,2}:.*)?"
_YEAR_FIRST = re.compile(rf"\[?(\d{{4}})(?:[-/.](\d{{1,2}})(?:[-/.](\d{{1,2}}))?)?\]?{_TIME}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}")
_COMPACT = re.compile(r"\d{8}")
_LETTERS = re.compile(r"[^\W\d_]{3}|年")
_CLOCK = re.compile(r"[\s,]+(?:at\s+|um\s+)?\d{1,2}:\d\d.*")
_SHORT_DAY = re.compile(r"(\d{1,2})[-.\s]+([^\W\d_]{3,9})[-.\s]+(\d\d)")
_SHORT_MONTH = re.compile(r"([^\W\d_]{3,9})\.?-(\d\d)")
_DAY = r"(?:\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?(?!\d)|\d{1,2}[/.]\d{1,2}[/.]\d{4})(?:T[\d:.]+Z?)?"
_RANGE = re.compile(
    rf"({_DAY})\s{{0,3}}(?:(-|–|—|/|\bto\b)\s{{0,3}}({_DAY})?)?|[-–—]\s{{0,3}}({_DAY})"
)


@lru_cache(maxsize=8_192)
def read_date(text: str, order: DateOrder = DateOrder.MONTH_FIRST) -> str | None:
    """Return ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``, as written, or ``None``.

    ``order`` is that of ``a/b/YYYY``; where only the other order gives a date, that is taken.
    Dots are always day first.
    """
    if len(text) > _LONGEST:
        return None
    match = _YEAR_FIRST.fullmatch(text)
    if match is not None:
        return _joined(int(match[1]), int(match[2] or 0), int(match[3] or 0))
    match = _YEAR_LAST.fullmatch(text)
    if match is not None:
        is_day_first = match[2] == "." or order is DateOrder.DAY_FIRST
        first, second, year = int(match[1]), int(match[3]), _full_year(match[4])
        day, month = (first, second) if is_day_first else (second, first)
        if month > 12 and match[2] != ".":
            day, month = month, day
        return _joined(year, month, day) if 1 <= month <= 12 else None
    if _LETTERS.search(text) is None and _COMPACT.fullmatch(text) is None:
        return None
    return _in_words(_CLOCK.sub("", text, count=1))


def _in_words(text: str) -> str | None:
    """Read a day with the name of its month, also as spreadsheets shorten it: ``02-Jan-20``."""
    day, month = _SHORT_DAY.fullmatch(text), _SHORT_MONTH.fullmatch(text)
    if day is not None:
        found = parse_date(f"{day[1]} {day[2]} {_full_year(day[3])}", this_year=_LAST_YEAR)
        return found if found is not None and len(found) == _WHOLE else None
    if month is not None:
        found = parse_date(f"{month[1]} {_full_year(month[2])}", this_year=_LAST_YEAR)
        return found if found is not None and len(found) > len("YYYY") else None
    return parse_date(text, this_year=_LAST_YEAR)


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if year < _PIVOT else 1900)


def _joined(year: int, month: int, day: int) -> str | None:
    """Return the date as far as it can be; a day or month 0 is unknown."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR or month > 12:
        return None
    if month == 0:
        return str(year)
    if day > monthrange(year, month)[1]:
        return None
    return f"{year}-{month:02d}-{day:02d}" if day else f"{year}-{month:02d}"


def column_order(cells: Iterable[str]) -> DateOrder | None:
    """Return the order that a column of slashed dates proves, or ``None``."""
    month_first = False
    for cell in cells:
        match = _YEAR_LAST.fullmatch(cell) if len(cell) <= _LONGEST else None
        if match is None or match[2] == ".":
            continue
        if int(match[1]) > 12:
            return DateOrder.DAY_FIRST
        month_first = month_first or int(match[3]) > 12
    return DateOrder.MONTH_FIRST if month_first else None


def is_ambiguous(cell: str) -> bool:
    """Tell whether day and month of a date can be exchanged for another date."""
    match = _YEAR_LAST.fullmatch(cell) if len(cell) <= _LONGEST else None
    if match is None or match[2] == ".":
        return False
    return int(match[1]) <= 12 and int(match[3]) <= 12 and match[1] != match[3]


def ranges(text: str) -> list[tuple[str, str]]:
    """Return starts and finishes of "A-B, C-D"; a date alone is a finish; the other is empty."""
    found: list[tuple[str, str]] = []
    for start, sign, finish, end in _RANGE.findall(text[:LONGEST_LIST]):
        found.append((start, finish) if sign else ("", start or end))
    return found


LONGEST_LIST = 4_096
"""Characters of a list of dates that are read."""


_COUNTED = re.compile(r"[2-5]\d{4}(?:\.\d+)?")
_COUNTED_FROM = date(1899, 12, 30)


def counted_day(text: str) -> str | None:
    """Return the day of a number such as 43832, as spreadsheets count days: 1954 to 2064."""
    if _COUNTED.fullmatch(text) is None:
        return None
    return (_COUNTED_FROM + timedelta(days=int(text[:5]))).isoformat()


def is_before(one: str, other: str) -> bool:
    """Tell whether one date is surely before another, as far as both are known."""
    shared = min(len(one), len(other))
    return one[:shared] < other[:shared]
