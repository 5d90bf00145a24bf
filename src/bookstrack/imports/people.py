"""Cells of names: several in one cell, "Last, First", and roles in brackets."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from bookstrack.imports.cells import one_line
from bookstrack.imports.export import Contributor
from bookstrack.imports.layout import NameStyle
from bookstrack.normalise.titles import display_name, name_key

_LONGEST = 4_096
_MOST_NAMES = 100
_ROLE_WORDS = (
    r"translat\w*|illustrat\w*|narrat\w*|editor|ed\.|eds\.|editors|trans\.|tr\.|ill\.|illus\.|"
    r"foreword|introduction|intro\.|afterword|preface|photograph\w*|compiler|adapt\w*|reader|"
    r"read by|contributor|cover art\w*|colou?rist|letterer|inker|pencill?er|artist|designer|"
    r"übersetz\w*|sprecher\w*|herausgeber\w*|hrsg\.?|traduct\w*|traduttore|illustrazioni"
)
_ROLE = re.compile(rf"(?:{_ROLE_WORDS})(?:[\s,/&+].*)?", re.I | re.S)
_AUTHOR_ROLE = re.compile(r"(?:goodreads |primary )?(?:author|writer|autor(?:in)?|auteur)", re.I)
_NOTE = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]$")
_SUFFIX = re.compile(
    r"(?:jr|sr|ii|iii|iv|esq|ph\.?\s?d|m\.?\s?d|m\.?\s?a|d\.?\s?d|ed\.?\s?d|psy\.?\s?d|j\.?\s?d|"
    r"m\.?b\.?a|r\.?n|d\.?v\.?m|d\.?d\.?s|b\.?a|m\.?s|ll\.?[bdm]|s\.?j|o\.?p|o\.?s\.?b|c\.?s\.?b|"
    r"f\.?r\.?s|obe|mbe|cbe)\.?",
    re.I,
)
_TITLE_OF = re.compile(
    r"(?:the\s)?(?:(?:\w+\s)?(?:duke|duchess|earl|count|countess|baron|baroness|marquis|marquess|"
    r"prince|princess|king|queen|bishop|archbishop|saint)\sof\s)",
    re.I,
)
_SEVERAL = re.compile(r";|\s&\s|\|")
_JOINT = re.compile(r"\s&\s|\sand\s|\|", re.I)
_INITIAL = re.compile(r"(?:[^\W\d_]\.-?){1,4}|[A-Z]{1,2}")
_STARTS_WITH_INITIAL = re.compile(r"[^\W\d_]\.\s?\S")
_PARTICLE = re.compile(r"(?:van|von|de|der|den|del|della|di|da|du|la|le|ten|ter|af|av)\b")
_FAR_EAST = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


class People(Struct, frozen=True):
    """Authors, and those with another role."""

    authors: tuple[str, ...] = ()
    contributors: tuple[Contributor, ...] = ()


@lru_cache(maxsize=8_192)
def people(cell: str, style: NameStyle) -> People:
    """Return the people of one cell; who has a role in brackets is a contributor."""
    authors: dict[str, None] = {}
    contributors: dict[Contributor, None] = {}
    for text in _separate(one_line(cell[:_LONGEST]), style)[:_MOST_NAMES]:
        name, role = _without_role(text, style)
        name = _in_order(name, style)
        if name and role is None:
            authors[name] = None
        elif name:
            contributors[Contributor(name, role)] = None
    return People(tuple(authors), tuple(contributors))


def style_beside(cell: str, sorted_cell: str, style: NameStyle) -> NameStyle:
    """Return how an author's cell is written, going by the sorted form of the same names."""
    if style is not NameStyle.FREE or not sorted_cell:
        return style
    if cell.casefold() == sorted_cell.casefold():
        return NameStyle.SORTED if "," in cell else style
    if _SEVERAL.search(sorted_cell):
        return style if _SEVERAL.search(cell) else NameStyle.LISTED
    is_one = _words(sorted_cell) == _words(cell)
    return NameStyle.WHOLE if is_one else style


