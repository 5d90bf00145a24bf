"""The rules for rows: numbers, names, series, stars, statuses, days, torn rows."""

from __future__ import annotations

import pytest

from bookstrack.imports.export import Contributor, Doubt, ReadingStatus
from bookstrack.model.enums import EditionFormat
from imports.samples import fates, one_book, read

W, R, C = ReadingStatus.WANT_TO_READ, ReadingStatus.READING, ReadingStatus.COMPLETED


@pytest.mark.parametrize(
    ("cell", "isbn", "doubt"),
    [
        ("9780441013593", "9780441013593", None),
        ("978-0-441-01359-3", "9780441013593", None),
        ("0441013597", "9780441013593", None),
        ("0-8044-2957-x", "9780804429573", None),
        ('"=""9780441013593"""', "9780441013593", None),
        ('="9780441013593"', "9780441013593", None),
        ("'9780441013593", "9780441013593", None),
        ("9780441013593.0", "9780441013593", None),
        ("441013597", "9780441013593", None),
        ("441013597.0", "9780441013593", None),
        ("441013598", None, Doubt.INVALID_ISBN),
        ('"0441013597, 9780141439587"', "9780441013593", None),
        ("9780441013594 / 9780141439587", "9780141439587", None),
        ("9780441013594", None, Doubt.INVALID_ISBN),
        ("012345678905", None, Doubt.INVALID_ISBN),
        ("B00ABCDEFG", None, Doubt.INVALID_ISBN),
        ("9.78053E+12", None, Doubt.RUINED_ISBN),
        ('"9,78053E+12"', None, Doubt.RUINED_ISBN),
        ('=""', None, None),
        ("", None, None),
    ],
)
def test_isbn(cell: str, isbn: str | None, doubt: Doubt | None) -> None:
    export = read(f"Title,Author,ISBN\nDune,Frank Herbert,{cell}\n")
    assert fates(export) == {2: "book"}
    assert export.books[0].isbn == isbn
    assert [(one.row, one.code) for one in export.warnings] == ([(2, doubt)] if doubt else [])


def test_the_first_valid_number_counts() -> None:
    text = "Title,Author,ISBN10,ISBN13\nA,B C,0441013597,9780441013594\nD,E F,,9780141439587\n"
    assert [book.isbn for book in read(text).books] == ["9780441013593", "9780141439587"]


@pytest.mark.parametrize(
    ("row", "fate"),
    [
        ("Dune,Frank Herbert,", "book"),
        ("Dune,,", "book"),
        (",,9780441013593", "book"),
        (",Frank Herbert,9780441013593", "book"),
        (",,9780441013594", "error: invalid_isbn"),
        (",Frank Herbert,9780441013594", "error: invalid_isbn"),
        (",,9.78E+12", "error: invalid_isbn"),
        (",Frank Herbert,", "error: missing_title"),
    ],
)
def test_what_makes_a_row_usable(row: str, fate: str) -> None:
    export = read(f"Title,Author,ISBN\nX,Y Z,9780141439587\n{row}\n")
    assert fates(export) == {2: "book", 3: fate}
    for error in export.errors:
        assert error.cells == tuple(row.split(","))
        assert error.isbn == row.split(",")[2]
        assert error.message


def test_a_key_makes_a_row_usable() -> None:
    export = read("Title,Author,OLID,ASIN\n,,OL1W,\n,,,B00ABCDEFG\n,X Y,nonsense,\n")
    assert fates(export) == {2: "book", 3: "book", 4: "error: missing_title"}
    assert [book.needs_lookup for book in export.books] == [True, True]
    assert export.books[0].external_ids == {"openLibraryWork": "OL1W"}
    alone = read("Title,OLID\n,OL1M\nA,OL2M\n", lookup=False)
    assert fates(alone) == {2: "error: needs_lookup", 3: "book"}


def test_a_title_without_author_is_doubtful() -> None:
    books = read("Title,Author,ISBN\nA,,\nB,,9780441013593\nC,D E,\n").books
    assert [book.low_confidence for book in books] == [True, False, False]


