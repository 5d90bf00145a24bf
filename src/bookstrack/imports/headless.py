"""Tables without a header: whether there is none, and what the columns hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bookstrack.imports.cells import bare
from bookstrack.imports.dates import read_date
from bookstrack.imports.fields import Field, header_key
from bookstrack.imports.isbns import holds_isbn
from bookstrack.imports.sniff import KNOWN_NAMES, NAMES_OF_BOOKS

Rows = Sequence[Sequence[str]]

_SAMPLE = 200
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_TITLE_SIGN = re.compile(
    r"[:!?\d]|\b(?:the|a|of|and|to|in|for|my|der|die|das|und|les|los|il)\b", re.I
)
_NAME = re.compile(r"[^\W\d_][\w'’.-]*(?:,? [^\W\d_][\w'’.-]*){1,3}")


def is_header(first: Sequence[str], second: Sequence[str] | None) -> bool:
    """Tell whether the first record names the columns rather than a book."""
    cells = [bare(cell) for cell in first]
    if any(map(holds_isbn, cells)):
        return False
    keys = {header_key(cell) for cell in cells}
    # "read" alone may as well be what the first row says of its book.
    if second is None or keys & NAMES_OF_BOOKS or len(keys & KNOWN_NAMES) > 1:
        return True
    return [_kind(cell) for cell in cells] != [_kind(bare(cell)) for cell in second]


def _kind(cell: str) -> str:
    if not cell:
        return "nothing"
    if holds_isbn(cell):
        return "isbn"
    if _NUMBER.fullmatch(cell):
        return "number"
    return "date" if read_date(cell) else "text"


def isbn_column(rows: Rows, width: int) -> int | None:
    """Return the column that holds ISBNs in most rows that have something in it."""
    best, place = 0, None
    for at in range(width):
        cells = _column(rows, at)
        valid = sum(map(holds_isbn, cells))
        if valid > best and valid * 2 > len(cells):
            best, place = valid, at
    return place


def guessed_places(rows: Rows, width: int) -> dict[Field, int]:
    """Guess ISBN, title and author: most distinct values of several words make the title."""
    found: dict[Field, int] = {}
    isbn = isbn_column(rows, width)
    if isbn is not None:
        found[Field.ISBN] = isbn
    shares = {at: _share_of_phrases(_column(rows, at)) for at in range(width) if at != isbn}
    texts = [at for at in shares if shares[at] > 0 or _is_varied(_column(rows, at))]
    ranked = sorted(texts, key=lambda at: (-shares[at], at))[:2]
    if len(ranked) == 2 and _is_exchanged(_column(rows, ranked[0]), _column(rows, ranked[1])):
        ranked.reverse()
    found.update(zip((Field.TITLE, Field.AUTHOR), ranked, strict=False))
    return found


def _column(rows: Rows, at: int) -> list[str]:
    cells = (bare(row[at]) for row in rows[:_SAMPLE] if at < len(row))
    return [cell for cell in cells if cell]


def _is_varied(cells: list[str]) -> bool:
    """Tell whether most cells are words that do not repeat, as titles of one word are."""
    words = {cell for cell in cells if _kind(cell) == "text"}
    return len(words) * 2 > len(cells)


def _share_of_phrases(cells: list[str]) -> float:
    phrases = {cell for cell in cells if " " in cell and _kind(cell) == "text"}
    return len(phrases) / len(cells) if cells else 0.0


def _is_exchanged(title: list[str], author: list[str]) -> bool:
    """Tell whether the supposed titles look like names, and the supposed names do not.

    A column of authors has several words in every cell, which titles such as "Emma" have not.
    """
    return _titleness(author) > _titleness(title) + 0.25


def _titleness(cells: list[str]) -> float:
    unlike_names = sum(
        1 for cell in cells if _TITLE_SIGN.search(cell) or not _NAME.fullmatch(cell[:200])
    )
    return unlike_names / len(cells) if cells else 0.0
