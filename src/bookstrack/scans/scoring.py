"""How well a book explains the words of a spine. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from bookstrack.scans.candidates import Candidate
from bookstrack.scans.laying import (
    Field,
    SpineText,
    SpineWord,
    Wanted,
    is_number,
    lay,
    wanted_words,
)
from bookstrack.scans.words import FUNCTION_WORDS, names_publisher, tells, words_of

_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*")
_SUBTITLE = re.compile(r"\s*(?::|;| - | – | — | / )\s*")
_LARGE = 0.6  # of the title's letters: what is smaller is small print
_LARGE_BESIDE_NAME = 0.85
_WELL_READ = 0.75
_VOLUME = frozenset({"vol", "volume", "volumes", "band", "bd", "tome", "part", "teil", "parte"})
_WHOLE_NAME = 2  # words of it
_ANOTHER_PERSON = 0.5


class Fit(Struct, frozen=True, kw_only=True):
    """How a candidate fits a spine; shares are 0 to 1.

    ``title``: of the title's weight that is on the spine. ``author``: of the surname found, 0
    where none is. ``precision``: of the letters on the title's lines, and on other lines as large,
    that the book explains. ``others``: letters of telling words on the title's lines that are
    neither the book's nor words of its title misread. ``numbers_agree``: no number of the title is
    missing, and none stands beside it that the book does not explain. ``used``: the lines it
    explains words of.
    """

    candidate: Candidate
    title: float
    author: float
    given: float
    precision: float
    others: int
    confidence: float
    letters: int
    numbers_agree: bool
    used: frozenset[int]
    title_lines: frozenset[int]

    @property
    def score(self) -> float:
        """Return the weighted fit: 0.7 of the title, 0.3 of the author."""
        return 0.7 * self.title + 0.3 * self.author_evidence

    @property
    def author_evidence(self) -> float:
        """Return how surely the author is on the spine: a cut surname counts with given names."""
        return max(self.author, 0.85) if self.author and self.given >= 0.8 else self.author

    @property
    def rank(self) -> tuple[float, float, float]:
        """Return what orders fits: how well, how completely, and how much they explain."""
        return (round(self.score * (0.5 + 0.5 * self.precision), 3), self.given, self.letters)


def fit(spine: SpineText, candidate: Candidate) -> Fit:
    """Lay a candidate on a spine and say how well it fits."""
    fits = [_fit(spine, candidate, title, sub) for title, sub in _titles(candidate)]
    return max(fits, key=lambda found: found.rank)


def main_title(candidate: Candidate) -> str:
    """Return a candidate's title without subtitle and series."""
    return _titles(candidate)[0][0]


