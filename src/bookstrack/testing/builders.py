"""Valid objects in one line; every field can be set by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord, ProviderId

_TITLE, _ISBN = "The Ferry to Morrow Island", "9781644100370"


def a_work(**over: Any) -> Work:
    """Return a work."""
    fitting: dict[str, Any] = {"title": _TITLE, "first_publication_year": 1983}
    return Work(**fitting | over)


def an_edition(**over: Any) -> Edition:
    """Return an edition; ``isbn`` in any notation sets ``isbns`` to match."""
    given: dict[str, Any] = {"isbn": _ISBN} | over
    isbn = Isbn.find(given["isbn"])
    fitting: dict[str, Any] = {
        "isbns": isbn.forms if isbn else (),
        "title": _TITLE,
        "publisher": "Larkspur House",
        "publication_date": "1983-09-12",
        "page_count": 312,
        "language": "en",
    }
    return Edition(**fitting | given)


def an_author(name: str = "Maren Holloway", **over: Any) -> Author:
    """Return an author."""
    return Author(name=name, **over)


def a_record(
    *,
    title: str = _TITLE,
    isbn: str | None = _ISBN,
    authors: Sequence[str] = ("Maren Holloway",),
    **over: Any,
) -> BookRecord:
    """Return a record of one work with one edition, or with none where ``isbn`` is None."""
    editions = () if isbn is None else (an_edition(isbn=isbn, title=title),)
    fitting: dict[str, Any] = {
        "provider": ProviderId.GOOGLE,
        "work": a_work(title=title),
        "editions": editions,
        "authors": tuple(map(an_author, authors)),
    }
    return BookRecord(**fitting | over)
