"""What is special about the exports of each service."""

from __future__ import annotations

import pytest

from bookstrack.imports.export import Contributor, Format, ReadingStatus
from bookstrack.imports.sniff import layout_of
from imports.samples import fates, one_book, read

W, R, C = ReadingStatus.WANT_TO_READ, ReadingStatus.READING, ReadingStatus.COMPLETED
ONE, TWO = "9780306406157", "9780441013593"


def in_tabs(*rows: str) -> str:
    """Return rows written with ``|`` as tab-separated text."""
    return "".join(row.replace("|", "\t") + "\n" for row in rows)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Book Id,Title,Exclusive Shelf", Format.GOODREADS),
        ("title,my rating,EXCLUSIVE_SHELF", Format.GOODREADS),
        ("Title,Exclusive Shelf", Format.GENERIC),
        (" Read Status ,ISBN/UID,Title", Format.STORYGRAPH),
        ("Primary Author,Work id,Title", Format.LIBRARYTHING),
        ("Primary Author,Sort Character", Format.LIBRARYTHING),
        ("Primary Author,Title", Format.GENERIC),
        ("title,authors,#shelf,title_sort", Format.CALIBRE),
        ("authors,uuid", Format.CALIBRE),
        ("title,author_text,remote_id", Format.BOOKWYRM),
        ("Title,Hardcover Book ID", Format.HARDCOVER),
        ("Work Id,Edition Id,Bookshelf", Format.OPEN_LIBRARY),
        ("title,readings,book_format", Format.OPENREADS),
        ("Title,Author,ISBN", Format.GENERIC),
        ("Exclusive Shelf,Book Id,Read Status,ISBN/UID", Format.GOODREADS),
    ],
)
def test_signatures(header: str, found: Format) -> None:
    assert layout_of(header.split(",")).format is found


GOODREADS = (
    "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,"
    "Date Read,Date Added,Bookshelves,Exclusive Shelf,Original Publication Year,My Review\n"
)


def test_goodreads() -> None:
    text = GOODREADS + (
        '7,"Tomb (Lock, #1)",Ann   Other,"Other, Ann","Bo Eng, Cy Dahl","=""0306406152""",'
        '"=""9780306406157""",0,4.2,,2020/12/31,"fun, to-read",to-read,-700,\n'
        '8,B,"Jones, Jr., Bob",,,"=""""","=""""",3,4.9,2020/05,2020,paused-pile,did-not-finish,,x\n'
        "9,C,D E,,,,,5,1.0,2020/05/06,,,own-shelf,,\n"
        "10,,,,,,,5,,,,,read,,\n"
    )
    export = read(text)
    assert fates(export) == {2: "book", 3: "book", 4: "book", 5: "book"}
    first, second, third, last = export.books
    assert (first.title, first.series, first.isbn, first.original_year) == (
        "Tomb",
        "Lock",
        ONE,
        -700,
    )
    assert first.authors == ("Ann Other",)
    assert first.contributors == (Contributor("Bo Eng"), Contributor("Cy Dahl"))
    assert (first.reading.rating, first.reading.tags) == (None, ("fun",))
    assert (first.reading.status, second.reading.status) == (W, None)
    assert (second.isbn, second.isbn_raw) == (None, None)
    assert (second.reading.source_status, second.reading.date_finished) == (
        "did-not-finish",
        "2020-05",
    )
    assert second.reading.date_added == "2020"
    assert second.reading.tags == ("paused-pile",)
    assert (third.reading.status, third.reading.tags) == (C, ("own-shelf",))
    assert last.needs_lookup


STORYGRAPH = (
    "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,Dates Read,"
    "Star Rating,Tags,Owned?\n"
)


@pytest.mark.parametrize(
    ("dates", "last", "started", "finished"),
    [
        ("2021/05/01-2021/05/10", "2021/05/10", "2021-05-01", "2021-05-10"),
        ("2021/05/10", "2021/05/10", None, "2021-05-10"),
        (
            "2020/01/01-2020/01/05, 2021/05/01-2021/05/10",
            "2021/05/10",
            "2021-05-01",
            "2021-05-10",
        ),
        ("2021/05/01-2021/05/10, 2020/01/01-2020/01/05", "", "2021-05-01", "2021-05-10"),
        ("2020/01/01-2020/01/05, 2021/05/01-", "2020/01/05", "2021-05-01", None),
        ("", "2021/05/10", None, "2021-05-10"),
        ("", "", None, None),
    ],
)
def test_storygraph_dates(dates: str, last: str, started: str | None, finished: str | None) -> None:
    row = f'A,Ann Other,,{ONE},paperback,read,2021/01/01,{last},"{dates}",3.75,,Yes\n'
    reading = one_book(STORYGRAPH + row).reading
    assert (reading.date_started, reading.date_finished) == (started, finished)
    assert (reading.rating, reading.rating_exact) == (4, 3.75)


