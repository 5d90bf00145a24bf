"""One provider, asked directly (http-api §7.I)."""

from __future__ import annotations

import pytest

from bookstrack.testing.faults import Fault

FERRY = "9781644100370"
TITLE, AUTHOR = "The Ferry to Morrow Island", "Maren Holloway"
ROUTES = {
    f"/external/google-books?q={TITLE}": "google",
    f"/external/google-books-isbn?isbn={FERRY}": "google",
    f"/external/openlibrary?q={TITLE}": "openlibrary",
    f"/external/isbndb?title={TITLE}": "isbndb",
    f"/external/isbndb?title={TITLE}&author={AUTHOR}": "isbndb",
}


@pytest.mark.parametrize("path", ROUTES)
async def test_only_the_provider_that_was_named_is_asked(api, path):
    answer = await api.get(path)
    assert answer.status == 200
    assert list(answer.json) == ["success", "works", "editions", "authors", "metadata"]
    assert TITLE in [work["title"] for work in answer.json["works"]]
    assert answer.headers["Cache-Control"] == "no-store"
    asked = {name for name in ("google", "openlibrary", "isbndb") if api.upstream.count(name)}
    assert asked == {ROUTES[path]}
    assert answer.json["metadata"]["cached"] is False
    again = api.upstream.count(ROUTES[path])
    await api.get(path)
    assert api.upstream.count(ROUTES[path]) > again


async def test_an_author_with_works(api):
    body = (await api.get(f"/external/openlibrary-author?author={AUTHOR}")).json
    assert body["author"] == {"name": AUTHOR, "openLibraryKey": "OL7000001A"}
    assert TITLE in [work["title"] for work in body["works"]]
    nobody = (await api.get("/external/openlibrary-author?author=Nobody+Nowhere")).json
    assert nobody["author"] == {"name": "Nobody Nowhere"}
    assert nobody["works"] == []


async def test_editions(api):
    body = (await api.get(f"/external/isbndb-editions?title={TITLE}&author={AUTHOR}")).json
    assert FERRY in [isbn for edition in body["editions"] for isbn in edition["isbns"]]


async def test_one_isbn(api):
    body = (await api.get(f"/external/isbndb-isbn?isbn={FERRY}")).json
    assert body["work"]["title"] == TITLE
    assert FERRY in body["edition"]["isbns"]
    assert [author["name"] for author in body["authors"]] == [AUTHOR]
    lost = await api.get("/external/isbndb-isbn?isbn=9791095546719")
    assert (lost.status, lost.json["error"]["code"]) == (404, "NOT_FOUND")


async def test_nothing_found_is_empty_lists(api):
    for path in ("google-books?q=zzyzzx", "openlibrary?q=zzyzzx", "isbndb?title=zzyzzx"):
        body = (await api.get(f"/external/{path}")).json
        assert (body["works"], body["editions"], body["authors"]) == ([], [], [])
    isbn = (await api.get("/external/google-books-isbn?isbn=9791095546719")).json
    assert isbn["works"] == []


async def test_missing_parameters(api):
    for path in (
        "google-books",
        "google-books-isbn",
        "openlibrary",
        "openlibrary-author",
        "isbndb",
        "isbndb-editions?title=x",
        "isbndb-editions?author=x",
        "isbndb-isbn",
    ):
        answer = await api.get(f"/external/{path}")
        assert (path, answer.status) == (path, 400)
        assert answer.json["error"]["code"] == "MISSING_PARAM"
    bad = await api.get("/external/isbndb-isbn?isbn=x")
    assert bad.json["error"]["code"] == "INVALID_ISBN"


async def test_a_failing_provider_is_a_502_without_items(api):
    api.upstream.fault("google", Fault.status(500))
    answer = await api.get("/external/google-books?q=ferry")
    assert answer.status == 502
    assert answer.json["error"]["provider"] == "google-books"
    assert "items" not in answer.json


async def test_a_provider_without_key_is_a_503(start):
    api = await start(ISBNDB_API_KEY="")
    answer = await api.get(f"/external/isbndb-isbn?isbn={FERRY}")
    assert answer.status == 503
    assert answer.json["error"]["code"] == "FEATURE_DISABLED"
    assert answer.json["error"]["retryable"] is False
