"""The web client's façade (http-api §7.N)."""

from __future__ import annotations

import pytest

from bookstrack.testing.faults import Fault
from bookstrack.testing.generated import generated_isbn

FERRY, SALT = "9781644100370", "9781644101117"
UNKNOWN = "9791095546719"


async def enrich(api, isbns):
    return await api.post("/v3/books/enrich", json={"isbns": isbns})


async def test_a_search_has_an_isbn_in_every_result(api):
    api.upstream.add_books(200)
    answer = await api.get("/v3/books/search?q=harbour&limit=30")
    data = answer.json["data"]
    assert len(data["results"]) > 3
    assert all(len(book["isbn"]) == 13 for book in data["results"])
    assert data["totalCount"] == data["total"] >= len(data["results"])
    assert data["query"] == {"q": "harbour", "mode": "text", "limit": 30, "offset": 0, "page": 1}
    assert (data["limit"], data["offset"]) == (30, 0)
    first = data["results"][0]
    assert first["work"]["title"]
    assert [author["name"] for author in first["authorsDetailed"]] == first["authors"]
    assert answer.headers["X-Cache"] == "MISS"


async def test_pages_by_number_or_offset(api):
    api.upstream.add_books(200)
    path = "/v3/books/search?q=harbour&limit=5"
    second = (await api.get(f"{path}&page=2")).json["data"]
    assert (second["query"]["page"], second["offset"]) == (2, 5)
    by_offset = (await api.get(f"{path}&offset=5")).json["data"]
    assert by_offset["results"] == second["results"]
    synonym = (await api.get("/v3/books/search?q=harbour&maxResults=5&page=2")).json["data"]
    assert synonym["results"] == second["results"]
    for bad in ("page=0", "page=x", "offset=-1", "limit=0", "limit=101"):
        assert (await api.get(f"/v3/books/search?q=harbour&{bad}")).status == 400


async def test_modes(api):
    for name in ("type", "mode"):
        assert (await api.get(f"/v3/books/search?q=ferry&{name}=text")).status == 200
        for mode in ("semantic", "similar"):
            missing = await api.get(f"/v3/books/search?q={FERRY}&{name}={mode}")
            assert missing.status == 503
            assert missing.json["error"]["code"] == "SEARCH_UNAVAILABLE"
        bad = await api.get(f"/v3/books/search?q=ferry&{name}=psychic")
        assert (bad.status, bad.json["error"]["code"]) == (400, "INVALID_QUERY")
    short = await api.get("/v3/books/search?q=x")
    assert (short.status, short.json["error"]["code"]) == (400, "INVALID_QUERY")


async def test_one_book(api):
    for spelling in (FERRY, "1644100371", "978-1-64410-037-0"):
        data = (await api.get(f"/v3/books/{spelling}")).json["data"]
        assert data["isbn"] == FERRY
        assert data["work"]["firstPublishYear"] == 1983
        assert data["edition"]["numberOfPages"] == 312
        assert data["edition"]["publishers"] == ["Larkspur House"]
        assert data["authorsDetailed"][0]["name"] == "Maren Holloway"
    lost = await api.get(f"/v3/books/{UNKNOWN}")
    assert (lost.status, lost.json["error"]["code"]) == (404, "NOT_FOUND")
    assert lost.headers["X-Cache"] == "MISS"
    bad = await api.get("/v3/books/abc")
    assert (bad.status, bad.json["error"]["code"]) == (400, "INVALID_ISBN")


async def test_many_books_at_once(api):
    answer = await enrich(api, [FERRY, UNKNOWN, "1644100371", SALT])
    data = answer.json["data"]
    assert [book["isbn"] for book in data["books"]] == [FERRY, SALT]
    assert data["notFound"] == [UNKNOWN]
    assert "failed" not in data
    assert data["totalCount"] == 3
    assert answer.json["metadata"]["provider"] == "google-books"
    assert answer.json["metadata"]["cached"] is False
    again = await enrich(api, [SALT, FERRY])
    assert [book["isbn"] for book in again.json["data"]["books"]] == [SALT, FERRY]
    assert again.json["metadata"]["cached"] is True


