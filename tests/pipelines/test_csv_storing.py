"""Books of imports on their way into the catalogue: who made them, and what is filled."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bookstrack.imports.export import ImportedBook
from bookstrack.model.book import Edition, Work
from bookstrack.model.job import Job
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.pipelines.csv_books import own_key
from bookstrack.pipelines.csv_rows import Fate, RowInput, Verdict
from bookstrack.pipelines.csv_storing import DryShelf, Shelf, ready
from bookstrack.storage.database.catalogue import CatalogueStore
from bookstrack.storage.database.engine import Database, open_database
from bookstrack.storage.database.imported import ImportedBooks
from bookstrack.storage.database.job_store import JobStore
from stored_jobs import new_job

ISBN = "9781644100370"
CREATED, UPDATED, KNOWN = Verdict.CREATED, Verdict.UPDATED, Verdict.KNOWN


@pytest.fixture
async def database(database_url, metrics) -> AsyncIterator[Database]:
    async with open_database(database_url, metrics=metrics) as opened:
        yield opened


@pytest.fixture
def store(database, clock) -> CatalogueStore:
    return CatalogueStore(database, clock)


@pytest.fixture
def rows(database, clock) -> ImportedBooks:
    return ImportedBooks(database, clock)


@pytest.fixture
def begin(database, clock):
    """``await begin("a")`` returns a job that was made just now."""
    jobs = JobStore(database, is_gone=lambda _: False)

    async def made(job_id: str) -> Job:
        new = new_job(job_id, fingerprint=job_id)
        return (await jobs.create(new, now=clock.time(), idempotency_ttl_s=60)).job

    return made


class Import:
    """An import that has parsed its books, and so knows what was held before."""

    def __init__(self, rows, job, books, held):
        self._rows, self._job, self._held = rows, job, held
        self._books = books
        self.shelf = Shelf(rows, job)

    @classmethod
    async def parsed(cls, rows, job, *books):
        held = await rows.held([own_key(book) for book in books])
        return cls(rows, job, books, {key: one.empty for key, one in held.items()})

    def again(self):
        """The same import after a crash in which it forgot what it had told."""
        return Import(self._rows, self._job, self._books, self._held)

    async def take(self, found=None):
        inputs = [
            RowInput(row=row, fate=Fate.BOOK, book=book, held=self._held.get(own_key(book)))
            for row, book in enumerate(self._books, 2)
        ]
        return await self.shelf.take([ready(index, row, found) for index, row in enumerate(inputs)])


def book(title="A Title", **more) -> ImportedBook:
    return ImportedBook(rows=(2,), title=title, authors=("Ann Author",), **more)


async def test_what_a_job_has_said_it_says_again(rows, begin):
    ours = await Import.parsed(rows, await begin("a"), book(isbn=ISBN), book("Other"))
    assert await ours.take() == [CREATED, CREATED]
    assert await ours.again().take() == [CREATED, CREATED]
    assert await ours.take() == [KNOWN, KNOWN], "the same rows twice in one run"


async def test_who_comes_second_has_made_nothing(rows, begin):
    one = await Import.parsed(rows, await begin("a"), book(isbn=ISBN), book("Other"))
    two = await Import.parsed(rows, await begin("b"), book(isbn=ISBN), book("Other"))
    assert await one.take() == [CREATED, CREATED]
    assert await two.take() == [KNOWN, KNOWN]
    assert await two.again().take() == [KNOWN, KNOWN]
    assert await one.again().take() == [CREATED, CREATED]


async def test_who_comes_second_fills_what_is_empty(rows, store, begin):
    one = await Import.parsed(rows, await begin("a"), book(isbn=ISBN), book("Other", pages=3))
    fuller = (book(isbn=ISBN, publisher="House"), book("Other", pages=4, publisher="House"))
    two = await Import.parsed(rows, await begin("b"), *fuller)
    three = await Import.parsed(rows, await begin("c"), *fuller)
    assert await one.take() == [CREATED, CREATED]
    assert await two.take() == [UPDATED, UPDATED]
    assert await three.take() == [KNOWN, KNOWN]
    assert await two.again().take() == [UPDATED, UPDATED]
    assert (await store.find_isbn(ISBN)).record.editions[0].publisher == "House"
    key = own_key(book("Other"))
    held = await rows.write(lambda shelving: shelving.book(key))
    assert (held.publisher, held.page_count) == ("House", 3), "what is filled stays"


async def test_two_that_fill_the_same_book_at_once(rows, begin, clock):
    first = await Import.parsed(rows, await begin("a"), book(isbn=ISBN), book("Other"))
    await first.take()
    await clock.advance(3600)
    fuller = (book(isbn=ISBN, pages=7), book("Other", pages=7))
    one = await Import.parsed(rows, await begin("b"), *fuller)
    two = await Import.parsed(rows, await begin("c"), *fuller)
    assert await one.take() == [UPDATED, UPDATED]
    assert await two.take() == [KNOWN, KNOWN]
    assert await one.again().take() == [UPDATED, UPDATED]


async def test_a_book_that_was_deleted_since_is_made_again(rows, database, begin, clock):
    one = await Import.parsed(rows, await begin("a"), book("Other"))
    await one.take()
    async with database.begin() as connection:
        await connection.exec_driver_sql('DELETE FROM "Books"')
    await clock.advance(1)
    two = await Import.parsed(rows, await begin("b"), book("Other"))
    assert await two.take() == [CREATED]


async def test_what_others_stored_meanwhile_is_filled_with_the_readers_own(rows, store, begin):
    ours = await Import.parsed(rows, await begin("a"), book(isbn=ISBN, publisher="House", pages=7))
    await store.save([record(page_count=99)])
    assert await ours.take() == [CREATED], "nobody but this job has asked for it"
    edition = (await store.find_isbn(ISBN)).record.editions[0]
    assert (edition.publisher, edition.page_count) == ("House", 99)


async def test_a_book_held_for_long_and_found_by_its_title_is_filled(rows, store, begin, clock):
    await store.save([record(page_count=99)])
    await clock.advance(3600)
    ours = await Import.parsed(rows, await begin("a"), book(isbn=None, publisher="House"))
    found = book(isbn=ISBN, publisher="House")
    row = RowInput(row=2, fate=Fate.BOOK, book=found)
    assert await ours.shelf.take([ready(0, row)]) == [UPDATED]
    assert (await store.find_isbn(ISBN)).record.editions[0].publisher == "House"
    later = await Import.parsed(rows, await begin("b"), found)
    assert await later.take() == [KNOWN]


async def test_rows_of_one_book_in_any_order_make_it_once(rows, begin):
    twins = (book(series_number="1"), book(series_number="2"))
    ours = await Import.parsed(rows, await begin("a"), *twins)
    assert await ours.take() == [CREATED, KNOWN]
    later = await Import.parsed(rows, await begin("b"), *twins)
    assert await later.take() == [KNOWN, KNOWN]


async def test_a_dry_shelf_tells_the_same_and_stores_nothing(rows, begin):
    inputs = [
        RowInput(row=2, fate=Fate.BOOK, book=book()),
        RowInput(row=3, fate=Fate.BOOK, book=book()),
        RowInput(row=4, fate=Fate.BOOK, book=book("Other", pages=2), held=("page_count",)),
        RowInput(row=5, fate=Fate.BOOK, book=book("Third", pages=2), held=()),
    ]
    dry = DryShelf()
    verdicts = await dry.take([ready(index, row) for index, row in enumerate(inputs)])
    assert verdicts == [CREATED, KNOWN, UPDATED, KNOWN]
    assert await rows.made_since(0) == []


def record(**edition) -> BookRecord:
    """A book as a provider tells it."""
    return BookRecord(
        provider=ProviderId.OPEN_LIBRARY,
        work=Work(title="A Title"),
        editions=(Edition(isbn=ISBN, isbns=(ISBN,), title="A Title", **edition),),
    )
