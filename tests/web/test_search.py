"""Searches by title, author, author and title, edition and any words (http-api §7.B)."""

from __future__ import annotations

import pytest

from bookstrack.testing.faults import Fault

FERRY = "9781644100370"
AUTHOR = "Maren Holloway"
EDITIONS = {"workTitle": "The Ferry to Morrow Island", "author": AUTHOR}


def titles(answer) -> list[str]:
    return [work["title"] for work in answer.json["data"]["works"]]


async def test_a_search_says_where_its_answer_came_from(api):
    cold = await api.get("/v1/search/title?q=ferry")
    warm = await api.get("/v1/search/title?q=ferry")
    names = ("X-Cache", "X-Cache-Source", "X-Provider", "X-Image-Quality", "X-Data-Completeness")
    assert [cold.headers[n] for n in names] == ["MISS", "API", "google-books", "high", "100"]
    assert [warm.headers[n] for n in names] == ["HIT", "EDGE", "google-books", "high", "100"]
    assert cold.headers["Cache-Control"] == "public, max-age=21600"
    assert int(warm.headers["X-Cache-TTL"]) <= 604_800
    assert int(warm.headers["X-Cache-Age"]) >= 0
    assert warm.json["metadata"]["cacheSource"] == "EDGE"


@pytest.mark.parametrize(
    ("path", "name", "code"),
    [
        ("/v1/search/title", "q", "INVALID_QUERY"),
        ("/v1/search/author", "name", "INVALID_QUERY"),
        ("/api/v2/search", "q", "INVALID_QUERY"),
    ],
)
async def test_text_has_at_least_two_characters(api, path, name, code):
    for text in (None, "", " ", "x", " x ", "\t\n", "\x00\x01"):
        answer = await api.get(path, params={} if text is None else {name: text})
        assert answer.status == 400
        assert answer.json["error"]["code"] == code
        assert answer.json["error"]["canonicalCode"] == "INVALID_REQUEST"
    assert (await api.get(path, params={name: "zz"})).status == 200
    assert api.upstream.count() > 0


async def test_text_is_trimmed_and_cut_to_200_characters(api):
    long = "ferry " + "y" * 300
    answer = await api.get("/v1/search/title", params={"q": f"   {long}  "})
    assert answer.status == 200
    assert answer.json["data"]["query"] == long[:200]
    await api.get("/v1/search/title", params={"q": long[:200] + " and more"})
    assert len([a for a in api.upstream.asked("google") if "volumes" in a.path]) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/search/title?q=ferry",
        "/v1/search/author?name=Maren+Holloway",
        "/v1/search/advanced?title=ferry",
        "/v1/editions/search?workTitle=The+Ferry+to+Morrow+Island&author=Maren+Holloway",
        "/api/v2/search?q=ferry",
        "/v3/books/search?q=ferry",
    ],
)
async def test_page_sizes_are_whole_numbers_from_1_to_100(api, path):
    for name in ("limit", "maxResults"):
        for bad in ("0", "101", "-1", "x", "1.5", "", "99999999999999999999", "%D9%A3x"):
            answer = await api.get(f"{path}&{name}={bad}")
            assert (name, bad, answer.status) == (name, bad, 400)
            assert answer.json["error"]["code"] == "INVALID_REQUEST"
            assert answer.json["error"]["details"]["problems"][0]["key"] == name
        assert (await api.get(f"{path}&{name}=100")).status == 200


async def test_limit_and_its_synonym_cut_the_list(api):
    api.upstream.add_books(200)
    for path in ("/v1/search/title?q=harbour", "/api/v2/search?q=harbour"):
        for name in ("limit", "maxResults"):
            answer = await api.get(f"{path}&{name}=3")
            assert len(titles(answer)) == 3
            assert answer.json["data"]["resultCount"] == 3
            assert answer.json["data"]["totalResults"] >= 3
        assert len(titles(await api.get(path))) == 20


async def test_offsets_page_through_a_title_search(api):
    api.upstream.add_books(200)
    pages = [
        titles(await api.get(f"/v1/search/title?q=harbour&limit=4&offset={offset}"))
        for offset in (0, 4, 8)
    ]
    together = titles(await api.get("/v1/search/title?q=harbour&limit=12"))
    assert [title for page in pages for title in page] == together
    for bad in ("-1", "x"):
        assert (await api.get(f"/v1/search/title?q=harbour&offset={bad}")).status == 400


async def test_a_title_of_the_shape_of_an_isbn_is_looked_up_as_one(api):
    for text in (FERRY, "978-1-64410-037-0", "1644100371"):
        answer = await api.get("/v1/search/title", params={"q": text})
        assert answer.json["data"]["isbn"] == FERRY
        assert titles(answer) == ["The Ferry to Morrow Island"]
    listed = await api.get(f"/v1/search/title?title={FERRY}")
    assert [book["isbn"] for book in listed.json["data"]] == [FERRY]


