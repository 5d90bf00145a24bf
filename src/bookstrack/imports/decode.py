"""Bytes of an export as text: byte order marks, damaged UTF-8 and legacy code pages.

The text comes out in normal form C, with ``\\n`` as its only line end and without no-break
spaces.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

from msgspec import Struct

from bookstrack.imports.marc import is_composed_letter, without_stray_bytes
from bookstrack.imports.refusal import Reason, Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WORKBOOK = b"xl/workbook.xml"
_MAGIC = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook or another Office document"),
)
_SAMPLE_BYTES = 8_192
_WINDOWS, _LATIN = "windows-1252", "iso-8859-1"
# What Python calls a codec -> what we report. Only these may be declared: others are no charsets
# (rot13, zip) or take time without bound (punycode).
_DECLARABLE = {
    "cp1252": _WINDOWS,
    "iso8859-1": _LATIN,
    "mac-roman": "macintosh",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "gb2312": "gb2312",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
    "shift_jis": "shift_jis",
    "cp932": "shift_jis",
    "euc_jp": "euc-jp",
    "euc_kr": "euc-kr",
    "cp949": "euc-kr",
    **{f"cp125{n}": f"windows-125{n}" for n in (0, 1, 3, 4, 5, 6, 7, 8)},
    **{f"iso8859-{n}": f"iso-8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{f"utf-{name}": f"utf-{name}" for name in ("16-le", "16-be")},
}
_STRAY = re.compile("[\udc80-\udcff]")
_ORDINARY = re.compile("[^\x00-\x7f\udc80-\udcff]")
_CONTROLS = re.compile("[\x80-\x9f]")
_STRAYS_PER_SEQUENCE = 4
_CHARACTERS_PER_STRAY = 2_000
_REPLACED = (("\r\n", "\n"), ("\r", "\n"), ("\u00a0", " "), ("\u2007", " "), ("\u202f", " "))
_FOREIGN_RUN = re.compile("[^\x00-\x7f]{200,}")
_MOST_MARKS = 30


class Decoded(Struct, frozen=True, kw_only=True):
    """The text of a file; ``repaired_bytes`` counts bytes that were not valid in ``encoding``."""

    text: str
    encoding: str
    repaired_bytes: int = 0


def decode(data: bytes, *, declared_charset: str | None = None) -> Decoded:
    """Return the text of an export file.

    Raises:
        Unreadable: the file is empty (``empty``) or holds no text (``binary``).
    """
    _refuse_other_files(data)
    raw = _decoded(data, declared_charset)
    if not raw.text.strip():
        raise Unreadable(Reason.EMPTY, "The file is empty")
    if "\x00" in raw.text:
        raise Unreadable(Reason.BINARY, "The file holds NUL bytes; export it as CSV text")
    text = composed(raw.text)
    for sign, plain in _REPLACED:
        text = text.replace(sign, plain)
    return Decoded(text=text, encoding=raw.encoding, repaired_bytes=raw.repaired_bytes)


def composed(text: str) -> str:
    """Return the text in normal form C, with at most 30 marks on one letter.

    Sorting marks takes time by the square of their number, so a heap of them is cut before.
    """
    return unicodedata.normalize("NFC", _FOREIGN_RUN.sub(_with_few_marks, text))


def _with_few_marks(run: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for char in run[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _refuse_other_files(data: bytes) -> None:
    for magic, what in _MAGIC:
        if data.startswith(magic):
            hint = ""
            if _WORKBOOK in data:
                what, hint = "an Excel workbook", "; save or export it as CSV"
            raise Unreadable(Reason.BINARY, f"The file is {what}, not CSV text{hint}")


def _decoded(data: bytes, declared: str | None) -> Decoded:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data[len(mark) :], encoding)
    unmarked = _utf16_without_mark(data)
    if unmarked is not None:
        return _marked(data, unmarked)
    text = data.decode("utf-8", "surrogateescape")
    strays = _STRAY.findall(text)
    if not strays:
        return Decoded(text=text, encoding="utf-8")
    if _is_damaged_utf8(text, len(strays), is_declared=bool(_declared(declared))):
        return Decoded(text=without_stray_bytes(text), encoding="utf-8", repaired_bytes=len(strays))
    return _legacy(data, declared)


def _marked(data: bytes, encoding: str) -> Decoded:
    """Decode what a mark (or the places of its NULs) says; stray bytes of UTF-8 are repaired."""
    if encoding == "utf-8":
        text = data.decode(encoding, "surrogateescape")
        strays = len(_STRAY.findall(text))
        repaired = without_stray_bytes(text) if strays else text
        return Decoded(text=repaired, encoding=encoding, repaired_bytes=strays)
    text = data.decode(encoding, "replace")
    return Decoded(text=text, encoding=encoding, repaired_bytes=text.count("\ufffd"))


def _utf16_without_mark(data: bytes) -> str | None:
    """Tell UTF-16 by NULs at every other place, as Latin letters and delimiters have them."""
    sample = data[:_SAMPLE_BYTES]
    places = len(sample) // 2
    if places < 4:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for encoding, nulls, others in (("utf-16-be", even, odd), ("utf-16-le", odd, even)):
        if nulls * 5 >= places and others * 10 <= nulls:
            return encoding
    return None


def _is_damaged_utf8(text: str, strays: int, *, is_declared: bool) -> bool:
    """Tell whether stray bytes are damage in UTF-8, or the sign of another encoding.

    Chance makes some sequences of UTF-8 in any encoding, most in those of the Far East, which are
    read only where declared. Where nothing else speaks for UTF-8, a few stray bytes in a long
    text are damage only if they make no sense as letters of Windows-1252: an English library with
    three accents is one, too.
    """
    sequences = len(_ORDINARY.findall(text))
    if sequences:
        return strays <= sequences * (1 if is_declared else _STRAYS_PER_SEQUENCE)
    if strays * _CHARACTERS_PER_STRAY > len(text):
        return False
    return _are_combining(text) or not _are_windows_letters(text)


_COMBINING = re.compile("([\udc80-\udcff])(.?)", re.S)


def _are_combining(text: str) -> bool:
    return all(is_composed_letter(mark, letter) for mark, letter in _COMBINING.findall(text))


_IN_CONTEXT = re.compile("(.?)([\udc80-\udcff])(?=(.?))", re.S)
_TYPOGRAPHY = frozenset(
    b"\x80\x85\x91\x92\x93\x94\x95\x96\x97\x99\xa0\xa1\xa3\xa9\xab\xae\xb0\xbb\xbf"
)
_LETTERS = (frozenset(range(0xC0, 0xFF)) | frozenset(b"\x8a\x8c\x8e\x9a\x9c\x9e\x9f")) - {
    0xD7,
    0xF7,
}


def _are_windows_letters(text: str) -> bool:
    for before, stray, after in _IN_CONTEXT.findall(text):
        byte = ord(stray) - 0xDC00
        beside_letter = before.isalpha() or after.isalpha()
        if byte not in _TYPOGRAPHY and not (byte in _LETTERS and beside_letter):
            return False
    return True


def _legacy(data: bytes, declared: str | None) -> Decoded:
    """Decode a file of one byte a character; what was declared goes first."""
    for codec, encoding in (*_declared(declared), ("cp1252", _WINDOWS)):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        # Browsers and spreadsheets say ISO-8859-1 where they mean Windows-1252.
        if encoding == _LATIN and _CONTROLS.search(text):
            continue
        return Decoded(text=text, encoding=encoding)
    return Decoded(text=data.decode("latin-1"), encoding=_LATIN)


def _declared(charset: str | None) -> tuple[tuple[str, str], ...]:
    if not charset or len(charset) > 40:
        return ()
    try:
        codec = codecs.lookup(charset.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return ()
    reported = _DECLARABLE.get(codec)
    return ((codec, reported),) if reported else ()
