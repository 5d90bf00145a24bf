"""Ratings on whatever scale, as stars from 1 to 5."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_HIGHEST = 100.0
_SCALES = (5, 10, 20, 100)
_NUMBER = re.compile(
    r"(\d{1,3}(?:[.,]\d{1,4})?)(\s*½|\s1/2)?\s*(?:stars?|sterne|étoiles?|\*|★|⭐)?", re.I
)
_FRACTION = re.compile(
    r"(\d{1,3}(?:[.,]\d{1,4})?)\s*(?:/|of|out of|von|sur)\s*(\d{1,3})(?:\s*stars?)?", re.I
)
_PERCENT = re.compile(r"(\d{1,3}(?:[.,]\d{1,2})?)\s*%")
_SIGNS = re.compile(r"([★⭐\ufe0f✭✮🌟*]*)([½⯨])?([☆✩]*)")


def column_scale(cells: Iterable[str]) -> int:
    """Return the highest rating of a column's scale: 5, 10, 20 or 100."""
    highest = max((_number(cell) or 0.0 for cell in set(cells)), default=0.0)
    return next((scale for scale in _SCALES if highest <= scale), 5)


@lru_cache(maxsize=1024)
def stars(cell: str, scale: int) -> float | None:
    """Return 0 < stars <= 5, or ``None`` where the cell holds no rating."""
    text = cell.strip()
    if len(text) > 40:
        return None
    exact = _own_scale(text)
    if exact is None:
        number = _number(text)
        exact = number * 5 / scale if number is not None else None
    return exact if exact is not None and 0 < exact <= 5 else None


def whole_stars(exact: float) -> int:
    """Return the library's stars: rounded half up, at least one."""
    return max(1, int(exact + 0.5))


def _number(text: str) -> float | None:
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= 40 else None
    if match is None:
        return None
    number = float(match[1].replace(",", ".")) + (0.5 if match[2] else 0.0)
    return number if number <= _HIGHEST else None


def _own_scale(text: str) -> float | None:
    """Read what names its scale itself: ``8/10``, ``80 %``, ``★★★★☆``."""
    fraction = _FRACTION.fullmatch(text)
    if fraction is not None:
        highest = int(fraction[2])
        return float(fraction[1].replace(",", ".")) * 5 / highest if highest else None
    percent = _PERCENT.fullmatch(text)
    if percent is not None:
        return float(percent[1].replace(",", ".")) / 20
    signs = _SIGNS.fullmatch(text)
    if signs is None or not text:
        return None
    full = len(signs[1].replace("\ufe0f", "")) + (0.5 if signs[2] else 0.0)
    drawn = len(signs[1].replace("\ufe0f", "")) + bool(signs[2]) + len(signs[3])
    return full * 5 / drawn if drawn > 5 else full