@pytest.mark.parametrize(
    ("cell", "authors"),
    [
        ("Frank Herbert", ["Frank Herbert"]),
        ("  Liz    Moore ", ["Liz Moore"]),
        ("Moore, Liz", ["Liz Moore"]),
        ("Le Guin, Ursula K.", ["Ursula K. Le Guin"]),
        ("Le Guin, Ursula", ["Ursula Le Guin"]),
        ("van der Berg, Jan Willem", ["Jan Willem van der Berg"]),
        ("Ann Other, Bo Eng", ["Ann Other", "Bo Eng"]),
        ("Ann Other, Bo Eng, Cy Dahl", ["Ann Other", "Bo Eng", "Cy Dahl"]),
        ("Ann Other; Bo Eng", ["Ann Other", "Bo Eng"]),
        ("Other, Ann; Eng, Bo", ["Ann Other", "Bo Eng"]),
        ("Ann Other & Bo Eng", ["Ann Other", "Bo Eng"]),
        ("Other, Ann & Eng, Bo", ["Ann Other", "Bo Eng"]),
        ("Ann Other and Bo Eng", ["Ann Other", "Bo Eng"]),
        ("Ann Other, Bo Eng, and Cy Dahl", ["Ann Other", "Bo Eng", "Cy Dahl"]),
        ("A. Other, B. Eng & C. Dahl", ["A. Other", "B. Eng", "C. Dahl"]),
        ("Ann Other|Bo Eng", ["Ann Other", "Bo Eng"]),
        ("Robert Jones, Jr.", ["Robert Jones, Jr."]),
        ("Robert Jones, Jr., Bo Eng", ["Robert Jones, Jr.", "Bo Eng"]),
        ("Ann Other, M.D.", ["Ann Other, M.D."]),
        ("Ann Other, Ph.D.", ["Ann Other, Ph.D."]),
        ("King, Martin Luther, III", ["Martin Luther King, III"]),
        ("Ann Other, The Duke of Somewhere", ["Ann Other, The Duke of Somewhere"]),
        ("Ann &amp; Other", ["Ann", "Other"]),
        ("Ann O&#39;Ther", ["Ann O'Ther"]),
        ("村上春樹", ["村上春樹"]),
        ("Homer", ["Homer"]),
    ],
)
def test_authors(cell: str, authors: list[str]) -> None:
    book = one_book(f'Title,Author\nA,"{cell}"\n')
    assert list(book.authors) == authors
    assert book.contributors == ()


@pytest.mark.parametrize(
    ("cell", "authors", "contributors"),
    [
        ("Ann Other, Bo Eng (Translator)", ["Ann Other"], [("Bo Eng", "Translator")]),
        ("Bo Eng (Illustrator), Ann Other", ["Ann Other"], [("Bo Eng", "Illustrator")]),
        ("Ann Other (Author)", ["Ann Other"], []),
        ("Ann Other [Übersetzerin]", [], [("Ann Other", "Übersetzerin")]),
        ("Ann Other (Bo Eng)", ["Ann Other (Bo Eng)"], []),
        (
            "Ann Other; Bo Eng (Translator, Editor)",
            ["Ann Other"],
            [("Bo Eng", "Translator, Editor")],
        ),
    ],
)
def test_roles(cell: str, authors: list[str], contributors: list[tuple[str, str]]) -> None:
    book = one_book(f'Title,Author\nA,"{cell}"\n')
    assert list(book.authors) == authors
    assert list(book.contributors) == [Contributor(*one) for one in contributors]


@pytest.mark.parametrize(
    ("author", "in_order", "authors"),
    [
        ("Ann Other", "Other, Ann", ["Ann Other"]),
        ("Other Ann, Bo", "Other Ann, Bo", ["Bo Other Ann"]),
        ("Simon and Garfunkel", "Garfunkel, Simon and", ["Simon and Garfunkel"]),
        ("Ann Other, Bo Eng", "Other, Ann & Eng, Bo", ["Ann Other", "Bo Eng"]),
        ("Ann Other & Bo Eng", "Other, Ann & Eng, Bo", ["Ann Other", "Bo Eng"]),
        ("", "de la Cruz, Juan Carlos", ["Juan Carlos de la Cruz"]),
    ],
)
def test_a_sorted_column_proves_how_names_stand(
    author: str, in_order: str, authors: list[str]
) -> None:
    book = one_book(f'Title,Author,Author l-f\nA,"{author}","{in_order}"\n')
    assert list(book.authors) == authors


def test_a_column_of_surnames_first_is_turned_throughout() -> None:
    names = ["Other, Ann", "Eng, Bo", "García Márquez, Gabriel José", "Dahl, Cy", "Homer"]
    text = "Title,Author\n" + "".join(f'T{at},"{name}"\n' for at, name in enumerate(names))
    assert [book.authors for book in read(text).books][2] == ("Gabriel José García Márquez",)


