"""Tables without a header, and lists of numbers."""

from __future__ import annotations

import pytest

from bookstrack.imports.export import Certainty
from imports.samples import fates, read


@pytest.mark.parametrize(
    "text",
    [
        "Dune,Frank Herbert,9780441013593\nEmma,Jane Austen,9780141439587\n",
        "9780441013593;Dune;Frank Herbert\n9780141439587;Emma;Jane Austen\n",
        "1,Frank Herbert,Dune,9780441013593\n2,Jane Austen,Emma,9780141439587\n",
        "Dune\tFrank Herbert\t978-0-441-01359-3\nEmma\tJane Austen\t0-14-143958-0\n",
    ],
)
def test_columns_are_told_by_what_they_hold(text: str) -> None:
    export = read(text)
    assert not export.has_header
    assert export.certainty is Certainty.RECOGNISED
    assert fates(export) == {1: "book", 2: "book"}
    assert [(book.title, book.authors, book.isbn) for book in export.books] == [
        ("Dune", ("Frank Herbert",), "9780441013593"),
        ("Emma", ("Jane Austen",), "9780141439587"),
    ]


def test_without_numbers_it_is_a_guess() -> None:
    export = read("The Long Way,Ann Other,1999\nThe Short Way,Ann Other,2001\nAt Sea,Bo Eng,2003\n")
    assert export.certainty is Certainty.UNCERTAIN
    assert export.columns == {"title": "Column 1", "author": "Column 2"}
    assert [book.title for book in export.books] == ["The Long Way", "The Short Way", "At Sea"]


def test_an_unknown_header_over_rows_of_another_shape_is_a_header() -> None:
    export = read("Nimi,Tekija,Numero\nDune,Frank Herbert,9780441013593\n")
    assert export.has_header
    assert [book.isbn for book in export.books] == ["9780441013593"]


def test_one_known_name_makes_a_header() -> None:
    export = read("Title,Whatever\nThe Long Way,Ann Other\n")
    assert export.has_header
    assert fates(export) == {2: "book"}


def test_a_bare_list_of_numbers() -> None:
    export = read("9780441013593\n\n0-14-143958-0\nno number\n9780441013593\n")
    assert fates(export) == {
        1: "book",
        2: "book",
        3: "error: invalid_isbn",
        4: "duplicate of 1",
    }
    assert (export.delimiter, export.columns) == ("", {"isbn": "Column 1"})
    assert export.errors[0].isbn == "no number"
    assert not any(book.low_confidence for book in export.books)


@pytest.mark.parametrize("header", ["ISBN", "My ISBNs", "EAN", "barcode"])
def test_a_bare_list_may_have_a_header(header: str) -> None:
    export = read(f"{header}\n9780441013593\n9780141439587\n")
    assert export.has_header
    assert fates(export) == {2: "book", 3: "book"}


def test_one_number_is_a_library() -> None:
    assert fates(read("9780441013593")) == {1: "book"}
