"""ISBNdb books: recorded answers, the quirks of providers §4, and nonsense in every field."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookstrack.model.enums import EditionFormat
from bookstrack.model.isbn import Isbn
from bookstrack.providers.isbndb_records import (
    BookAnswer,
    BookList,
    IsbndbBook,
    Moment,
    author_names,
    author_shown,
    by_work,
    description,
    isbndb_quality,
    record_from_book,
    records_from_list,
)

NOW = Moment(this_year=2026, synced="2026-01-02T03:04:05.000Z")
SINGLE = [
    "book-9780792712305_recorded-by-2020.json",
    "book-9781338878929_modern-fields.json",
]
LISTS = {
    "author-detail_charlotte-vale-allen_recorded-by-2020.json": 20,
    "books-query_recorded-by-2020.json": 20,
    "publisher-detail_severn-house_recorded-by-2020.json": 20,
    "search-books_charlotte_data-key_recorded-by-2020.json": 20,
    "subject-detail_empty_recorded-by-2020.json": 0,
}
NO_BOOKS = {
    "authors-query_charlotte-vale-allen_recorded-by-2020.json",
    "constructed_error-404.json",
    "constructed_error-429.json",
    "constructed_key-plan-limit.json",
    "openapi-2.7.0.json",
    "publishers-query_recorded-by-2020.json",
    "search-authors_charlotte_data-key_recorded-by-2020.json",
    "stats_recorded-by-2020.json",
    "subjects-query_recorded-by-2020.json",
}
RELAXED = settings(deadline=None)  # the machine may be busy
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(max_size=20) | st.sampled_from(["2004", "eng", "0439708184", "Green"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture
def read(fixtures_dir):
    def decode(name: str) -> BookList:
        body = (fixtures_dir / "providers" / "isbndb" / name).read_bytes()
        if name in SINGLE:
            return BookList(books=(msgspec.json.decode(body, type=BookAnswer).book,))
        return msgspec.json.decode(body, type=BookList)

    return decode


@pytest.mark.parametrize("name", [*SINGLE, *LISTS])
def test_recorded_answers_map_to_valid_records(name, read, check):
    records = records_from_list(read(name), NOW)
    assert len(records) == LISTS.get(name, 1)
    check(records)


def test_no_recording_is_forgotten(fixtures_dir):
    names = {file.name for file in (fixtures_dir / "providers" / "isbndb").glob("*.json")}
    assert names == {*SINGLE, *LISTS} | NO_BOOKS


def test_lines_of_the_bulk_file_map_too(fixtures_dir, check):
    lines = (fixtures_dir / "providers" / "isbndb" / "bulk-dump-sample.jsonl").read_bytes()
    books = [msgspec.json.decode(line, type=IsbndbBook) for line in lines.splitlines()]
    records = [record_from_book(book, NOW) for book in books]
    check(records)
    first, second, third = records
    assert first.editions[0].publication_date == "2015"
    assert first.editions[0].format == EditionFormat.MASS_MARKET
    assert first.work.cover_image_url == "https://images.isbndb.com/covers/15/66/9780000001566.jpg"
    assert [author.name for author in second.authors] == ["田中 卓也"]
    assert [author.name for author in third.authors] == ["Bob Nelson"]


@pytest.mark.parametrize(
    ("name", "golden_name"),
    [(SINGLE[0], "isbndb-book-old"), (SINGLE[1], "isbndb-book-modern")],
)
def test_goldens(name, golden_name, read, golden_records):
    golden_records(golden_name, records_from_list(read(name), NOW))


def test_golden_of_an_author(read, golden_records):
    answer = read("author-detail_charlotte-vale-allen_recorded-by-2020.json")
    shown = author_shown(answer, "charlotte vale allen")
    assert shown == "Charlotte Vale Allen"
    works = by_work(records_from_list(answer, NOW, names=(shown,)))
    assert len(works) == 18
    golden_records("isbndb-author", works[16:])


def test_a_recorded_search_by_hand(read):
    records = records_from_list(
        read("search-books_charlotte_data-key_recorded-by-2020.json"), NOW, names=()
    )
    bronte = records[1]
    assert bronte.editions[0].publication_date == "2014-01"
    assert bronte.editions[0].page_count is None
    assert bronte.editions[0].publisher is None
    assert bronte.editions[0].edition_title is None
    assert records[2].editions[0].language == "de"
    assert [author.name for author in records[2].authors] == ["Charlotte Posenenske"]


def test_isbns_are_told_by_length_and_other_editions_stay_out():
    book = IsbndbBook(title="A", isbn="9780439708180", isbn10="0439708184", isbn13="")
    [edition] = record_from_book(book, NOW).editions
    assert edition.isbns == ("9780439708180", "0439708184")
    assert edition.isbndb_id == "9780439708180"
    raw = b'{"title":"A","isbn":"0439708184","other_isbns":[{"isbn":"9780064471831"}]}'
    [edition] = record_from_book(msgspec.json.decode(raw, type=IsbndbBook), NOW).editions
    assert edition.isbns == ("9780439708180", "0439708184")


def test_the_asked_isbn_is_the_primary_one():
    book = IsbndbBook(title="A", isbn13="9780064471831", isbn="0439708184")
    record = record_from_book(book, NOW, asked=Isbn.parse("0439708184"))
    assert record.editions[0].isbn == "9780439708180"


@pytest.mark.parametrize(
    ("authors", "known", "names"),
    [
        (["Green", "Simon"], {"simon green"}, ("Simon Green",)),
        (["Green", "Simon"], {"green simon"}, ("Green Simon",)),
        (["Green", "Simon"], set(), ("Green", "Simon")),
        (["A. Lee", "B. Orr", "C. Ray"], {"b orr a lee"}, ("A. Lee", "B. Orr", "C. Ray")),
        (["Ann Lee; Bob Orr"], set(), ("Ann Lee", "Bob Orr")),
        ("Ann Lee", set(), ("Ann Lee",)),
        (None, set(), ()),
    ],
)
def test_split_names_are_joined_where_the_join_is_known(authors, known, names):
    assert author_names(authors, frozenset(known)) == names


def test_a_name_is_known_from_the_other_books():
    books = (
        IsbndbBook(title="One", authors=["Green", "Simon"]),
        IsbndbBook(title="Two", authors=["GREEN, SIMON"]),
    )
    records = records_from_list(BookList(data=books), NOW)
    assert [[a.name for a in r.authors] for r in records] == [["Simon Green"], ["Simon Green"]]


def test_what_is_no_book_is_dropped_only_beside_books():
    calendar = IsbndbBook(title="Dogs 2004", binding="Calendar")
    book = IsbndbBook(title="Dogs", binding="Hardcover")
    titles = [r.work.title for r in records_from_list(BookList(books=(calendar, book)), NOW)]
    assert titles == ["Dogs"]
    alone = records_from_list(BookList(books=(calendar,)), NOW)
    assert [record.work.title for record in alone] == ["Dogs 2004"]


def test_descriptions_come_in_order_and_plain():
    assert description(IsbndbBook(synopsis="", synopsys="a<br/>b", overview="c")) == "a\nb"
    assert description(IsbndbBook(synopsis=[], overview="c")) == "c"
    assert description(IsbndbBook()) is None


def test_a_long_title_is_kept_only_where_it_says_more():
    def edition_title(long_title):
        book = IsbndbBook(title="Love Life", title_long=long_title)
        return record_from_book(book, NOW).editions[0].edition_title

    assert edition_title("love_life") is None
    assert edition_title("LOVE LIFE") is None
    assert edition_title("Love Life: A Novel") == "Love Life: A Novel"


@pytest.mark.parametrize(
    ("book", "score"),
    [
        (IsbndbBook(), 50),
        (IsbndbBook(image="https://images.isbndb.com/a.jpg"), 70),
        (IsbndbBook(image="nothing"), 50),
        (IsbndbBook(synopsis="x" * 50), 50),
        (IsbndbBook(synopsis="x" * 51), 60),
        (IsbndbBook(pages=[], publisher="Unknown", subjects=[], authors=[]), 50),
        (IsbndbBook(pages=1, publisher="P", subjects=["S"], authors=["A"]), 70),
        (
            IsbndbBook(
                image="https://images.isbndb.com/a.jpg",
                synopsis="x" * 51,
                pages="12 p.",
                publisher="P",
                subjects=["S"],
                authors=["A"],
            ),
            100,
        ),
    ],
)
def test_quality(book, score):
    assert isbndb_quality(book) == score


def test_editions_of_one_title_become_one_work_with_its_earliest_year():
    plain = IsbndbBook(title="The Mask", isbn="0439708184", date_published="1990")
    full = IsbndbBook(
        title="Mask", isbn="9780064471831", date_published="2004", pages=3, publisher="P"
    )
    records = records_from_list(BookList(books=(plain, full, IsbndbBook(title="Other"))), NOW)
    mask, other = by_work(records)
    assert mask.work.title == "Mask"
    assert mask.work.first_publication_year == 1990
    assert [edition.isbn for edition in mask.editions] == ["9780064471831", "9780439708180"]
    assert mask.edition_count == 2
    assert other.work.title == "Other"


def test_untitled_books_are_dropped_and_syncs_are_stamped():
    assert record_from_book(IsbndbBook(title=[], title_long=""), NOW) is None
    record = record_from_book(IsbndbBook(title_long="Only Long"), NOW)
    assert record.work.title == "Only Long"
    assert record.work.last_isbndb_sync == "2026-01-02T03:04:05.000Z"
    assert record.work.synthetic is True


FIELDS = [field.encode_name for field in msgspec.structs.fields(IsbndbBook)]


@RELAXED
@given(books=st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON), max_size=3))
def test_no_field_can_break_a_record(books, check):
    decoded = msgspec.json.decode(msgspec.json.encode({"data": books}), type=BookList)
    records = records_from_list(decoded, NOW)
    check(records)
    check(by_work(records))


@RELAXED
@given(JSON)
def test_a_body_of_any_form_is_read_or_refused(value):
    body = msgspec.json.encode({"books": value, "author": value})
    try:
        decoded = msgspec.json.decode(body, type=BookList)
    except msgspec.ValidationError:
        return
    records_from_list(decoded, NOW)
    author_shown(decoded, "Someone")
