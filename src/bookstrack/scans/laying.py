"""Lays the words of a book on the words of a spine. Pure.

Every word of title, subtitle and authors is laid on the spine's words at most once, and the other
way round, so that one word never proves both title and author. Words may be misread, run
together, parted, or cut off at a line's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from math import ceil

from msgspec import Struct
from rapidfuzz.distance import Levenshtein

from bookstrack.scans.ocr import TextLine
from bookstrack.scans.words import is_imprint, weight, words_of

_RUN_TOGETHER = 6  # words of a book that one word of a spine may be
_PARTED = 5  # words of a spine that one word of a book may be
_LEAST_ALIKE = 0.75
_CUT = 0.6  # the worth of a word whose end is covered or cut off
_LEAST_CUT = 4
_STICKING = 2  # letters of initials that were read as part of a surname
_LEAST_STICKING = 5
_STUCK = 0.85
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


class SpineText:
    """The words of lines in reading order, ready to be compared with many books."""

    def __init__(self, lines: Sequence[TextLine]) -> None:
        self.words = _spine_words(lines)
        self._singles: dict[int, list[tuple[range, str]]] = {}
        self._parted: dict[int, list[tuple[range, str]]] = {}
        for number, word in enumerate(self.words):
            joined = word.text
            self._singles.setdefault(len(joined), []).append((range(number, number + 1), joined))
            for end in range(number + 1, min(len(self.words), number + _PARTED)):
                joined += self.words[end].text
                self._parted.setdefault(len(joined), []).append((range(number, end + 1), joined))

    def alike(self, wanted: str, *, parted: bool) -> Iterator[tuple[range, float]]:
        """Yield where a word may stand, and how alike it is there; ``parted``: in pieces too."""
        length = len(wanted)
        for other in range(ceil(length * _LEAST_ALIKE), int(length / _LEAST_ALIKE) + 1):
            found = self._singles.get(other, [])
            if parted and other in self._parted:
                found = found + self._parted[other]
            for span, text in found:
                if alike := likeness(wanted, text):
                    yield span, alike


def _spine_words(lines: Sequence[TextLine]) -> list[SpineWord]:
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


def lay(wanted: list[Wanted], spine: SpineText) -> Iterator[Laid]:
    """Yield ways to lay words on each other that do not overlap, the most telling first."""
    ways = sorted(_ways(wanted, spine), key=lambda way: (-way.gain, way.seen.start))
    used_wanted: set[int] = set()
    used_seen: set[int] = set()
    for way in ways:
        if used_wanted.isdisjoint(way.wanted) and used_seen.isdisjoint(way.seen):
            used_wanted.update(way.wanted)
            used_seen.update(way.seen)
            yield way


def _ways(wanted: list[Wanted], spine: SpineText) -> Iterator[Laid]:
    for start in range(len(wanted)):
        joined = ""
        for end in range(start, min(len(wanted), start + _RUN_TOGETHER)):
            if wanted[end].group != wanted[start].group:
                break
            joined += wanted[end].text
            for span, alike in spine.alike(joined, parted=start == end):
                yield _laid(alike, wanted, range(start, end + 1), span)
    yield from _cut_off(wanted, spine.words)
    yield from _with_initials(wanted, spine.words)


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


def _with_initials(wanted: list[Wanted], words: Sequence[SpineWord]) -> Iterator[Laid]:
    """Yield surnames to which one or two letters stick that were initials above them."""
    for place, one in enumerate(wanted):
        if one.field is not Field.SURNAME or len(one.text) < _LEAST_STICKING:
            continue
        for number, word in enumerate(words):
            if word.text.endswith(one.text) and 0 < len(word.text) - len(one.text) <= _STICKING:
                yield _laid(_STUCK, wanted, range(place, place + 1), range(number, number + 1))


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
