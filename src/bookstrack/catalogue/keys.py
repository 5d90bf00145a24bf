"""Cache keys, one function per kind of question (data-model §3.4). Pure.

Parameters stand in order of name; texts are folded for comparison; keys never hold secrets.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from bookstrack.model.enums import AuthorSort
from bookstrack.normalise.titles import name_key, title_key

_LONGEST_BYTES = 400


def _key(prefix: str, **parameters: object) -> str:
    pairs = (
        f"{name}={quote(str(value), safe='')}"
        for name, value in sorted(parameters.items())
        if value not in ("", None)
    )
    key = prefix + ":" + "&".join(pairs)
    if len(key) <= _LONGEST_BYTES:
        return key
    return f"{prefix}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def isbn(isbn13: str) -> str:
    """Return the key of an ISBN search."""
    return f"search:isbn:isbn={isbn13}"


def enrichment(isbn13: str, prefer: str) -> str:
    """Return the key of an enrichment that prefers one provider."""
    return f"isbn:{isbn13}:prefer={prefer}"


def title(text: str, limit: int, offset: int) -> str:
    """Return the key of a title search."""
    return _key("search:title", maxresults=limit, offset=offset or "", title=_text(text))


def text(words: str, limit: int, offset: int) -> str:
    """Return the key of a text search."""
    return _key("search:text", maxresults=limit, offset=offset or "", q=_text(words))


def author(name: str, sort: AuthorSort) -> str:
    """Return the key of an author's whole list of works in one order; pages are cut from it."""
    return _key("auto-search", author=name_key(name) or name, sortby=sort.value)


def advanced(
    title: str, author: str, limit: int, *, year: int | None, publisher: str, language: str
) -> str:
    """Return the key of an advanced search with its filters."""
    return _key(
        "v1:advanced",
        author=name_key(author) or author,
        language=language,
        maxresults=limit,
        publisher=_text(publisher),
        title=_text(title),
        year=year,
    )


def book(title: str, author: str) -> str:
    """Return the key of the one book that a title and an author mean."""
    return _key("v1:book", author=name_key(author) or author, title=_text(title))


def editions(title: str, author: str) -> str:
    """Return the key of all editions of a work; the limit is applied afterwards."""
    return _key("v1:editions", author=name_key(author) or author, title=_text(title))


def joined(kind: str, words: str, limit: int) -> str:
    """Return the key of a legacy search that joins several providers' lists."""
    return _key(f"search:joined:{kind}", maxresults=limit, q=_text(words))


def _text(words: str) -> str:
    # A query of punctuation alone folds to nothing; it must not share a key with others.
    return title_key(words) or words
