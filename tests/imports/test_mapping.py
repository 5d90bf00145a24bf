"""Columns explained from outside beat what would be found out."""

from __future__ import annotations

from bookstrack.imports.dates import DateOrder
from bookstrack.imports.export import Certainty, Format, ReadingStatus
from bookstrack.imports.fields import Field
from bookstrack.imports.mapping import Mapping
from imports.samples import fates, one_book, read


def test_unknown_headers() -> None:
    text = "Nimi;Tekijä;Arvio;Tila;Luettu\nDune;Frank Herbert;8;hyllyssä;3/4/2020\n"
    mapping = Mapping(
        columns={
            "Nimi": Field.TITLE,
            "Tekijä": Field.AUTHOR,
            "Arvio": Field.RATING,
            "Tila": Field.STATUS,
            "Luettu": Field.DATE_FINISHED,
        },
        date_order=DateOrder.DAY_FIRST,
        rating_scale=10,
        statuses={"Hyllyssä": ReadingStatus.WANT_TO_READ},
    )
    export = read(text, mapping=mapping)
    (book,) = export.books
    assert (export.format, export.certainty) == (Format.GENERIC, Certainty.RECOGNISED)
    assert (book.title, book.authors) == ("Dune", ("Frank Herbert",))
    assert (book.reading.rating, book.reading.date_finished) == (4, "2020-04-03")
    assert book.reading.status is ReadingStatus.WANT_TO_READ
    assert book.reading.tags == ()
    assert export.columns["title"] == "Nimi"


def test_a_status_that_is_none() -> None:
    mapping = Mapping(
        columns={"A": Field.TITLE, "B": Field.STATUS}, statuses={"read": None}, has_header=True
    )
    reading = one_book("A,B\nDune,read\n", mapping=mapping).reading
    assert (reading.status, reading.source_status) == (None, "read")


def test_a_header_denied_and_a_delimiter_forced() -> None:
    mapping = Mapping(
        columns={"Column 2": Field.TITLE, "Column 1": Field.AUTHOR}, delimiter="|", has_header=False
    )
    export = read("Title,x|Author,y\nAnn Other|Deep Sea\n", mapping=mapping)
    assert fates(export) == {1: "book", 2: "book"}
    assert [book.title for book in export.books] == ["Author,y", "Deep Sea"]


def test_a_mapping_beats_a_named_format() -> None:
    text = "Book Id,Title,Author,My Rating,Exclusive Shelf\n1,A,B C,5,read\n"
    mapping = Mapping(columns={"Author": Field.TITLE})
    book = one_book(text, mapping=mapping)
    assert (book.title, book.reading.rating) == ("B C", None)
