"""Google volumes: recorded answers, the quirks of providers §2, and nonsense in every field."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookstrack.model.enums import EditionFormat
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import Rating
from bookstrack.providers.google_records import (
    UNPROVEN,
    Volume,
    VolumeInfo,
    Volumes,
    record_from_volume,
    records_for_isbn,
    records_from_volumes,
)

YEAR = 2026
ASKED = Isbn.parse("9780439708180")
SEARCHES = {
    "constructed_volumes-empty.json": 0,
    "volumes-items_harry-potter-mixed-saleability.json": 10,
    "volumes-q-isbn_9781761186769.json": 1,
    "volumes-q_dog-bible-search.json": 5,
    "volumes-q_id-as-query-no-isbn-1808.json": 6,
    "volumes-q_the-pragmatic-programmer.json": 1,
    "volumes-q_underwater-dogs-search.json": 10,
}
BY_ID = "volume-by-id_wRV_EAAAQBAJ_full-image-links-html-description.json"
RELAXED = settings(deadline=None)  # the machine may be busy
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(max_size=20) | st.sampled_from(["2004", "MAGAZINE", "ISBN_13", "9780439708180"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "identifier", "thumbnail", "value", "isEbook"]), inner, max_size=3
    ),
    max_leaves=6,
)  # fmt: skip


def volume(**info) -> Volume:
    return msgspec.convert(
        {"id": "v1", "volumeInfo": {"title": "A Title"} | info, "saleInfo": {}}, Volume
    )


def isbns(*numbers: str) -> list[dict[str, str]]:
    return [{"type": f"ISBN_{len(number)}", "identifier": number} for number in numbers]


@pytest.fixture
def read(fixtures_dir):
    def decode(name: str) -> Volumes:
        body = (fixtures_dir / "providers" / "google-books" / name).read_bytes()
        if name == BY_ID:
            return Volumes(items=(msgspec.json.decode(body, type=Volume),))
        return msgspec.json.decode(body, type=Volumes)

    return decode


@pytest.mark.parametrize("name", [*SEARCHES, BY_ID])
def test_recorded_answers_map_to_valid_records(name, read, check):
    records = records_from_volumes(read(name), YEAR)
    assert len(records) == SEARCHES.get(name, 1)
    check(records)


@pytest.mark.parametrize(
    ("name", "golden_name"),
    [
        ("volumes-q-isbn_9781761186769.json", "google-isbn"),
        ("volumes-q_the-pragmatic-programmer.json", "google-subtitle"),
        ("volumes-q_id-as-query-no-isbn-1808.json", "google-without-isbn"),
        (BY_ID, "google-by-id"),
    ],
)
def test_goldens(name, golden_name, read, golden_records):
    golden_records(golden_name, records_from_volumes(read(name), YEAR))


def test_no_recording_is_forgotten(fixtures_dir):
    names = {file.name for file in (fixtures_dir / "providers" / "google-books").glob("*.json")}
    assert {name for name in names if "error" not in name} == {*SEARCHES, BY_ID}


def test_a_recorded_by_id_answer_by_hand(read):
    [record] = records_from_volumes(read(BY_ID), YEAR)
    [edition] = record.editions
    assert edition.page_count == 365
    assert edition.isbns == ("9781940562674", "1940562678")
    assert "zoom=6" in (edition.cover_image_url or "")
    assert "edge=curl" not in (edition.cover_image_url or "")
    assert "<p>" not in (edition.edition_description or "<p>")
    assert "Romance" in record.work.subject_tags
    assert record.work.synthetic is True
    assert record.weak == {"first_publication_year", "original_language"}


def test_covers_prefer_the_largest_and_lose_the_corner():
    base = "http://books.google.com/books/content?id=v1&printsec=frontcover&img=1"
    links = {
        "smallThumbnail": f"{base}&zoom=5&edge=curl&source=gbs_api",
        "thumbnail": f"{base}&zoom=1&edge=curl&source=gbs_api",
    }
    secure = base.replace("http:", "https:")
    record = record_from_volume(volume(imageLinks=links), YEAR)
    assert record.work.cover_image_url == f"{secure}&zoom=1"
    assert record.thumbnail_url == f"{secure}&zoom=1"
    large = links | {"large": f"{base}&zoom=4&edge=curl&imgtk=AB"}
    record = record_from_volume(volume(imageLinks=large), YEAR)
    assert record.editions[0].cover_image_url == f"{secure}&zoom=4&imgtk=AB"
    assert record_from_volume(volume(imageLinks=[]), YEAR).work.cover_image_url is None


@pytest.mark.parametrize(
    ("description", "sale", "form"),
    [
        ("The hardcover of the year", {}, EditionFormat.HARDCOVER),
        ("Now in mass market paperback", {}, EditionFormat.MASS_MARKET),
        ("Bound for the coast, she plays a cd", {}, EditionFormat.PAPERBACK),
        ("The hardcover of the year", {"isEbook": True}, EditionFormat.EBOOK),
    ],
)
def test_formats_come_from_the_sale_or_from_telling_words(description, sale, form):
    found = msgspec.structs.replace(volume(description=description), sale_info=sale)
    assert record_from_volume(found, YEAR).editions[0].format == form


def test_magazines_and_untitled_volumes_are_dropped():
    items = (volume(printType="MAGAZINE"), volume(title=" "), Volume(), None, volume())
    assert [r.work.title for r in records_from_volumes(Volumes(items=items), YEAR)] == ["A Title"]


def test_nobody_is_unknown_author_and_zero_pages_are_absent():
    record = record_from_volume(volume(pageCount=0), YEAR)
    assert [author.name for author in record.authors] == ["Unknown Author"]
    assert record.editions[0].page_count is None


def test_ratings_subtitle_and_misprints_are_kept():
    record = record_from_volume(
        volume(
            averageRating=4.5,
            ratingsCount=12,
            subtitle="A Story",
            industryIdentifiers=isbns("9780439708180", "9780439708181"),
        ),
        YEAR,
    )
    assert record.rating == Rating(average=4.5, count=12)
    assert record.subtitle == "A Story"
    assert record.work.title == "A Title"
    assert record.misprints == ("9780439708181",)


def test_an_isbn_search_keeps_only_volumes_that_carry_it():
    right = volume(industryIdentifiers=isbns("0439708184"))
    wrong = volume(title="Another", industryIdentifiers=isbns("9780064471831"))
    found = records_for_isbn(Volumes(items=(wrong, right)), ASKED, this_year=YEAR)
    assert [(r.work.title, r.confidence) for r in found] == [("A Title", 1.0)]
    assert records_for_isbn(Volumes(items=(wrong,)), ASKED, this_year=YEAR) == ()
    assert records_for_isbn(Volumes(), ASKED, this_year=YEAR) == ()


def test_of_two_volumes_with_the_isbn_the_one_with_a_cover_leads():
    numbers = isbns("9780439708180")
    cover = {"thumbnail": "http://books.google.com/books/content?id=x&img=1&zoom=1"}
    bare, pictured = (
        volume(title="Bare", industryIdentifiers=numbers),
        volume(title="Pictured", industryIdentifiers=numbers, imageLinks=cover),
    )
    found = records_for_isbn(Volumes(items=(bare, pictured)), ASKED, this_year=YEAR)
    assert [record.work.title for record in found] == ["Pictured", "Bare"]


def test_a_single_volume_without_isbn_is_believed_less():
    other = volume(industryIdentifiers=[{"type": "OTHER", "identifier": "UOM:39015024"}])
    [found] = records_for_isbn(Volumes(items=(other,)), ASKED, this_year=YEAR)
    assert found.confidence == UNPROVEN
    assert found.editions[0].isbns == ()
    assert records_for_isbn(Volumes(items=(other, other)), ASKED, this_year=YEAR) == ()
    misprinted = volume(industryIdentifiers=isbns("9780439708181"))
    assert records_for_isbn(Volumes(items=(misprinted,)), ASKED, this_year=YEAR) == ()


FIELDS = [field.encode_name for field in msgspec.structs.fields(VolumeInfo)]


@RELAXED
@given(
    info=st.dictionaries(st.sampled_from(FIELDS), JSON),
    title=st.text(min_size=1, max_size=20),
    sale=JSON,
    number=JSON,
)
def test_no_field_can_break_a_record(info, title, sale, number, check):
    body = {"items": [{"id": number, "volumeInfo": {"title": title} | info, "saleInfo": sale}]}
    decoded = msgspec.json.decode(msgspec.json.encode(body), type=Volumes)
    check(records_from_volumes(decoded, YEAR, asked=ASKED))


@RELAXED
@given(JSON)
def test_a_body_of_any_form_is_read_or_refused(value):
    try:
        decoded = msgspec.json.decode(msgspec.json.encode({"items": value}), type=Volumes)
    except msgspec.ValidationError:
        return
    records_for_isbn(decoded, ASKED, this_year=YEAR)
