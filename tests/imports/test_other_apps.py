"""Exports of further apps, other versions of known ones, and what spreadsheets make of them."""

from __future__ import annotations

import pytest

from bookstrack.imports.dates import read_date
from bookstrack.imports.export import Format, ReadingStatus
from bookstrack.imports.isbns import read_isbn
from bookstrack.imports.ratings import stars
from bookstrack.imports.statuses import status_of
from imports.samples import fates, one_book, read

ISBN, TEN = "9780306406157", "0306406152"
WANTED, READING, DONE = ReadingStatus


@pytest.mark.parametrize(
    "cell",
    [
        f"[{TEN}]",
        f"[{ISBN}]",
        f"({ISBN})",
        f"{ISBN}.",
        f"#{ISBN}",
        f"“{ISBN}”",
        "ISBN: 978-0-306-40615-7;",
        "9.780306406157E12",
        "9.780306406157E+12",
        "9,780306406157E+12",
    ],
)
def test_spellings_of_a_number(cell):
    assert read_isbn(cell, padded=False) == ISBN


@pytest.mark.parametrize("cell", ["9.78031E+12", "9.780306406158E12", "[12]", "..", "#"])
def test_spellings_that_are_none(cell):
    assert read_isbn(cell, padded=False) is None


@pytest.mark.parametrize(
    ("cell", "date"),
    [
        ("November 20, 2023 16:42", "2023-11-20"),
        ("January 2, 2020 3:04 PM", "2020-01-02"),
        ("Thu Jan 02 2020 10:11:12 GMT+0100", "2020-01-02"),
        ("2 Jan 2020 at 10:30", "2020-01-02"),
        ("02-Jan-20", "2020-01-02"),
        ("2-Jan-2020", "2020-01-02"),
        ("2. Jan. 75", "1975-01-02"),
        ("Jan-20", "2020-01"),
        ("2020年1月2日", "2020-01-02"),
        ("2020年1月", "2020-01"),
    ],
)
def test_days_in_words(cell, date):
    assert read_date(cell) == date


@pytest.mark.parametrize("cell", ["Week 20", "Kap-20", "31-Feb-20", "May 12", "No 7"])
def test_words_that_are_no_days(cell):
    assert read_date(cell) is None


def test_a_day_that_a_spreadsheet_counts():
    book = one_book("Title,Author,Date Read,Year\nA,Bo Berg,43832,1999\n")
    assert (book.reading.date_finished, book.year) == ("2020-01-02", 1999)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("To Be Read", WANTED),
        ("Not begun", WANTED),
        ("Up next", WANTED),
        ("✓ Read", DONE),
        ("Finished!", DONE),
        ("Reading now", READING),
        ("gelesen", DONE),
        ("Ungelesen", WANTED),
        ("En cours", READING),
        ("À lire", WANTED),
        ("Leído", DONE),
        ("Stopped reading", None),
        ("DNF'd", None),
    ],
)
def test_more_words_for_a_status(word, status):
    standing = status_of(word)
    assert (standing.is_known, standing.status) == (True, status)


def test_signs_alone_are_no_status():
    assert not status_of("✓").is_known
    assert not status_of("").is_known


@pytest.mark.parametrize(("cell", "exact"), [("4½", 4.5), ("3 1/2", 3.5), ("½", 0.5)])
def test_halves(cell, exact):
    assert stars(cell, 5) == exact


def test_columns_named_like_variables():
    text = (
        "bookTitle,AuthorNames,isbn13,dateAdded,startedAt,finishedAt,pageCount,myRating\n"
        f"A,Ann Author,{ISBN},2020-01-01,2020-01-02,2020-02-03,123,4\n"
    )
    book = one_book(text)
    assert (book.title, book.authors, book.isbn, book.pages) == ("A", ("Ann Author",), ISBN, 123)
    said = book.reading
    assert (said.date_added, said.date_started, said.date_finished, said.rating) == (
        "2020-01-01",
        "2020-01-02",
        "2020-02-03",
        4,
    )


def test_loans_of_libby_are_books():
    text = (
        "\ufeffcover,title,author,publisher,isbn,timestamp,activity,details,library\r\n"
        f'https://c/1,A,Ann Author,House,{ISBN},"November 20, 2023 16:42",Borrowed,14 days,City\r\n'
        f'https://c/1,A,Ann Author,House,{ISBN},"December 1, 2023 06:42",Returned,,City\r\n'
    )
    (book,) = read(text).books
    assert (book.rows, book.reading.date_added) == ((2, 3), "2023-11-20")


def test_libib():
    text = (
        "item_type,title,creators,ean_isbn13,upc_isbn10,length,status,began,completed,added\n"
        f'book,A,"Ann Author, Bo Berg",{ISBN},{TEN},123,Completed,2020-01-01,2020-02-01,\n'
        "book,B,Cy Dee,,,,Not begun,,,2019-01-02\n"
    )
    first, second = read(text).books
    assert (first.isbn, first.authors, first.pages) == (ISBN, ("Ann Author", "Bo Berg"), 123)
    assert first.reading.date_started == "2020-01-01"
    assert second.reading.status is WANTED


def test_reading_list():
    text = (
        "ISBN-13,Google Books ID,Title,Authors,Started Reading,Finished Reading,Rating\n"
        f'{ISBN},abc,A,"Author, Ann; Berg, Bo",2020-01-02,2020-02-03,4\n'
    )
    book = one_book(text)
    assert book.authors == ("Ann Author", "Bo Berg")
    assert (book.reading.status, book.reading.date_finished) == (DONE, "2020-02-03")


