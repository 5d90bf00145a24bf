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
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from bookstrack.scans.ocr import TextLine
from bookstrack.scans.words import is_imprint, weight, words_of

_RUN_TOGETHER = 6  # words of a book that one word of a spine may be
_RUN_MISREAD = 6  # the power of a run's likeness
_PARTED = 5  # words of a spine that one word of a book may be
_LEAST_ALIKE = 0.75
_MUST_BE_EQUAL = 3  # letters
_CUT = 0.6  # the worth of a word whose end is covered or cut off
_LEAST_CUT = 4
_STICKING = 2  # letters of initials that were read as part of a surname
_LEAST_STICKING = 5
_STUCK = 0.85
_NUMBER = re.compile(r"\d{1,3}|i{2,3}|iv|vi{0,3}|ix|xi{0,3}")
_LONGEST_NUMBER = 9  # digits
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii")
_SAME_SHAPE = 0.95
_SHAPES = str.maketrans("1i0", "llo")  # what readers take for each other
_DIGITS = str.maketrans("lio", "110")
_PARTICLES = frozenset({"van", "von", "der", "de", "la", "le", "du", "di", "da", "jr", "sr", "phd"})


class Field(StrEnum):
    """The part of a book's description that a word belongs to."""

    TITLE = "title"
    SUBTITLE = "subtitle"
    SURNAME = "surname"
    GIVEN = "given"


_FIRST = {Field.GIVEN: 0.005, Field.SURNAME: 0.005, Field.TITLE: 0.003, Field.SUBTITLE: 0.0}
"""What may be a name is one before it is a word of the title, and a series the last of all."""


class SpineWord(Struct, frozen=True, kw_only=True):
    """A folded word of a spine, with its line's number, confidence and height in pixels."""

    text: str
    line: int
    confidence: float
    height: float
    imprint: bool


class _Texts:
    """Places on a spine by their text, to be searched for words that may stand there."""

    def __init__(self, places: Iterable[tuple[range, str]]) -> None:
        pairs = list(places)
        self._spans = [span for span, _ in pairs]
        self._texts = [text for _, text in pairs]
        self._by_shape: dict[str, list[int]] = {}
        for number, text in enumerate(self._texts):
            self._by_shape.setdefault(_shape(text), []).append(number)
        self.longest = max(map(len, self._texts), default=0)

    def alike(self, wanted: str) -> Iterator[tuple[range, float]]:
        """Yield where a word may stand, and how alike it is there."""
        same = self._by_shape.get(_shape(wanted), ())
        for number in same:
            yield self._spans[number], likeness(wanted, self._texts[number])
        if len(wanted) <= _MUST_BE_EQUAL or len(wanted) * _LEAST_ALIKE > self.longest:
            return
        for text, alike, number in process.extract_iter(
            wanted, self._texts, scorer=Levenshtein.normalized_similarity, score_cutoff=_LEAST_ALIKE
        ):
            if number not in same and len(text) > _MUST_BE_EQUAL:
                yield self._spans[number], alike


class SpineText:
    """The words of lines in reading order, ready to be compared with many books."""

    def __init__(self, lines: Sequence[TextLine]) -> None:
        self.words = _spine_words(lines)
        self._singles = _Texts((range(n, n + 1), word.text) for n, word in enumerate(self.words))
        self._parted = _Texts(self._pieces())
        self._by_value: dict[int, list[tuple[range, str]]] = {}
        for number, word in enumerate(self.words):
            if (value := _value(word.text)) is not None:
                place = range(number, number + 1), word.text
                self._by_value.setdefault(value, []).append(place)
        self._known: dict[str, list[tuple[range, float]]] = {}

    def of_one(self, wanted: str) -> list[tuple[range, float]]:
        """Return where a word may stand, whole or in pieces, and how alike it is there."""
        if wanted not in self._known:
            self._known[wanted] = list(self._find(wanted))
        return self._known[wanted]

    def of_several(self, joined: str) -> Iterator[tuple[range, float]]:
        """Yield where words may stand that were run together."""
        return self._singles.alike(joined)

    @property
    def longest(self) -> float:
        """Return the most letters that words may have which were run together."""
        return self._singles.longest / _LEAST_ALIKE

    def _find(self, wanted: str) -> Iterator[tuple[range, float]]:
        if (value := _value(wanted)) is not None:
            for span, text in self._by_value.get(value, ()):
                yield span, 1.0 if text == wanted else _SAME_SHAPE
            return
        yield from self._singles.alike(wanted)
        yield from self._parted.alike(wanted)

    def _pieces(self) -> Iterator[tuple[range, str]]:
        """Yield runs of words that may be one word read in pieces."""
        for number, word in enumerate(self.words):
            joined = word.text
            for end in range(number + 1, min(len(self.words), number + _PARTED)):
                joined += self.words[end].text
                yield range(number, end + 1), joined


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
    for start, word in enumerate(wanted):
        for span, alike in spine.of_one(word.text):
            yield _laid(alike, wanted, range(start, start + 1), span)
        joined = word.text
        for end in range(start + 1, min(len(wanted), start + _RUN_TOGETHER)):
            joined += wanted[end].text
            if wanted[end].group != word.group or len(joined) > spine.longest:
                break
            for span, alike in spine.of_several(joined):
                yield _laid(alike, wanted, range(start, end + 1), span)
    yield from _cut_off(wanted, spine.words)
    yield from _with_initials(wanted, spine.words)


def _laid(alike: float, wanted: list[Wanted], span: range, seen: range) -> Laid:
    # A run of several words is laid before its words alone are, save where one of them is not
    # there; a likeness counts squared, so that words read well go first.
    likely = alike**2 if len(span) == 1 else alike**_RUN_MISREAD
    gain = likely * sum(wanted[n].weight for n in span) + 0.01 * len(span)
    gain += _FIRST[wanted[span.start].field]
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

    A word of three letters must be equal but for letters that look alike (l, I and 1, o and 0);
    longer ones may have a quarter misread.
    """
    if wanted == seen:
        return 1.0
    if _shape(wanted) == _shape(seen):
        return _SAME_SHAPE
    if min(len(wanted), len(seen)) <= _MUST_BE_EQUAL:
        return 0.0
    return Levenshtein.normalized_similarity(wanted, seen, score_cutoff=_LEAST_ALIKE)


def _shape(word: str) -> str:
    return word.translate(_SHAPES)


def _value(word: str) -> int | None:
    """Return the number that a word writes in digits or, up to thirteen, in Roman numerals."""
    if any(map(str.isdecimal, word)) and (digits := word.translate(_DIGITS)).isdecimal():
        return int(digits) if len(digits) <= _LONGEST_NUMBER else None
    return _ROMAN.index(word) + 1 if word in _ROMAN else None


def is_number(word: str) -> bool:
    """Tell whether a word numbers a volume: one to three digits, or a Roman numeral."""
    return bool(_NUMBER.fullmatch(word))
