"""Views (http-api §2.6) and compression: one answer in several forms."""

from __future__ import annotations

import gzip

import msgspec
import pytest

FERRY = "9781644100370"
UNKNOWN = "9791095546719"
IOS = {"X-Client-Version": "ios-v3.1.0"}
V2, V3 = {"X-API-Version": "2.1"}, {"X-API-Version": "3.3"}


def form(data) -> str:
    """Tell the view of a search's ``data``."""
    if isinstance(data, list):
        return "list"
    return "works" if "works" in data else "flat"


@pytest.mark.parametrize(
    ("query", "headers", "view"),
    [
        ("", {}, "works"),
        ("&view=works", V3, "works"),
        ("&view=flat", V2, "flat"),
        ("&view=list", {}, "flat"),  # one book, also in the list view
        ("", V2, "works"),
        ("", {"X-API-Version": "2"}, "works"),
        ("", V3, "flat"),
        ("", {"X-API-Version": "3"}, "flat"),
        ("", {"X-API-Version": "33"}, "works"),
        ("", IOS, "flat"),
        ("", IOS | V2, "works"),
        ("&view=works", IOS, "works"),
        ("&view=", {}, "works"),
        ("", {"X-Client-Version": "android-v1"}, "works"),
    ],
)
async def test_the_view_of_an_isbn_search(api, query, headers, view):
    for _ in range(2):  # from a provider, then from memory
        answer = await api.get(f"/v1/search/isbn?isbn={FERRY}{query}", headers=headers)
        assert answer.status == 200
        assert form(answer.json["data"]) == view
        assert answer.json["data"]["isbn"] == FERRY


LISTS = ("/v1/search/title?q=ferry", "/v1/search/advanced?title=ferry", "/api/v2/search?q=ferry")


@pytest.mark.parametrize("path", LISTS)
async def test_the_view_of_a_search_with_several_results(api, path):
    for query, headers, view in (
        ("", {}, "works"),
        ("&view=list", V3, "list"),
        ("&view=flat", IOS, "flat"),
        ("", V2 | IOS, "works"),
        ("", V3 | IOS, "flat"),
        ("", IOS, "list"),
    ):
        answer = await api.get(path + query, headers=headers)
        data = answer.json["data"]
        assert form(data) == view
        books = data if view == "list" else data["books"]
        assert books[0]["title"] == "The Ferry to Morrow Island"
        if view == "flat":
            assert data["totalResults"] >= len(data["books"])
            assert data["query"] == "ferry"


async def test_the_spelling_of_the_parameter_chooses_the_list_view(api):
    for path, view in (
        ("/v1/search/title?title=ferry", "list"),
        ("/v1/search/title?title=ferry&q=ferry", "works"),
        ("/api/v2/search?query=ferry", "list"),
        ("/api/v2/search?query=ferry&q=ferry", "works"),
        ("/v1/search/title?title=ferry&view=flat", "flat"),
        ("/v1/search/advanced?title=ferry", "works"),
    ):
        assert form((await api.get(path)).json["data"]) == view
    versioned = await api.get("/v1/search/title?title=ferry", headers=V2)
    assert form(versioned.json["data"]) == "works"


async def test_the_client_is_not_sniffed_where_that_is_off(start):
    api = await start(COMPAT_CLIENT_SNIFF="false")
    answer = await api.get(f"/v1/search/isbn?isbn={FERRY}", headers=IOS)
    assert form(answer.json["data"]) == "works"


@pytest.mark.parametrize("path", [f"/v1/search/isbn?isbn={FERRY}", *LISTS])
async def test_an_unknown_view_is_a_400(api, path):
    answer = await api.get(path + "&view=tree")
    assert answer.status == 400
    assert answer.json["error"]["code"] == "INVALID_REQUEST"
    assert answer.json["error"]["details"]["parameter"] == "view"


async def test_misses_by_view(api):
    works = await api.get(f"/v1/search/isbn?isbn={UNKNOWN}")
    assert works.status == 200
    for query, headers in (("&view=flat", {}), ("&view=list", {}), ("", V3), ("", IOS)):
        lost = await api.get(f"/v1/search/isbn?isbn={UNKNOWN}{query}", headers=headers)
        assert lost.status == 404
        assert lost.json["error"]["code"] == "NOT_FOUND"
        assert lost.json["error"]["details"] == {
            "isbn": UNKNOWN,
            "providersSearched": ["google-books", "openlibrary", "isbndb"],
        }
        assert lost.headers["Cache-Control"] == "public, max-age=300"  # a true miss
        assert lost.headers["X-Cache-Status"] == "HIT"
        assert lost.headers["X-Provider"] == "none"
    for path in ("/v1/search/title?q=zzyzzx", "/v1/search/advanced?title=zzyzzx"):
        assert (await api.get(path + "&view=list")).json["data"] == []
        flat = (await api.get(path + "&view=flat")).json["data"]
        assert flat == {"books": [], "totalResults": 0, "query": "zzyzzx"}
        empty = (await api.get(path)).json["data"]
        assert (empty["works"], empty["book"], empty["resultCount"]) == ([], None, 0)


