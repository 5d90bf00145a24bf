"""Keys by which titles and names of people are compared, and the display form of names.

Keys are never shown and never sent to a provider (data-model §6.1).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from bookstrack.normalise.folding import fold

_ENGLISH = frozenset({"the", "a", "an"})
_ARTICLES = {
    "de": _ENGLISH | {"der", "die", "das"},
    "fr": _ENGLISH | {"le", "la", "les"},
    "es": _ENGLISH | {"el", "la", "los", "las"},
    "it": _ENGLISH | {"il", "la", "le"},
}
_ELIDED = re.compile(r"^(?:l['’ʼ]\s*)+(?=\w)")
_WITH_ELISION = frozenset({"fr", "it"})
_APOSTROPHES = re.compile(r"['’‘ʼʻ`´′]")
_ASCII_SIGNS = re.compile(r"[^a-z0-9]+")
_ACRONYM_DOTS = re.compile(r"(?<=\b[^\W\d_])\.(?=[^\W\d_]\b)")
_LANGUAGE_SIGNS = (
    (re.compile(r"\b([a-z])\+\+"), r"\1plusplus"),
    (re.compile(r"\b([a-z])[#♯]"), r"\1sharp"),
)


def title_key(text: str, *, language: str | None = None) -> str:
    """Return the form of a title by which equal titles are found.

    Leading articles go (all of them, so that the key of a key is the same key); ``language`` is
    ISO 639-1 and adds the articles of German, French, Spanish and Italian. A title of signs only
    is its own key; nothing but white space gives the empty string.
    """
    return _title_key(text, language)


@lru_cache(maxsize=8_192)
def _title_key(text: str, language: str | None) -> str:
    folded = " ".join(fold(text).split())
    if language in _WITH_ELISION:
        folded = _ELIDED.sub("", folded)
    spelled = folded.replace("&", " and ")
    for pattern, words in _LANGUAGE_SIGNS:
        spelled = pattern.sub(words, spelled)
    words = _letters_only(_ACRONYM_DOTS.sub("", spelled)).split()
    articles = _ARTICLES.get(language or "", _ENGLISH)
    while len(words) > 1 and words[0] in articles:
        del words[0]
    return " ".join(words) or folded


def name_key(text: str) -> str:
    """Return the form of a person's name by which equal names are found.

    "Weir, Andy" and "ANDY WEIR (Author)" both give ``andy weir``; "J.R.R." gives ``j r r``.
    """
    return _name_key(text)


@lru_cache(maxsize=8_192)
def _name_key(text: str) -> str:
    folded = fold(display_name(text))
    key = " ".join(_letters_only(folded.replace(".", " ")).split())
    return _CJK_GAP.sub("", key) or folded


def _letters_only(text: str) -> str:
    bare = _APOSTROPHES.sub("", text)
    return _ASCII_SIGNS.sub(" ", bare) if bare.isascii() else "".join(map(_letter_or_space, bare))


def _letter_or_space(char: str) -> str:
    if char.isascii():
        return char if char.isalnum() else " "
    category = unicodedata.category(char)
    if category[0] in "LMN":
        return char
    return "" if category == "Cf" else " "


_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_CJK_GAP = re.compile(rf"(?<=[{_CJK}]) (?=[{_CJK}])")
_CJK_NAME = re.compile(rf"[{_CJK}\s]+")

_ROLE = (
    r"(?:(?:co-?)?(?:editors?|authors?|translators?|illustrators?|narrators?|contributors?|"
    r"photographers?|compilers?|creators?|adapters?|writers?|artists?|readers?|performers?|"
    r"introduction|foreword|afterword|preface|hrsg|herausgeber(?:in)?|übersetzer(?:in)?|"
    r"éditeur|traducteur|auteur|autor(?:in)?)\.?|(?-i:eds?|trans|tr|illus|ill|comp|intro|pseud)\.?|"
    r"(?:eds?|trans|tr|illus|ill|comp|intro|pseud)\.)"
)
_ROLE_WORD = re.compile(_ROLE, re.I)
_ROLE_JOINT = re.compile(r"\s?[,/;&]\s?|\sand\s", re.I)
_AUTOFILLED = re.compile(r"~[^~]*~")
_BRACKETED = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_YEAR = re.compile(r"\b\d{4}\b")
_TRAILING_YEARS = re.compile(r"[\s,](?:c|ca|b|d)?\.?\s?\d{4}\??\s?[-–](?:\s?\d{4}\??)?[.\s]*$")
# Case counts: "Ma" and "Ed" are names, "MA" and "ed." are not.
_DEGREE = re.compile(
    r"(?:Ph\.?\s?D|M\.?\s?D|M\.?\s?A|B\.?\s?A|M\.?\s?S|M\.?B\.?A|Ed\.?D|J\.?D|LL\.?[BM]|Psy\.?D|"
    r"D\.?D\.?S|D\.?V\.?M|R\.?N|Esq|Prof|Dr|Sir|Dame|Lord|Lady|Rev|Mrs?|Ms)\.?"
)
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv|inc|ltd|llc|co|corp|gmbh)\.?", re.I)
_COMPANY_WORDS = frozenset({"of", "and", "for", "the", "&", "und", "et"})
_FULL_STOP = re.compile(r"(?<=[^\W\d_]{4})\.$")
_LONGEST_SURNAME = 3
_LONGEST_NAME = 500


def display_name(text: str) -> str:
    """Return a person's name as a reader writes it; the empty string where nothing is left.

    Roles, ``~autofilled~``, degrees and life dates go, "Last, First" is turned round, and a name
    wholly in capitals gets lower case back. Only the first 500 characters are read.
    """
    name = " ".join(unicodedata.normalize("NFC", text[:_LONGEST_NAME]).split())
    while (plainer := _plainer(name)) != name:
        name = plainer
    return name


def _plainer(name: str) -> str:
    """Take one layer of notes off and turn the name round."""
    noted = " ".join(_BRACKETED.sub(_without_note, _AUTOFILLED.sub(" ", name)).split())
    bare = _TRAILING_YEARS.sub("", noted).strip(" ,;")
    return _in_order([part for part in map(str.strip, bare.split(",")) if part])


def _without_note(bracketed: re.Match[str]) -> str:
    """Drop what stands in brackets where it is a role or has a year in it."""
    inside = bracketed[1].strip()
    return " " if _YEAR.search(inside) or _is_role(inside) else bracketed[0]


def _is_role(text: str) -> bool:
    return all(map(_ROLE_WORD.fullmatch, _ROLE_JOINT.split(text)))


def _in_order(parts: list[str]) -> str:
    first = parts[:1]
    further = [
        _FULL_STOP.sub("", part)
        for part in parts[1:]
        if not (any(map(str.isdigit, part)) or _DEGREE.fullmatch(part) or _is_role(part))
    ]
    suffixes = [part for part in further if _SUFFIX.fullmatch(part)]
    names = first + [part for part in further if part not in suffixes]
    if len(names) == 2 and _is_surname_first(names):
        names = [" ".join(names if _CJK_NAME.fullmatch("".join(names)) else names[::-1])]
    return _with_lower_case(" ".join([", ".join(names), *suffixes]))


def _is_surname_first(names: list[str]) -> bool:
    words = [word.casefold() for name in names for word in name.split()]
    return len(names[0].split()) <= _LONGEST_SURNAME and _COMPANY_WORDS.isdisjoint(words)


_WORD = re.compile(r"[^\W\d_]+")
_VOWEL = re.compile(r"[aeiouyäöüáéíóúàèìòù]", re.I)
_SHORT_WORDS = frozenset({"MR", "MRS", "DR", "ST", "JR", "SR"})
_ROMAN = frozenset({"II", "III", "IV", "VI", "VII", "VIII"})
_LONGEST_ACRONYM = 4


def _with_lower_case(name: str) -> str:
    if not name.isupper() or (" " not in name and len(name) <= _LONGEST_ACRONYM):
        return name
    return _WORD.sub(_capitalised, name)


def _capitalised(match: re.Match[str]) -> str:
    word = match.group()
    is_initials = len(word) <= 3 and not _VOWEL.search(word) and word not in _SHORT_WORDS
    if is_initials or word in _ROMAN:
        return word
    if word.startswith("MC") and len(word) > 3:
        return "Mc" + word[2:].capitalize()
    return word.capitalize()
