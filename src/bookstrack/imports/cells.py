"""One cell at a time: spreadsheet armour off and on, white space, entities."""

from __future__ import annotations

import re

from bookstrack.normalise.markup import plain_text, unescaped

LONGEST_CELL = 32_768
"""Bytes of UTF-8 one cell may have."""

_MARKUP = re.compile(r"[<&]")
_LINE_BREAK = re.compile(r"[ \t]?<[bB][rR] ?/?>")
_ARMOUR = re.compile(r'=\s*"(.*)"', re.S)
_ARMED = frozenset("=+-@\t\r")
_RUINED = re.compile(r"\d(?:[.,]\d+)?\s?E\s?\+?\s?\d{1,2}", re.I)


def bare(cell: str) -> str:
    """Return a cell trimmed and out of its spreadsheet armour: ``="978…"`` and ``'978…``."""
    text = cell.strip()
    if text[:1] not in ("=", "'", '"'):
        return text
    if text[0] == "'" and _is_armoured(text):
        text = text[1:].strip()
    armoured = _ARMOUR.fullmatch(text)
    return armoured[1].strip() if armoured is not None else text


def _is_armoured(text: str) -> bool:
    """Tell whether an apostrophe stands before a number or what might be a formula."""
    return text[1:2] in _ARMED or (text[1:2].isdigit() and text.count("'") == 1)


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in _ARMED and cell else cell


def one_line(cell: str) -> str:
    """Return a title or name: entities decoded, runs of white space one space."""
    return " ".join((unescaped(cell) if "&" in cell else cell).split())


def prose(cell: str) -> str | None:
    """Return a review or note: line breaks kept, tags dropped."""
    text = _LINE_BREAK.sub("\n", cell) if "<" in cell else cell
    if _MARKUP.search(text) is None:  # most reviews have no other tags: the long way is slow
        return text.strip() or None
    return plain_text(text, at_most=LONGEST_CELL)


def is_too_long(cell: str) -> bool:
    """Tell whether a cell passes the limit in bytes."""
    if len(cell) * 4 <= LONGEST_CELL:
        return False
    return len(cell) > LONGEST_CELL or len(cell.encode("utf-8", "replace")) > LONGEST_CELL


def shortened(cell: str) -> str:
    """Return as much of a cell as the limit allows."""
    return cell.encode("utf-8", "replace")[:LONGEST_CELL].decode("utf-8", "ignore")


def is_ruined_isbn(cell: str) -> bool:
    """Tell whether a spreadsheet made a number of it: ``9.78053E+12``."""
    return _RUINED.fullmatch(cell) is not None
