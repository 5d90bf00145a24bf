"""Lines and spines for tests, and the shared shelves with their catalogue."""

from __future__ import annotations

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from bookstrack.normalise.titles import title_key
from bookstrack.scans.candidates import Candidate
from bookstrack.scans.ocr import TextLine
from bookstrack.scans.scoring import main_title
from bookstrack.scans.spines import Spine, spine_of

SIZE = (3000, 2000)
_ALIKE = 88


def down(text: str, *, x: float, y: float = 100, height: float = 60, **facts: Any) -> TextLine:
    """A line that reads downward; ``x`` is its right edge, ``y`` where it begins."""
    length = 0.55 * height * len(text)
    corners = ((x, y), (x, y + length), (x - height, y + length), (x - height, y))
    return TextLine(text=text, confidence=facts.get("confidence", 0.98), corners=corners)


def up(text: str, *, x: float, y: float = 100, height: float = 60) -> TextLine:
    """A line that reads upward; ``x`` is its left edge, ``y`` where it ends."""
    length = 0.55 * height * len(text)
    corners = ((x, y + length), (x, y), (x + height, y), (x + height, y + length))
    return TextLine(text=text, confidence=0.98, corners=corners)


def across(text: str, *, x: float, y: float, height: float = 60) -> TextLine:
    """A line that reads from left to right; its top left corner is at ``x``, ``y``."""
    length = 0.55 * height * len(text)
    corners = ((x, y), (x + length, y), (x + length, y + height), (x, y + height))
    return TextLine(text=text, confidence=0.98, corners=corners)


def spine(*texts: str, height: float = 60) -> Spine:
    """A spine whose lines, one under the other, all read downward."""
    lines = [
        down(text, x=1000 - number * 1.2 * height, height=height)
        for number, text in enumerate(texts)
    ]
    return spine_of(lines, SIZE)


@lru_cache(maxsize=1)
def truth(fixtures: Path) -> dict[str, list[dict[str, Any]]]:
    """What a person reads on the shared photos."""
    return json.loads((fixtures / "shelves" / "truth.json").read_bytes())


@lru_cache(maxsize=1)
def catalogue(fixtures: Path) -> list[Candidate]:
    """The 10,000 books of the shared catalogue."""
    with (fixtures / "catalogue" / "goodbooks-10k.csv").open(encoding="utf-8") as file:
        return [
            Candidate(
                title=row["title"],
                authors=tuple(name.strip() for name in row["authors"].split(",")),
                work_id=row["book_id"],
            )
            for row in csv.DictReader(file)
        ]


def own_books(fixtures: Path) -> list[Candidate]:
    """The books on the shared photos."""
    books = [book for shelf in truth(fixtures).values() for book in shelf]
    return [
        Candidate(
            title=title,
            authors=tuple(name.strip() for name in (author or "").split(",") if name),
            work_id=f"own:{title}",
        )
        for title, author in dict.fromkeys(
            (book["title"], (book["author"] or "").replace(" and ", ",")) for book in books
        )
    ]


def is_book(title: str, author: str | None, book: dict[str, Any]) -> bool:
    """Tell whether a title and author name a book of the truth, subtitles and editions aside."""
    keys = [title_key(main_title(Candidate(title=text))) for text in (title, book["title"])]
    if fuzz.ratio(*keys) < _ALIKE:
        return False
    names = [title_key(name or "") for name in (author, book["author"])]
    return not all(names) or fuzz.partial_token_set_ratio(*names) > _ALIKE
