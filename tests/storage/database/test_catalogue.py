from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from sqlalchemy import func, select, text

from bookstrack.errors import StorageUnavailable
from bookstrack.model.enums import DataProvider, EditionFormat, ReviewStatus
from bookstrack.model.isbn import from_number
from bookstrack.model.record import PersonFacts, ProviderId, Rating
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.catalogue import CatalogueStore
from bookstrack.storage.database.engine import Database, open_database
from bookstrack.testing.builders import a_record, a_work, an_author, an_edition

ISBN, OTHER = "9781644100370", "9780439708180"
LONG = "A quiet book about ferries, fog and the people who wait for both. " * 3


def replaced(thing, **changes):
    return msgspec.structs.replace(thing, **changes)


def full_record():
    author = an_author("Maren Holloway", birth_year=1941, open_library_id="OL1A")
    return replaced(_without_author(), authors=(author,))


def _without_author():
    return a_record(
        work=a_work(
            subject_tags=("Fiction", "Science Fiction"),
            original_language="en",
            description=LONG,
            cover_image_url="https://example.org/work.jpg",
            synthetic=True,
            primary_provider=DataProvider.GOOGLE_BOOKS,
            contributors=(DataProvider.GOOGLE_BOOKS, DataProvider.ISBNDB),
            isbndb_id=ISBN,
            google_books_volume_id="vol1",
            google_books_volume_ids=("vol1", "vol2"),
            goodreads_id="11",
            goodreads_work_ids=("11",),
            amazon_asins=("B000",),
            librarything_ids=("77",),
            last_isbndb_sync="2026-01-01T00:00:00.000Z",
            isbndb_quality=80,
        ),
        editions=(
            an_edition(
                format=EditionFormat.HARDCOVER,
                publication_year=1983,
                cover_image_url="https://example.org/edition.jpg",
                edition_title="Deluxe",
                edition_description="Bound in blue.",
                primary_provider=DataProvider.ISBNDB,
                contributors=(DataProvider.ISBNDB,),
                open_library_id="OL1M",
                open_library_edition_id="OL1M",
                isbndb_id=ISBN,
                google_books_volume_id="vol1",
                google_books_volume_ids=("vol1",),
                amazon_asins=("B000",),
                isbndb_quality=80,
            ),
        ),
        people={"Maren Holloway": PersonFacts(wikidata_id="Q1", birth_date="1941-02-03")},
        subtitle="A Novel",
        thumbnail_url="https://example.org/thumb.jpg",
        rating=Rating(average=4.5, count=12),
        raw_subjects=("Fiction / Science Fiction / General",),
        edition_count=3,
        weak=frozenset({"first_publication_year"}),
    )


async def test_a_saved_book_comes_back_whole(store: CatalogueStore, clock, agreed):
    await store.save([full_record()])
    found = await store.find_isbn(ISBN)
    assert found is not None
    assert found.record == replaced(full_record(), provider=ProviderId.CATALOG)
    assert found.updated_at == int(clock.time())
    await agreed()


async def test_an_unknown_isbn_is_none(store: CatalogueStore):
    assert await store.find_isbn(ISBN) is None
    assert await store.find_misprint("9781644100371") is None
    assert await store.count() == 0


async def test_the_row_holds_the_columns_of_the_schema(store, database: Database, clock):
    await store.save([full_record()])
    async with database.connect() as connection:
        row = (await connection.execute(select(t.books))).mappings().one()
    canonical = json.loads(row["canonical_metadata"])
    assert canonical.pop("record")["provider"] == "catalog"
    detailed = json.loads(row["authors_detailed"])
    assert {
        name: row[name] for name in row if name not in ("canonical_metadata", "authors_detailed")
    } == {
        "isbn": ISBN,
        "title": "The Ferry to Morrow Island",
        "authors": '["Maren Holloway"]',
        "publication_year": 1983,
        "publisher": "Larkspur House",
        "page_count": 312,
        "language": "en",
        "categories": '["Fiction","Science Fiction"]',
        "description": LONG,
        "cover_url": "https://example.org/edition.jpg",
        "thumbnail_url": "https://example.org/thumb.jpg",
        "created_at": int(clock.time()),
        "updated_at": int(clock.time()),
    }
    assert detailed[0]["openLibraryID"] == "OL1A"
    assert canonical == {
        "title": "The Ferry to Morrow Island",
        "authors": ["Maren Holloway"],
        "author": "Maren Holloway",
        "categories": ["Fiction", "Science Fiction"],
        "isbn": ISBN,
        "isbn13": ISBN,
        "isbn10": "1644100371",
        "subtitle": "A Novel",
        "publisher": "Larkspur House",
        "publishedDate": "1983-09-12",
        "publicationYear": 1983,
        "description": LONG,
        "pageCount": 312,
        "language": "en",
        "coverUrl": "https://example.org/edition.jpg",
        "thumbnailUrl": "https://example.org/thumb.jpg",
        "averageRating": 4.5,
        "ratingsCount": 12,
        "provider": "google-books",
        "quality": 80,
        "editionKey": "OL1M",
        "authorsDetailed": detailed,
        "imageLinks": {
            "large": "https://example.org/edition.jpg",
            "medium": "https://example.org/edition.jpg",
            "thumbnail": "https://example.org/thumb.jpg",
        },
    }