@pytest.mark.parametrize(
    ("cell", "title", "series", "number"),
    [
        ("Gideon (The Tomb #1)", "Gideon", "The Tomb", "1"),
        ("Gideon (The Tomb, #2)", "Gideon", "The Tomb", "2"),
        ("Gideon (The Tomb #2.5)", "Gideon", "The Tomb", "2.5"),
        ("Gideon (The Tomb, #1-3)", "Gideon", "The Tomb", "1-3"),
        ("Gideon (Tomb, #1; Other, #2)", "Gideon", "Tomb", "1"),
        ("Gideon (Tomb (Old), #4)", "Gideon", "Tomb (Old)", "4"),
        ("Gideon (A Novel)", "Gideon (A Novel)", None, None),
        ("Gideon (The Tomb)", "Gideon (The Tomb)", None, None),
        ("(Tomb #1)", "(Tomb #1)", None, None),
        ("C# in Depth", "C# in Depth", None, None),
        ("Learn (C#)", "Learn (C#)", None, None),
        ("Pride &amp;   Prejudice", "Pride & Prejudice", None, None),
    ],
)
def test_series(cell: str, title: str, series: str | None, number: str | None) -> None:
    book = one_book(f'Title,Author\n"{cell}",Ann Other\n')
    assert (book.title, book.series, book.series_number) == (title, series, number)


def test_a_column_of_series_beats_brackets() -> None:
    book = one_book("Title,Author,Series,Volume\nGideon (X #9),Ann Other,Tomb,3.0\n")
    assert (book.title, book.series, book.series_number) == ("Gideon", "Tomb", "3")


@pytest.mark.parametrize(
    ("column", "stars", "exact"),
    [
        (["5", "0", "", "3"], [5, None, None, 3], [5, None, None, 3]),
        (["4.5", "3.25", "0.5", "2,5"], [5, 3, 1, 3], [4.5, 3.25, 0.5, 2.5]),
        (["7", "10", "1"], [4, 5, 1], [3.5, 5, 0.5]),
        (["16", "20"], [4, 5], [4, 5]),
        (["80", "100", "55"], [4, 5, 3], [4, 5, 2.75]),
        (["★★★★☆", "★", "☆☆☆☆☆", "★★½"], [4, 1, None, 3], [4, 1, None, 2.5]),
        (["4/5", "8/10", "80%", "3 stars"], [4, 4, 4, 3], [4, 4, 4, 3]),
        (["n/a", "-1", "2019", "good"], [None] * 4, [None] * 4),
    ],
)
def test_ratings(column: list[str], stars: list[int | None], exact: list[float | None]) -> None:
    text = "Title,Author,Rating\n" + "".join(
        f'T{at},Ann Other,"{cell}"\n' for at, cell in enumerate(column)
    )
    found = [book.reading for book in read(text).books]
    assert [one.rating for one in found] == stars
    assert [one.rating_exact for one in found] == exact


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("to-read, To Read, want to read, wishlist, wish list, planned, TBR, to buy, unread", W),
        ("to-reread, plan_to_read", W),
        ("currently-reading, Currently Reading, reading, in progress, in_progress, started", R),
        ("paused, on hold, ON-HOLD", R),
        ("read, finished, already read, Completed, done", C),
        ("did-not-finish, dnf, stopped, abandoned, unfinished, gave up", None),
    ],
)
def test_statuses(words: str, status: ReadingStatus | None) -> None:
    for word in words.split(", "):
        reading = one_book(f"Title,Author,Status\nA,B C,{word}\n").reading
        assert (reading.status, reading.source_status, reading.tags) == (status, word, ())


@pytest.mark.parametrize(
    ("word", "started", "finished", "status", "tags"),
    [
        ("dnf", "2020-01-01", "", R, ()),
        ("dnf", "2020-01-01", "2020-02-01", None, ()),
        ("dnf", "", "", None, ()),
        ("loft", "", "2020-02-01", C, ("loft",)),
        ("loft", "2020-01-01", "", R, ("loft",)),
        ("loft", "", "", None, ("loft",)),
        ("", "2020-01-01", "2020-02-01", C, ()),
        ("", "2020-01-01", "", R, ()),
        ("", "", "", None, ()),
        ("to-read", "2020-01-01", "2020-02-01", W, ()),
    ],
)
def test_status_beside_dates(
    word: str, started: str, finished: str, status: ReadingStatus | None, tags: tuple[str, ...]
) -> None:
    text = f"Title,Author,Status,Date Started,Date Read\nA,B C,{word},{started},{finished}\n"
    reading = one_book(text).reading
    assert (reading.status, reading.tags) == (status, tags)