class _Evidence:
    """What of a book's words was found, and where on the spine."""

    def __init__(self, wanted: list[Wanted], spine: SpineText) -> None:
        words = spine.words
        self.wanted = wanted
        self.likeness: dict[int, float] = {}
        self.seen: set[int] = set()
        self.seen_titles: set[int] = set()
        self.title_lines: set[int] = set()
        self.author_lines: set[int] = set()
        common: set[int] = set()
        for laid in lay(wanted, spine):
            self.seen.update(laid.seen)
            self.likeness.update(dict.fromkeys(laid.wanted, laid.alike))
            lines = {words[n].line for n in laid.seen}
            fields = {wanted[n].field for n in laid.wanted}
            if Field.SURNAME in fields:
                self.author_lines.update(lines)
            if not fields.isdisjoint((Field.TITLE, Field.SUBTITLE)):
                self.seen_titles.update(laid.seen)
            if Field.TITLE in fields:
                texts = (wanted[n].text for n in laid.wanted)
                (common if FUNCTION_WORDS.issuperset(texts) else self.title_lines).update(lines)
        self.title_lines = self.title_lines or common

    def numbers(self, field: Field) -> list[int]:
        """Return the places of a field's words."""
        return [n for n, word in enumerate(self.wanted) if word.field is field]

    def found(self, field: Field) -> list[float]:
        """Return how surely each word of a field was found."""
        return [self.likeness.get(n, 0.0) for n in self.numbers(field)]

    def small_print(self) -> float:
        """Return the share of a title's height below which letters are no part of a title.

        A subtitle nearly as large is let pass where the author's whole name is there.
        """
        names = self.found(Field.GIVEN) + self.found(Field.SURNAME)
        well_read = sum(name >= _WELL_READ for name in names)
        return _LARGE_BESIDE_NAME if well_read >= _WHOLE_NAME else _LARGE

    def best_author(self, words: Sequence[SpineWord]) -> tuple[float, float]:
        """Return how surely the surname and the given names of the author on the spine are there.

        A surname beside other names than the author's is another person's.
        """
        best = (0.0, 0.0)
        for group in {self.wanted[n].group for n in self.numbers(Field.SURNAME)}:
            names = [n for n, word in enumerate(self.wanted) if word.group == group]
            given = [n for n in names if self.wanted[n].field is Field.GIVEN]
            surname = max(self.likeness.get(n, 0.0) for n in names if n not in given)
            share = sum(self.likeness.get(n, 0.0) for n in given) / len(given) if given else 0.0
            if surname and given and not share and self._is_named_otherwise(words):
                surname = min(surname, _ANOTHER_PERSON)
            best = max(best, (surname, share))
        return best

    def _is_named_otherwise(self, words: Sequence[SpineWord]) -> bool:
        return any(
            word.line in self.author_lines - self.title_lines
            and number not in self.seen
            and len(word.text) > 2
            and not word.text.isdigit()
            for number, word in enumerate(words)
        )

    def title_share(self) -> float:
        """Return how much of the title's weight was found."""
        numbers = self.numbers(Field.TITLE)
        whole = sum(self.wanted[n].weight for n in numbers)
        got = sum(self.wanted[n].weight * self.likeness.get(n, 0.0) for n in numbers)
        return got / whole if whole else 0.0

    def others(self, words: Sequence[SpineWord]) -> int:
        """Return how many letters of other words stand on the title's lines.

        As many telling words as the title lacks may be those, misread. An article or the like
        counts where it stands in the place of one of the title's: that is another language.
        """
        lacking = [
            word.text
            for n, word in enumerate(self.wanted)
            if word.field is Field.TITLE and n not in self.likeness
        ]
        others = [
            word.text
            for number, word in enumerate(words)
            if word.line in self.title_lines
            and number not in self.seen
            and not names_publisher(word.text)
        ]
        telling = sorted(map(len, filter(tells, others)), reverse=True)
        misread = sum(map(tells, lacking))
        swapped = [word for word in others if word in FUNCTION_WORDS and len(word) > 1]
        letters = sum(telling[: max(0, len(telling) - misread)])
        if swapped and not FUNCTION_WORDS.isdisjoint(lacking):
            letters += sum(map(len, swapped))
        return letters

    def numbers_agree(self, words: Sequence[SpineWord]) -> bool:
        """Tell whether no number of the title is missing, and none is beside it."""
        shown = {self.wanted[n].text for n in self.likeness}
        missing = any(
            n not in self.likeness
            and is_number(word.text)
            and (
                word.field is Field.TITLE
                or (self.wanted[n - 1].text in _VOLUME and word.text not in shown)
            )
            for n, word in enumerate(self.wanted)
        )
        return not missing and not any(
            word.line in self.title_lines and number not in self.seen and is_number(word.text)
            for number, word in enumerate(words)
        )


def _fit(spine: SpineText, candidate: Candidate, title: str, subtitle: str) -> Fit:
    evidence = _Evidence(wanted_words(title, subtitle, candidate.authors), spine)
    words, seen = spine.words, evidence.seen
    author, given = evidence.best_author(words)
    return Fit(
        candidate=candidate,
        title=evidence.title_share(),
        author=author,
        given=given,
        precision=_precision(words, evidence),
        others=evidence.others(words),
        confidence=_mean_confidence(words, seen),
        letters=sum(len(words[n].text) for n in seen),
        numbers_agree=evidence.numbers_agree(words),
        used=frozenset(words[n].line for n in seen),
        title_lines=frozenset(evidence.title_lines),
    )


@lru_cache(maxsize=4_096)
def _titles(candidate: Candidate) -> tuple[tuple[str, str], ...]:
    """Return the title with its subtitle, in the ways it may stand on a spine."""
    bare = _BRACKETS.sub(" ", candidate.title).strip() or candidate.title
    more = " ".join((*_BRACKETS.findall(candidate.title), candidate.subtitle or ""))
    head, *tail = _SUBTITLE.split(bare, maxsplit=1)
    ways = [(head, " ".join((*tail, more)))] if words_of(head) else []
    if tail and words_of(tail[0]):
        ways.append((bare, more))
    return tuple(ways) or ((bare, more),)


def _precision(words: Sequence[SpineWord], evidence: _Evidence) -> float:
    """Return the share of letters that title and subtitle explain, where a title can stand.

    That is on the title's own lines and on others set as large, save for the author's.
    """
    heights = [word.height for word in words if word.line in evidence.title_lines]
    least = evidence.small_print() * max(heights, default=0.0)
    explained = total = 0
    for number, word in enumerate(words):
        if number in evidence.seen_titles:
            explained += len(word.text)
            total += len(word.text)
        elif number not in evidence.seen and not _says_nothing(word):
            is_aside = word.height < least or word.line in evidence.author_lines
            total += len(word.text) if word.line in evidence.title_lines or not is_aside else 0
    return explained / total if total else 0.0


def _says_nothing(word: SpineWord) -> bool:
    return word.imprint or len(word.text) < 3 or word.text.isdigit()


def _mean_confidence(words: Sequence[SpineWord], seen: set[int]) -> float:
    letters = sum(len(words[s].text) for s in seen)
    return sum(words[s].confidence * len(words[s].text) for s in seen) / letters if letters else 0.0
