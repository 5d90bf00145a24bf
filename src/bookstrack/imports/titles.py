"""Series out of titles, and numbers of series."""

from __future__ import annotations

import re

from msgspec import Struct

_NUMBER = r"\d{1,4}(?:\.\d{1,3})?(?:\s?[-–,&]\s?\d{1,4}(?:\.\d{1,3})?)?[a-z]?"
_SERIES = re.compile(rf"(.*?)\s?,?\s?#\s?({_NUMBER})(?:\s?;.*)?")
_WHOLE = re.compile(r"(\d+)\.0+")
_LONGEST = 300


class SeriesTitle(Struct, frozen=True):
    """A title without its series."""

    title: str
    series: str | None = None
    number: str | None = None


def series_title(title: str) -> SeriesTitle:
    """Read ``Title (Series, #2)``; other brackets stay in the title. White space is single."""
    if not title.endswith(")") or "#" not in title[-_LONGEST:]:
        return SeriesTitle(title)
    opening = _opening_bracket(title)
    match = _SERIES.fullmatch(title[opening + 1 : -1]) if opening > 0 else None
    bare = title[:opening].strip()
    if match is None or not bare:
        return SeriesTitle(title)
    return SeriesTitle(bare, match[1].strip() or None, series_number(match[2]))


def _opening_bracket(title: str) -> int:
    """Return the place of the bracket that the last one closes, or -1."""
    depth = 0
    for at in range(len(title) - 1, max(-1, len(title) - _LONGEST), -1):
        depth += (title[at] == ")") - (title[at] == "(")
        if depth == 0:
            return at
    return -1


def series_number(text: str) -> str | None:
    """Return a number of a series as text: ``8.0`` is ``8``, ``2.5`` and ``1-3`` stay."""
    number = text.strip().lstrip("#").strip()
    whole = _WHOLE.fullmatch(number)
    return (whole[1] if whole is not None else number) or None
