"""The shipping iOS app (IOS-A of http-api §9)."""

from __future__ import annotations

import pytest

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.faults import Fault
from clients.reading import check_edition, check_envelope, check_search_data, nulls

FERRY = "9781644100370"
SEARCHES = (
    "/v1/search/title?q=ferry",
    "/v1/search/title?q=harbour&maxResults=20",
    f"/v1/search/isbn?isbn={FERRY}",
    "/v1/search/isbn?isbn=9791095546719",
    "/v1/search/advanced?title=ferry&author=Holloway&maxResults=5",
    "/v1/search/advanced?author=Merrow",
    "/v1/search/title?q=zzyzzx",
)


@pytest.mark.parametrize("path", SEARCHES)
async def test_searches_decode(api, path):
    for _ in range(2):
        answer = await api.get(path)
        assert answer.status == 200
        check_envelope(answer.json, success=True)
        check_search_data(answer.json["data"])
        assert answer.headers["X-Cache"] in ("HIT", "MISS")
        assert answer.headers["X-Provider"]
    assert answer.headers["X-Cache-Status"] == "HIT"


async def test_an_author_search_decodes(api):
    for name in ("Maren Holloway", "Aiko Shirasawa", "John Merrow"):
        answer = await api.get("/v1/search/author", params={"name": name})
        check_envelope(answer.json, success=True)
        data = answer.json["data"]
        assert {"works", "editions", "authors", "resultCount"} <= set(data)
        assert len(data["editions"]) >= len(data["works"])


async def test_every_work_of_the_catalogue_pairs_with_its_edition(api):
    """The app pairs works and editions by index: one shift spoils every row after it."""
    known = {
        printing.isbn: {work.title, printing.title or work.title}
        for work in Catalogue().works
        for printing in work.printings
        if printing.isbn
    }
    assert len(known) > 80
    api.upstream.add_books(60)
    seen = 0
    for word in ("the", "harbour", "salt", "der", "la", "Тихая", "図書館", "north"):
        for path in ("/v1/search/title?q=", "/api/v2/search?q=", "/v1/search/advanced?title="):
            data = (await api.get(f"{path}{word}&limit=40")).json["data"]
            check_search_data(data)
            for work, edition in zip(data["works"], data["editions"], strict=False):
                isbn = edition.get("isbn")
                if isbn in known:
                    seen += 1
                    assert {work["title"], edition.get("title", work["title"])} <= known[isbn]
    assert seen > 20


async def test_the_semantic_scope_reads_both_levels(api):
    body = (await api.get("/api/v2/search?q=ferry&mode=text&limit=20")).json
    check_envelope(body, success=True)
    assert type(body["total"]) is int
    assert type(body["latency_ms"]) is int
    assert (body["mode"], body["query"]) == ("text", "ferry")
    for result in body["results"]:
        assert {"id", "title", "authors", "relevance_score", "match_type"} <= set(result)
        assert not nulls(result)
    check_search_data(body["data"])


async def test_a_barcode_reads_at_the_top_level(api):
    answer = await api.post("/api/v2/books/enrich", json={"barcode": FERRY})
    body = answer.json
    check_envelope(body, success=True)
    assert (body["isbn"], body["title"]) == (FERRY, "The Ferry to Morrow Island")
    assert body["authors"] == ["Maren Holloway"]
    check_edition(body["editions"][0])


async def test_a_barcode_fails_in_the_ways_the_app_knows(start):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_ENRICH_SINGLE="2/60")
    lost = await api.post("/api/v2/books/enrich", json={"barcode": "9791095546719"})
    assert lost.status == 404
    check_envelope(lost.json, success=False)
    await api.post("/api/v2/books/enrich", json={"barcode": FERRY})
    limited = await api.post("/api/v2/books/enrich", json={"barcode": FERRY})
    assert limited.status == 429
    check_envelope(limited.json, success=False)
    assert int(limited.headers["Retry-After"]) >= 1


async def test_an_open_circuit_reads_at_error_and_in_details(start):
    api = await start(ISBNDB_API_KEY="", CIRCUIT_FAILURES="1", GOOGLE_BOOKS_API_KEY="")
    api.upstream.fault("openlibrary", Fault.status(500))
    await api.post("/api/v2/books/enrich", json={"barcode": FERRY})
    answer = await api.post("/api/v2/books/enrich", json={"barcode": FERRY})
    assert answer.status == 503
    check_envelope(answer.json, success=False)
    error = answer.json["error"]
    assert error["code"] == "CIRCUIT_OPEN"
    assert error["provider"] == error["details"]["provider"] == "open-library"
    assert error["retryAfterMs"] == error["details"]["retryAfterMs"] > 0
    assert int(answer.headers["Retry-After"]) >= 1


async def test_no_failure_carries_a_null_in_its_details(api):
    paths = [
        "/nowhere",
        "/v1/search/isbn",
        "/v1/search/isbn?isbn=x",
        "/v1/search/title",
        "/v1/search/title?q=ferry&limit=x",
        "/v1/search/author?name=ab&sortBy=x",
        "/v1/search/advanced",
        "/v1/editions/search?workTitle=zzyzzx&author=nobody",
        "/api/v2/search?q=ab&mode=x",
        "/search/author?q=x&limit=0",
        "/external/isbndb-isbn?isbn=9791095546719",
        "/images/proxy",
        "/images/proxy?url=http://127.0.0.1/",
        "/images/covers/9781644100370",
        "/v3/books/9791095546719",
        "/v3/books/search?q=ab&mode=similar",
    ]
    for path in paths:
        answer = await api.get(path)
        assert (path, answer.status >= 400) == (path, True)
        check_envelope(answer.json, success=False)
        assert answer.json["error"]["statusCode"] == answer.status


async def test_capabilities_decode_without_an_envelope(api):
    body = (await api.get("/api/v2/capabilities")).json
    for part in ("features", "infrastructure"):
        assert all(type(value) is bool for value in body[part].values())
    assert all(type(value) is int for value in body["limits"].values())
