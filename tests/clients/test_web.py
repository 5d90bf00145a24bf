"""The web client, and the load test of the founding plan (WEB and S2 of http-api §9)."""

from __future__ import annotations

from bookstrack.testing.generated import generated_isbn
from clients.reading import check_book, check_envelope

FERRY = "9781644100370"


async def test_a_page_of_results(api):
    for page in (1, 2):
        answer = await api.get(f"/v3/books/search?q=the&limit=10&page={page}")
        check_envelope(answer.json, success=True)
        data = answer.json["data"]
        assert {"results", "totalCount", "query"} <= set(data)
        assert set(data["query"]) == {"q", "mode", "limit", "offset", "page"}
        for book in data["results"]:
            check_book(book)
            assert book["isbn"]  # one result without it and the client drops the whole list


async def test_one_book_and_many(api):
    one = await api.get(f"/v3/books/{FERRY}")
    check_envelope(one.json, success=True)
    check_book(one.json["data"])
    many = await api.post("/v3/books/enrich", json={"isbns": [FERRY, "9791095546719"]})
    check_envelope(many.json, success=True)
    assert {"books", "notFound", "totalCount"} <= set(many.json["data"])
    for book in many.json["data"]["books"]:
        check_book(book)


async def test_failures_and_capabilities(api):
    for path in ("/v3/books/abc", "/v3/books/9791095546719", "/v3/books/search?q="):
        check_envelope((await api.get(path)).json, success=False)
    check_envelope((await api.get("/v3/capabilities")).json, success=True)


async def test_the_load_test_finds_a_book_for_every_isbn(api):
    for isbn in (FERRY, *(generated_isbn(index) for index in range(10))):
        answer = await api.get(f"/v1/search/isbn?isbn={isbn}")
        assert answer.status == 200
        assert answer.json["success"] is True
        assert answer.json["data"]["book"] is not None