def test_storygraph_numbers_that_are_none() -> None:
    text = STORYGRAPH + (
        "A,Ann Other,Bo Eng (Narrator),B00ABCDEFG,audio,paused,2021/01/01,,,,,No\n"
        "B,Ann Other,,441013597,digital,did-not-finish,2021/01/01,,,,,No\n"
        f'C,"Ann Other, Eng",,{TWO[:-1]}9,,to-read,2021/01/01,,,,,No\n'
    )
    export = read(text)
    first, second, third = export.books
    assert [book.isbn for book in export.books] == [None, None, None]
    assert first.external_ids == {"asin": "B00ABCDEFG", "storygraphUid": "B00ABCDEFG"}
    assert second.external_ids == {"storygraphUid": "441013597"}
    assert [(one.row, one.code) for one in export.warnings] == [(4, "invalid_isbn")]
    assert first.contributors == (Contributor("Bo Eng", "Narrator"),)
    assert third.authors == ("Ann Other", "Eng")
    assert [book.reading.status for book in export.books] == [R, None, W]


LIBRARYTHING = (
    "Book Id|Title|Sort Character|Primary Author|Publication|Date|Rating|Media|Date Started|"
    "Date Read|Collections|Tags|ISBN|ISBNs|Work id|Entry Date"
)


def librarything(*rows: str) -> str:
    return in_tabs(LIBRARYTHING, *rows)


def test_librarything_rows() -> None:
    export = read(
        librarything(
            '1|"Q" is for quarry|1|Grafton, Sue|House (1999), Hardback|1999|3.5|Hardcover|||'
            f"Your library|crime|[0306406152]|0306406152, {ONE}|5|[2006-08-09]",
            "2|A film|1|Nobody||1999||DVD|||Your library||[085391163701]|||",
            "3|Music|1|Nobody||||Music CD|||Your library||||6|",
            "4|Spoken|1|Other, Ann||||CD audiobook|||Your library||||7|",
            '5|A "b" c"|1|||||Paperback|||Your library||[012345678905]||8|',
        )
    )
    assert export.delimiter == "\t"
    assert fates(export) == {
        2: "book",
        3: "skipped: not_a_book",
        4: "skipped: not_a_book",
        5: "book",
        6: "book",
    }
    first, spoken, last = export.books
    assert (first.title, first.authors) == ('"Q" is for quarry', ("Sue Grafton",))
    assert (first.isbn, first.publisher, first.year) == (ONE, "House", 1999)
    assert (first.reading.rating, first.reading.rating_exact) == (4, 3.5)
    assert (first.reading.date_added, first.reading.tags) == ("2006-08-09", ("crime",))
    assert first.external_ids == {"libraryThingBook": "1", "libraryThingWork": "5"}
    assert spoken.authors == ("Ann Other",)
    assert (last.title, last.isbn, last.isbn_raw) == ('A "b" c"', None, "012345678905")
    assert [one.title for one in export.skipped] == ["A film", "Music"]


@pytest.mark.parametrize(
    "media",
    ["Blu-ray", "VHS", "Laserdisc", "CD", "Vinyl", "Music", "Movie", "Video", "Map", "Game"],
)
def test_librarything_media(media: str) -> None:
    export = read(librarything(f"1|A|1|Other, Ann||||{media}|||Your library||||2|"))
    assert [one.reason for one in export.skipped] == ["not_a_book"]


@pytest.mark.parametrize(
    ("collections", "started", "read_on", "status", "tags"),
    [
        ("Your library", "", "", W, ()),
        ("Your library", "[2020-01-02]", "", R, ()),
        ("Your library", "[2020-01-02]", "[2020-02-03]", C, ()),
        ("Your library, Currently reading", "", "[2020-02-03]", R, ()),
        ("To read, Loft", "", "", W, ("Loft",)),
        ("Wishlist", "", "", W, ()),
        ("Read but unowned", "", "", C, ()),
    ],
)
def test_librarything_status(
    collections: str, started: str, read_on: str, status: ReadingStatus, tags: tuple[str, ...]
) -> None:
    row = f"1|A|1|Other, Ann||||Paperback|{started}|{read_on}|{collections}||||2|"
    reading = one_book(librarything(row)).reading
    assert (reading.status, reading.tags) == (status, tags)


