"""One record as the flat book of contract v3 (http-api §5.4)."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from bookstrack.catalogue.flat import flat_book
from bookstrack.model.book import Author, Book, Edition, Work
from bookstrack.model.enums import DataProvider
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord, ProviderId, Rating

THIRTEEN, TEN, OTHER = "9780439708180", "0439708184", "9780804139021"
STEM = "https://covers.openlibrary.org/b/id/7"

record = BookRecord(
    provider=ProviderId.OPEN_LIBRARY,
    work=Work(
        title="Harry Potter",
        subject_tags=("Fantasy", "Fiction"),
        first_publication_year=1997,
        original_language="en",
        description="A boy learns that he is a wizard.",
        cover_image_url=f"{STEM}-L.jpg",
        primary_provider=DataProvider.OPEN_LIBRARY,
        open_library_work_id="OL82563W",
    ),
    editions=(
        Edition(
            isbn=THIRTEEN,
            isbns=(THIRTEEN, TEN),
            title="Harry Potter and the Sorcerer's Stone",
            publisher="Scholastic",
            publication_date="1998-09-01",
            page_count=309,
            language="fr",
            edition_description="An edition.",
            open_library_edition_id="OL26331930M",
        ),
        Edition(isbn=OTHER, isbns=(OTHER,), publisher="Other"),
    ),
    authors=(Author(name="J. K. Rowling"), Author(name="Mary GrandPré")),
    subtitle="Book 1",
    rating=Rating(average=4.25, count=1000),
)


def test_every_value_has_its_place() -> None:
    assert flat_book(record) == Book(
        title="Harry Potter and the Sorcerer's Stone",
        subtitle="Book 1",
        authors=("J. K. Rowling", "Mary GrandPré"),
        author="J. K. Rowling, Mary GrandPré",
        categories=("Fantasy", "Fiction"),
        isbn=THIRTEEN,
        isbn13=THIRTEEN,
        isbn10=TEN,
        publisher="Scholastic",
        published_date="1998-09-01",
        publication_year=1998,
        description="A boy learns that he is a wizard.",
        page_count=309,
        language="fr",
        cover_url=f"{STEM}-L.jpg",
        thumbnail_url=f"{STEM}-M.jpg",
        cover_urls={
            "small": f"{STEM}-S.jpg",
            "medium": f"{STEM}-M.jpg",
            "large": f"{STEM}-L.jpg",
        },
        average_rating=4.25,
        ratings_count=1000,
        provider="openlibrary",
        quality=80,
        work_key="/works/OL82563W",
        edition_key="/books/OL26331930M",
    )


def test_what_is_unknown_is_left_out_on_the_wire() -> None:
    bare = BookRecord(provider=ProviderId.CATALOG, work=Work(title="X"))
    assert msgspec.json.decode(msgspec.json.encode(flat_book(bare))) == {
        "title": "X",
        "authors": [],
        "author": "",
        "categories": [],
        "quality": 0,
    }


def test_the_asked_isbn_chooses_the_edition() -> None:
    book = flat_book(record, isbn=Isbn.parse(OTHER))
    assert (book.isbn, book.publisher, book.title) == (OTHER, "Other", "Harry Potter")
    assert (book.published_date, book.publication_year) == ("1997", 1997)
    assert book.language == "en"


@pytest.mark.parametrize("number", [THIRTEEN, TEN, "9791234567896"])
def test_the_edition_keeps_its_own_number(number: str) -> None:
    book = flat_book(record, isbn=Isbn.parse(number))
    assert (book.isbn, book.isbn13, book.isbn10) == (THIRTEEN, THIRTEEN, TEN)


def test_the_asked_number_is_used_where_no_other_is_known() -> None:
    nameless = replace(record, editions=(Edition(),))
    assert flat_book(nameless, isbn=Isbn.parse(TEN)).isbn == THIRTEEN
    misprint = flat_book(nameless, isbn=Isbn.parse("0439708185"))
    assert (misprint.isbn, misprint.isbn13, misprint.isbn10) == ("0439708185", None, None)


def test_values_of_the_edition_stand_in_for_those_of_the_work() -> None:
    work = Work(title="X", isbndb_quality=85)
    edition = Edition(
        isbns=(TEN,),
        cover_image_url="https://images.isbndb.com/1.jpg",
        edition_description="About.",
        publication_year=2001,
    )
    book = flat_book(
        BookRecord(
            provider=ProviderId.ISBNDB,
            work=work,
            editions=(edition,),
            thumbnail_url="https://images.isbndb.com/t.jpg",
        )
    )
    assert (book.isbn, book.description, book.published_date) == (THIRTEEN, "About.", "2001")
    assert (book.cover_url, book.cover_urls) == ("https://images.isbndb.com/1.jpg", None)
    assert book.thumbnail_url == "https://images.isbndb.com/t.jpg"
    assert (book.provider, book.quality) == ("isbndb", 85)
