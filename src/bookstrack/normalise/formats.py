"""Bindings as words, and which of them are no books at all (data-model §6.4, §6.6)."""

from __future__ import annotations

import re

from bookstrack.model.enums import EditionFormat

# Tested in this order: "mass market paperback" is no plain paperback, "paperback + CD" is one.
_WORDS = (
    (EditionFormat.MASS_MARKET, r"mass[\s_-]*market|\bpocket\b"),
    (
        EditionFormat.HARDCOVER,
        r"hard[\s_-]?(?:cover|back|bound)|library[\s_-]binding|board[\s_-]?book|leather|\bcloth\b"
        r"|(?<!spiral[\s_-])(?<!comb[\s_-])(?<!paper[\s_-])(?<!soft[\s_-])\bbound\b",
    ),
    (
        EditionFormat.PAPERBACK,
        r"paper[\s_-]?(?:back|bound)|soft[\s_-]?(?:cover|back|bound)|trade[\s_-]paper|spiral"
        r"|plastic[\s_-]comb|comb[\s_-]bound",
    ),
    (EditionFormat.EBOOK, r"\be-?books?\b|kindle|epub|\bpdf\b|\bdigital\b|electronic"),
    (EditionFormat.AUDIOBOOK, r"audio|\bmp3\b|\bcds?\b"),
)
_PATTERNS = tuple((form, re.compile(words, re.I)) for form, words in _WORDS)
_NO_BOOK = re.compile(
    r"calendar|\bdvd\b|blu-?ray|\bvhs\b|video|\btoy\b|\bgame\b|\bpuzzle\b|\bmap\b|\bposter\b|"
    r"\bcards?\b|stationery|diary|\bcd\b|cd-?rom|software|\bapparel\b|accessory|sheet music|"
    r"music|vinyl|\blp record\b|merchandise|\bbookmark\b|globe|sticker|wall chart|misc\. supplies",
    re.I,
)
_CARD_BOOK = re.compile(r"book|paperback|hardcover|audiobook|mp3", re.I)


def edition_format(*texts: str | None) -> EditionFormat:
    """Return the format the first telling text names; paperback where none does."""
    for text in texts:
        found = _named(text or "")
        if found is not None:
            return found
    return EditionFormat.PAPERBACK


def is_book_binding(text: str | None) -> bool:
    """Tell whether a binding is that of a book; unknown bindings are."""
    return not text or not _NO_BOOK.search(text) or bool(_CARD_BOOK.search(text))


def _named(text: str) -> EditionFormat | None:
    for form, pattern in _PATTERNS:
        if pattern.search(text):
            return form
    return None