def test_audiobooks():
    text = (
        "ASIN,Title,Author,Narrated By,Series Name,Series Sequence,Read Status\n"
        "B07XYZABCD,A,Ann Author,Cy Dee,Sea,2,Finished\n"
    )
    book = one_book(text)
    assert (book.series, book.series_number, book.external_ids) == (
        "Sea",
        "2",
        {"asin": "B07XYZABCD"},
    )


def test_kindle():
    book = one_book('ASIN,Product Name,Author\nB07XYZABCD,A Title,"Author, Ann"\n')
    assert (book.title, book.authors) == ("A Title", ("Ann Author",))


def test_a_library_in_spanish():
    text = (
        "Título;Autor;Editorial;Año;Páginas;Idioma;ISBN;Puntuación;Leído\n"
        "A;Ana Lund;Casa;1999;123;Español;978-0-306-40615-7;4;Sí\n"
    )
    book = one_book(text)
    assert (book.publisher, book.year, book.pages, book.language) == ("Casa", 1999, 123, "es")
    assert (book.reading.status, book.reading.rating) == (DONE, 4)


def test_a_library_in_german():
    text = (
        "Titel;Autor;Verlag;Erscheinungsjahr;Seitenzahl;Sprache;Status;Gelesen am\n"
        "A;Ana Lund;Haus;1999;123;Deutsch;gelesen;05.06.2020\n"
    )
    book = one_book(text)
    assert (book.publisher, book.year, book.pages, book.language) == ("Haus", 1999, 123, "de")
    assert (book.reading.status, book.reading.date_finished) == (DONE, "2020-06-05")


@pytest.mark.parametrize(
    ("cell", "status", "date"),
    [
        ("yes", DONE, None),
        ("Y", DONE, None),
        ("no", None, None),
        ("2020-02-03", DONE, "2020-02-03"),
        ("Reading", READING, None),
        ("DNF", None, None),
    ],
)
def test_a_column_that_asks_whether_it_is_read(cell, status, date):
    book = one_book(f"Title,Author,Read?\nA,Bo Berg,{cell}\n")
    assert (book.reading.status, book.reading.date_finished) == (status, date)


def test_of_columns_of_one_name_the_first_that_holds_something_counts():
    text = f"Title,ISBN,ISBN,Title\nA,,{ISBN},Other\n,9781644100370,{ISBN},B\nC,,,\n"
    books = read(text).books
    assert [(book.title, book.isbn) for book in books] == [
        ("A", ISBN),
        ("B", "9781644100370"),
        ("C", None),
    ]


def test_the_reading_log_of_open_library_with_titles():
    text = (
        "Work ID,Title,Authors,First Publish Year,Edition ID,Edition Count,Bookshelf,My Ratings,"
        "Ratings Average,Ratings Count,Has Ebook,Subjects\n"
        'OL1W,A,"Ann Author, Bo Berg",1999,OL2M,3,Already Read,4,3.9,10,False,"x,y"\n'
    )
    export = read(text)
    (book,) = export.books
    assert export.format is Format.OPEN_LIBRARY
    assert (book.title, book.original_year, book.reading.rating) == ("A", 1999, 4)
    assert book.authors == ("Ann Author", "Bo Berg")


def test_openreads_of_old():
    text = (
        "title,subtitle,author,description,status,favourite,deleted,rating,start_date,finish_date,"
        "pages,publication_year,isbn,olid,tags,my_review,book_type\n"
        "A,,Ann Author,Desc,finished,false,false,4.5,2021-01-01T00:00:00.000,"
        f"2021-02-01T00:00:00.000,123,1999,{ISBN},OL2M,x|||||y,Nice,ebook\n"
        "B,,Ann Author,,planned,false,true,,,,,,,,,,ebook\n"
    )
    export = read(text)
    assert export.format is Format.OPENREADS
    assert fates(export) == {2: "book", 3: "skipped: deleted"}
    said = export.books[0].reading
    assert (said.date_started, said.date_finished) == ("2021-01-01", "2021-02-01")
    assert export.books[0].format == "E-book"


def test_bookwyrm_without_a_day_of_stopping():
    text = (
        "title,author_text,remote_id,start_date,finish_date,shelf,shelf_name\n"
        "A,Ann Author,https://bw.example/book/1,2021-01-01,,stopped-reading,Stopped Reading\n"
    )
    said = one_book(text).reading
    assert (said.status, said.tags) == (READING, ())  # as §1.7 has it: it began, and has no end


def test_goodreads_saved_again_by_a_german_spreadsheet():
    text = (
        "\ufeffBook Id;Title;Author;Author l-f;ISBN;ISBN13;My Rating;Year Published;Date Read;"
        "Date Added;Bookshelves;Exclusive Shelf\r\n"
        f'1;A (Sea, #1);Ann Ott;Author, Ann;="{TEN}";="{ISBN}";4;99;Mai-20;02.01.2020;;read\r\n'
        "2;B;Bo Berg;Berg, Bo;306406152;9,78031E+12;0;;;13.01.2020;to-read;to-read\r\n"
    )
    export = read(text)
    first = export.books[0]
    assert (export.format, export.delimiter) == (Format.GOODREADS, ";")
    assert (first.series, first.reading.date_finished) == ("Sea", "2020-05")
    assert first.reading.date_added == "2020-01-02"
    assert export.duplicates[0].row == 3, "nine digits are the ISBN whose zero was lost"


@pytest.mark.parametrize("word", ["read", "finished", "completed"])
def test_a_status_in_the_first_row_makes_no_header(word):
    export = read(f"Dune,Frank Herbert,{word}\nEmma,Jane Austen,{word}\nPersuasion,Jane Austen,x\n")
    assert not export.has_header
    assert len(export.books) == 3