def test_librarything_quoted_by_a_spreadsheet() -> None:
    text = librarything('1|"A ""b""\tc"|1|"Other, Ann"||||Paperback|||Your library||||2|')
    assert one_book(text).title == 'A "b" c'


def test_librarything_helpers() -> None:
    text = in_tabs(
        "Book Id|Title|Primary Author|Secondary Author|Secondary Author Roles|Work id",
        "1|A|Other, Ann|Eng, Bo~Dahl, Cy|Translator~|2",
    ).replace("~", "|")
    book = one_book(text)
    assert book.authors == ("Ann Other", "Cy Dahl")
    assert book.contributors == (Contributor("Bo Eng", "Translator"),)


def test_calibre() -> None:
    text = (
        "authors,author_sort,rating,isbn,identifiers,series,series_index,languages,title,pubdate,uuid\n"
        f'Ann Other & Bo Eng,"Other, Ann & Eng, Bo",4,{ONE},"goodreads:7,google:xyz,amazon_de:B0X",'
        "Tomb,8.0,deu,A,2019-03-05T01:00:00+01:00,u1\n"
        f'Jones| Jr.,"Jones, Jr.",0,,"isbn:{TWO},openlibrary:OL3M,mobi-asin:B0Y",,1.0,eng,B,'
        "0101-01-01T00:00:00+00:00,u2\n"
    )
    first, second = read(text).books
    assert (first.authors, first.isbn) == (("Ann Other", "Bo Eng"), ONE)
    assert (first.series, first.series_number, first.language) == ("Tomb", "8", "de")
    assert (first.year, first.published, first.reading.rating) == (2019, "2019-03-05", 4)
    assert first.external_ids == {
        "goodreads": "7",
        "googleBooks": "xyz",
        "asin": "B0X",
        "calibre": "u1",
    }
    assert (second.authors, second.isbn, second.year) == (("Jones, Jr.",), TWO, None)
    assert (second.series, second.series_number, second.reading.rating) == (None, None, None)
    assert second.external_ids["openLibraryEdition"] == "OL3M"
    assert (first.reading.status, second.reading.status) == (None, None)


def test_calibre_of_old() -> None:
    text = (
        "authors,author_sort,title\n"
        '"Ann Other, Bo Eng","Other, Ann & Eng, Bo",A\n'
        '"Ann Other","Other, Ann",B\n'
    )
    first, second = read(text).books
    assert (first.authors, second.authors) == (("Ann Other", "Bo Eng"), ("Ann Other",))


BOOKWYRM = (
    "title,author_text,remote_id,openlibrary_key,isbn_10,isbn_13,start_date,finish_date,"
    "stopped_date,rating,review_name,review_content,shelf,shelf_name,shelf_date\n"
)


@pytest.mark.parametrize(
    ("dates", "shelf", "name", "status", "tags"),
    [
        (",,", "to-read", "To Read", W, ()),
        (",,", "reading", "Currently Reading", R, ()),
        (",,", "read", "Read", C, ()),
        ("2020-01-02,,", "stopped", "Stopped Reading", R, ()),
        ("2020-01-02,,2020-02-03", "stopped", "Stopped Reading", None, ()),
        ("2020-01-02,2020-02-03,", "cooking-9", "Cooking", C, ("Cooking",)),
        ("2020-01-02,,", "cooking-9", "Cooking", R, ("Cooking",)),
        ("2020-01-02,,2020-02-03", "cooking-9", "", None, ("cooking",)),
        (",,", "", "", None, ()),
    ],
)
def test_bookwyrm(
    dates: str, shelf: str, name: str, status: ReadingStatus | None, tags: tuple[str, ...]
) -> None:
    row = f"A,Ann Other,https://x.example/1,OL1M,,{ONE},{dates},3.5,,,{shelf},{name},2024-08-10\n"
    book = one_book(BOOKWYRM + row)
    assert (book.reading.status, book.reading.tags) == (status, tags)
    assert (book.reading.rating, book.reading.date_added) == (4, "2024-08-10")
    assert book.external_ids == {"bookwyrm": "https://x.example/1", "openLibraryEdition": "OL1M"}