async def test_saving_again_replaces_all_but_the_time_of_creation(store, database, clock, agreed):
    await store.save([full_record()])
    first = clock.time()
    await clock.advance(100)
    newer = full_record()
    newer = replaced(newer, editions=(replaced(newer.editions[0], publisher="New House"),))
    await store.save([newer])
    async with database.connect() as connection:
        row = (await connection.execute(select(t.books))).mappings().one()
    assert (row["created_at"], row["updated_at"]) == (int(first), int(first) + 100)
    assert row["publisher"] == "New House"
    assert await store.count() == 1
    await agreed()


async def test_every_isbn_of_an_edition_leads_to_it(store, agreed):
    edition = an_edition(isbns=(ISBN, OTHER, "1644100371", "0439708184"))
    await store.save([a_record(editions=(edition,))])
    first, second = await store.find_isbn(ISBN), await store.find_isbn(OTHER)
    assert first.record == second.record
    assert first.record.editions[0].isbns == (ISBN, OTHER, "1644100371", "0439708184")
    assert first.record.editions[0].isbn == ISBN
    await agreed()


async def test_a_row_holds_its_own_edition_only(store, agreed):
    two = (an_edition(), an_edition(isbn=OTHER, publisher="Second House"))
    await store.save([a_record(editions=two)])
    assert [e.isbn for e in (await store.find_isbn(OTHER)).record.editions] == [OTHER]
    assert [e.isbn for e in (await store.search("ferry", limit=5)).books[0].editions] == [
        ISBN,
        OTHER,
    ]
    await agreed()


async def test_editions_without_isbn_live_in_layer_b_only(store, database, agreed):
    await store.save([a_record(editions=(an_edition(isbn=None),))])
    async with database.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(t.books))).scalar() == 0
    book = (await store.search("morrow island", limit=5)).books[0]
    assert book.editions[0].publisher == "Larkspur House"
    await agreed()


async def test_misprinted_numbers_lead_to_their_book(store, agreed):
    await store.save([a_record(misprints=("9781644100371",))])
    found = await store.find_misprint("9781644100371")
    assert found.record.editions[0].isbn == ISBN
    assert found.record.misprints == ("9781644100371",)
    assert await store.find_isbn("9781644100371") is None
    await agreed()


async def test_columns_corrected_by_hand_are_what_readers_see(store, database: Database):
    await store.save([full_record()])
    async with database.begin() as connection:
        await connection.execute(
            t.books.update().values(
                title="The Ferry",
                authors='["Maren Holloway", "Ann Other"]',
                publication_year=1984,
                page_count=300,
                publisher=None,
                categories='["Mystery"]',
                description="Short.",
                cover_url="https://example.org/new.jpg",
                thumbnail_url="https://example.org/small.jpg",
                language="fr",
            )
        )
    record = (await store.find_isbn(ISBN)).record
    edition = record.editions[0]
    assert (record.work.title, edition.title) == ("The Ferry", "The Ferry")
    assert [author.name for author in record.authors] == ["Maren Holloway", "Ann Other"]
    assert record.authors[0].birth_year == 1941
    assert (edition.publication_year, edition.publication_date) == (1984, "1984")
    assert (edition.page_count, edition.publisher) == (300, "Larkspur House")
    assert record.work.subject_tags == ("Mystery",)
    assert (record.work.description, edition.edition_description) == ("Short.", "Bound in blue.")
    assert edition.cover_image_url == "https://example.org/new.jpg"
    assert record.work.cover_image_url == "https://example.org/work.jpg"
    assert (record.thumbnail_url, edition.language) == ("https://example.org/small.jpg", "fr")
    assert edition.google_books_volume_ids == ("vol1",)


