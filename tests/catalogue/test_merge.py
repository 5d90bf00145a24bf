"""Several sources, one book (providers §7 "Merging", §8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bookstrack.catalogue.merge import distinct, edition_list, merge
from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.enums import AuthorGender, DataProvider, EditionFormat, ReviewStatus
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord, PersonFacts, ProviderId, Rating

THIRTEEN, TEN = "9780804139021", "0804139024"
OTHER = "9780553418026"
GOOGLE, OPEN_LIBRARY, ISBNDB = (
    DataProvider.GOOGLE_BOOKS,
    DataProvider.OPEN_LIBRARY,
    DataProvider.ISBNDB,
)
GOOGLE_THUMBNAIL = "https://books.google.com/books/content?id=g&zoom=1"
GOOGLE_LARGE = "https://books.google.com/books/content?id=g&zoom=4"
OL_COVER = "https://covers.openlibrary.org/b/id/7-L.jpg"
ISBNDB_COVER = "https://images.isbndb.com/covers/7.jpg"

google = BookRecord(
    provider=ProviderId.GOOGLE,
    work=Work(
        title="The Martian",
        subject_tags=("Fiction",),
        first_publication_year=2014,
        original_language="en",
        description="G" * 100,
        cover_image_url=GOOGLE_THUMBNAIL,
        synthetic=True,
        primary_provider=GOOGLE,
        google_books_volume_id="g",
        google_books_volume_ids=("g",),
    ),
    editions=(
        Edition(
            isbn=THIRTEEN,
            isbns=(THIRTEEN, TEN),
            title="The Martian",
            publisher="Crown Publishing",
            publication_date="2014-02",
            publication_year=2014,
            cover_image_url=GOOGLE_THUMBNAIL,
            primary_provider=GOOGLE,
            google_books_volume_ids=("g",),
        ),
    ),
    authors=(Author(name="Andy Weir", gender=AuthorGender.MALE),),
    subtitle="A Novel",
    rating=Rating(average=4.5, count=9),
    raw_subjects=("Fiction",),
    weak=frozenset({"first_publication_year", "original_language"}),
)
open_library = BookRecord(
    provider=ProviderId.OPEN_LIBRARY,
    work=Work(
        title="The Martian",
        subject_tags=("Mars (Planet)", "Science Fiction"),
        first_publication_year=2011,
        description="O" * 95,
        cover_image_url=OL_COVER,
        primary_provider=OPEN_LIBRARY,
        open_library_id="OL17091839W",
        open_library_work_id="OL17091839W",
        goodreads_work_ids=("18007564",),
    ),
    editions=(
        Edition(
            isbn=THIRTEEN,
            isbns=(THIRTEEN,),
            publisher="Crown",
            publication_date="2014-02-11",
            page_count=369,
            format=EditionFormat.HARDCOVER,
            cover_image_url=OL_COVER,
            primary_provider=OPEN_LIBRARY,
            open_library_edition_id="OL1M",
        ),
        Edition(isbn=OTHER, isbns=(OTHER,), primary_provider=OPEN_LIBRARY),
    ),
    authors=(Author(name="Andy Weir", open_library_id="OL7A"), Author(name="Ray Porter")),
    people={"Andy Weir": PersonFacts(wikidata_id="Q1")},
    rating=Rating(average=4.2, count=300),
    edition_count=12,
)
isbndb = BookRecord(
    provider=ProviderId.ISBNDB,
    work=Work(
        title="The Martian: A Novel",
        first_publication_year=2013,
        description="I" * 60,
        cover_image_url=ISBNDB_COVER,
        synthetic=True,
        primary_provider=ISBNDB,
        isbndb_id=THIRTEEN,
        isbndb_quality=95,
        last_isbndb_sync="2025-01-01T00:00:00.000Z",
    ),
    editions=(
        Edition(
            isbn=THIRTEEN,
            isbns=(THIRTEEN, TEN),
            publisher="Crown",
            publication_date="2014",
            page_count=384,
            cover_image_url=ISBNDB_COVER,
            primary_provider=ISBNDB,
            isbndb_quality=95,
        ),
    ),
    authors=(Author(name="Unknown Author"),),
    misprints=("0804139025",),
    weak=frozenset({"first_publication_year"}),
)


def test_the_title_of_open_library_leads() -> None:
    merged = merge([isbndb, google, open_library])
    assert merged.provider is ProviderId.OPEN_LIBRARY
    assert merged.work.title == "The Martian"
    assert merged.work.primary_provider is OPEN_LIBRARY
    assert merged.work.contributors == (OPEN_LIBRARY, GOOGLE, ISBNDB)
    assert merged.subtitle == "A Novel"


def test_each_field_of_the_work_comes_from_its_best_source() -> None:
    work = merge([isbndb, google, open_library]).work
    assert work.first_publication_year == 2011
    assert work.original_language == "en"
    assert work.description == "G" * 100
    assert work.cover_image_url == ISBNDB_COVER
    assert work.subject_tags == ("Fiction", "Mars (Planet)", "Science Fiction")
    assert work.synthetic is False
    assert work.isbndb_quality == 95
    assert work.isbndb_id == THIRTEEN
    assert work.last_isbndb_sync == "2025-01-01T00:00:00.000Z"
    assert work.google_books_volume_id == "g"
    assert work.google_books_volume_ids == ("g",)
    assert work.goodreads_id == "18007564"
    assert work.open_library_work_id == "OL17091839W"


def test_editions_with_one_isbn_become_one() -> None:
    merged = merge([google, open_library, isbndb], isbn=Isbn.parse(TEN))
    assert [edition.isbns for edition in merged.editions] == [(THIRTEEN, TEN), (OTHER,)]
    edition = merged.editions[0]
    assert edition.isbn == THIRTEEN
    assert (edition.publisher, edition.page_count) == ("Crown", 384)
    assert (edition.publication_date, edition.publication_year) == ("2014-02-11", 2014)
    assert edition.format is EditionFormat.PAPERBACK
    assert edition.primary_provider is ISBNDB
    assert set(edition.contributors) == {ISBNDB, GOOGLE, OPEN_LIBRARY}
    assert edition.cover_image_url == ISBNDB_COVER
    assert edition.open_library_edition_id == "OL1M"
    assert edition.google_books_volume_ids == ("g",)


def test_a_named_format_beats_the_default_where_isbndb_is_silent() -> None:
    assert merge([google, open_library]).editions[0].format is EditionFormat.HARDCOVER


def test_the_asked_edition_is_the_primary_one() -> None:
    merged = merge([open_library, google], isbn=Isbn.parse(OTHER))
    assert [edition.isbn for edition in merged.editions] == [OTHER, THIRTEEN]


def test_people_are_united() -> None:
    merged = merge([google, open_library, isbndb])
    assert merged.authors == (
        Author(name="Andy Weir", gender=AuthorGender.MALE, open_library_id="OL7A"),
        Author(name="Ray Porter"),
    )
    assert merged.people == {"Andy Weir": PersonFacts(wikidata_id="Q1")}
    nobody = merge([isbndb, replace(isbndb, authors=())])
    assert nobody.authors == (Author(name="Unknown Author"),)
    assert merge([replace(isbndb, authors=())] * 2).authors == ()


def test_the_other_facts_are_collected() -> None:
    merged = merge([google, open_library, isbndb])
    assert merged.raw_subjects == ("Fiction",)
    assert merged.misprints == ("0804139025",)
    assert merged.edition_count == 12
    assert merged.weak == {"original_language"}


def test_ratings_of_google_need_ten_readers() -> None:
    assert merge([google, open_library]).rating == open_library.rating
    popular = replace(google, rating=Rating(average=4.5, count=10))
    assert merge([popular, open_library]).rating == popular.rating
    assert merge([google, isbndb]).rating == google.rating
    assert merge([isbndb, isbndb]).rating is None


def test_without_open_library_the_earliest_year_counts() -> None:
    merged = merge([google, isbndb])
    assert merged.work.first_publication_year == 2013
    assert "first_publication_year" in merged.weak
    assert merged.work.title == "The Martian"
    assert merged.work.synthetic is True


@pytest.mark.parametrize(
    ("covers", "best"),
    [
        ((GOOGLE_THUMBNAIL, OL_COVER), OL_COVER),
        ((GOOGLE_LARGE, OL_COVER), GOOGLE_LARGE),
        ((None, OL_COVER), OL_COVER),
        ((GOOGLE_THUMBNAIL, None), GOOGLE_THUMBNAIL),
        ((None, None), None),
    ],
)
def test_the_likely_largest_cover_wins(covers: tuple[str | None, ...], best: str | None) -> None:
    one = replace(google, work=replace(google.work, cover_image_url=covers[0]))
    other = replace(open_library, work=replace(open_library.work, cover_image_url=covers[1]))
    assert merge([one, other]).work.cover_image_url == best


@pytest.mark.parametrize(
    ("lengths", "length"),
    [((100, 95), 100), ((90, 100), 90), ((80, 100), 100), ((6000, 50), 50), ((6000, 7000), 7000)],
)
def test_the_longest_bearable_description_wins(lengths: tuple[int, int], length: int) -> None:
    one = replace(google, work=replace(google.work, description="G" * lengths[0]))
    other = replace(open_library, work=replace(open_library.work, description="O" * lengths[1]))
    assert len(merge([other, one]).work.description or "") == length


def test_a_title_without_series_is_preferred_on_a_tie() -> None:
    series = replace(google, work=replace(google.work, title="The Martian (Mars, #1)"))
    longer = replace(google, work=replace(google.work, title="The Martian Chronicle of Mark"))
    assert merge([series, longer, google]).work.title == "The Martian"
    assert merge([series, longer]).work.title == "The Martian Chronicle of Mark"


def test_what_a_reader_edited_is_only_added_to() -> None:
    edited = BookRecord(
        provider=ProviderId.CATALOG,
        work=Work(
            title="Mein Marsianer",
            first_publication_year=1999,
            cover_image_url=GOOGLE_THUMBNAIL,
            primary_provider=GOOGLE,
            review_status=ReviewStatus.USER_EDITED,
        ),
        editions=(
            Edition(
                isbn=THIRTEEN,
                isbns=(THIRTEEN,),
                publisher="Heyne",
                publication_date="2014",
                cover_image_url=GOOGLE_THUMBNAIL,
                format=EditionFormat.EBOOK,
            ),
        ),
        authors=(Author(name="A. Weir"),),
    )
    merged = merge([isbndb, open_library, edited])
    assert merged.work.review_status is ReviewStatus.USER_EDITED
    assert merged.work.title == "Mein Marsianer"
    assert merged.work.first_publication_year == 1999
    assert merged.work.cover_image_url == GOOGLE_THUMBNAIL
    assert merged.work.description == "O" * 95
    assert merged.work.open_library_work_id == "OL17091839W"
    assert merged.authors == (Author(name="A. Weir", open_library_id="OL7A"),)
    edition = merged.editions[0]
    assert (edition.publisher, edition.publication_date) == ("Heyne", "2014")
    assert (edition.format, edition.cover_image_url) == (EditionFormat.EBOOK, GOOGLE_THUMBNAIL)
    assert (edition.page_count, edition.isbns) == (384, (THIRTEEN, TEN))


@pytest.mark.parametrize("record", [google, open_library, isbndb])
def test_one_source_alone_stays_as_it_is(record: BookRecord) -> None:
    merged = merge([record])
    own = record.work.primary_provider
    assert own is not None
    assert merged == replace(record, work=replace(record.work, contributors=(own,)))


def test_unproven_records_count_only_alone() -> None:
    doubtful = replace(google, confidence=0.6)
    assert merge([doubtful, isbndb]).work.contributors == (ISBNDB,)
    assert merge([doubtful]).confidence == 0.6


def test_editions_without_common_number_stay_apart() -> None:
    base = Edition(title="X", publisher="P", publication_date="2001")
    first, second = replace(base, isbns=(THIRTEEN,)), replace(base, isbns=(OTHER,))
    record = replace(google, editions=(base, first))
    other = replace(open_library, editions=(second, replace(base, publisher="Q")))
    united = merge([record, other]).editions
    assert [edition.isbns for edition in united] == [(THIRTEEN,), (OTHER,), ()]


def test_an_edition_that_knows_two_numbers_joins_both() -> None:
    numbers = [(THIRTEEN,), (OTHER,), (THIRTEEN, OTHER)]
    editions = tuple(Edition(isbn=found[0], isbns=found) for found in numbers)
    united = merge([replace(google, editions=editions[:2]), replace(isbndb, editions=editions[2:])])
    assert [set(edition.isbns) for edition in united.editions] == [{THIRTEEN, OTHER}]


def test_google_ids_and_open_library_ids_identify_editions() -> None:
    one = replace(google, editions=(Edition(google_books_volume_id="g", publisher="A"),))
    two = replace(isbndb, editions=(Edition(google_books_volume_ids=("g",), page_count=9),))
    [edition] = merge([one, two]).editions
    assert (edition.publisher, edition.page_count) == ("A", 9)
    ids = [
        replace(open_library, editions=(Edition(open_library_edition_id=n),))
        for n in ("a", "b", "a")
    ]
    assert len(merge(ids).editions) == 2


# lists


def test_a_list_holds_each_work_once() -> None:
    same_title = replace(google, editions=(), work=Work(title="Martian"))
    same_isbn = replace(isbndb, work=Work(title="Der Marsianer"))
    elsewhere = replace(google, editions=(), authors=(Author(name="Ann Lee"),))
    sequel = replace(google, editions=(), work=Work(title="The Martians"))
    found = distinct([google, sequel, same_title, elsewhere, same_isbn])
    assert [record.work.title for record in found] == ["Martian", "The Martians", "The Martian"]
    assert [author.name for author in found[2].authors] == ["Ann Lee"]
    assert distinct([]) == []


def test_works_with_different_open_library_ids_stay_apart() -> None:
    other = replace(open_library, work=replace(open_library.work, open_library_work_id="OL2W"))
    assert distinct([open_library, other]) == [open_library, other]
    assert len(distinct([open_library, open_library])) == 1


def test_unknown_authors_are_no_difference_only_to_unknown_ones() -> None:
    bare = BookRecord(provider=ProviderId.GOOGLE, work=Work(title="Poems"))
    named = replace(bare, authors=(Author(name="Ann Lee"),))
    assert len(distinct([bare, replace(bare, authors=(Author(name="Unknown Author"),))])) == 1
    assert distinct([bare, named]) == [bare, named]


def edition(number: str, **fields: object) -> Edition:
    return Edition(isbn=number, isbns=(number,), **fields)  # type: ignore[arg-type]


def test_editions_are_listed_by_format_quality_and_date() -> None:
    numbers = [f"97800000000{n:02d}" for n in range(7)]
    listed = [
        edition(numbers[0], format=EditionFormat.AUDIOBOOK),
        edition(numbers[1], format=EditionFormat.EBOOK),
        edition(numbers[2], format=EditionFormat.MASS_MARKET),
        edition(numbers[3], publication_date="2001"),
        edition(numbers[4], publication_date="2010-05"),
        edition(numbers[5], isbndb_quality=80),
        edition(numbers[6], format=EditionFormat.HARDCOVER),
    ]
    record = replace(google, editions=tuple(listed))
    found = edition_list([record], title="Martian", author="Weir")
    assert [numbers.index(e.isbn or "") for e in found] == [6, 5, 4, 3, 2, 1, 0]


def test_editions_of_other_books_are_left_out() -> None:
    strange = replace(google, work=Work(title="Artemis"), editions=(edition(OTHER),))
    other_author = replace(google, authors=(Author(name="Ann Lee"),), editions=(edition(OTHER),))
    nameless = replace(google, authors=(), editions=(edition(OTHER), Edition(title="The Martian")))
    named = replace(strange, editions=(edition(OTHER, title="The Martian"),))
    assert edition_list([strange, other_author], title="The Martian", author="Andy Weir") == []
    assert [e.isbn for e in edition_list([nameless], title="The Martian", author="Andy Weir")] == [
        OTHER
    ]
    assert [e.isbn for e in edition_list([named], title="The Martian", author="Andy Weir")] == [
        OTHER
    ]


def test_of_one_edition_the_better_description_is_listed() -> None:
    found = edition_list([google, isbndb, open_library], title="The Martian", author="Andy Weir")
    assert [(e.isbn, e.isbndb_quality, e.page_count) for e in found] == [
        (THIRTEEN, 95, 384),
        (OTHER, 0, None),
    ]
    bare = replace(google, editions=(edition(THIRTEEN),))
    [fuller] = edition_list([bare, google], title="The Martian", author="Andy Weir")
    assert fuller.publisher == "Crown Publishing"


NUMBERS = st.sampled_from([THIRTEEN, TEN, OTHER, "9780439708180", "9791234567896"])
EDITIONS = st.builds(
    Edition,
    isbns=st.lists(NUMBERS, max_size=2, unique=True).map(tuple),
    title=st.sampled_from([None, "A", "B"]),
    publisher=st.sampled_from([None, "P", "Q"]),
    publication_date=st.sampled_from([None, "2001", "2001-05"]),
    open_library_edition_id=st.sampled_from([None, "OL1M", "OL2M"]),
    google_books_volume_ids=st.sampled_from([(), ("g",), ("h",)]),
)
RECORDS = st.builds(
    BookRecord,
    provider=st.sampled_from(list(ProviderId)),
    work=st.builds(
        Work,
        title=st.sampled_from(["The Martian", "Martian", "Artemis"]),
        first_publication_year=st.none() | st.integers(1000, 2025),
        review_status=st.sampled_from(list(ReviewStatus)),
    ),
    editions=st.lists(EDITIONS, max_size=3).map(tuple),
    authors=st.lists(
        st.builds(
            Author, name=st.sampled_from(["Andy Weir", "Weir, Andy", "Ann Lee", "", "Unknown"])
        ),
        max_size=2,
    ).map(tuple),
)


def isbn_numbers(records: list[BookRecord]) -> set[str]:
    return {number for record in records for edition in record.editions for number in edition.isbns}


@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_merging_keeps_every_isbn(records: list[BookRecord]) -> None:
    merged = merge(records)
    assert isbn_numbers([merged]) == isbn_numbers(records)
    assert isbn_numbers(distinct(records)) == isbn_numbers(records)


@given(st.lists(RECORDS, min_size=1, max_size=4), st.sampled_from([THIRTEEN, OTHER]))
def test_an_asked_isbn_leads(records: list[BookRecord], number: str) -> None:
    isbn = Isbn.parse(number)
    merged = merge(records, isbn=isbn)
    if any(set(isbn.forms) & set(edition.isbns) for edition in merged.editions):
        assert set(isbn.forms) & set(merged.editions[0].isbns)


@given(st.lists(RECORDS, max_size=4))
def test_lists_only_get_shorter(records: list[BookRecord]) -> None:
    once = distinct(records)
    assert bool(once) == bool(records)
    assert len(once) <= len(records)
    assert isbn_numbers(records[:1]) <= isbn_numbers(once[:1])


def a_volume(isbn: str, subtitle: str | None, *, author: str | None = "Bill Willingham"):
    return BookRecord(
        provider=ProviderId.GOOGLE,
        work=Work(title="Fables"),
        editions=(Edition(isbn=isbn, isbns=(isbn,), title="Fables"),),
        authors=(Author(name=author),) if author else (),
        subtitle=subtitle,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Vol. 1", "Vol. 2"),
        ("Volume I", "Volume II"),
        ("Part One", "Part Two"),
        ("Erster Band", "Zweiter Band"),
        ("Vol. 1", None),
        ("1914-1918", "1919-1939"),
    ],
)
def test_no_volume_hides_another(one: str, other: str | None) -> None:
    volumes = [a_volume(THIRTEEN, one), a_volume(OTHER, other)]
    assert distinct(volumes) == volumes


@pytest.mark.parametrize(
    ("one", "other"),
    [("Vol. 1", "Volume One: Legends"), ("A History since 1945", None), ("A Tale", "A Novel")],
)
def test_one_volume_is_shown_once(one: str, other: str | None) -> None:
    assert len(distinct([a_volume(THIRTEEN, one), a_volume(OTHER, other)])) == 1


def test_books_of_nobody_with_isbns_of_their_own_stay_apart() -> None:
    reports = [a_volume(THIRTEEN, None, author=None), a_volume(OTHER, None, author=None)]
    assert distinct(reports) == reports
    bare = [replace(report, editions=()) for report in reports]
    assert len(distinct(bare)) == 1
    assert len(distinct([reports[0], bare[1]])) == 2