async def test_a_flat_book_says_what_store_it_came_from(start):
    first = await start()
    path = f"/v1/search/isbn?isbn={FERRY}&view=flat"
    assert (await first.get(path)).json["data"]["_cacheSource"] == "external_api"
    assert (await first.get(path)).json["data"]["_cacheSource"] == "kv"
    second = await start(KV_URL="", folder="sample", SAMPLE_DATA="true", OFFLINE="true")
    sample = await second.get("/v1/search/isbn?isbn=9780261103344&view=flat")
    assert sample.json["data"]["_cacheSource"] == "d1"


async def test_mirrored_keys_stand_in_every_view(api):
    for view in ("works", "flat", "list"):
        body = (await api.get(f"/api/v2/search?q=ferry&view={view}")).json
        assert {"results", "total", "mode", "query", "latency_ms"} <= set(body)


# --- compression ----------------------------------------------------------------------------

LONG = (
    f"/v1/search/isbn?isbn={FERRY}",
    f"/v1/search/isbn?isbn={FERRY}&slow=1",
    "/v1/search/title?q=ferry",
    "/search/title?q=ferry",
    "/doc/openapi.json",
    "/health",
)


@pytest.fixture
async def undecoded(api):
    """Requests whose answers are left compressed."""
    import aiohttp

    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def get(path: str, encoding: str | None):
            headers = {} if encoding is None else {"Accept-Encoding": encoding}
            skip = ["Accept-Encoding"] if encoding is None else []
            async with session.get(api.url + path, headers=headers, skip_auto_headers=skip) as a:
                return a.headers, await a.read()

        yield get


def steady(body: bytes) -> object:
    """Return a body without what differs from request to request."""
    data = msgspec.json.decode(body)
    for key in ("metadata", "meta", "responseTime", "timestamp", "uptimeSeconds", "cached"):
        data.pop(key, None)
    data.pop("cacheSource", None)
    if isinstance(data.get("data"), dict):
        data["data"].pop("timestamp", None)
        data["data"].pop("uptimeSeconds", None)
    return data


async def test_a_compressed_body_is_the_plain_one(undecoded):
    for path in LONG:
        await undecoded(path, None)
        plain_headers, plain = await undecoded(path, None)
        assert "Content-Encoding" not in plain_headers
        assert len(plain) >= 1024
        for encoding in ("gzip", "gzip, deflate", "br, GZIP;q=0.5", "*", "deflate, *;q=0.1"):
            headers, packed = await undecoded(path, encoding)
            assert headers["Content-Encoding"] == "gzip"
            assert int(headers["Content-Length"]) == len(packed) < len(plain)
            assert steady(gzip.decompress(packed)) == steady(plain)


async def test_nobody_gets_gzip_who_does_not_want_it(undecoded):
    for path in LONG:
        for encoding in (None, "", "identity", "br", "gzip;q=0", "*;q=0", "*, gzip;q=0.0"):
            headers, body = await undecoded(path, encoding)
            assert "Content-Encoding" not in headers
            assert msgspec.json.decode(body)


async def test_a_named_gzip_counts_for_more_than_the_star(undecoded):
    headers, _ = await undecoded(LONG[0], "*;q=0, gzip")
    assert headers["Content-Encoding"] == "gzip"


async def test_short_bodies_are_not_compressed(undecoded):
    headers, body = await undecoded("/", "gzip")
    assert "Content-Encoding" not in headers
    assert msgspec.json.decode(body)["name"] == "BooksTrack"


async def test_the_fast_way_answers_like_the_slow_one(api, clock):
    """An unknown parameter sends a request the slow way."""
    fast, slow = f"/v1/search/isbn?isbn={FERRY}", f"/v1/search/isbn?isbn={FERRY}&x=1"
    for _ in range(2):
        await api.get(fast)
    for method in ("GET", "HEAD"):
        for headers in (
            {},
            {"Accept-Encoding": "identity"},
            {"Origin": "https://bookstrack.app"},
            {"Origin": "https://evil.example"},
            {"X-API-Version": "2"},
        ):
            sent = headers | {"X-Request-ID": "the-same"}
            one = await api.request(method, fast, headers=sent)
            other = await api.request(method, slow, headers=sent)
            assert one.status == other.status == 200
            assert comparable(one.headers) == comparable(other.headers)
            if method == "GET":
                assert one.json["data"] == other.json["data"]
                assert list(one.json) == list(other.json)
                assert set(one.json["metadata"]) == set(other.json["metadata"])
                assert one.json["metadata"]["requestId"] == "the-same"


def comparable(headers) -> dict[str, str]:
    """Return headers without those that tell time or the length of compressed times."""
    told = {"date", "x-response-time", "x-cache-age", "x-cache-ttl", "content-length"}
    return {k.lower(): v for k, v in headers.items() if k.lower() not in told}
