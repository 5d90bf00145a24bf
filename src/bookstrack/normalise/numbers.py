"""Numbers of pages as providers write them."""

from __future__ import annotations

import re

_MOST_PAGES = 50_000
_PAGES = re.compile(
    r"(?<![\d.,])(\d{1,5})\s*(?:p|pp|pages?|pgs?|leaves|l|s|seiten|с|стр|頁)\b", re.I
)
_BARE = re.compile(r"\d{1,5}(?:\.0+)?")


def page_count(value: object) -> int | None:
    """Return the pages of ``491``, ``"491"`` or ``"xvi, 491 p. :"``: 1 to 50,000, else ``None``."""
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if 1 <= value <= _MOST_PAGES else None
    return None


def _from_text(text: str) -> int | None:
    if _BARE.fullmatch(text):
        return page_count(float(text))
    counts = [int(pages) for pages in _PAGES.findall(text)]
    return page_count(max(counts, default=0))
