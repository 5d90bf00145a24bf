"""Rows about one book are one book."""

from __future__ import annotations

import pytest

from bookstrack.imports.export import ReadingStatus
from imports.samples import fates, one_book, read

HEADER = "Title,Author,ISBN\n"
ONE, TWO = "9780306406157", "9780441013593"


@pytest.mark.parametrize(
    ("rows", "books"),
    [
        ([f"A,Ann Other,{ONE}", f"B,Bo Eng,{ONE}"], [(2, 3)]),
        ([f"A,Ann Other,{ONE}", f"A,Ann Other,{TWO}"], [(2,), (3,)]),
        ([f"The A!,Ann Other,{ONE}", 'a,"Other, Ann",'], [(2, 3)]),
        (["A,Ann Other,", f"A,A. Other,{ONE}"], [(2, 3)]),
        (["A,Ann Other,", "A,Ann Other,"], [(2, 3)]),
        (["A,Ann Other,", "A,Bo Eng,"], [(2,), (3,)]),
        (["A,Ann Other,", f"A,Ann Other,{ONE}", f"A,Ann Other,{TWO}"], [(2, 3), (4,)]),
        ([f"A,Ann Other,{ONE}", f"A,Ann Other,{TWO}", "A,Ann Other,"], [(2, 4), (3,)]),
        (["A (S #1),Ann Other,", "A (S #2),Ann Other,"], [(2,), (3,)]),
        (["Élan,Ann Müller,", "ELAN,ANN MULLER,"], [(2, 3)]),
    ],
)
def test_which_rows_are_one_book(rows: list[str], books: list[tuple[int, ...]]) -> None:
    export = read(HEADER + "\n".join(rows))
    assert [book.rows for book in export.books] == books
    assert sum(fate.startswith("duplicate") for fate in fates(export).values()) == len(
        export.duplicates
    )


def test_keys_of_editions() -> None:
    text = "Title,Author,Goodreads Id,Work Id\nA,B C,7,OL1W\nOther,Name,7,OL2W\nD,E F,8,OL1W\n"
    assert [book.rows for book in read(text).books] == [(2, 3), (4,)]


def test_equal_keys_do_not_join_two_editions() -> None:
    text = f"Title,Author,ISBN,Goodreads Id\nA,B C,{ONE},7\nA,B C,{TWO},7\n"
    assert [book.rows for book in read(text).books] == [(2,), (3,)]


def test_bare_keys_of_works() -> None:
    text = "Work Id,Edition Id,Bookshelf\nOL1W,,Want to Read\nOL1W,,Already Read\nOL1W,OL2M,\n"
    export = read(text)
    assert [book.rows for book in export.books] == [(2, 3), (4,)]
    assert export.books[0].reading.status is ReadingStatus.COMPLETED


def test_merging() -> None:
    text = (
        "Title,Author,ISBN,Status,Rating,Date Added,Date Started,Date Read,Review,Tags,Publisher\n"
        f'A,B C,,read,4,2020-05-01,2020-01-01,2020-02-01,"Longer words","x, y",\n'
        f'A,B C,{ONE},reading,2,2019-01-01,2021-01-01,2021-03-01,Short,"y, z",House\n'
        "A,B C,,to-read,,,,,,,\n"
    )
    book = one_book(text)
    reading = book.reading
    assert book.rows == (2, 3, 4)
    assert (book.isbn, book.isbn_raw, book.publisher) == (ONE, ONE, "House")
    assert (reading.status, reading.source_status) == (ReadingStatus.COMPLETED, "read")
    assert (reading.rating, reading.date_added) == (2, "2019-01-01")
    assert (reading.date_started, reading.date_finished) == ("2021-01-01", "2021-03-01")
    assert (reading.review, reading.tags) == ("Longer words", ("x", "y", "z"))
