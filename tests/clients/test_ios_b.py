"""The next generation's iOS client (IOS-B of http-api §9), recognised by its version header."""

from __future__ import annotations

from clients.reading import check_book, check_envelope

IOS = {"X-Client-Version": "ios-v4.0.0"}
FERRY = "9781644100370"


async def test_the_data_of_an_isbn_search_is_a_book(api):
    answer = await api.get(f"/v1/search/isbn?isbn={FERRY}", headers=IOS)
    check_envelope(answer.json, success=True)
    check_book(answer.json["data"])
    assert answer.json["data"]["isbn"] == FERRY


async def test_a_number_that_is_no_book_is_a_404(api):
    answer = await api.get("/v1/search/isbn?isbn=1234567890", headers=IOS)
    assert answer.status == 404
    check_envelope(answer.json, success=False)
    assert answer.json["error"]["code"] == "NOT_FOUND"
    assert answer.json["error"]["statusCode"] == 404


async def test_the_data_of_other_searches_is_a_list_of_books(api):
    for path in (
        "/v1/search/title?title=ferry",
        "/v1/search/title?q=ferry",
        "/v1/search/advanced?title=ferry&author=Holloway",
        "/api/v2/search?query=ferry&mode=text",
        "/v1/search/title?title=zzyzzx",
    ):
        answer = await api.get(path, headers=IOS)
        assert answer.status == 200
        check_envelope(answer.json, success=True)
        assert isinstance(answer.json["data"], list)
        for book in answer.json["data"]:
            check_book(book)
        assert bool(answer.json["data"]) is ("zzyzzx" not in path)


async def test_errors_repeat_their_status(api):
    for path, status in (
        ("/v1/search/isbn?isbn=abc", 400),
        ("/v1/search/title?title=x", 400),
        ("/nowhere", 404),
    ):
        answer = await api.get(path, headers=IOS)
        check_envelope(answer.json, success=False)
        assert answer.json["error"]["statusCode"] == answer.status == status


async def test_health_reads_in_data(api):
    body = (await api.get("/health", headers=IOS)).json
    check_envelope(body, success=True)
    assert body["data"]["status"] in ("ok", "healthy")
    assert body["data"]["version"]


async def test_a_barcode_is_a_flat_book_for_this_client_too(api):
    answer = await api.post("/api/v2/books/enrich", json={"barcode": FERRY}, headers=IOS)
    check_envelope(answer.json, success=True)
    check_book(answer.json["data"])
