"""Open Library answers: recordings, the quirks of providers §3, and nonsense in every field."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookstrack.model.enums import EditionFormat
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import Rating
from bookstrack.providers.open_library_records import (
    Basis,
    author_keys,
    bare_key,
    book_record,
    carries,
    document_path,
    edition_from_data,
    edition_record,
    editions_of,
    hit_from_edition,
    hit_from_work,
    is_deleted,
    records_from_hits,
    redirect_target,
)
from bookstrack.providers.open_library_wire import (
    BookData,
    Document,
    EditionDocument,
    EditionEntries,
    EditionHit,
    WorkDocument,
    WorkEntries,
    WorkHit,
    WorkHits,
)

BASIS = Basis(this_year=2026, covers="https://covers.openlibrary.org")
ASKED = Isbn.parse("0060273224")
SEARCHES = {
    "constructed_search-empty.json": 0,
    "constructed_search-fields-with-editions.json": 1,
    "search-q-isbn_9788466358804_default-fields-2025.json": 1,
    "search-q_capitalism-and-freedom.json": 88,
    "search-q_mistborn-legacy-full-fields.json": 15,
    "search-q_this-is-how-you-lose-the-time-war.json": 2,
    "search-title-author_the-lord-of-the-rings.json": 81,
}
EDITIONS = [
    "edition-OL22951843M_sabriel.json",
    "edition_description-object-markdown.json",
    "edition_the-great-gatsby-9780743273565.json",
    "marc-import_880_Nihon_no_chasho.json",
    "marc-import_bpl_0486266893.json",
    "marc-import_lc_1416500308.json",
]
EDITION_LISTS = {
    "work-editions-OL15832982W_sabriel.json": 15,
    "work-editions_neuromancer-page.json": 10,
}
DATA = {
    "api-books-jscmd-data_isbn-9780316030571_use-of-weapons.json": "9780316030571",
    "api-books-jscmd-data_isbn-9782070427796.json": "9782070427796",
}
OTHERS = {
    "author-OL1A.json",
    "author-OL34184A_roald-dahl_remote-ids.json",
    "constructed_author-works-page_OL34184A.json",
    "constructed_delete_edition.json",
    "constructed_redirect_work.json",
    "query-type-edition-by-isbn_keys-only.json",
    "search-authors-q_steven-spielberg.json",
    "work-OL15832982W_sabriel.json",
}
RELAXED = settings(deadline=None)  # the machine may be busy
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["/works/OL1W", "OL2A", "/type/redirect", "1995", "0439708184", "eng"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["key", "author", "name", "value", "goodreads", "isbn_13", "large"]),
        inner,
        max_size=3,
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture
def read(fixtures_dir):
    def decode(name, into):
        body = (fixtures_dir / "providers" / "open-library" / name).read_bytes()
        return msgspec.json.decode(body, type=into)

    return decode


@pytest.mark.parametrize("name", SEARCHES)
def test_recorded_searches_map_to_valid_records(name, read, check):
    records = records_from_hits(read(name, WorkHits), BASIS)
    assert len(records) == SEARCHES[name]
    check(records)


@pytest.mark.parametrize("name", EDITIONS)
def test_recorded_editions_map_to_valid_records(name, read, check):
    document = read(name, EditionDocument)
    check([book_record(hit_from_edition(document), [document], BASIS)])


@pytest.mark.parametrize("name", EDITION_LISTS)
def test_recorded_edition_lists_map_to_valid_records(name, read, check):
    entries = read(name, EditionEntries).entries
    assert len(entries) == EDITION_LISTS[name]
    check([book_record(WorkHit(title="A Work"), entries, BASIS)])


@pytest.mark.parametrize("name", DATA)
def test_recorded_data_records_map_to_valid_records(name, read, check):
    found = read(name, dict[str, BookData])[f"ISBN:{DATA[name]}"]
    document = edition_from_data(found, Isbn.parse(DATA[name]))
    record = book_record(hit_from_edition(document), [document], BASIS)
    check([record])
    assert record.editions[0].isbn == DATA[name]
    assert record.authors[0].open_library_id in {"OL6924809A", "OL269675A"}


def test_no_recording_is_forgotten(fixtures_dir):
    names = {file.name for file in (fixtures_dir / "providers" / "open-library").glob("*.json")}
    assert names == {*SEARCHES, *EDITIONS, *EDITION_LISTS, *DATA} | OTHERS


@pytest.mark.parametrize(
    ("name", "golden_name"),
    [
        ("constructed_search-fields-with-editions.json", "openlibrary-search"),
        ("search-q_this-is-how-you-lose-the-time-war.json", "openlibrary-single-edition"),
        ("search-q-isbn_9788466358804_default-fields-2025.json", "openlibrary-default-fields"),
    ],
)
def test_goldens_of_searches(name, golden_name, read, golden_records):
    golden_records(golden_name, records_from_hits(read(name, WorkHits), BASIS))


def test_golden_of_a_work_with_an_edition(read, golden_records):
    work = read("work-OL15832982W_sabriel.json", WorkDocument)
    edition = read("edition-OL22951843M_sabriel.json", EditionDocument)
    record = book_record(hit_from_work(work), [edition], BASIS, about=work)
    assert record.work.description == "First in the Old Kingdom/Abhorsen series."
    assert record.work.first_publication_year == 1995
    assert record.work.open_library_work_id == "OL15832982W"
    assert record.weak == frozenset()
    assert record.editions[0].page_count == 491
    assert record.editions[0].format == EditionFormat.HARDCOVER
    assert record.editions[0].edition_title == "1st American ed."
    golden_records("openlibrary-work", [record])


def test_golden_of_a_data_record(read, golden_records):
    [data] = read(next(iter(DATA)), dict[str, BookData]).values()
    document = edition_from_data(data, Isbn.parse("9780316030571"))
    record = book_record(hit_from_edition(document), [document], BASIS)
    assert record.editions[0].publication_date == "2008-07-28"
    assert record.editions[0].goodreads_id == "3395563"
    assert record.editions[0].publisher == "Orbit"
    assert record.editions[0].cover_image_url == f"{BASIS.covers}/b/id/2379038-L.jpg"
    golden_records("openlibrary-data", [record])


def test_recorded_documents_of_other_kinds(read):
    redirect = read("constructed_redirect_work.json", WorkDocument)
    assert redirect_target(redirect) == "OL15832982W"
    assert not is_deleted(redirect)
    deleted = read("constructed_delete_edition.json", EditionDocument)
    assert is_deleted(deleted)
    assert redirect_target(deleted) is None
    first, second = read("constructed_author-works-page_OL34184A.json", WorkEntries).entries
    assert author_keys(first.authors) == author_keys(second.authors) == ("OL34184A",)
    records = [book_record(hit_from_work(w), (), BASIS, about=w) for w in (first, second)]
    assert [record.work.first_publication_year for record in records] == [1988, None]
    assert [record.work.description for record in records] == [
        "Plain string description variant.",
        "Object description variant.",
    ]


@pytest.mark.parametrize(
    ("value", "kind", "key"),
    [
        ("/works/OL45804W", "WMA", "OL45804W"),
        ("OL45804W", "W", "OL45804W"),
        ("OL45804W", "A", None),
        ({"key": "/authors/OL1A"}, "A", "OL1A"),
        ("https://openlibrary.org/authors/OL6924809A/Iain_M._Banks", "A", "OL6924809A"),
        ("/books/OL7M.json", "WMA", "OL7M"),
        ("/languages/eng", "WMA", None),
        ("XOL7M", "WMA", None),
        ("ol7m", "WMA", None),
        (7, "WMA", None),
        (None, "WMA", None),
    ],
)
def test_keys_are_accepted_in_every_spelling(value, kind, key):
    assert bare_key(value, kind) == key


def test_paths_of_records():
    paths = [document_path(key) for key in ("OL1W", "OL2M", "OL3A")]
    assert paths == ["/works/OL1W.json", "/books/OL2M.json", "/authors/OL3A.json"]


def test_authors_of_a_work_in_every_form():
    forms = [
        {"author": {"key": "/authors/OL1A"}, "type": {"key": "/type/author_role"}},
        {"author": "/authors/OL2A"},
        {"key": "/authors/OL3A"},
        "/authors/OL4A",
        None,
        {"author": None},
        "/authors/OL1A",
    ]
    assert author_keys(forms) == ("OL1A", "OL2A", "OL3A", "OL4A")


def test_the_lists_of_a_work_are_not_paired_as_one_edition():
    hit = WorkHit(
        title="Sabriel",
        edition_count=15,
        isbn=["0060273224", "9788478710539"],
        publisher=["Rba Libros", "HarperCollins"],
        number_of_pages_median=491,
        cover_i=7,
    )
    [edition] = book_record(hit, editions_of(hit), BASIS).editions
    assert edition.isbns == ()
    assert edition.publisher is None
    assert edition.page_count == 491
    assert edition.cover_image_url == "https://covers.openlibrary.org/b/id/7-L.jpg"


def test_the_lists_of_a_work_with_one_edition_are_its_own():
    hit = WorkHit(
        title="Sabriel",
        edition_count=1,
        edition_key=["OL9M"],
        isbn=["0060273224"],
        publisher=["HarperCollins"],
        publish_date=["April 22, 2008"],
        language=["eng"],
    )
    [edition] = book_record(hit, editions_of(hit), BASIS).editions
    assert edition.isbns == ("9780060273224", "0060273224")
    assert edition.publisher == "HarperCollins"
    assert edition.publication_date == "2008-04-22"
    assert edition.open_library_edition_id == "OL9M"


def test_an_edition_carries_an_isbn_in_either_notation():
    [document] = editions_of(
        msgspec.convert(
            {"title": "S", "editions": {"docs": [{"isbn": ["bad", "0-06-027322-4"]}]}}, WorkHit
        )
    )
    assert carries(document, ASKED)
    assert carries(document, Isbn.parse("9780060273224"))
    assert not carries(document, Isbn.parse("9780064471831"))


def test_dirty_numbers_are_sorted_into_isbns_and_misprints():
    document = EditionDocument(
        title="S", isbn_13=["9780060273225"], isbn_10=["0-06-027322-4", "006027322", None]
    )
    edition, misprints = edition_record(document, BASIS)
    assert edition.isbns == ("9780060273224", "0060273224")
    assert misprints == ("9780060273225",)


def test_covers_skip_what_is_none():
    hit = WorkHit(title="S", cover_i=[-1, None, 0, 12])
    record = book_record(hit, (), BASIS)
    assert record.work.cover_image_url == "https://covers.openlibrary.org/b/id/12-L.jpg"
    assert record.thumbnail_url == "https://covers.openlibrary.org/b/id/12-M.jpg"
    assert book_record(WorkHit(title="S", cover_i=-1), (), BASIS).work.cover_image_url is None


def test_pages_come_from_the_pagination_where_there_is_no_number():
    edition, _ = edition_record(EditionDocument(pagination="xii, 491 p. :"), BASIS)
    assert edition.page_count == 491


def test_descriptions_lose_their_source_notes():
    text = {"type": "/type/text", "value": "A *fox*.\r\n([source][1])\r\n\r\n  [1]: http://x.org/"}
    work = WorkDocument(key="/works/OL1W", title="S", description=text)
    record = book_record(hit_from_work(work), (), BASIS, about=work)
    assert record.work.description == "A *fox*."


def test_the_language_of_a_work_is_told_only_where_there_is_one():
    one = book_record(
        WorkHit(key="OL1W", title="S", language=["eng"], first_publish_year=1995), (), BASIS
    )
    assert one.work.original_language == "en"
    assert one.weak == {"original_language"}
    several = book_record(WorkHit(key="OL1W", title="S", language=["eng", "spa"]), (), BASIS)
    assert several.work.original_language is None
    assert "original_language" not in several.weak


def test_a_work_without_year_gets_the_earliest_of_its_editions_as_a_weak_one():
    printed = [EditionDocument(publish_date=date) for date in ("2004", None, "May 1988", "1999")]
    record = book_record(WorkHit(key="OL1W", title="S"), printed, BASIS)
    assert record.work.first_publication_year == 1988
    assert record.weak == {"first_publication_year"}
    own = book_record(WorkHit(key="OL1W", title="S", first_publish_year=1995), printed, BASIS)
    assert own.work.first_publication_year == 1995
    assert own.weak == frozenset()


def test_an_edition_without_work_makes_a_synthetic_one():
    document = EditionDocument(
        key="/books/OL5M", title_prefix="The ", title="Fox", publish_date="1999"
    )
    record = book_record(hit_from_edition(document), [document], BASIS)
    assert record.work.title == "The Fox"
    assert record.work.synthetic is True
    assert record.work.open_library_work_id is None
    assert record.weak == {"first_publication_year"}
    assert record.editions[0].open_library_edition_id == "OL5M"


def test_ids_of_work_and_editions_are_united():
    hit = WorkHit(key="/works/OL1W", title="S", id_goodreads=["1"], id_amazon=["B0"], id_google="g")
    document = EditionDocument(
        identifiers={"goodreads": ["2", "1"], "amazon": ["B1"], "google": ["h"]}
    )
    record = book_record(hit, [document], BASIS)
    assert record.work.goodreads_work_ids == ("1", "2")
    assert record.work.goodreads_id == "1"
    assert record.work.amazon_asins == ("B0", "B1")
    assert record.work.google_books_volume_ids == ("g", "h")
    assert record.editions[0].goodreads_id == "2"
    assert record.editions[0].google_books_volume_id == "h"


def test_ratings_and_counts_of_a_hit():
    hit = WorkHit(title="S", ratings_average=4.142, ratings_count=120, edition_count=15)
    record = book_record(hit, (), BASIS)
    assert record.rating == Rating(average=4.14, count=120)
    assert record.edition_count == 15


HIT = [f.encode_name for f in msgspec.structs.fields(WorkHit) if f.name != "editions"]
EDITION_HIT = [f.encode_name for f in msgspec.structs.fields(EditionHit)]
EDITION = [f.encode_name for f in msgspec.structs.fields(EditionDocument)]
BOOK_DATA = [f.encode_name for f in msgspec.structs.fields(BookData)]


def through_json(value, into):
    return msgspec.json.decode(msgspec.json.encode(value), type=into)


@RELAXED
@given(
    docs=st.lists(st.dictionaries(st.sampled_from(HIT), JSON), max_size=2),
    inner=st.none() | st.lists(st.dictionaries(st.sampled_from(EDITION_HIT), JSON), max_size=2),
)
def test_no_field_can_break_a_hit(docs, inner, check):
    page = {"docs": [doc | {"editions": {"docs": inner}} for doc in docs]}
    check(records_from_hits(through_json(page, WorkHits), BASIS))


@RELAXED
@given(
    edition=st.dictionaries(st.sampled_from(EDITION), JSON),
    work=st.dictionaries(st.sampled_from(EDITION), JSON),
    data=st.dictionaries(st.sampled_from(BOOK_DATA), JSON),
)
def test_no_field_can_break_a_document(edition, work, data, check):
    printed = through_json(edition, EditionDocument)
    about = through_json(work, WorkDocument)
    found = edition_from_data(through_json(data, BookData), ASKED)
    assert carries(found, ASKED)
    records = [
        book_record(hit_from_edition(printed), [printed, found], BASIS, asked=ASKED),
        book_record(hit_from_work(about), [printed], BASIS, about=about),
        book_record(hit_from_edition(found), [found], BASIS, asked=ASKED),
    ]
    check(record for record in records if record is not None)
    author_keys(about.authors)


@RELAXED
@given(JSON, JSON, JSON)
def test_no_field_can_break_a_redirect(key, kind, location):
    document = through_json({"key": key, "type": kind, "location": location}, Document)
    is_deleted(document)
    target = redirect_target(document)
    assert target is None or document_path(target).endswith(".json")
