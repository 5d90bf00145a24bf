"""The invariants of a search answer (http-api §5.8, data-model §7)."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bookstrack.catalogue.answer import assemble
from bookstrack.catalogue.flat import flat_book
from bookstrack.model.answer import SearchData
from bookstrack.model.book import Author, Edition, SearchLinks, Work
from bookstrack.model.enums import AuthorGender, DataProvider, EditionFormat
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.normalise.titles import name_key

THIRTEEN, TEN, OTHER = "9780439708180", "0439708184", "9780804139021"

first = BookRecord(
    provider=ProviderId.GOOGLE,
    work=Work(
        title="One",
        primary_provider=DataProvider.GOOGLE_BOOKS,
        google_books_volume_ids=("g1",),
        cover_image_url="http://books.google.com/books/content?id=g1&edge=curl",
    ),
    editions=(
        Edition(isbn=OTHER, isbns=(OTHER,), publication_date="2001-05"),
        Edition(isbn=THIRTEEN, isbns=(THIRTEEN, TEN), cover_image_url="no address"),
    ),
    authors=(Author(name="J.R.R. Tolkien"),),
)
second = BookRecord(
    provider=ProviderId.OPEN_LIBRARY,
    work=Work(title="Two", open_library_work_id="OL2W", amazon_asins=("B000",)),
    authors=(
        Author(name="J. R. R. Tolkien", gender=AuthorGender.MALE, open_library_id="OL1A"),
        Author(name="Ann Lee"),
    ),
)


def test_nothing_found_is_a_valid_answer() -> None:
    empty = assemble([], query="nothing", isbn=Isbn.parse(THIRTEEN))
    assert msgspec.json.decode(msgspec.json.encode(empty)) == {
        "works": [],
        "editions": [],
        "authors": [],
        "resultCount": 0,
        "totalResults": 0,
        "query": "nothing",
        "books": [],
        "book": None,
        "authorNames": [],
    }


def test_editions_stand_beside_their_works() -> None:
    answer = assemble([second, first], query="q", total=7)
    assert [work.title for work in answer.works] == ["Two", "One"]
    assert [edition.isbns for edition in answer.editions] == [(), (OTHER,), (THIRTEEN, TEN)]
    assert (answer.result_count, answer.total_results, answer.query) == (2, 7, "q")
    assert answer.isbn is None
    assert answer.title is None


def test_the_total_is_never_below_the_count() -> None:
    assert assemble([first, second], query="q", total=1).total_results == 2


def test_people_stand_once_with_all_that_is_known() -> None:
    answer = assemble([first, second], query="q")
    assert answer.authors == (
        Author(name="J.R.R. Tolkien", gender=AuthorGender.MALE, open_library_id="OL1A"),
        Author(name="Ann Lee"),
    )
    assert [work.author_names for work in answer.works] == [
        ("J.R.R. Tolkien",),
        ("J.R.R. Tolkien", "Ann Lee"),
    ]
    assert answer.books[1].authors == ("J.R.R. Tolkien", "Ann Lee")
    assert answer.author_names == ("J.R.R. Tolkien",)


def test_books_without_authors_have_an_unknown_one() -> None:
    nobody = replace(first, authors=())
    answer = assemble([nobody, replace(second, authors=(Author(name=" "),))], query="q")
    assert answer.authors == (Author(name="Unknown Author"),)
    assert [work.author_names for work in answer.works] == [("Unknown Author",)] * 2


def test_an_isbn_search_repeats_the_book_and_leads_with_its_edition() -> None:
    answer = assemble([first], query=TEN, isbn=Isbn.parse(TEN))
    assert answer.editions[0].isbn == THIRTEEN
    assert answer.book == answer.books[0]
    assert (answer.isbn, answer.isbn13, answer.title) == (THIRTEEN, THIRTEEN, "One")
    assert answer.categories == ()
    assert answer.cover_url == "https://books.google.com/books/content?id=g1"


def test_links_lead_to_the_sources() -> None:
    answer = assemble([first, second], query="q")
    assert [work.search_links for work in answer.works] == [
        SearchLinks(google_books="https://books.google.com/books?id=g1"),
        SearchLinks(
            open_library="https://openlibrary.org/works/OL2W",
            amazon="https://www.amazon.com/dp/B000",
        ),
    ]
    linked = replace(first, editions=(Edition(open_library_edition_id="OL1M"),))
    [edition] = assemble([linked], query="q").editions
    assert edition.search_links == SearchLinks(open_library="https://openlibrary.org/books/OL1M")
    assert answer.editions[0].search_links is None


def test_addresses_and_years_are_made_presentable() -> None:
    answer = assemble([first], query="q")
    assert answer.works[0].cover_image_url == "https://books.google.com/books/content?id=g1"
    assert [edition.cover_image_url for edition in answer.editions] == [None, None]
    assert [edition.publication_year for edition in answer.editions] == [2001, None]


COVERS = st.sampled_from([None, "http://a.com/x.jpg", "bad", "https://b.com/ü.jpg"])
EDITIONS = st.builds(
    Edition,
    isbns=st.sampled_from([(), (THIRTEEN, TEN), (OTHER,)]),
    cover_image_url=COVERS,
    format=st.sampled_from(list(EditionFormat)),
    publication_date=st.sampled_from([None, "1999", "1999-02-03"]),
)
RECORDS = st.builds(
    BookRecord,
    provider=st.sampled_from(list(ProviderId)),
    work=st.builds(Work, title=st.text(min_size=1, max_size=5), cover_image_url=COVERS),
    editions=st.lists(EDITIONS, max_size=3).map(tuple),
    authors=st.lists(st.builds(Author, name=st.text(max_size=4)), max_size=3).map(tuple),
    thumbnail_url=COVERS,
)
QUESTIONS = st.sampled_from([None, THIRTEEN, OTHER, "9791234567896"])


@given(st.lists(RECORDS, max_size=4), QUESTIONS, st.none() | st.integers(0, 9))
def test_every_answer_keeps_the_contract(
    records: list[BookRecord], number: str | None, total: int | None
) -> None:
    isbn = Isbn.parse(number) if number else None
    answer = assemble(records, query="q", total=total, isbn=isbn)
    assert answer.result_count == len(answer.works) == len(answer.books) == len(records)
    assert answer.total_results >= answer.result_count
    assert len(answer.editions) == sum(max(1, len(record.editions)) for record in records)
    for work, edition, record in zip(answer.works, answer.editions, records, strict=False):
        assert work.title == record.work.title
        own = {e.isbns for e in record.editions}
        assert edition.isbns in own if own else edition.isbns == ()
        if isbn and any(isbn.canonical in isbns for isbns in own):
            assert isbn.canonical in edition.isbns
    names = [name_key(author.name) for author in answer.authors]
    assert len(names) == len(set(names))
    assert {n for work in answer.works for n in work.author_names} == {
        author.name for author in answer.authors
    }
    assert answer.book == (answer.books[0] if records else None)
    assert (answer.title is None) == (isbn is None or not records)


@given(st.lists(RECORDS, max_size=3), QUESTIONS)
def test_the_wire_form_is_clean(records: list[BookRecord], number: str | None) -> None:
    answer = assemble(records, query="q", isbn=Isbn.parse(number) if number else None)
    wire: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    assert msgspec.convert(wire, SearchData) == answer
    for item in (*wire["works"], *wire["editions"], *wire["books"], *wire["authors"]):
        assert not any(key.startswith("_") for key in item)
        assert None not in item.values()
        assert not any(str(value).startswith("http:") for value in item.values())
    assert not any("authors" in work for work in wire["works"])


def test_the_flat_book_of_the_answer_is_that_of_its_record() -> None:
    plain = replace(second, authors=(Author(name="Ann Lee"),))
    assert assemble([plain], query="q").book == flat_book(plain)
