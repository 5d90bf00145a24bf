"""Lays the words of a book on the words of a spine. Pure.

Every word of title, subtitle and authors is laid on the spine's words at most once, and the other
way round, so that one word never proves both title and author. Words may be misread, run
together, parted, or cut off at a line's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct
from rapidfuzz.distance import Levenshtein

from bookstrack.scans.ocr import TextLine
from bookstrack.scans.words import is_imprint, weight, words_of

_RUN_TOGETHER = 6  # words of a book that one word of a spine may be
_PARTED = 5  # words of a spine that one word of a book may be
_LEAST_ALIKE = 0.75
_CUT = 0.6  # the worth of a word whose end is covered or cut off
_LEAST_CUT = 4
_NUMBER = re.compile(r"\d{1,3}|i{2,3}|iv|vi{0,3}|ix|xi{0,3}")
_PARTICLES = frozenset({"van", "von", "der", "de", "la", "le", "du", "di", "da", "jr", "sr", "phd"})


class Field(StrEnum):
    """The part of a book's description that a word belongs to."""

    TITLE = "title"
    SUBTITLE = "subtitle"
    SURNAME = "surname"
    GIVEN = "given"


class SpineWord(Struct, frozen=True, kw_only=True):
    """A folded word of a spine, with its line's number, confidence and height in pixels."""

    text: str
    line: int
    confidence: float
    height: float
    imprint: bool


def spine_words(lines: Sequence[TextLine]) -> list[SpineWord]:
    """Return the words of lines in reading order; the line's number is its place."""
    return [
        SpineWord(
            text=word,
            line=number,
            confidence=line.confidence,
            height=line.height,
            imprint=is_imprint(words),
        )
        for number, line in enumerate(lines)
        for words in [words_of(line.text)]
        for word in words
    ]


class Wanted(Struct, frozen=True):
    """A word of the book: its field, its place there, its weight."""

    text: str
    field: Field
    group: int
    weight: float


class Laid(Struct, frozen=True):
    """Words of the book laid on words of the spine, both as ranges of numbers."""

    gain: float
    alike: float
    wanted: range
    seen: range


def wanted_words(title: str, subtitle: str, authors: Iterable[str]) -> list[Wanted]:
    """Return the words that a book would show; the last word of a name is its surname."""
    wanted = [Wanted(word, Field.TITLE, 0, weight(word)) for word in words_of(title)]
    wanted += [Wanted(word, Field.SUBTITLE, 1, weight(word)) for word in words_of(subtitle)]
    for number, author in enumerate(authors, start=2):
        names = [word for word in words_of(author)]
        surname = next((n for n in reversed(names) if n not in _PARTICLES and len(n) > 1), "")
        for name in names:
            field = Field.SURNAME if name == surname else Field.GIVEN
            wanted.append(Wanted(name, field, number, weight(name)))
    return wanted


def lay(wanted: list[Wanted], words: Sequence[SpineWord]) -> Iterator[Laid]:
    """Yield ways to lay words on each other that do not overlap, the most telling first."""
    ways = sorted(_ways(wanted, words), key=lambda way: (-way.gain, way.seen.start))
    used_wanted: set[int] = set()
    used_seen: set[int] = set()
    for way in ways:
        if used_wanted.isdisjoint(way.wanted) and used_seen.isdisjoint(way.seen):
            used_wanted.update(way.wanted)
            used_seen.update(way.seen)
            yield way


def _ways(wanted: list[Wanted], words: Sequence[SpineWord]) -> Iterator[Laid]:
    for start in range(len(wanted)):
        joined = ""
        for end in range(start, min(len(wanted), start + _RUN_TOGETHER)):
            if wanted[end].group != wanted[start].group:
                break
            joined += wanted[end].text
            for number, word in enumerate(words):
                alike = likeness(joined, word.text)
                if alike:
                    span = range(start, end + 1)
                    yield _laid(alike, wanted, span, range(number, number + 1))
    for number in range(len(words)):
        joined = words[number].text
        for end in range(number + 1, min(len(words), number + _PARTED)):
            joined += words[end].text
            for place, word in enumerate(wanted):
                alike = likeness(word.text, joined)
                if alike:
                    yield _laid(alike, wanted, range(place, place + 1), range(number, end + 1))
    yield from _cut_off(wanted, words)


def _laid(alike: float, wanted: list[Wanted], span: range, seen: range) -> Laid:
    # A run of several words is laid before its words alone are; a likeness counts squared, so
    # that words read well go first.
    gain = alike**2 * sum(wanted[n].weight for n in span) + 0.01 * len(span)
    return Laid(gain, alike, span, seen)


def _cut_off(wanted: list[Wanted], words: Sequence[SpineWord]) -> Iterator[Laid]:
    """Yield words of the title whose beginning is the last word of a line."""
    for number, word in enumerate(words):
        is_last = number + 1 == len(words) or words[number + 1].line != word.line
        if not is_last or len(word.text) < _LEAST_CUT:
            continue
        for place, one in enumerate(wanted):
            if len(one.text) > len(word.text) + 1:
                alike = Levenshtein.normalized_similarity(one.text[: len(word.text)], word.text)
                if alike >= _LEAST_ALIKE and one.text[0] == word.text[0]:
                    span, seen = range(place, place + 1), range(number, number + 1)
                    yield _laid(_CUT * alike, wanted, span, seen)


def likeness(wanted: str, seen: str) -> float:
    """Return how surely a word of a spine is that of a book: 1 when equal, 0 when hardly.

    A word of three letters must be equal, longer ones may have a quarter misread.
    """
    if wanted == seen:
        return 1.0
    if min(len(wanted), len(seen)) <= 3:
        return 0.0
    return Levenshtein.normalized_similarity(wanted, seen, score_cutoff=_LEAST_ALIKE)


def is_number(word: str) -> bool:
    """Tell whether a word numbers a volume: one to three digits, or a Roman numeral."""
    return bool(_NUMBER.fullmatch(word))
