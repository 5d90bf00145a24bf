"""The first generation's searches, bare JSON in Google's form (http-api §7.H)."""

from __future__ import annotations

import pytest

from bookstrack.testing.faults import Fault

FERRY = "9781644100370"
AUTHOR = "Maren Holloway"


async def test_a_title_search_is_a_list_of_volumes(api):
    cold = await api.get("/search/title?q=ferry")
    body = cold.json
    assert body["success"] is True
    assert "data" not in body
    assert "meta" not in body
    assert body["kind"] == "books#volumes"
    assert body["totalItems"] == len(body["items"]) > 0
    assert body["provider"] == "orchestrated:google+openlibrary"
    assert body["cached"] is False
    assert "cacheSource" not in body
    assert isinstance(body["responseTime"], int)
    item = body["items"][0]
    info = item["volumeInfo"]
    assert (item["kind"], item["id"]) == ("books#volume", "bt0070001011")
    assert info["title"] == "The Ferry to Morrow Island"
    assert info["authors"] == [AUTHOR]
    assert {"type": "ISBN_13", "identifier": FERRY} in info["industryIdentifiers"]
    assert set(info["imageLinks"]) == {"thumbnail", "smallThumbnail"}
    assert cold.headers["Cache-Control"] == "public, max-age=21600"
    assert cold.headers["X-Cache"] == "MISS"
    warm = await api.get("/search/title?q=ferry")
    assert (warm.json["cached"], warm.json["cacheSource"]) == (True, "EDGE")
    assert warm.json["items"] == body["items"]


async def test_an_isbn_search_gives_one_volume(api):
    answer = await api.get(f"/search/isbn?isbn={FERRY}")
    assert answer.json["totalItems"] == 1
    assert answer.headers["Cache-Control"] == "public, max-age=604800"
    assert (await api.get(f"/search/isbn?isbn={FERRY}&maxResults=5")).status == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/search/title", "MISSING_PARAM"),
        ("/search/title?q=%20", "MISSING_PARAM"),
        ("/search/isbn", "MISSING_PARAM"),
        ("/search/isbn?isbn=", "MISSING_PARAM"),
        ("/search/isbn?isbn=12", "INVALID_ISBN"),
        ("/search/author", "MISSING_PARAM"),
        ("/search/author?q=x&limit=0", "INVALID_PARAM"),
        ("/search/author?q=x&limit=101", "INVALID_PARAM"),
        ("/search/author?q=x&maxResults=many", "INVALID_PARAM"),
        ("/search/author?q=x&offset=-1", "INVALID_PARAM"),
        ("/search/author?q=x&sortBy=size", "INVALID_PARAM"),
        ("/search/advanced", "MISSING_PARAM"),
    ],
)
async def test_what_is_missing_or_wrong(api, path, code):
    answer = await api.get(path)
    assert answer.status == 400
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["canonicalCode"] == "INVALID_REQUEST"
    assert "items" not in answer.json
    newer = await api.get(path, headers={"X-API-Version": "3"})
    assert newer.json["error"]["code"] == "INVALID_REQUEST"
    assert newer.json["error"]["canonicalCode"] == code


async def test_an_author_search_in_pages(api):
    whole = (await api.get(f"/search/author?q={AUTHOR}")).json
    assert whole["provider"] == "openlibrary"
    assert whole["author"] == {
        "name": AUTHOR,
        "openLibraryKey": "OL7000001A",
        "totalWorks": 5,
    }
    assert whole["pagination"] == {
        "total": 5,
        "limit": 50,
        "offset": 0,
        "hasMore": False,
        "nextOffset": None,
    }
    assert {"title", "openLibraryWorkKey", "editions"} <= set(whole["works"][0])
    pages = [
        (await api.get(f"/search/author?q={AUTHOR}&limit=2&offset={n}")).json for n in (0, 2, 4)
    ]
    assert [work for page in pages for work in page["works"]] == whole["works"]
    assert [page["pagination"]["nextOffset"] for page in pages] == [2, 4, None]
    older = (await api.get(f"/search/author?q={AUTHOR}&sortBy=publicationYearAsc")).json
    assert older["works"] == whole["works"][::-1]


async def test_an_unknown_author_has_no_works(api):
    body = (await api.get("/search/author?q=Nobody+Nowhere")).json
    assert body["works"] == []
    assert body["author"]["openLibraryKey"] is None
    assert body["author"]["totalWorks"] == body["pagination"]["total"] == 0


async def test_an_advanced_search_by_query_or_body(api):
    items = []
    for query in ("title=ferry", "bookTitle=ferry", f"bookTitle=ferry&authorName={AUTHOR}"):
        answer = await api.get(f"/search/advanced?{query}")
        items.append(answer.json["items"][0]["id"])
        assert answer.headers["Cache-Control"] == "public, max-age=21600"
    for body in ({"title": "ferry"}, {"bookTitle": "ferry", "authorName": AUTHOR}):
        answer = await api.post("/search/advanced", json=body)
        items.append(answer.json["items"][0]["id"])
        assert answer.headers["Cache-Control"] == "no-store"
    assert set(items) == {"bt0070001011"}
    assert (await api.post("/search/advanced", json={})).json["error"]["code"] == "MISSING_PARAM"
    bad = await api.post("/search/advanced", json={"title": "ferry", "maxResults": 0})
    assert bad.status == 400


async def test_a_remembered_miss_says_so(api):
    first = (await api.get("/search/advanced?title=zzyzzx")).json
    again = (await api.get("/search/advanced?title=zzyzzx")).json
    assert (first["items"], "negativeCache" in first) == ([], False)
    assert (again["items"], again["negativeCache"]) == ([], True)


async def test_failed_providers_are_an_error_with_empty_items(api):
    api.upstream.fault("all", Fault.status(500))
    answer = await api.get("/search/title?q=ferry")
    assert answer.status == 502
    assert answer.json["items"] == []
    assert answer.json["success"] is False
    assert answer.json["error"]["code"] == "PROVIDER_ERROR"
