"""The genuine export files: what their README states, and what became of every row."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bookstrack.imports.export import Certainty, Doubt, Export, Format, ReadingStatus
from bookstrack.imports.read import check_export
from bookstrack.model.isbn import Isbn
from imports.samples import fates, read

FORMATS = {
    "goodreads-24col-769rows.csv": Format.GOODREADS,
    "goodreads-31col.csv": Format.GOODREADS,
    "goodreads-31col-no-isbn.csv": Format.GOODREADS,
    "storygraph.csv": Format.STORYGRAPH,
    "librarything.tsv": Format.LIBRARYTHING,
    "calibre.csv": Format.CALIBRE,
    "bookwyrm.csv": Format.BOOKWYRM,
    "hardcover.csv": Format.HARDCOVER,
    "openlibrary-reading-log.csv": Format.OPEN_LIBRARY,
    "openreads.csv": Format.OPENREADS,
    "generic.csv": Format.GENERIC,
    "simple-title-author-isbn.csv": Format.GENERIC,
    "year-title-author-isbn13.csv": Format.GENERIC,
    "curated-harvest-list.csv": Format.GENERIC,
    "sample-books.csv": Format.GENERIC,
}
GOODREADS = "goodreads-24col-769rows.csv"


@pytest.fixture
def folder(fixtures_dir: Path) -> Path:
    return fixtures_dir / "imports"


@pytest.fixture
def load(folder: Path) -> Callable[[str], Export]:
    return lambda name: read((folder / name).read_bytes())


def table(file: Path) -> list[dict[str, str]]:
    text = file.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def stated_rows(folder: Path) -> dict[str, int]:
    lines = (folder / "README.md").read_text("utf-8").splitlines()
    found = (re.match(r"\| `([^`]+)` \|.*?\|.*?\| (\d+) \|", line) for line in lines)
    return {match[1]: int(match[2]) for match in found if match}


def test_every_file_is_known(folder: Path) -> None:
    assert set(stated_rows(folder)) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_rows_format_and_fates(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    export = read(data)

    assert export.data_rows == stated_rows(folder)[name]
    assert export.format is FORMATS[name]
    assert (export.encoding, export.has_header) == ("utf-8", True)
    is_named = export.format is not Format.GENERIC
    assert export.certainty is (Certainty.EXACT if is_named else Certainty.RECOGNISED)
    assert export.errors == ()
    became = Counter(fate.partition(" ")[0] for fate in fates(export).values())
    skipped = {"skipped:": 1} if name == "hardcover.csv" else {}
    merged = {GOODREADS: 1, "year-title-author-isbn13.csv": 7, "curated-harvest-list.csv": 43}
    duplicates = {"duplicate": merged[name]} if name in merged else {}
    others = sum(skipped.values()) + sum(duplicates.values())
    assert became == Counter({"book": export.data_rows - others, **skipped, **duplicates})
    checked = check_export(data)
    assert (checked.format, checked.data_rows) == (export.format, export.data_rows)
    assert checked.columns == export.columns


def test_goodreads_statuses_stars_and_dates(folder: Path, load: Callable[[str], Export]) -> None:
    rows = table(folder / GOODREADS)
    shelves = Counter(row["Exclusive Shelf"] for row in rows)
    assert shelves == {"to-read": 498, "read": 269, "currently-reading": 2}
    known = {
        "to-read": ReadingStatus.WANT_TO_READ,
        "read": ReadingStatus.COMPLETED,
        "currently-reading": ReadingStatus.READING,
    }
    export = load(GOODREADS)
    assert sum(1 for book in export.books if book.isbn) == 592
    assert export.warnings == ()
    for book in export.books:
        said = [rows[row - 2] for row in book.rows]
        stars = [int(row["My Rating"]) for row in said]
        assert book.reading.status in {known[row["Exclusive Shelf"]] for row in said}
        assert book.reading.rating == (next((one for one in reversed(stars) if one), None))
        read_on = max(row["Date Read"] for row in said).replace("/", "-")
        assert (book.reading.date_finished or "") == read_on
        assert book.authors == (" ".join(said[0]["Author"].split()),)
        assert bool(book.reading.review) == any(row["My Review"] for row in said)
        assert book.external_ids["goodreads"] == said[0]["Book Id"]
    finished = [book for book in export.books if book.reading.date_finished]
    assert len(finished) == 96
    assert sum(1 for book in export.books if book.reading.review) == 8
    assert sum(1 for book in export.books if (book.original_year or 0) < 0) == 2


def test_goodreads_pairs(load: Callable[[str], Export]) -> None:
    """One title stands twice with two ISBNs, another once with and once without."""
    export = load(GOODREADS)
    twice = [count for count in Counter(book.title for book in export.books).values() if count > 1]
    assert twice == [2]
    (merged,) = (book for book in export.books if len(book.rows) > 1)
    assert merged.isbn is not None
    assert [(one.row, one.of) for one in export.duplicates] == [(merged.rows[1], merged.row)]


def test_goodreads_series(folder: Path, load: Callable[[str], Export]) -> None:
    rows = table(folder / GOODREADS)
    for book in load(GOODREADS).books:
        title = " ".join(rows[book.row - 2]["Title"].split())
        if "#" in title:
            assert book.series
            assert book.series_number
            assert title.startswith(f"{book.title} (")
            assert book.series in title[len(book.title or "") :]
        else:
            assert (book.title, book.series) == (title, None)


@pytest.mark.parametrize(
    ("name", "wrong", "repaired"),
    [
        ("simple-title-author-isbn.csv", 20, 0),
        ("year-title-author-isbn13.csv", 44 - 3, 3),  # three stand in another column: too many
        ("curated-harvest-list.csv", 186, 0),
    ],
)
def test_wrong_check_digits(
    folder: Path, load: Callable[[str], Export], name: str, wrong: int, repaired: int
) -> None:
    export = load(name)
    doubts = Counter(warning.code for warning in export.warnings)
    expected = {Doubt.INVALID_ISBN: wrong, Doubt.REPAIRED_ROW: repaired}
    assert doubts == Counter({code: count for code, count in expected.items() if count})
    assert all(Isbn.parse(book.isbn).is_valid for book in export.books if book.isbn)


def test_distinct_numbers_of_the_curated_list(load: Callable[[str], Export]) -> None:
    books = load("curated-harvest-list.csv").books
    assert len({book.isbn for book in books if book.isbn}) == 585


def test_torn_rows_are_joined_at_the_author(folder: Path, load: Callable[[str], Export]) -> None:
    lines = (folder / "year-title-author-isbn13.csv").read_text("utf-8").splitlines()
    torn = {row: cells for row, cells in enumerate(csv.reader(lines), start=1) if len(cells) == 5}
    export = load("year-title-author-isbn13.csv")
    assert {warning.row for warning in export.warnings if warning.code == "repaired_row"} == set(
        torn
    )
    for row, (year, title, name, rest, isbn) in torn.items():
        (book,) = (book for book in export.books if row in book.rows)
        if book.row == row:
            assert (book.title, book.authors) == (title, (f"{name},{rest}",))
            assert (str(book.year), book.isbn_raw) == (year, isbn)


def test_librarything(folder: Path, load: Callable[[str], Export]) -> None:
    export = load("librarything.tsv")
    assert export.delimiter == "\t"
    assert export.repaired_bytes == 1
    assert [warning.code for warning in export.warnings] == [Doubt.DAMAGED_TEXT]
    assert all(book.isbn and "," not in book.authors[0] for book in export.books)
    statuses = [book.reading.status for book in export.books]
    assert statuses == [
        ReadingStatus.COMPLETED,
        ReadingStatus.WANT_TO_READ,
        ReadingStatus.WANT_TO_READ,
    ]
    assert export.books[0].reading.rating_exact == 4.5
    assert export.books[0].reading.rating == 5


def test_hardcover(folder: Path, load: Callable[[str], Export]) -> None:
    rows = table(folder / "hardcover.csv")
    export = load("hardcover.csv")
    assert [one.reason for one in export.skipped] == ["ignored"]
    words = {
        "Read": ReadingStatus.COMPLETED,
        "Currently Reading": ReadingStatus.READING,
        "Paused": ReadingStatus.READING,
        "Want to Read": ReadingStatus.WANT_TO_READ,
        "Stopped": None,
    }
    for book in export.books:
        assert book.reading.status is words[rows[book.row - 2]["Status"]]
        assert len(book.authors) == 1
    assert sum(len(book.contributors) for book in export.books) == 3
    assert all(one.role for book in export.books for one in book.contributors)


def test_bookwyrm(load: Callable[[str], Export]) -> None:
    export = load("bookwyrm.csv")
    own = [book.reading for book in export.books if book.reading.tags]
    assert [(one.tags, one.status) for one in own] == [(("Cooking",), ReadingStatus.COMPLETED)]


def test_openlibrary_rows_need_a_lookup(folder: Path, load: Callable[[str], Export]) -> None:
    export = load("openlibrary-reading-log.csv")
    assert all(book.needs_lookup and book.reading.status for book in export.books)
    assert all("openLibraryWork" in book.external_ids for book in export.books)
    alone = read((folder / "openlibrary-reading-log.csv").read_bytes(), lookup=False)
    assert [error.code for error in alone.errors] == ["needs_lookup"] * 4
    assert alone.books == ()


def test_openreads(load: Callable[[str], Export]) -> None:
    export = load("openreads.csv")
    assert [book.reading.status for book in export.books] == [
        ReadingStatus.WANT_TO_READ,
        *[ReadingStatus.COMPLETED] * 3,
    ]
    assert [bool(book.reading.date_started) for book in export.books] == [False, True, False, True]
    assert any("\n" in (book.description or "") for book in export.books)


def test_generic_short_rows(load: Callable[[str], Export]) -> None:
    export = load("generic.csv")
    assert [bool(book.isbn) for book in export.books] == [True, False, False, True]
    assert {book.reading.status for book in export.books} == {ReadingStatus.COMPLETED}


def test_storygraph(load: Callable[[str], Export]) -> None:
    first, second = load("storygraph.csv").books
    assert (len(first.authors), len(second.authors)) == (3, 1)
    assert second.reading.rating == 5
    assert second.isbn is not None
    assert second.external_ids["storygraphUid"] == second.isbn_raw


def test_calibre(load: Callable[[str], Export]) -> None:
    (book,) = load("calibre.csv").books
    assert (book.language, book.series_number, book.reading.rating) == ("en", "8", 5)
    assert book.reading.status is None
    assert "goodreads" in book.external_ids