def _words(cell: str) -> list[str]:
    return sorted(name_key(cell[:200].replace(",", " ")).split())


def _separate(text: str, style: NameStyle) -> list[str]:
    """Split a cell into names, each still with its role and perhaps surname first."""
    if style is NameStyle.WHOLE:
        return [text]
    if ";" in text:
        return [part for part in map(str.strip, text.split(";")) if part]
    if style is NameStyle.LISTED:
        return _with_suffixes(_commas(text))
    joined = [part.strip(" ,") for part in _JOINT.split(text)]
    if style is NameStyle.SORTED:
        return [part for part in joined if part]
    return [name for part in joined for name in _names_of(part)]


def _names_of(part: str) -> list[str]:
    """Split at commas unless they stand between surname and first name."""
    parts = _with_suffixes(_commas(part))
    if len(parts) == 2 and is_surname_first(*parts):
        return [", ".join(parts)]
    if len(parts) > 2 and len(parts) % 2 == 0 and all(" " not in one for one in parts):
        return [", ".join(parts[at : at + 2]) for at in range(0, len(parts), 2)]
    return parts


def _commas(text: str) -> list[str]:
    """Split at commas outside brackets."""
    if "(" not in text and "[" not in text:
        return [part for part in map(str.strip, text.split(",")) if part]
    parts, depth, start = list[str](), 0, 0
    for at, char in enumerate(text):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth = max(0, depth - 1)
        elif char == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in map(str.strip, (*parts, text[start:])) if part]


def _with_suffixes(parts: list[str]) -> list[str]:
    """Put "Jr.", "M.D." and "The Duke of Sussex" back to the name before them."""
    names: list[str] = []
    for part in parts:
        if names and is_suffix(part):
            names[-1] = f"{names[-1]}, {part}"
        else:
            names.append(part)
    return names


def is_suffix(part: str) -> bool:
    """Tell whether what stands after a comma belongs to the name before it."""
    return bool(_SUFFIX.fullmatch(part) or _TITLE_OF.match(part))


def is_surname_first(first: str, second: str) -> bool:
    """Tell whether "first, second" is one person rather than two."""
    if _FAR_EAST.search(first + second):
        return len(first) <= 2 and len(second) <= 2
    given = [word for word in second.split() if not _INITIAL.fullmatch(word)]
    if len(given) > 3 or _NOTE.search(first) or _STARTS_WITH_INITIAL.match(first):
        return False
    return len(given) <= 1 or len(first.split()) == 1 or _PARTICLE.match(first) is not None


def _without_role(text: str, style: NameStyle) -> tuple[str, str | None]:
    """Return a name and its role; an author's own role is ``None``."""
    note = _NOTE.search(text[-200:])
    if note is None:
        return text, None
    name, said = text[: len(text) - len(note[0])], note[1].strip()
    if _AUTHOR_ROLE.fullmatch(said) or not said:
        return name, None
    if style in (NameStyle.LISTED, NameStyle.SORTED) or _ROLE.fullmatch(said):
        return name, said
    return text, None


def _in_order(name: str, style: NameStyle) -> str:
    """Turn "Last, First" round; what belongs to the name stays behind it."""
    first, *rest = [part.strip() for part in name.split(",")]
    suffixes = [part for part in rest if is_suffix(part)]
    given = [part for part in rest if part and part not in suffixes]
    if not given:
        return ", ".join((first, *suffixes))
    whole = ", ".join((first, *given))
    is_turned = style is NameStyle.SORTED or is_surname_first(first, " ".join(given))
    turned = display_name(whole) if is_turned and style is not NameStyle.LISTED else whole
    return ", ".join((turned, *suffixes))


def surname(name: str) -> str:
    """Return the folded last name by which rows about one book are compared."""
    bare = name.split(",")[0]
    return _surname(bare)


@lru_cache(maxsize=8_192)
def _surname(name: str) -> str:
    return name_key(name[:200]).rpartition(" ")[2]