async def test_rows_of_another_program_are_read_by_their_flat_keys(store, database: Database):
    canonical = {
        "title": "Blob Title",
        "authors": ["A. Uthor"],
        "publishedDate": "1999-05",
        "pageCount": "many",
        "imageLinks": {
            "medium": "https://example.org/m.jpg",
            "thumbnail": "https://example.org/t.jpg",
        },
        "authorsDetailed": [{"name": "A. Uthor", "gender": "Female"}, {"nonsense": 1}],
        "workKey": "/works/OL5W",
        "averageRating": 4,
        "ratingsCount": 9,
        "provider": "google-books",
    }
    row = {"isbn": ISBN, "title": "Column Title", "authors": '["A. Uthor"]', "page_count": 7}
    async with database.begin() as connection:
        await connection.execute(
            t.books.insert().values(**row, canonical_metadata=json.dumps(canonical), updated_at=5)
        )
    found = await store.find_isbn(ISBN)
    record, edition = found.record, found.record.editions[0]
    assert found.updated_at == 5.0
    assert (record.work.title, record.work.open_library_work_id) == ("Column Title", "OL5W")
    assert (edition.publication_date, edition.publication_year) == ("1999-05", 1999)
    assert (edition.isbns, edition.page_count) == ((ISBN, "1644100371"), 7)
    assert edition.cover_image_url == "https://example.org/m.jpg"
    assert (record.thumbnail_url, edition.language) == ("https://example.org/t.jpg", "en")
    assert record.authors == (an_author("A. Uthor", gender="Female"),)
    assert record.rating == Rating(average=4.0, count=9)
    assert record.work.primary_provider == DataProvider.GOOGLE_BOOKS
    assert record.work.synthetic is False


@pytest.mark.parametrize("canonical", ["", "[]", '{"record": {"provider": "nobody"}}', "{"])
async def test_unreadable_rows_still_give_their_columns(store, database, canonical: str):
    row = {"isbn": ISBN, "title": "T", "authors": "Ann, Bob", "canonical_metadata": canonical}
    async with database.begin() as connection:
        await connection.execute(t.books.insert().values(row))
    record = (await store.find_isbn(ISBN)).record
    assert (record.work.title, record.authors) == ("T", ())
    assert record.editions[0].isbns == (ISBN, "1644100371")


async def test_a_readers_edits_are_extended_but_never_overwritten(store, agreed):
    edited = a_record(work=a_work(review_status=ReviewStatus.USER_EDITED))
    await store.save([edited])
    later = a_record(
        title="Another Title",
        authors=("Ann Other", "Bob Third"),
        work=a_work(title="Another Title", description="New.", first_publication_year=1990),
    )
    later = replaced(later, editions=(an_edition(publisher="Other House", edition_title="Extra"),))
    await store.save([later])
    record = (await store.find_isbn(ISBN)).record
    assert record.work.title == "The Ferry to Morrow Island"
    assert (record.work.first_publication_year, record.work.description) == (1983, "New.")
    assert record.work.review_status == ReviewStatus.USER_EDITED
    assert [author.name for author in record.authors] == ["Maren Holloway"]
    assert record.editions[0].publisher == "Larkspur House"
    assert record.editions[0].edition_title == "Extra"
    await agreed()


async def test_gaps_are_filled_and_values_not_erased(store, agreed):
    await store.save([full_record()])
    bare = a_record(work=a_work(first_publication_year=None, synthetic=True))
    bare = replaced(bare, editions=(an_edition(publisher=None, page_count=None),))
    await store.save([bare])
    record = (await store.find_isbn(ISBN)).record
    assert (record.work.description, record.work.first_publication_year) == (LONG, 1983)
    assert record.editions[0].publisher == "Larkspur House"
    assert record.editions[0].format == EditionFormat.HARDCOVER
    assert record.work.isbndb_quality == 80
    await agreed()


async def test_a_lower_isbndb_quality_only_fills_gaps(store, agreed):
    good = an_edition(isbndb_quality=90, page_count=None)
    await store.save([a_record(editions=(good,))])
    poor = an_edition(isbndb_quality=50, publisher="Wrong House", page_count=99)
    await store.save([a_record(editions=(poor,))])
    edition = (await store.find_isbn(ISBN)).record.editions[0]
    assert (edition.publisher, edition.page_count) == ("Larkspur House", 99)
    assert edition.isbndb_quality == 90
    await agreed()


