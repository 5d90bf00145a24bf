"""The books of an export file as things that the fake providers know.

So a real library can be imported against them: its titles, names and numbers are read when the
fake upstream begins, and nothing of them is kept anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from bookstrack.imports.export import ImportedBook
from bookstrack.imports.read import read_export
from bookstrack.testing.things import Creation, Printing, Someone

EXPORTED = 50_000_000
"""Numbers of works and authors from exports begin here; printings have ten times as much."""


def exported_books(data: bytes) -> tuple[list[Creation], list[Someone]]:
    """Return the works of an export file, each with one printing, and their authors.

    Raises:
        Unreadable: nothing can be read from the file.
    """
    books = [book for book in read_export(data).books if book.title]
    people = _people(books)
    number = {one.name: one.number for one in people}
    works = [_work(EXPORTED + place, book, number) for place, book in enumerate(books)]
    return works, people


def _people(books: Iterable[ImportedBook]) -> list[Someone]:
    names = dict.fromkeys(name for book in books for name in book.authors)
    return [Someone(number=EXPORTED + place, name=name) for place, name in enumerate(names)]


def _work(number: int, book: ImportedBook, people: dict[str, int]) -> Creation:
    year = book.original_year or book.year or 2000
    printing = Printing(
        publisher=book.publisher or "Some House",
        date=book.published or "2001",
        language="en",
        pages=book.pages,
        isbn=book.isbn,
        number=number * 10 + 1,
        work=number,
    )
    return Creation(
        number=number,
        title=book.title or "",
        authors=tuple(people[name] for name in book.authors),
        year=year,
        language="en",
        subjects=("Fiction",),
        description=f"What is told in book {number} of somebody's library.",
        printings=(printing,),
    )
