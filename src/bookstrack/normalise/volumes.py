"""Volume numbers in titles: however they are spelled, and whether two subtitles name one volume.

Works on title keys. "Volume II", "Part Two" and "Zweiter Teil" carry the number 2.
"""

from __future__ import annotations

import re
from functools import lru_cache

from bookstrack.normalise.titles import title_key

_PLAIN_WORDS = frozenset(
    {"vol", "vols", "volume", "volumes", "volumen", "band", "bd", "teil", "heft", "tome", "tomo"}
)
"""Words that hardly mean anything but a volume, whatever follows."""

_VOLUME_WORDS = _PLAIN_WORDS | {
    *("book", "part", "pt", "nr", "number", "episode", "issue", "buch"),
    *("livre", "partie", "libro", "parte", "numero"),
}
# English, German, French and Spanish, folded as title keys are.
_COUNTING = (
    "one eins ein un une uno una",
    "two zwei deux dos",
    "three drei trois tres",
    "four vier quatre cuatro",
    "five funf cinq cinco",
    "six sechs seis",
    "seven sieben sept siete",
    "eight acht huit ocho",
    "nine neun neuf nueve",
    "ten zehn dix diez",
    "eleven elf onze once",
    "twelve zwolf douze doce",
)
_ORDERING = (
    "first erster erste erstes premier premiere primer primero primera",
    "second zweiter zweite zweites deuxieme seconde segundo segunda",
    "third dritter dritte drittes troisieme tercer tercero tercera",
    "fourth vierter vierte viertes quatrieme cuarto cuarta",
    "fifth funfter funfte funftes cinquieme quinto quinta",
    "sixth sechster sechste sechstes sixieme sexto sexta",
)


def _table(lines: tuple[str, ...]) -> dict[str, str]:
    numbered = enumerate(lines, start=1)
    return {word: str(number) for number, line in numbered for word in line.split()}


_CARDINAL, _ORDINAL = _table(_COUNTING), _table(_ORDERING)
_AT_THE_END = {line.split()[0]: str(number) for number, line in enumerate(_COUNTING, start=1)}
_ROMAN = re.compile(r"(x{0,3})(ix|iv|v?i{0,3})")
_UNITS = {"": 0, "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9}
_DIGITS = re.compile(r"\d+")
_FIRST_YEAR = 1000


@lru_cache(maxsize=8_192)
def numbered(key: str) -> str:
    """Return a title key with its volume numbers in digits.

    Number words and single Roman letters count only where a number is to be expected: beside a
    word for a volume, or at the end ("Henry V", "Part One"); longer Roman numerals anywhere.
    """
    words = key.split()
    return " ".join(_in_digits(words, at) for at in range(len(words)))


def numbers(key: str) -> frozenset[str]:
    """Return the numbers in a title key that ``numbered`` has been applied to."""
    return frozenset(_DIGITS.findall(key))


def volumes(key: str, *, years: bool = True) -> frozenset[str]:
    """Return what names the volume in a numbered key: a number beside such a word or at the end.

    ``years`` tells whether a year at the end of several words counts.
    """
    words, found = key.split(), set[str]()
    for at, word in enumerate(words):
        if _is_named_volume(words, at) or (
            word.isdecimal()
            and at == len(words) - 1
            and (years or at == 0 or int(word[:5]) < _FIRST_YEAR)
        ):
            found |= numbers(word) or {word}
    if not found and not _PLAIN_WORDS.isdisjoint(words):
        return frozenset({key})
    return frozenset(found)


def names_volume(subtitle: str | None) -> bool:
    """Tell whether a subtitle belongs to one volume of several."""
    return bool(volumes(_key(subtitle), years=False))


def is_same_volume(subtitle: str | None, other: str | None) -> bool:
    """Tell whether two books of equal title may be one, going by their subtitles.

    Volumes that one of them names must be the other's too; other numbers, such as years, must
    not contradict each other.
    """
    first, second = _key(subtitle), _key(other)
    if volumes(first, years=False) != volumes(second, years=False):
        return False
    return agree(numbers(first), numbers(second))


def agree(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether the numbers of two titles may be those of one book."""
    return one <= other or other <= one


def _key(subtitle: str | None) -> str:
    return numbered(title_key(subtitle or ""))


def _in_digits(words: list[str], at: int) -> str:
    word, is_last = words[at], at == len(words) - 1
    if at and words[at - 1] in _VOLUME_WORDS:
        return _CARDINAL.get(word) or _roman(word) or word
    if not is_last and words[at + 1] in _VOLUME_WORDS and word in _ORDINAL:
        return _ORDINAL[word]
    if at and (is_last or len(word) > 1):
        return (is_last and _AT_THE_END.get(word)) or _roman(word) or word
    return word


def _roman(word: str) -> str | None:
    match = _ROMAN.fullmatch(word)
    return str(10 * len(match[1]) + _UNITS[match[2]]) if match and word else None


def _is_named_volume(words: list[str], at: int) -> bool:
    """Tell whether "2", "2nd" or a single letter stands beside a word for a volume."""
    word = words[at]
    before = words[at - 1] if at else ""
    after = words[at + 1] if at + 1 < len(words) else ""
    if word[0].isdecimal():
        return before in _VOLUME_WORDS or after in _VOLUME_WORDS
    return len(word) == 1 and before in _PLAIN_WORDS
