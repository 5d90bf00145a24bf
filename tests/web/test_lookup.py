"""ISBN searches end to end: tiers, views, misses, misprints, single flight."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

import pytest

from bookstrack.testing.generated import generated_isbn

FERRY = "9781644100370"


async def test_a_book_has_work_edition_and_author_that_belong_together(api):
    answer = await api.get(f"/v1/search/isbn?isbn={FERRY}")
    data = answer.json["data"]
    assert answer.status == 200
    assert data["works"][0]["title"] == "The Ferry to Morrow Island"
    assert FERRY in data["editions"][0]["isbns"]
    assert data["authors"][0]["name"] == "Maren Holloway"
    assert data["authors"][0]["gender"] == "Female"
    assert data["book"]["isbn"] == data["isbn"] == data["isbn13"] == FERRY
    assert data["resultCount"] == len(data["works"]) == 1


async def test_every_spelling_is_one_book_and_one_call(api):
    spellings = [FERRY, "978-1-64410-037-0", "1644100371", "1-64410-037-1", f"ISBN {FERRY[:13]}"]
    answers = [await api.get("/v1/search/isbn", params={"isbn": text}) for text in spellings]
    assert {answer.status for answer in answers} == {200}
    assert len({str(answer.json["data"]) for answer in answers}) == 1
    assert api.upstream.count("google") == 1


async def test_the_answer_says_where_it_came_from(start):
    first = await start()
    cold = await first.get(f"/v1/search/isbn?isbn={FERRY}")
    warm = await first.get(f"/v1/search/isbn?isbn={FERRY}")
    second = await start()  # another process on the same folder
    shared = await second.get(f"/v1/search/isbn?isbn={FERRY}")
    found = [
        (a.headers["X-Cache"], a.headers["X-Cache-Source"], a.json["metadata"]["cached"])
        for a in (cold, warm, shared)
    ]
    assert found == [("MISS", "API", False), ("HIT", "EDGE", True), ("HIT", "KV", True)]
    assert cold.json["metadata"]["provider"] == "google-books"
    assert cold.json["metadata"]["source"] == "google_books"
    assert warm.json["metadata"]["source"] == "kv_cache"
    assert "cacheSource" not in cold.json["metadata"]


async def test_our_own_tables_answer_without_providers(start):
    api = await start(SAMPLE_DATA="true", OFFLINE="true")
    answer = await api.get("/v1/search/isbn?isbn=9780261103344")
    assert answer.status == 200
    assert answer.headers["X-Cache-Source"] == "DB"
    assert answer.json["data"]["authors"][0]["name"] == "J.R.R. Tolkien"
    assert answer.json["metadata"]["provider"] == "database"


async def test_a_miss_is_empty_in_the_default_view_and_404_in_the_flat_one(api):
    unknown = "9791095546719"
    miss = await api.get(f"/v1/search/isbn?isbn={unknown}")
    assert miss.status == 200
    assert miss.json["data"]["works"] == []
    assert miss.json["data"]["book"] is None
    assert miss.json["metadata"]["provider"] == "none"
    assert miss.headers["Cache-Control"] == "public, max-age=300"
    flat = await api.get(f"/v1/search/isbn?isbn={unknown}&view=flat")
    assert flat.status == 404
    assert flat.json["error"]["code"] == "NOT_FOUND"
    searched = flat.json["error"]["details"]["providersSearched"]
    assert searched == ["google-books", "openlibrary", "isbndb"]


async def test_a_true_miss_is_remembered_for_five_minutes(start, clock):
    api = await start(clock=clock)
    for _ in range(2):
        await api.get("/v1/search/isbn?isbn=9791095546719")
    assert api.upstream.count("google") == 1
    await clock.advance(301)
    await api.get("/v1/search/isbn?isbn=9791095546719")
    assert api.upstream.count("google") == 2


async def test_a_wrong_check_digit_is_never_sent_to_a_provider(api, start):
    answer = await api.get("/v1/search/isbn?isbn=9781644100371")
    assert answer.status == 200
    assert answer.json["data"]["works"] == []
    assert answer.json["metadata"]["warnings"] == [{"code": "ISBN_CHECK_DIGIT"}]
    assert api.upstream.count() == 0
    strict = await start(ISBN_STRICT="true", folder="strict")
    assert (await strict.get("/v1/search/isbn?isbn=9781644100371")).status == 400


@pytest.mark.parametrize("bad", ["", "12", "abc", "9771234567898", "978 0 439 70818 0 0 0 0"])
async def test_a_wrong_shape_is_a_400(api, bad):
    answer = await api.get("/v1/search/isbn", params={"isbn": bad})
    assert answer.status == 400
    assert answer.json["error"]["code"] == "INVALID_ISBN"
    assert answer.json["error"]["canonicalCode"] == "INVALID_REQUEST"
    assert answer.headers["X-Error-Code"] == "INVALID_ISBN"


async def test_a_thousand_simultaneous_questions_are_one_call_to_each_provider(api):
    api.upstream.delay("google", 0.2)
    isbn = generated_isbn(77)
    answers = await asyncio.gather(*(api.get(f"/v1/search/isbn?isbn={isbn}") for _ in range(1000)))
    assert {answer.status for answer in answers} == {200}
    assert len({str(answer.json["data"]) for answer in answers}) == 1
    assert api.upstream.count("google") == 1
    assert api.upstream.count("openlibrary") == 0
    assert api.upstream.count("wikidata") == 2  # the name, then the person


async def test_a_stale_answer_is_served_at_once_and_refreshed_behind(start, clock):
    api = await start(clock=clock, CACHE_TTL_ISBN_S="3000")
    isbn = generated_isbn(5)
    await api.get(f"/v1/search/isbn?isbn={isbn}")
    asked = api.upstream.count("google")
    await clock.advance(4000)  # the shared entry and the row are too old by now
    stale = await api.get(f"/v1/search/isbn?isbn={isbn}")
    assert stale.headers["X-Cache"] == "HIT-STALE"
    assert stale.headers["X-Cache-Status"] == "HIT"
    for _ in range(200):
        await asyncio.sleep(0.01)
        again = await api.get(f"/v1/search/isbn?isbn={isbn}")
        if again.headers["X-Cache"] == "HIT":
            break
    assert again.headers["X-Cache"] == "HIT"
    assert api.upstream.count("google") == asked + 1


async def test_late_author_facts_come_with_the_next_answer(start):
    api = await start(AUTHOR_FACTS_WAIT_MS="30")
    api.upstream.delay("wikidata", 0.15)
    first = await api.get(f"/v1/search/isbn?isbn={FERRY}")
    assert first.json["data"]["authors"][0]["gender"] == "Unknown"
    assert first.json["metadata"]["warnings"] == [
        {"code": "PROVIDER_TIMEOUT", "provider": "wikidata"}
    ]
    await api.parts.improving.drain(5)
    second = await api.get(f"/v1/search/isbn?isbn={FERRY}")
    assert second.json["data"]["authors"][0]["gender"] == "Female"
    assert second.headers["X-Cache"] == "HIT"


async def test_a_request_counts_its_key_once(start, tmp_path):
    unknown = "9791095546719"
    for _ in range(2):  # the second server knows what the first one wrote
        api = await start()
        for number in (FERRY, unknown):
            await api.get(f"/v1/search/isbn?isbn={number}")
        await api.stop()
    [file] = tmp_path.glob("data/*.db")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        found = connection.execute(
            'SELECT cache_key, hit_count, miss_count FROM "CacheMetrics"'
            " WHERE cache_key LIKE '%isbn%'"
        ).fetchall()
    assert sorted(found) == [
        (f"search:isbn:isbn={FERRY}", 1, 1),
        (f"search:isbn:isbn={unknown}", 0, 1),  # the second found it remembered as a miss
    ]
