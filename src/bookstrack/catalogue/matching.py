"""Tells whether two titles, two names, or a question and a record mean the same (data-model §5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from rapidfuzz.distance import Levenshtein

from bookstrack.model.record import BookRecord
from bookstrack.normalise.titles import name_key, title_key
from bookstrack.normalise.volumes import agree, numbered, numbers, volumes

_ALIKE = 0.7
_CONTAINED_WORDS = 2
_CONTAINED_LETTERS = 8
_BREAK = re.compile(r"\s?[:;/(\[—–：；（［〈～]\s?|\s-+\s|[.,]\s")  # in text of single spaces
_MOST_BREAKS = 12
_GENERIC_SUBTITLE = re.compile(
    r"(?:a|an|the|ein|eine|un|une|uma?|una)?\s*"
    r"(?:novel|novella|memoir|thriller|mystery|story|play|roman|romanzo|novela|romance|récit|"
    r"роман|повесть|長編小説|小説)\W*",
    re.I,
)
_SUBTITLE_COUNTS = 0.95
_TITLE_SHARE = 0.6
_AUTHOR_SHARE = 0.4
_REFUSED = 0.59
_SEVERAL = re.compile(r"\s*(?:;|&|\band\b|\bund\b|\bet\b)\s*", re.I)
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})
NOBODY = frozenset({"", name_key("Unknown Author"), "unknown"})
"""Keys of names that name no person."""


def titles_match(a: str, b: str) -> bool:
    """Tell whether two titles may name one work: equal, one with a subtitle, or nearly equal.

    Titles whose numbers contradict each other ("Vol. 1", "Volume II") never match.
    """
    first, second = numbered(title_key(a)), numbered(title_key(b))
    if not first or not second or not agree(numbers(first), numbers(second)):
        return False
    return (
        first == second
        or (volumes(first) == volumes(second) and _similar(first, second) >= _ALIKE)
        or _begins_with(a, b)
        or _begins_with(b, a)
    )


def main_title_key(title: str) -> str:
    """Return the key of a title without a subtitle that only names the kind ("a novel")."""
    for head, tail in _heads(title):
        if _GENERIC_SUBTITLE.fullmatch(tail):
            return title_key(head)
    return title_key(title)


def authors_match(a: str, b: str) -> bool:
    """Tell whether two names may be one person: same words, or surname and fitting initials."""
    first, second = name_key(a).split(), name_key(b).split()
    if not first or not second:
        return False
    if set(first) == set(second):
        return True
    (surname, given), (other_surname, other_given) = _surname(first), _surname(second)
    return surname == other_surname and _given_names_fit(given, other_given)


def confidence(*, title: str, author: str, record: BookRecord) -> float:
    """Return how sure it is that a record is the book asked for, 0 to 1; 0.6 is enough.

    0.6 of the title's and 0.4 of the author's similarity, or the one that was asked alone.
    Below 0.6 whenever the title does not match or the record names other people only.
    """
    author_similarity, contradicts = _author_judged(author, record)
    if not title.strip():
        return min(author_similarity, _REFUSED) if contradicts else author_similarity
    similarity, matches = _title_judged(title, record, with_author=bool(author.strip()))
    if not author.strip():
        return similarity if matches else min(similarity, _REFUSED)
    score = _TITLE_SHARE * similarity + _AUTHOR_SHARE * author_similarity
    return score if matches and not contradicts else min(score, _REFUSED)


def asked_names(author: str) -> list[str]:
    """Return the single names of "Terry Pratchett & Neil Gaiman"."""
    return [name for name in _SEVERAL.split(author) if name]


def known_names(record: BookRecord) -> list[str]:
    """Return the names of a record's authors without placeholders."""
    return [author.name for author in record.authors if name_key(author.name) not in NOBODY]


def _similar(first: str, second: str) -> float:
    if not first or not second:
        return 0.0
    return Levenshtein.normalized_similarity(first, second)