async def test_nothing_found_is_an_empty_200_and_kept_for_five_minutes(api):
    answer = await api.get("/v1/search/title?q=zzyzzx+qwrtz")
    assert answer.status == 200
    assert answer.json["data"]["works"] == []
    assert answer.json["data"]["resultCount"] == 0
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["X-Image-Quality"] == "missing"
    assert answer.headers["X-Provider"] == "none"
    assert answer.json["metadata"]["provider"] == "none"


# --- authors --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["name", "q", "author"])
async def test_an_author_with_works(api, name):
    answer = await api.get("/v1/search/author", params={name: AUTHOR})
    data = answer.json["data"]
    author = data["authors"][0]
    assert author["name"] == AUTHOR
    assert author["key"] == f"/authors/{author['openLibraryID']}"
    assert author["workCount"] == data["totalResults"] == data["pagination"]["total"] == 5
    assert [book["title"] for book in author["works"]] == titles(answer)
    assert data["books"] == author["works"]
    assert data["resultCount"] == len(data["works"]) == 5
    assert data["query"] == AUTHOR
    assert answer.headers["Cache-Control"] == "public, max-age=21600"


async def test_an_author_that_nobody_knows(api):
    answer = await api.get("/v1/search/author?name=Nobody+Nowhere")
    assert answer.status == 200
    data = answer.json["data"]
    assert (data["authors"], data["works"], data["resultCount"]) == ([], [], 0)
    assert data["pagination"] == {
        "total": 0,
        "limit": 20,
        "offset": 0,
        "hasMore": False,
        "nextOffset": None,
    }


async def test_orders_of_an_authors_works(api):
    def years(answer):
        return [work.get("firstPublicationYear") for work in answer.json["data"]["works"]]

    path = f"/v1/search/author?name={AUTHOR}&sortBy="
    newest = years(await api.get(path + "publicationYear"))
    oldest = years(await api.get(path + "publicationYearAsc"))
    by_title = titles(await api.get(path + "title"))
    assert newest == sorted(newest, reverse=True)
    assert oldest == sorted(oldest)
    assert by_title == sorted(by_title, key=lambda t: t.removeprefix("The ").removeprefix("A "))
    assert sorted(titles(await api.get(path + "popularity"))) == sorted(by_title)
    assert years(await api.get(f"/v1/search/author?name={AUTHOR}")) == newest
    assert (await api.get(path + "size")).status == 400


async def test_pages_of_an_authors_works(api):
    path = f"/v1/search/author?name={AUTHOR}&limit=2&offset="
    pages = [(await api.get(f"{path}{offset}")).json["data"] for offset in (0, 2, 4, 6)]
    found = [work["title"] for page in pages for work in page["works"]]
    assert found == titles(await api.get(f"/v1/search/author?name={AUTHOR}"))
    assert [page["pagination"]["nextOffset"] for page in pages] == [2, 4, None, None]
    assert [page["pagination"]["hasMore"] for page in pages] == [True, True, False, False]
    assert [page["resultCount"] for page in pages] == [2, 2, 1, 0]


# --- advanced -------------------------------------------------------------------------------


async def test_an_advanced_search_needs_something(api):
    for query in ("", "?title=&author=%20&isbn=", "?year=1983", "?publisher=Larkspur"):
        answer = await api.get(f"/v1/search/advanced{query}")
        assert answer.status == 400
        assert answer.json["error"]["code"] == "INVALID_QUERY"
        assert answer.json["error"]["details"] == {"required": ["title", "author", "isbn"]}
    bad = await api.get("/v1/search/advanced?isbn=123&title=ferry")
    assert bad.json["error"]["code"] == "INVALID_ISBN"


async def test_an_advanced_search_by_title_author_or_both(api):
    for query in ("title=ferry", f"author={AUTHOR}", f"title=ferry&author={AUTHOR}"):
        answer = await api.get(f"/v1/search/advanced?{query}")
        assert "The Ferry to Morrow Island" in titles(answer)
        assert answer.headers["Cache-Control"] == "public, max-age=21600"
    other = await api.get("/v1/search/advanced?title=ferry&author=Tobias+Grünwald")
    assert titles(other) == []


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("", True),
        ("&title=Ferry&author=Holloway", True),
        ("&year=1983", True),
        ("&publisher=Larkspur", True),
        ("&language=en", True),
        ("&title=Salt+Weather", False),
        ("&author=Tobias+Grünwald", False),
        ("&year=1999", False),
        ("&publisher=Quay+Press", False),
        ("&language=de", False),
    ],
)
async def test_the_isbn_goes_before_all_and_the_rest_filters(api, rest, found):
    answer = await api.get(f"/v1/search/advanced?isbn={FERRY}{rest}")
    assert answer.status == 200
    data = answer.json["data"]
    assert titles(answer) == (["The Ferry to Morrow Island"] if found else [])
    assert (data["book"] is not None) is found
    assert data["query"] == FERRY
    assert answer.headers["X-Provider"] == ("google-books" if found else "none")
    assert answer.headers["X-Data-Completeness"] == ("100" if found else "0")
    listed = await api.get(f"/v1/search/advanced?isbn={FERRY}{rest}&view=list")
    assert len(listed.json["data"]) == int(found)
    assert titles(await api.get(f"/v1/search/isbn?isbn={FERRY}"))  # the cached book is untouched