def test_shelves_tell_the_status_where_no_column_does() -> None:
    text = 'Title,Author,Bookshelves\nA,B C,"to-read, fun"\nD,E F,"fun, sea"\n'
    first, second = (book.reading for book in read(text).books)
    assert (first.status, first.tags) == (W, ("fun",))
    assert (second.status, second.tags) == (None, ("fun", "sea"))


@pytest.mark.parametrize(
    ("cell", "date"),
    [
        ("2020-03-04", "2020-03-04"),
        ("2020/03/04", "2020-03-04"),
        ("2020/3", "2020-03"),
        ("2020", "2020"),
        ("2020-03-04T23:59:00+11:00", "2020-03-04"),
        ("2020-03-04 00:00:00", "2020-03-04"),
        ("[2020-03-04]", "2020-03-04"),
        ("Mar 4, 2020", "2020-03-04"),
        ("4 Mar 2020", "2020-03-04"),
        ("4. März 2020", "2020-03-04"),
        ("March 2020", "2020-03"),
        ("04.03.2020", "2020-03-04"),
        ("25.12.2020", "2020-12-25"),
        ("3/25/2020", "2020-03-25"),
        ("25/3/2020", "2020-03-25"),
        ("3/25/20", "2020-03-25"),
        ("3/25/2020 0:00", "2020-03-25"),
        ("20200304", "2020-03-04"),
        ("2020-02-30", None),
        ("sometime", None),
        ("2020-13-01", None),
    ],
)
def test_dates(cell: str, date: str | None) -> None:
    export = read(f'Title,Author,Date Read\nA,B C,"{cell}"\n')
    assert export.books[0].reading.date_finished == date
    assert [one.code for one in export.warnings] == ([] if date else ["unreadable_date"])


@pytest.mark.parametrize(
    ("column", "dates", "is_guessed"),
    [
        (["3/4/2020", "25/4/2020"], ["2020-04-03", "2020-04-25"], False),
        (["3/4/2020", "4/25/2020"], ["2020-03-04", "2020-04-25"], False),
        (["3/4/2020", "5/6/2021"], ["2020-03-04", "2021-05-06"], True),
        (["3-4-2020", "25-4-2020"], ["2020-04-03", "2020-04-25"], False),
        (["3.4.2020", "4/4/2020"], ["2020-04-03", "2020-04-04"], False),
    ],
)
def test_the_whole_column_decides(column: list[str], dates: list[str], is_guessed: bool) -> None:
    text = "Title,Author,Date Added\n" + "".join(
        f"T{at},Ann Other,{cell}\n" for at, cell in enumerate(column)
    )
    export = read(text)
    assert [book.reading.date_added for book in export.books] == dates
    assert [(one.code, one.row) for one in export.warnings] == (
        [("ambiguous_dates", None)] if is_guessed else []
    )


def test_another_column_decides_for_one_that_cannot() -> None:
    text = "Title,Author,Date Added,Date Read\nA,B C,25/4/2020,3/5/2020\n"
    reading = one_book(text).reading
    assert (reading.date_added, reading.date_finished) == ("2020-04-25", "2020-05-03")


@pytest.mark.parametrize(
    ("started", "finished", "kept", "code"),
    [
        ("2020-02-01", "2020-01-01", ("2020-02-01", None), "finished_before_start"),
        ("2020-02-01", "2020", ("2020-02-01", "2020"), None),
        ("2020-02-01", "2020-02", ("2020-02-01", "2020-02"), None),
        ("", "2026-06-16", (None, "2026-06-16"), None),
        ("", "2026-06-17", (None, None), "date_in_future"),
        ("", "2026", (None, "2026"), None),
        ("2027", "", (None, None), "date_in_future"),
    ],
)
def test_days_that_cannot_be_are_dropped(
    started: str, finished: str, kept: tuple[str | None, str | None], code: str | None
) -> None:
    export = read(f"Title,Author,Date Started,Date Read\nA,B C,{started},{finished}\n")
    reading = export.books[0].reading
    assert (reading.date_started, reading.date_finished) == kept
    assert [(one.row, one.code) for one in export.warnings] == ([(2, code)] if code else [])


def test_a_range_of_days() -> None:
    text = "Title,Author,Date Read\nA,B C,2020-01-01 - 2020-02-03\nD,E F,2021/05/06-\n"
    first, second = (book.reading for book in read(text).books)
    assert (first.date_started, first.date_finished) == ("2020-01-01", "2020-02-03")
    assert (second.date_started, second.date_finished) == ("2021-05-06", None)


