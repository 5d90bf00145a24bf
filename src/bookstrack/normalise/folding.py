"""Case and accent folding that keeps the letters of every script.

Marks are dropped only from Latin, Greek and Cyrillic letters. The voiced marks of kana, Hangul,
Arabic and Indic signs stay: there they make another letter.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_LETTERS_WITHOUT_DECOMPOSITION = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "ŧ": "t"}
)
# Russian prints е for ё at will, and ѐ, ѝ only mark stress; й, ї, ў, ѓ, ќ are letters of their own.
_CYRILLIC_VARIANTS = str.maketrans({"ё": "е", "ѐ": "е", "ѝ": "и"})
_MARKED_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


def fold(text: str) -> str:
    """Return the text without case, compatibility forms and Latin, Greek or Cyrillic accents."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _without_marks(folded).translate(_CYRILLIC_VARIANTS)


def _without_marks(text: str) -> str:
    kept: list[str] = []
    base_is_marked_script = False
    for char in text:
        if unicodedata.category(char) == "Mn":
            if base_is_marked_script:
                continue
            kept.append(char)
            continue
        bare = _bare_letter(char)
        base_is_marked_script = _takes_marks(char)
        kept.append(bare)
    return unicodedata.normalize("NFKC", "".join(kept))


@lru_cache(maxsize=4096)
def _takes_marks(char: str) -> bool:
    return unicodedata.name(char, "").startswith(_MARKED_SCRIPTS)


@lru_cache(maxsize=4096)
def _bare_letter(char: str) -> str:
    """Return a Latin or Greek letter without its marks, any other as it is."""
    if not unicodedata.name(char, "").startswith(("LATIN", "GREEK")):
        return char
    parts = unicodedata.normalize("NFD", char)
    bare = "".join(part for part in parts if unicodedata.category(part) != "Mn")
    return bare.translate(_LETTERS_WITHOUT_DECOMPOSITION)
