"""Where books that a spine may be come from: the protocol, and an index in memory."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Protocol

from msgspec import Struct
from rapidfuzz.distance import Levenshtein

from bookstrack.scans.words import FUNCTION_WORDS, words_of

_ALIKE = 0.74
_MOST_ALIKE = 8
_PARTS_FROM = 7  # letters of a word that may be several, run together
_PART = 0.9
_BEGUN_FROM = 5  # letters of a word that may be the beginning of a longer one
_BEGUN = 0.7
_MOST_CACHED = 4_096


class Candidate(Struct, frozen=True, kw_only=True):
    """A book that a spine may be. ``work_id`` is whatever its source calls it."""

    title: str
    authors: tuple[str, ...] = ()
    isbn13: str | None = None
    work_id: str | None = None
    subtitle: str | None = None


class Candidates(Protocol):
    """A source of candidates: our catalogue, a provider, an index in memory."""

    async def find(self, words: Sequence[str], *, most: int) -> Sequence[Candidate]:
        """Return books whose title and authors hold many of the words, best first.

        ``words`` are folded, the most telling first; some are misread, some run together, some
        belong to neither title nor author.
        """
        ...


class BookIndex:
    """Books in memory, found by misread words too. For up to some 100,000 books."""

    def __init__(self, books: Iterable[Candidate]) -> None:
        self._books = list(books)
        self._holders: defaultdict[str, list[int]] = defaultdict(list)
        for number, book in enumerate(self._books):
            for word in {word for text in _texts(book) for word in words_of(text)}:
                self._holders[word].append(number)
        self._by_gram: defaultdict[str, list[str]] = defaultdict(list)
        for word in self._holders:
            for gram in _grams(word):
                self._by_gram[gram].append(word)
        self._sorted = sorted(self._holders)
        self._known = lru_cache(maxsize=_MOST_CACHED)(self._similar)

    def __len__(self) -> int:
        return len(self._books)

    async def find(self, words: Sequence[str], *, most: int) -> Sequence[Candidate]:
        """Return the books that hold most of the words, rare words counting more."""
        return self.search(words, most=most)

    def search(self, words: Sequence[str], *, most: int) -> list[Candidate]:
        """Do what ``find`` does, without an event loop."""
        scores: Counter[int] = Counter()
        for word in dict.fromkeys(words):
            best: dict[int, float] = {}
            for known, alike in self._known(word):
                rarity = alike**2 * math.log(1 + len(self._books) / len(self._holders[known]))
                for number in self._holders[known]:
                    best[number] = max(best.get(number, 0.0), rarity)
            scores.update(best)  # pyright: ignore[reportArgumentType, reportCallIssue] a Counter adds floats as well
        ranked = sorted(scores.items(), key=lambda found: (-found[1], found[0]))
        return [self._books[number] for number, _ in ranked[:most]]

    def _similar(self, word: str) -> list[tuple[str, float]]:
        """Return the known words that a word may be, or may be made of, with likeness."""
        if word in self._holders:
            return [(word, 1.0)]
        shared: Counter[str] = Counter()
        for gram in _grams(word):
            shared.update(self._by_gram.get(gram, ()))
        found = [
            (known, Levenshtein.normalized_similarity(word, known, score_cutoff=_ALIKE))
            for known, count in shared.items()
            if count >= max(1, len(word) // 3)
        ]
        found += ((part, _PART) for part in self._parts(word))
        found += ((longer, _BEGUN) for longer in self._longer(word))
        found.sort(key=lambda pair: -pair[1])
        return [pair for pair in found if pair[1]][:_MOST_ALIKE]

    def _parts(self, word: str) -> list[str]:
        """Return the fewest known words that a run-together word is made of, or none."""
        if len(word) < _PARTS_FROM:
            return []
        fewest: list[list[str] | None] = [[], *([None] * len(word))]
        for end in range(1, len(word) + 1):
            for start in range(end):
                before, part = fewest[start], word[start:end]
                if before is None or not (len(part) > 2 or part in FUNCTION_WORDS):
                    continue
                best = fewest[end]
                if part in self._holders and (best is None or len(before) + 1 < len(best)):
                    fewest[end] = [*before, part]
        return [part for part in fewest[-1] or () if part not in FUNCTION_WORDS]

    def _longer(self, word: str) -> list[str]:
        """Return known words that begin with a word, whose end may be covered."""
        if len(word) < _BEGUN_FROM:
            return []
        first = bisect_left(self._sorted, word)
        return list(
            takewhile(lambda known: known.startswith(word), self._sorted[first : first + 4])
        )


def _texts(book: Candidate) -> Iterator[str]:
    yield book.title
    yield from book.authors
    if book.subtitle:
        yield book.subtitle


def _grams(word: str) -> set[str]:
    padded = f" {word} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}