def _begins_with(longer: str, shorter: str) -> bool:
    """Tell whether a title is the other followed by a subtitle."""
    key = title_key(shorter)
    return any(
        title_key(head) == key
        and (_tells(head) or _tells(shorter) or _GENERIC_SUBTITLE.fullmatch(tail))
        for head, tail in _heads(longer)
    )


def _tells(title: str) -> bool:
    """Tell whether a title is long enough to be recognised without its subtitle."""
    return len(title.split()) >= _CONTAINED_WORDS or len(title.strip()) >= _CONTAINED_LETTERS


def _heads(title: str) -> Iterator[tuple[str, str]]:
    plain = " ".join(title.split())
    for mark in islice(_BREAK.finditer(plain), _MOST_BREAKS):
        if mark.start() > 0:
            yield plain[: mark.start()], plain[mark.end() :]


def _surname(words: list[str]) -> tuple[str, list[str]]:
    """Take a name's key apart; "weir a" and "king jr" have their surname first."""
    names = [word for word in words if word not in _SUFFIXES] or words
    if len(names[-1]) == 1 and len(names[0]) > 1:
        return names[0], names[1:]
    return names[-1], names[:-1]


def _given_names_fit(first: list[str], second: list[str]) -> bool:
    shorter, longer = sorted((first, second), key=len)
    if not shorter:
        return True
    if _initials(shorter) == _initials(longer):
        return all(map(_fits, shorter, longer)) if len(shorter) == len(longer) else True
    rest = iter(longer[1:])
    return _fits(shorter[0], longer[0]) and all(
        any(_fits(name, other) for other in rest) for name in shorter[1:]
    )


def _initials(names: list[str]) -> str:
    """Return "jrr" for "jrr" as for "john ronald reuel"."""
    if len(names) == 1 and len(names[0]) <= 3:
        return names[0]
    return "".join(name[0] for name in names)


def _fits(name: str, other: str) -> bool:
    return name == other or (1 in (len(name), len(other)) and name[0] == other[0])


def _title_judged(asked: str, record: BookRecord, *, with_author: bool) -> tuple[float, bool]:
    """Return the best similarity among a record's titles, and whether one matches."""
    work = record.work.title
    titles = {work, *(edition.title for edition in record.editions if edition.title)}
    if record.subtitle:
        whole = f"{work}: {record.subtitle}"
        if not agree(_numbers(asked), _numbers(whole)):
            titles.discard(work)  # which is the title of every volume
        titles.add(whole)
    judged = [_one_title_judged(asked, title, with_author=with_author) for title in titles]
    return max(judged, key=lambda found: (found[1], found[0]))


def _numbers(title: str) -> frozenset[str]:
    return numbers(numbered(title_key(title)))


def _one_title_judged(asked: str, title: str, *, with_author: bool) -> tuple[float, bool]:
    first, second = title_key(asked), title_key(title)
    key, other = numbered(first), numbered(second)
    similarity = _similar(key, other)
    if not agree(numbers(key), numbers(other)):
        return similarity, False
    contained = _begins_with(asked, title) or _begins_with(title, asked)
    if not contained and with_author:
        heads = {title_key(head) for head, _ in _heads(title)} | {second}
        asked_heads = {title_key(head) for head, _ in _heads(asked)} | {first}
        contained = first in heads or second in asked_heads
    if contained and first:
        return max(similarity, _SUBTITLE_COUNTS), True
    return similarity, similarity >= _ALIKE and volumes(key) == volumes(other)


def _author_judged(asked: str, record: BookRecord) -> tuple[float, bool]:
    """Return the best similarity among a record's authors, and whether all are other people."""
    keys = [name_key(name) for name in asked_names(asked)]
    known = [name_key(name) for name in known_names(record)]
    pairs = [(one, other) for one in keys for other in known if one.isascii() == other.isascii()]
    if any(authors_match(one, other) for one, other in pairs):
        return 1.0, False
    best = max((_similar(*map(_sorted_words, pair)) for pair in pairs), default=0.0)
    return best, bool(pairs) and best < _ALIKE


def _sorted_words(key: str) -> str:
    return " ".join(sorted(key.split()))