def test_finished_may_be_an_answer() -> None:
    text = "Title,Author,Finished\nA,B C,yes\nD,E F,no\nG,H I,2020-01-02\n"
    found = [(book.reading.status, book.reading.date_finished) for book in read(text).books]
    assert found == [(C, None), (None, None), (C, "2020-01-02")]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1979", "", ""], (1979, None, "1979")),
        (["-700", "", ""], (-700, None, None)),
        (["2019-03-05", "1998", ""], (2019, 1998, "2019-03-05")),
        (["c1979", "", ""], (1979, None, "1979")),
        (["1979.0", "", ""], (1979, None, "1979")),
        (["soon", "", ""], (None, None, None)),
    ],
)
def test_years(cells: list[str], expected: tuple[int | None, int | None, str | None]) -> None:
    text = "Title,Author,Year,Original Publication Year,x\nA,B C," + ",".join(cells)
    book = one_book(text)
    assert (book.year, book.original_year, book.published) == expected


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("Mass Market Paperback", EditionFormat.MASS_MARKET),
        ("Kindle Edition", EditionFormat.EBOOK),
        ("digital", EditionFormat.EBOOK),
        ("audio", EditionFormat.AUDIOBOOK),
        ("Hardcover", EditionFormat.HARDCOVER),
        ("Gebundene Ausgabe", EditionFormat.HARDCOVER),
        ("Broché", EditionFormat.PAPERBACK),
        ("Unknown Binding", None),
        ("", None),
    ],
)
def test_forms(cell: str, form: EditionFormat | None) -> None:
    assert one_book(f"Title,Author,Binding\nA,B C,{cell}\n").format is form


@pytest.mark.parametrize(
    ("cell", "code"), [("eng", "en"), ("German", "de"), ("French, Latin", "fr"), ("???", None)]
)
def test_languages(cell: str, code: str | None) -> None:
    assert one_book(f'Title,Author,Language\nA,B C,"{cell}"\n').language == code


def test_reviews_keep_their_lines() -> None:
    text = (
        "Title,Author,My Review,Private Notes\n"
        'A,B C,"One<br/>two<br />three &amp; <b>four</b>","Plain\nlines > 3"\n'
    )
    reading = one_book(text).reading
    assert reading.review == "One\ntwo\nthree & four"
    assert reading.notes == "Plain\nlines > 3"


TORN = "year,title,author,isbn\n"


@pytest.mark.parametrize(
    ("row", "title", "authors", "isbn"),
    [
        ("2023,One,Ann Other, The Duke of X,9780306406157", "One", "Ann Other, The Duke of X", 1),
        ("2023,One,Ann Other, Jr.,9780306406157", "One", "Ann Other, Jr.", 1),
        ("2023,One,Ann Other,Jr.,9780306406157", "One", "Ann Other, Jr.", 1),
        ("2023,Eats, Shoots,Ann Other,9780306406157", "Eats, Shoots", "Ann Other", 1),
        ('2023,"One",Ann Other,Bo Eng,9780306406157', "One", "Ann Other|Bo Eng", 1),
        (
            "2023,Eats, Shoots, Leaves,Ann Other,9780306406157",
            "Eats, Shoots, Leaves",
            "Ann Other",
            1,
        ),
        ("2023,One,Ann Other, Jr.,978030640615", "One", "Ann Other, Jr.", 0),
        ("2023,One,Ann Other,9780306406157,,", "One", "Ann Other", 1),
        ("2023,One, two,Ann Other,", "One, two", "Ann Other", 0),
    ],
)
def test_torn_rows(row: str, title: str, authors: str, isbn: int) -> None:
    book = one_book(TORN + row)
    assert (book.title, book.authors) == (title, tuple(authors.split("|")))
    assert book.isbn == ("9780306406157" if isbn else None)


def test_a_torn_row_is_told() -> None:
    export = read(TORN + "2023,One,Ann Other, Jr.,9780306406157\n2023,Two,Bo Eng,,,\n")
    assert [(one.row, one.code) for one in export.warnings] == [(2, Doubt.REPAIRED_ROW)]


@pytest.mark.parametrize(
    "row", ["2023,One,Two,Ann Other,9780306406157", "a,b,c,d,e,f,g,h,i", "x,y,z,u,9780306406157"]
)
def test_rows_beyond_repair_harm_no_others(row: str) -> None:
    export = read(f"{TORN}2020,A,B C,\n{row}\n2021,D,E F,\n2022,Short\n")
    assert fates(export) == {2: "book", 3: "error: column_count", 4: "book", 5: "book"}
    assert export.errors[0].cells == tuple(row.split(","))