async def test_five_hundred_books_at_once(start):
    api = await start(WIKIDATA_ENABLED="false", CONCURRENCY_LIMIT="50")
    isbns = [generated_isbn(index) for index in range(500)]
    answer = await enrich(api, isbns)
    assert [book["isbn"] for book in answer.json["data"]["books"]] == isbns
    more = await enrich(api, [*isbns, generated_isbn(500)])
    assert (more.status, more.json["error"]["code"]) == (400, "BATCH_TOO_LARGE")
    assert more.json["error"]["details"] == {"max": 500, "received": 501}


async def test_what_a_list_must_be(api):
    for isbns, code in (
        ([], "EMPTY_BATCH"),
        (["abc"], "INVALID_ISBN"),
        ([5], "INVALID_REQUEST"),
        ("abc", "INVALID_REQUEST"),
        (None, "INVALID_REQUEST"),
    ):
        answer = await enrich(api, isbns)
        assert (answer.status, answer.json["error"]["code"]) == (400, code)
    second = await enrich(api, [FERRY, "abc"])
    assert second.json["error"]["details"] == {"isbn": "abc", "index": 1}


async def test_a_strict_server_names_the_wrong_check_digit(start):
    api = await start(ISBN_STRICT="true")
    answer = await enrich(api, [FERRY, "9781644100371"])
    assert answer.status == 400
    assert answer.json["error"]["code"] == "INVALID_ISBN"
    assert answer.json["error"]["details"] == {"isbn": "9781644100371", "index": 1}


async def test_books_that_could_not_be_asked_for_are_failed_not_missing(api):
    await api.get(f"/v1/search/isbn?isbn={FERRY}")
    api.upstream.fault("all", Fault.status(500))
    answer = await enrich(api, [FERRY, SALT])
    assert answer.status == 200
    data = answer.json["data"]
    assert [book["isbn"] for book in data["books"]] == [FERRY]
    assert (data["failed"], data["notFound"]) == ([SALT], [])
    assert answer.json["metadata"]["warnings"][0]["code"] == "PROVIDER_ERROR"
    nothing = await enrich(api, [SALT])
    assert (nothing.status, nothing.json["error"]["code"]) == (502, "PROVIDER_ERROR")


async def test_capabilities_of_both_generations(api):
    body = (await api.get("/api/v2/capabilities")).json
    assert body["version"] == body["data"]["version"] == "3.3.0"
    assert set(body["features"]) == {
        "semantic_search",
        "similar_books",
        "weekly_recommendations",
        "sse_streaming",
        "batch_enrichment",
        "csv_import",
    }
    assert all(isinstance(on, bool) for on in body["features"].values())
    assert body["limits"] == {
        "semantic_search_rpm": 5,
        "text_search_rpm": 100,
        "csv_max_rows": 10000,
        "batch_max_photos": 5,
    }
    assert body["infrastructure"]["d1_available"] is True
    data = body["data"]
    assert data["api_version"] == "3.3"
    assert data["features"]["circuit_breaker"]["providers"] == [
        "google-books",
        "open-library",
        "isbndb",
    ]
    assert data["features"]["barcode_enrichment"]["endpoint"] == "/api/v2/books/enrich"
    facade = await api.get("/v3/capabilities")
    assert set(facade.json["data"]) == {"version", "features", "rateLimits", "endpoints"}
    assert facade.json["data"]["rateLimits"]["search"] == 100
    assert facade.headers["Cache-Control"] == "public, max-age=3600"


@pytest.mark.parametrize("rate", ["7/60"])
async def test_capabilities_tell_the_limits_in_force(start, rate):
    api = await start(RATE_SEARCH=rate, ISBNDB_API_KEY="")
    body = (await api.get("/api/v2/capabilities")).json
    assert body["limits"]["text_search_rpm"] == 7
    assert body["data"]["features"]["search"]["rate_limits"] == {"text": 7}
    providers = body["data"]["features"]["barcode_enrichment"]["providers"]
    assert providers == ["google-books", "open-library"]
