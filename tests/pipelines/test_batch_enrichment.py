"""Batch enrichment: per-book results in request order, whatever happens to single books."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from bookstrack.enrichment.enricher import NOT_FOUND
from bookstrack.model.enums import (
    AuthorGender,
    CulturalRegion,
    EditionFormat,
    ReviewStatus,
)
from bookstrack.model.isbn import Isbn
from bookstrack.model.job import CancelMode, ItemState, JobStatus
from bookstrack.testing.faults import Fault
from bookstrack.testing.generated import generated_isbn, generated_work

FERRY = "9781644100370"
UNKNOWN = "9780000000002"
MISPRINT = "9781644100371"
PROVIDERS = ("google", "openlibrary", "isbndb")


def by_isbn(*numbers: int) -> list[dict[str, str]]:
    return [{"title": generated_work(n).title, "isbn": generated_isbn(n)} for n in numbers]


def book_calls(upstream) -> int:
    return sum(upstream.count(name) for name in PROVIDERS)


async def test_each_book_has_its_entry_in_request_order(shop, upstream):
    upstream.delay("openlibrary", 0.02)
    results = await shop.run(
        [
            {"barcode": generated_isbn(7)},
            {"title": "The Ferry to Morrow Island", "isbn": FERRY},
            {"title": "Nothing of the Kind, Ever", "author": "Nobody At All"},
            {"title": "Salt Weather", "author": "Maren Holloway"},
            {"title": "", "isbn": UNKNOWN},
        ]
    )
    entries = results["enrichedBooks"]
    assert [entry["title"] for entry in entries] == [
        "",
        "The Ferry to Morrow Island",
        "Nothing of the Kind, Ever",
        "Salt Weather",
        "",
    ]
    assert [entry["success"] for entry in entries] == [True, True, False, True, False]
    assert [entry["enrichmentStatus"] for entry in entries] == [
        "success",
        "success",
        "not_found",
        "success",
        "not_found",
    ]
    assert entries[0]["isbn"] == generated_isbn(7)
    assert "author" not in entries[0]
    assert entries[2] == {
        "title": "Nothing of the Kind, Ever",
        "author": "Nobody At All",
        "success": False,
        "error": NOT_FOUND,
        "enrichmentStatus": "not_found",
    }
    assert (results["totalProcessed"], results["successCount"], results["failureCount"]) == (
        5,
        3,
        2,
    )
    assert [book["title"] for book in results["books"]] == [
        generated_work(7).title,
        "The Ferry to Morrow Island",
        "Salt Weather",
    ]
    assert results["pipeline"] == "batch_enrichment"


async def test_what_was_found_are_the_contracts_objects(shop):
    results = await shop.run([{"title": "The Ferry to Morrow Island", "isbn": FERRY}])
    [entry] = results["enrichedBooks"]
    enriched = entry["enriched"]
    assert set(enriched) == {"work", "edition", "authors"}
    assert enriched["work"]["title"] == "The Ferry to Morrow Island"
    assert FERRY in enriched["edition"]["isbns"]
    assert enriched["authors"][0]["name"]
    assert "error" not in entry
    # An unlisted word makes one client throw the whole body away [R6].
    assert enriched["edition"]["format"] in list(EditionFormat)
    assert enriched["work"]["reviewStatus"] in list(ReviewStatus)
    for author in enriched["authors"]:
        assert author["gender"] in list(AuthorGender)
        assert author.get("culturalRegion") in (None, *CulturalRegion)


async def test_the_job_tells_how_far_it_is(shop, upstream):
    upstream.delay("google", 0.08)
    job_id = await shop.new(by_isbn(*range(30)))
    await shop.runner.run(job_id)
    events = await shop.store.events(job_id)
    progress = [event.progress for event in events]
    assert progress == sorted(progress)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].status is JobStatus.COMPLETED
    assert events[-1].summary.success_count == 30
    working = [event for event in events if event.status is JobStatus.PROCESSING]
    assert all(event.progress <= 0.99 for event in working)
    titles = {generated_work(n).title for n in range(30)}
    assert {event.current_item for event in working} - {None} <= titles
    assert any(event.message == "Looking up books" for event in working)


async def test_ten_at_a_time_as_a_sliding_window(shop, upstream, until):
    """A slow book holds one place, not nine others."""
    upstream.delay("google", 0.03)
    upstream.fault("google", Fault.timeout(), times=1, where=f"isbn:{generated_isbn(0)}")
    job_id = await shop.new(by_isbn(*range(60)))
    running = asyncio.create_task(shop.runner.run(job_id))
    await until(lambda: upstream.count("google") == 60)
    assert upstream.most_at_once("google") == 10
    assert not running.done(), "one book still waits for its answer"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_book_that_is_asked_for_twice_is_looked_up_once(shop, upstream):
    isbn = generated_isbn(3)
    forms = [isbn, f"{isbn[:3]}-{isbn[3:]}", f"ISBN {isbn}"]
    books = [{"title": "", "isbn": form} for form in forms]
    books += [{"title": "Salt Weather", "author": "Maren Holloway"}] * 3
    results = await shop.run(books)
    assert results["successCount"] == 6
    assert [entry.get("isbn") for entry in results["enrichedBooks"][:3]] == forms
    google = [asked for asked in upstream.asked("google") if isbn in asked.query.get("q", "")]
    assert len(google) == 1
    assert sum("Salt" in asked.query.get("q", "") for asked in upstream.asked("google")) == 1


async def test_known_books_come_first(open_shop, upstream):
    first = await open_shop()
    await first.run(by_isbn(50, 51))
    await first.parts.background.drain(5)
    again = await open_shop(PROVIDER_ORDER="")
    upstream.delay("google", 0.05)
    job_id = await again.new(by_isbn(*range(20), 50, 51))
    await again.runner.run(job_id)
    done_at = {item.index: position for position, item in enumerate(await finished(again, job_id))}
    assert {done_at[20], done_at[21]} == {0, 1}


async def finished(shop, job_id):
    """Return the items in the order they were stored."""
    async with shop.parts.storage.database.connect() as connection:
        rows = await connection.execute(
            text("SELECT idx, updated_at FROM job_items WHERE job_id = :job"), {"job": job_id}
        )
        order = {row.idx: row.updated_at for row in rows}
    return sorted(await shop.items(job_id), key=lambda item: order[item.index])


async def test_a_wrong_check_digit_is_looked_up_here_only_then_by_title(shop, upstream):
    results = await shop.run(
        [
            {"title": "", "isbn": MISPRINT},
            {"title": "The Ferry to Morrow Island", "isbn": MISPRINT},
        ]
    )
    none, by_title = results["enrichedBooks"]
    assert none["enrichmentStatus"] == "not_found"
    assert by_title["enrichmentStatus"] == "success"
    assert not any(MISPRINT in asked.query.get("q", "") for asked in upstream.asked("google"))


@pytest.mark.parametrize(
    ("title", "author"),
    [
        ("The Ferry to Morrow Island", "Somebody Else Entirely"),
        ("The Ferry to Another Shore of the Sea", "Maren Holloway"),
        ("The Ferry to Morrow Island, Volume 7", "Maren Holloway"),
    ],
)
async def test_rather_none_than_a_wrong_book(shop, title, author):
    results = await shop.run([{"title": title, "author": author}])
    [entry] = results["enrichedBooks"]
    assert entry["enrichmentStatus"] == "not_found"
    assert entry["error"] == NOT_FOUND
    assert "enriched" not in entry


@pytest.mark.parametrize("code", [500, 503, 429, 403])
async def test_failing_providers_are_never_called_not_found(open_shop, upstream, code):
    shop = await open_shop(PROVIDER_RETRIES="1")
    for name in PROVIDERS:
        upstream.fault(name, Fault.status(code))
    results = await shop.run(
        [{"title": "", "isbn": FERRY}, {"title": "Salt Weather", "author": "Maren Holloway"}]
    )
    for entry in results["enrichedBooks"]:
        assert entry["success"] is False
        assert entry["enrichmentStatus"] in ("error", "circuit_open")
        assert entry["error"]
        assert entry["error"] != NOT_FOUND
    assert results["failureCount"] == 2


async def test_open_breakers_are_told_apart(open_shop, upstream):
    shop = await open_shop(PROVIDER_RETRIES="1", CIRCUIT_FAILURES="1", CONCURRENCY_LIMIT="1")
    for name in PROVIDERS:
        upstream.fault(name, Fault.status(500))
    results = await shop.run(by_isbn(1, 2))
    first, second = results["enrichedBooks"]
    assert first["enrichmentStatus"] == "error"
    assert second["enrichmentStatus"] == "circuit_open"
    upstream.heal()


async def test_a_job_whose_books_all_fail_is_completed(open_shop, upstream):
    shop = await open_shop(PROVIDER_RETRIES="1")
    for name in PROVIDERS:
        upstream.fault(name, Fault.status(500))
    job_id = await shop.new(by_isbn(*range(5)))
    await shop.runner.run(job_id)
    job = await shop.job(job_id)
    assert job.status is JobStatus.COMPLETED
    assert job.summary.failure_count == job.summary.total_processed == 5


async def test_one_provider_is_enough(open_shop, upstream):
    shop = await open_shop(PROVIDER_RETRIES="1")
    upstream.fault("google", Fault.status(500))
    results = await shop.run([{"title": "", "isbn": FERRY}])
    assert results["successCount"] == 1


async def test_author_facts_are_not_waited_for_and_follow(shop, upstream, until):
    upstream.delay("wikidata", 0.05)
    results = await shop.run(by_isbn(*range(12)))
    genders = {e["enriched"]["authors"][0]["gender"] for e in results["enrichedBooks"]}
    assert genders == {"Unknown"}
    improved = shop.parts.catalogue.tiers

    def complete() -> bool:
        hits = [improved.peek(f"search:isbn:isbn={generated_isbn(n)}") for n in range(12)]
        return all(b'"gender":"Unknown"' not in hit.entry.body for hit in hits)

    await until(complete)
    again = await shop.run(by_isbn(*range(12)))
    genders = {e["enriched"]["authors"][0]["gender"] for e in again["enrichedBooks"]}
    assert genders <= {"Female", "Male"}


async def test_nobody_is_asked_after_a_cancel(shop, upstream, until):
    upstream.delay("google", 0.2)
    job_id = await shop.new(by_isbn(*range(40)))
    running = asyncio.create_task(shop.runner.run(job_id))
    await until(lambda: upstream.count("google") >= 15)
    await shop.cancel(job_id)
    async with asyncio.timeout(2):
        await running
    asked = upstream.count()
    job = await shop.job(job_id)
    assert job.status is JobStatus.CANCELED
    await asyncio.sleep(0.5)
    assert upstream.count() == asked
    results = await shop.results(job_id)
    assert results["partial"] is True
    assert 0 < results["totalProcessed"] == len(results["enrichedBooks"]) < 40


async def test_calls_that_wait_for_their_turn_are_not_made_after_a_cancel(
    open_shop, upstream, until
):
    shop = await open_shop(GOOGLE_BOOKS_RPS="20")
    job_id = await shop.new(by_isbn(*range(60)))
    running = asyncio.create_task(shop.runner.run(job_id))
    await until(lambda: upstream.count("google") >= 8)
    await shop.cancel(job_id, CancelMode.HARD)
    await running
    asked = upstream.count()
    await asyncio.sleep(0.4)
    assert upstream.count() == asked


async def test_somebody_else_who_waits_for_the_same_book_still_gets_it(shop, upstream, until):
    upstream.delay("google", 0.3)
    job_id = await shop.new(by_isbn(5))
    running = asyncio.create_task(shop.runner.run(job_id))
    await until(lambda: upstream.count("google") == 1)
    reader = asyncio.create_task(shop.parts.catalogue.by_isbn(Isbn.parse(generated_isbn(5))))
    await asyncio.sleep(0)
    await shop.cancel(job_id)
    await running
    assert (await reader).entry.facts.found
    assert upstream.count("google") == 1


async def test_another_process_goes_on_with_the_books_that_are_left(open_shop, upstream, until):
    first = await open_shop()
    upstream.delay("google", 0.05)
    job_id = await first.new(by_isbn(*range(40)))
    running = asyncio.create_task(first.runner.run(job_id))
    await until(lambda: upstream.count("google") >= 15)
    await first.runner.close()
    await running
    done = {item.index for item in await first.items(job_id) if item.state is ItemState.DONE}
    assert 5 <= len(done) < 40
    upstream.reset()
    second = await open_shop(DATA_DIR=str(first.parts.settings.storage.data_dir) + "-2")
    await second.runner.run(job_id)
    again = "".join(asked.query.get("q", "") for asked in upstream.asked("google"))
    assert not [number for number in done if generated_isbn(number) in again]
    results = await second.results(job_id)
    assert [entry["isbn"] for entry in results["enrichedBooks"]] == [
        generated_isbn(number) for number in range(40)
    ]
    assert results["successCount"] == 40


async def test_it_is_the_same_on_every_database(open_shop, database_url):
    shop = await open_shop(database=database_url)
    job_id = await shop.new([*by_isbn(*range(25)), {"title": "Nothing of the Kind, Ever"}])
    await shop.runner.run(job_id)
    results = await shop.results(job_id)
    assert (results["successCount"], results["failureCount"]) == (25, 1)
    await shop.parts.improving.drain(10)
    again = await shop.run(by_isbn(*range(25)))
    assert again["successCount"] == 25


async def test_what_is_found_is_saved(shop):
    await shop.run(by_isbn(*range(25)))
    await shop.parts.background.drain(5)
    for number in range(25):
        stored = await shop.parts.store.find_isbn(Isbn.parse(generated_isbn(number)).isbn13)
        assert stored.record.work.title == generated_work(number).title