def test_hardcover() -> None:
    text = (
        "Title,Author,Series,Status,Hardcover Book ID,ISBN 10,ISBN 13,Media,Tags,Lists,Rating\n"
        f'A,"Bo Eng (Illustrator), Ann Other, Cy Dahl",Tomb #4,Did Not Finish,1,,{ONE},Audiobook,'
        '"x, y",Loft,4.5\n'
        "B,Ann Other,,Ignored,2,,,,,,\n"
        "C,Ann Other,,Paused,3,0441013597,,,,,\n"
    )
    export = read(text)
    assert fates(export) == {2: "book", 3: "skipped: ignored", 4: "book"}
    first, second = export.books
    assert first.authors == ("Ann Other", "Cy Dahl")
    assert first.contributors == (Contributor("Bo Eng", "Illustrator"),)
    assert (first.series, first.series_number, first.format) == ("Tomb", "4", "Audiobook")
    assert (first.reading.status, first.reading.tags) == (None, ("x", "y", "Loft"))
    assert (first.reading.rating, first.reading.rating_exact) == (5, 4.5)
    assert (second.isbn, second.reading.status) == (TWO, R)


def test_openreads() -> None:
    text = (
        "title,author,status,deleted,rating,tags,book_format,readings,date_added\n"
        "A,Ann Other,finished,false,4.5,x|||||y z,hardcover,"
        "2020-01-02T00:00:00.000|2020-02-03T00:00:00.000|;2021-01-02T00:00:00.000||,2024-03-01\n"
        "B,Ann Other,planned,true,,,,,\n"
        "C,Ann Other,abandoned,false,,,ebook,|2020-02-03T00:00:00.000|,\n"
        'D,Ann Other,in_progress,false,,,ebook,"2020-02-03|",\n'
    )
    export = read(text)
    assert fates(export) == {2: "book", 3: "skipped: deleted", 4: "book", 5: "book"}
    first, third, last = (book.reading for book in export.books)
    assert (first.date_started, first.date_finished) == ("2021-01-02", None)
    assert (first.status, first.tags) == (C, ("x", "y z"))
    assert (third.status, third.date_finished) == (None, "2020-02-03")
    assert (last.status, last.date_started) == (R, "2020-02-03")


def test_openlibrary() -> None:
    text = (
        "Work Id,Edition Id,Bookshelf\nOL1W,OL2M,Already Read\n/works/OL3W,,Want to Read\n"
        "nonsense,,Already Read\n"
    )
    export = read(text)
    assert fates(export) == {2: "book", 3: "book", 4: "error: missing_title"}
    first, second = export.books
    assert first.external_ids == {"openLibraryEdition": "OL2M", "openLibraryWork": "OL1W"}
    assert (second.external_ids, second.reading.status) == ({"openLibraryWork": "OL3W"}, W)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("TITLE;Author(s);ISBN 13", {"title": "TITLE", "author": "Author(s)", "isbn13": "ISBN 13"}),
        ("Titre,Auteur,Éditeur,Année", {"publisher": "Éditeur", "year": "Année"}),
        (
            "Titel,Verfasser,Verlag,Jahr,Seiten,Bewertung",
            {"pages": "Seiten", "rating": "Bewertung"},
        ),
        ("Book,Title,By", {"title": "Title", "author": "By"}),
        ("Timestamp,Title,Date Added", {"dateAdded": "Date Added"}),
        ("Title,Title,Author", {"title": "Title"}),
        (
            "Title,Author,Book_Format,Read_Date",
            {"format": "Book_Format", "dateFinished": "Read_Date"},
        ),
    ],
)
def test_generic_names(header: str, columns: dict[str, str]) -> None:
    sign = ";" if ";" in header else ","
    row = sign.join("x" for _ in header.split(sign))
    found = read(f"{header}\n{row}\n").columns
    assert columns.items() <= found.items()
    assert len(set(found.values())) == len(found)


def test_a_note_is_a_mark_or_words() -> None:
    marked = one_book("Titre;Auteur;Note\nA;B C;4,5\n")
    noted = one_book("Title,Author,Note\nA,B C,Lent to Bo\n")
    assert (marked.reading.rating_exact, marked.reading.notes) == (4.5, None)
    assert (noted.reading.rating_exact, noted.reading.notes) == (None, "Lent to Bo")