# --- editions -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/editions/search", "/v1/search/editions"])
async def test_editions_best_first_and_cut_after_sorting(api, path):
    whole = await api.get(path, params=EDITIONS)
    data = whole.json["data"]
    assert whole.headers["Cache-Control"] == "public, max-age=604800"
    assert (data["works"], data["authors"]) == ([], [])
    assert data["resultCount"] == data["totalResults"] == len(data["editions"]) > 1
    order = ["Hardcover", "Paperback", "E-book", "Audiobook", "Mass Market"]
    formats = [order.index(edition["format"]) for edition in data["editions"]]
    assert formats == sorted(formats)
    isbns = [isbn for edition in data["editions"] for isbn in edition["isbns"]]
    assert len(isbns) == len(set(isbns))
    cut = (await api.get(path, params=EDITIONS | {"limit": "1"})).json["data"]
    assert cut["editions"] == data["editions"][:1]
    assert (cut["resultCount"], cut["totalResults"]) == (1, data["totalResults"])
    alias = {"title": EDITIONS["workTitle"], "author": AUTHOR}
    assert (await api.get(path, params=alias)).json["data"] == data


@pytest.mark.parametrize(("settings", "size"), [({}, "40"), ({"MAX_RESULTS_DEFAULT": "7"}, "7")])
async def test_editions_are_asked_for_in_pages_of_the_set_size(start, settings, size):
    api = await start(**settings)
    await api.get("/v1/editions/search", params=EDITIONS)
    asked = [line for line in api.upstream.asked("google") if "maxResults" in line.query]
    assert {line.query["maxResults"] for line in asked} == {size}


async def test_editions_of_a_work_that_nobody_knows(api):
    asked = {"workTitle": "Zzyzzx Unheard", "author": "Nobody Nowhere"}
    answer = await api.get("/v1/editions/search", params=asked)
    assert answer.status == 404
    assert answer.json["error"]["code"] == "NOT_FOUND"
    assert answer.json["error"]["details"] == asked
    for missing in ("workTitle", "author"):
        kept = {name: text for name, text in EDITIONS.items() if name != missing}
        bad = await api.get("/v1/editions/search", params=kept)
        assert (bad.status, bad.json["error"]["code"]) == (400, "INVALID_QUERY")
        assert bad.json["error"]["details"] == {"parameter": missing}


# --- any words ------------------------------------------------------------------------------


async def test_a_search_by_words_has_its_keys_at_the_top_and_in_data(api):
    answer = await api.get("/api/v2/search?q=ferry&limit=5&offset=0")
    body = answer.json
    first = body["results"][0]
    assert first["title"] == "The Ferry to Morrow Island"
    assert first["isbn"] == FERRY
    assert first["authors"] == [AUTHOR]
    assert first["match_type"] == "text"
    assert first["cover_url"].startswith("https://")
    scores = [result["relevance_score"] for result in body["results"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert (body["mode"], body["query"]) == ("text", "ferry")
    assert body["total"] == body["data"]["totalResults"] >= len(body["results"])
    assert isinstance(body["latency_ms"], int)
    data = body["data"]
    assert data["results"] == body["results"]
    assert (data["searchType"], data["limit"], data["offset"]) == ("text", 5, 0)
    assert answer.headers["Cache-Control"] == "public, max-age=300"


async def test_search_by_meaning_is_not_there_yet(api):
    answer = await api.get("/api/v2/search?q=ferry&mode=semantic")
    assert answer.status == 503
    assert answer.json["error"]["code"] == "SEARCH_UNAVAILABLE"
    other = await api.get("/api/v2/search?q=ferry&mode=psychic")
    assert (other.status, other.json["error"]["code"]) == (400, "INVALID_QUERY")
    assert (await api.get("/api/v2/search?q=ferry&mode=text")).status == 200


async def test_our_own_tables_come_first_and_are_topped_up(start):
    api = await start(SAMPLE_DATA="true")
    own = await api.get("/api/v2/search?q=Tolkien&limit=1")
    assert own.headers["X-Cache-Source"] == "DB"
    assert api.upstream.count("google") == 0
    await api.get("/api/v2/search?q=Tolkien&limit=100")
    assert api.upstream.count("google") > 0


@pytest.mark.parametrize("path", ["/v1/search/title?q=ferry", "/api/v2/search?q=ferry"])
async def test_failed_providers_are_an_error_not_an_empty_list(api, path):
    api.upstream.fault("all", Fault.status(500), times=3)
    answer = await api.get(path)
    assert answer.status == 502
    assert answer.json["error"]["code"] == "PROVIDER_ERROR"
    assert answer.json["error"]["canonicalCode"] == "API_ERROR"
    assert answer.json["error"]["retryable"] is True
    assert "items" not in answer.json
    api.upstream.heal()
    assert titles(await api.get(path))
