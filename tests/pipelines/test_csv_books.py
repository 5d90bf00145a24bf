"""Books of a file and what was found about them, put together; the keys they go by."""

from __future__ import annotations

import re

import pytest

from bookstrack.imports.export import ImportedBook
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Book, Edition, Work
from bookstrack.model.enums import DataProvider
from bookstrack.pipelines.csv_books import (
    flat,
    is_echo,
    key_of,
    offered,
    own_key,
    record_of,
    shown,
)

ISBN, OTHER = "9781644100370", "9780306406157"
FOUND = SearchData(
    works=(Work(title="Found", primary_provider=DataProvider.GOOGLE_BOOKS),),
    editions=(Edition(isbn=ISBN, isbns=(ISBN,)),),
    authors=(Author(name="Found Author"),),
    books=(
        Book(
            title="Found",
            authors=("Found Author",),
            author="Found Author",
            isbn=ISBN,
            isbn13=ISBN,
            publisher="House",
            published_date="2001-02-03",
            publication_year=2001,
            page_count=99,
            description="Of the finding",
            cover_url="https://covers.example/1.jpg",
            categories=("Fiction",),
        ),
    ),
)


def book(**more) -> ImportedBook:
    return ImportedBook(rows=(2,), **more)


def test_nothing_found_leaves_what_the_file_says():
    made = flat(book(title="Own", authors=("A", "B"), year=-700, pages=3), None)
    assert (made.title, made.author, made.authors) == ("Own", "A, B", ("A", "B"))
    assert (made.publication_year, made.published_date, made.page_count) == (-700, None, 3)
    assert (made.isbn, made.cover_url, made.description) == (None, None, None)


def test_what_is_found_fills_gaps_only():
    own = book(title="Own", authors=("Me",), publisher="Mine", isbn=OTHER, year=1999)
    made = flat(own, FOUND)
    assert (made.title, made.author, made.publisher) == ("Own", "Me", "Mine")
    assert (made.isbn13, made.isbn10) == (OTHER, "0306406152")
    assert (made.publication_year, made.published_date) == (1999, "1999")
    assert (made.page_count, made.description, made.categories) == (
        99,
        "Of the finding",
        ("Fiction",),
    )


@pytest.mark.parametrize("cover", ["", "covers/1.jpg", "javascript:x", "http://"])
def test_a_cover_is_an_address_or_absent(cover):
    found = SearchData(books=(Book(title="x", cover_url=cover),))
    assert flat(book(title="x"), found).cover_url is None


def test_an_author_nobody_knows_is_shown_and_not_stored():
    found = SearchData(
        works=(Work(title="x"),), books=(Book(title="x", authors=("Unknown Author",)),)
    )
    made = flat(book(title="x"), found)
    assert (made.authors, made.author) == ((), "")
    assert shown(made, row=2, error=None).author == "Unknown Author"


def test_keys():
    made = own_key(book(title="Die  FÄHRE", authors=("Ana Lund",)))
    assert re.fullmatch(r"bt:[0-9a-f]{20}", made)
    assert made == own_key(book(title="Die Fähre", authors=("ana lund",)))
    assert made != own_key(book(title="Die Fähre", authors=("Bo Lund",)))
    assert made == key_of(flat(book(title="Die Fähre", authors=("Ana Lund",)), None))
    assert own_key(book(title="x", isbn=ISBN)) == ISBN
    assert key_of(flat(book(title="x"), FOUND)) == ISBN
    assert own_key(book(title="!!!")) != own_key(book(title="???"))


def test_what_is_stored_where_nothing_is():
    own = book(title="Own", authors=("Me",), isbn=OTHER, original_year=1900)
    record = record_of(flat(own, FOUND), own, FOUND)
    assert record.editions[0].isbns == (OTHER, "0306406152"), "the found one is another book's"
    assert record.work.synthetic
    assert record.work.first_publication_year == 1900
    mine = book(title="Own", isbn=ISBN)
    assert record_of(flat(mine, FOUND), mine, FOUND).work is FOUND.works[0]


def test_echoes_of_earlier_imports():
    own = book(title="Own")
    echo = record_of(flat(own, None), own, None).work
    assert is_echo(SearchData(works=(echo,)))
    assert not is_echo(FOUND)
    assert not is_echo(SearchData())


def test_gains():
    made = flat(book(title="Own", publisher="Mine"), None)
    assert offered(made, ("publisher", "page_count", "authors")) == {"publisher": "Mine"}
    assert offered(made, ()) == {}
