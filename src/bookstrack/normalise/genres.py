"""Genres: the subjects of all sources brought to one short list of names (data-model §6.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from bookstrack.normalise.genre_tables import (
    CANONICAL,
    EXACT,
    IN_FICTION,
    NOISE,
    NOISE_PREFIXES,
    UNLIKE_GENRES,
    VARIATIONS,
)

_AT_MOST = 25
_LONGEST = 300
_ALIKE = 0.85
_FICTION = "Fiction"
_CALL_NUMBER = re.compile(r"[A-Z]{1,2}|[A-Z]{0,3}\d+(?:\.\w+)*")
_LEVELS = re.compile(r"(?:^|\s+)/(?:\s+|$)")
_SUBDIVISION = re.compile(r"\s*--\s*")
_COUPLES = (re.compile(r"\s+(?:&|and)\s+", re.I), re.compile(r"\s*/\s*"))
_COMMA = re.compile(r"\s*,\s*")


def genres(subjects: Iterable[str]) -> tuple[str, ...]:
    """Return the genres of raw subjects, sorted and unique, at most 25.

    What is no known genre passes through as it is, call numbers and shelf marks go; where there
    are too many, the known genres are kept before the others.
    """
    tags: dict[str, str] = {}
    for subject in subjects:
        for tag in _tags(subject):
            tags.setdefault(tag.casefold(), tag)
    kept = sorted(tags.values(), key=lambda tag: tag not in CANONICAL)[:_AT_MOST]
    return tuple(sorted(kept))


@lru_cache(maxsize=16_384)
def _tags(raw: str) -> tuple[str, ...]:
    subject = " ".join(raw[:_LONGEST].split())
    known = _known(subject)
    if known is not None:
        return known
    if _is_noise(subject):
        return ()
    return _split(subject) or _alike(subject) or (subject,)


def _known(subject: str) -> tuple[str, ...] | None:
    """Look a subject up in the exact table, then among the variations of the genres."""
    word = subject.casefold().rstrip(".").replace("’", "'")
    exact = EXACT.get(word)
    if exact is not None:
        return exact
    name = VARIATIONS.get(word)
    return None if name is None else (name,)


def _is_noise(subject: str) -> bool:
    word = subject.casefold()
    return (
        word in NOISE
        or word.startswith(NOISE_PREFIXES)
        or _CALL_NUMBER.fullmatch(subject) is not None
    )


def _split(subject: str) -> tuple[str, ...]:
    """Take a subject of several parts to pieces; empty where it is one thing."""
    levels = _LEVELS.split(subject)
    if len(levels) > 1:
        return _hierarchy(levels)
    parts = _COMMA.split(subject.rstrip("."))
    if len(parts) > 1 and _is_fiction(parts[0]):
        return _hierarchy(parts)
    if len(parts) > 1 and _is_fiction(parts[-1]):
        return _hierarchy([parts[-1], ", ".join(filter(None, parts[:-1]))])
    return _subdivided(subject) or _underscored(subject) or _couple(subject) or _kind(subject)


def _hierarchy(levels: list[str]) -> tuple[str, ...]:
    """Map each level; some words mean another genre below Fiction ("Historical", "Crime")."""
    filled = [level for level in levels if level]
    inside = bool(filled) and (_FICTION in _tags(filled[0]))
    found: list[str] = []
    for level in filled:
        special = IN_FICTION.get(level.casefold().rstrip(".")) if inside else None
        found += _tags(level) if special is None else special
    return tuple(found)


def _is_fiction(part: str) -> bool:
    return part.casefold() in {"fiction", "juvenile fiction", "young adult fiction"}


def _subdivided(subject: str) -> tuple[str, ...]:
    """Read a library heading such as "Wizards -- Fiction."."""
    *heads, last = _SUBDIVISION.split(subject)
    known = _known(last) if heads else None
    return () if known is None else (*_tags(" -- ".join(filter(None, heads))), *known)


def _underscored(subject: str) -> tuple[str, ...]:
    head, mark, last = subject.rpartition("_")
    if not mark or last.casefold() != "fiction":
        return ()
    spelled = " ".join(head.replace("_", " ").split())
    return _known(f"{spelled} fiction") or (*_tags(spelled), _FICTION)


def _couple(subject: str) -> tuple[str, ...]:
    """Split "X & Y", "X and Y" and "X/Y" where every part is a genre."""
    for joint in _COUPLES:
        parts = joint.split(subject)
        known = [_known(part) for part in parts]
        if len(parts) > 1 and all(known):
            return tuple(tag for tags in known if tags for tag in tags)
    return ()


def _kind(subject: str) -> tuple[str, ...]:
    """Read "Horror fiction" and "Horror stories" as the genre they name."""
    head, _, last = subject.rstrip(".").rpartition(" ")
    if last.casefold() not in {"fiction", "stories", "novels", "books"}:
        return ()
    return _known(head) or ()


def _alike(subject: str) -> tuple[str, ...]:
    word = subject.casefold()
    if word in UNLIKE_GENRES:
        return ()
    match = process.extractOne(
        word, CANONICAL, scorer=Levenshtein.normalized_similarity, score_cutoff=_ALIKE
    )
    return () if match is None else (match[2],)