async def test_the_more_precise_date_stays(store):
    await store.save([a_record()])
    await store.save([a_record(editions=(an_edition(publication_date="1983"),))])
    assert (await store.find_isbn(ISBN)).record.editions[0].publication_date == "1983-09-12"


async def test_a_year_of_the_work_beats_one_of_an_edition(store, agreed):
    def dated(year: int, *weak: str):
        return a_record(work=a_work(first_publication_year=year), weak=frozenset(weak))

    await store.save([dated(1999, "first_publication_year")])
    await store.save([dated(1950)])
    await store.save([dated(2005, "first_publication_year")])
    record = (await store.find_isbn(ISBN)).record
    assert (record.work.first_publication_year, record.weak) == (1950, frozenset())
    await agreed()


async def test_the_rating_with_more_readers_wins(store, agreed):
    google = a_work(primary_provider=DataProvider.GOOGLE_BOOKS)
    library = a_work(primary_provider=DataProvider.OPEN_LIBRARY)
    await store.save([a_record(work=google, rating=Rating(average=4.0, count=50))])
    await store.save([a_record(work=library, rating=Rating(average=2.0, count=3))])
    assert (await store.find_isbn(ISBN)).record.rating == Rating(average=4.0, count=50)
    await store.save([a_record(work=library, rating=Rating(average=3.0, count=51))])
    assert (await store.find_isbn(ISBN)).record.rating == Rating(average=3.0, count=51)
    await agreed()


async def test_a_change_of_the_work_reaches_the_rows_of_its_other_editions(store, agreed):
    work = a_work(open_library_work_id="OL9W", open_library_id="OL9W")
    await store.save([a_record(work=work)])
    changed = replaced(work, description="Only now described.")
    await store.save([a_record(work=changed, editions=(an_edition(isbn=OTHER),))])
    first = (await store.find_isbn(ISBN)).record
    assert first.work.description == "Only now described."
    await agreed()


async def test_fifty_saves_at_once_make_one_book(store, database: Database, agreed):
    await asyncio.gather(*(store.save([full_record()]) for _ in range(50)))
    async with database.connect() as connection:
        counts = [
            (await connection.execute(select(func.count()).select_from(table))).scalar()
            for table in (t.works, t.editions, t.isbns, t.authors, t.books)
        ]
    assert counts == [1, 1, 1, 1, 1]
    await agreed()


async def test_a_batch_is_saved_wholly_or_not_at_all(store, database: Database):
    wrong = replaced(
        a_record(isbn=OTHER, title="Second"), editions=(an_edition(isbndb_quality=101),)
    )
    with pytest.raises(Exception, match="isbndb_quality"):
        await store.save([a_record(), wrong])
    assert await store.count() == 0
    assert await store.find_isbn(ISBN) is None


async def test_five_hundred_books_are_saved_in_one_go(store, agreed):
    def number(n: int) -> str:
        return from_number(f"{n:09}{_check(f'{n:09}')}").canonical

    books = [
        a_record(title=f"Volume {n}", isbn=number(n), authors=(f"Writer {n % 7}",))
        for n in range(500)
    ]
    await store.save(books)
    assert await store.count() == 500
    assert (await store.works_of("Writer 3")).total == 71
    await agreed()


def _check(nine: str) -> str:
    rest = -sum((10 - i) * int(d) for i, d in enumerate(nine)) % 11
    return "X" if rest == 10 else str(rest)


async def test_characters_postgresql_cannot_store_are_left_out(store):
    await store.save([a_record(title="Fer\x00ry \\u0000", authors=("Ann\x00 Other",))])
    record = (await store.find_isbn(ISBN)).record
    assert record.work.title == "Ferry \\u0000"
    assert record.authors[0].name == "Ann Other"


async def test_without_its_server_the_catalogue_is_unavailable(metrics, clock):
    async with open_database("postgresql://u@127.0.0.1:1/x", metrics=metrics) as database:
        store = CatalogueStore(database, clock)
        for call in (
            store.find_isbn(ISBN),
            store.find_misprint(ISBN),
            store.save([a_record()]),
            store.search("x", limit=1),
            store.count(),
        ):
            with pytest.raises(StorageUnavailable):
                await call


async def test_deleting_a_work_takes_everything_of_it(store, database: Database):
    await store.save([full_record()])
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM works"))
        for table in (t.editions, t.isbns, t.work_authors, t.work_subjects, t.ratings):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar() == 0
