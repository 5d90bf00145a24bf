"""Stray MARC-8 (ANSEL) accents inside UTF-8: library catalogues leave them in exports.

In MARC-8 the mark comes before its letter. A stray byte stands in the text as Python's
``surrogateescape`` leaves it, U+DC80 to U+DCFF.
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = {
    0xE1: "\u0300",  # grave
    0xE2: "\u0301",  # acute
    0xE3: "\u0302",  # circumflex
    0xE4: "\u0303",  # tilde
    0xE5: "\u0304",  # macron
    0xE6: "\u0306",  # breve
    0xE8: "\u0308",  # diaeresis
    0xEA: "\u030a",  # ring
    0xF0: "\u0327",  # cedilla
}
_BY_STRAY = {chr(0xDC00 + byte): mark for byte, mark in _MARKS.items()}
_MARKED_LETTER = re.compile(f"([{''.join(_BY_STRAY)}]{{1,3}})([A-Za-z])")
_STRAY = re.compile("[\udc80-\udcff]")


def without_stray_bytes(text: str) -> str:
    """Return the text with marks put on the letters that follow; other strays are U+FFFD."""
    return _STRAY.sub("\ufffd", _MARKED_LETTER.sub(_composed, text))


def is_composed_letter(stray: str, letter: str) -> bool:
    """Tell whether a stray byte and the letter after it make one letter of an alphabet."""
    mark = _BY_STRAY.get(stray)
    if mark is None or not (letter.isascii() and letter.isalpha()):
        return False
    return len(unicodedata.normalize("NFC", letter + mark)) == 1


def _composed(match: re.Match[str]) -> str:
    marks = "".join(_BY_STRAY[stray] for stray in match[1])
    return unicodedata.normalize("NFC", match[2] + marks)
