"""Whatever a record holds comes back from the catalogue (property test)."""

from __future__ import annotations

import asyncio

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookstrack.model.book import Author, Edition, Work
from bookstrack.model.enums import (
    AuthorGender,
    CulturalRegion,
    DataProvider,
    EditionFormat,
    ReviewStatus,
)
from bookstrack.model.isbn import from_number
from bookstrack.model.record import BookRecord, PersonFacts, ProviderId, Rating
from bookstrack.normalise.titles import name_key
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.catalogue import CatalogueStore
from bookstrack.storage.database.engine import open_database
from bookstrack.telemetry.metrics import Metrics
from bookstrack.testing.clock import FrozenClock

ISBN = from_number("9781644100370")

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1)
titles = texts.filter(lambda text: bool(text.strip()))
names = titles.filter(lambda text: name_key(text) not in ("", "unknown author"))
years = st.integers(1000, 2028)
scores = st.integers(0, 100)
providers = st.none() | st.sampled_from(DataProvider)


def maybe(strategy):
    return st.none() | strategy


def ids(prefix: str):
    numbers = st.lists(st.integers(1, 9), unique=True, max_size=3)
    return numbers.map(lambda some: tuple(f"{prefix}{number}" for number in sorted(some)))


def contributors():
    return st.lists(st.sampled_from(DataProvider), unique=True).map(tuple)


@st.composite
def works(draw) -> Work:
    volumes, goodreads = draw(ids("g")), draw(ids("r"))
    key = draw(maybe(st.just("OL1W")))
    return Work(
        title=draw(titles),
        subject_tags=tuple(sorted(draw(st.sets(texts, max_size=4)))),
        original_language=draw(maybe(texts)),
        first_publication_year=draw(maybe(years)),
        description=draw(maybe(texts)),
        cover_image_url=draw(maybe(texts)),
        synthetic=draw(st.booleans()),
        primary_provider=draw(providers),
        contributors=draw(contributors()),
        open_library_id=key,
        open_library_work_id=key,
        isbndb_id=draw(maybe(st.just(ISBN.number))),
        google_books_volume_id=volumes[0] if volumes else None,
        google_books_volume_ids=volumes,
        goodreads_id=goodreads[0] if goodreads else None,
        goodreads_work_ids=goodreads,
        amazon_asins=draw(ids("a")),
        librarything_ids=draw(ids("l")),
        last_isbndb_sync=draw(maybe(texts)),
        isbndb_quality=draw(scores),
        review_status=draw(st.sampled_from(ReviewStatus)),
    )


@st.composite
def editions(draw) -> Edition:
    volumes, key = draw(ids("g")), draw(maybe(st.just("OL1M")))
    return Edition(
        isbn=ISBN.canonical,
        isbns=ISBN.forms,
        title=draw(maybe(texts)),
        publisher=draw(maybe(texts)),
        publication_date=draw(maybe(years.map(str) | st.dates().map(str))),
        publication_year=draw(maybe(years)),
        page_count=draw(maybe(st.integers(1, 50_000))),
        format=draw(st.sampled_from(EditionFormat)),
        cover_image_url=draw(maybe(texts)),
        edition_title=draw(maybe(texts)),
        edition_description=draw(maybe(texts)),
        language=draw(maybe(texts)),
        primary_provider=draw(providers),
        contributors=draw(contributors()),
        open_library_id=key,
        open_library_edition_id=key,
        isbndb_id=draw(maybe(st.just(ISBN.number))),
        google_books_volume_id=volumes[0] if volumes else None,
        google_books_volume_ids=volumes,
        goodreads_id=draw(maybe(st.just("77"))),
        amazon_asins=draw(ids("a")),
        librarything_ids=draw(ids("l")),
        last_isbndb_sync=draw(maybe(texts)),
        isbndb_quality=draw(scores),
    )


@st.composite
def people(draw) -> tuple[tuple[Author, PersonFacts], ...]:
    some = draw(st.lists(names, unique_by=name_key, max_size=3))
    return tuple(
        (
            Author(
                name=name,
                gender=draw(st.sampled_from(AuthorGender)),
                cultural_region=draw(maybe(st.sampled_from(CulturalRegion))),
                nationality=draw(maybe(texts)),
                birth_year=draw(maybe(years)),
                death_year=draw(maybe(years)),
                open_library_id=draw(maybe(st.just(f"OL{number}A"))),
                isbndb_id=draw(maybe(st.just(f"i{number}"))),
                google_books_id=draw(maybe(st.just(f"g{number}"))),
                goodreads_id=draw(maybe(st.just(f"r{number}"))),
                book_count=draw(maybe(st.integers(0, 999))),
            ),
            PersonFacts(
                wikidata_id=draw(maybe(st.just(f"Q{number}"))), birth_date=draw(maybe(texts))
            ),
        )
        for number, name in enumerate(some)
    )


@st.composite
def records(draw) -> BookRecord:
    work, known = draw(works()), draw(people())
    dated = {"original_language", "first_publication_year"}
    weak = draw(st.sets(st.sampled_from(sorted(dated))))
    return BookRecord(
        provider=draw(st.sampled_from(ProviderId)),
        work=work,
        editions=(draw(editions()),),
        authors=tuple(author for author, _facts in known),
        people={author.name: facts for author, facts in known if facts != PersonFacts()},
        subtitle=draw(maybe(texts)),
        thumbnail_url=draw(maybe(texts)),
        rating=draw(
            maybe(st.builds(Rating, average=st.floats(0, 5), count=st.integers(0, 10_000)))
        ),
        misprints=draw(st.sampled_from([(), ("9781644100371",)])),
        edition_count=draw(maybe(st.integers(1, 500))),
        weak=frozenset(name for name in weak if getattr(work, name) is not None),
    )


async def comes_back(url: str, record: BookRecord) -> None:
    expected = msgspec.structs.replace(record, provider=ProviderId.CATALOG)
    async with open_database(url, metrics=Metrics()) as database:
        async with database.begin() as connection:
            for table in (t.books, t.works, t.authors, t.external_ids, t.field_provenance):
                await connection.execute(table.delete())
        store = CatalogueStore(database, FrozenClock())
        for _ in range(2):  # the second time everything is there already
            await store.save([record])
            found = await store.find_isbn(ISBN.canonical)
            assert found is not None
            assert found.record == expected


often = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@often
@given(record=records())
def test_records_come_back_from_sqlite(sqlite_url: str, record: BookRecord):
    asyncio.run(comes_back(sqlite_url, record))


@settings(often, max_examples=15)
@given(record=records())
def test_records_come_back_from_postgresql(postgres_url: str, record: BookRecord):
    asyncio.run(comes_back(postgres_url, record))
