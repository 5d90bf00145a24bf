"""Every fault does on the network what its name says; a raw client looks at it."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from PIL import Image

from bookstrack.settings import ProviderSettings
from bookstrack.testing.upstream import PROVIDERS, FakeUpstream, Fault, generated_isbn
from bookstrack.testing.wire_google import STRAY_ISBN

ISBN = "9781644100370"
GOOGLE = f"/books/v1/volumes?q=isbn:{ISBN}&key=k"


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": "k"}) as session:
        yield session


class Seen:
    """One whole answer."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body

    def json(self):
        return json.loads(self.body)


async def get(client: aiohttp.ClientSession, url: str, **more) -> Seen:
    async with client.get(url, allow_redirects=False, **more) as response:
        return Seen(response, await response.read())


# --- when all is well -----------------------------------------------------------------------


async def test_one_server_plays_all_providers(upstream: FakeUpstream, client):
    urls = upstream.urls
    assert tuple(urls) == PROVIDERS
    google = await get(client, urls["google"] + GOOGLE)
    assert google.json()["items"][0]["volumeInfo"]["title"] == "The Ferry to Morrow Island"
    found = await get(client, f"{urls['openlibrary']}/search.json?q=isbn:{ISBN}")
    assert found.json()["docs"][0]["key"] == "/works/OL7000101W"
    book = await get(client, f"{urls['isbndb']}/book/{ISBN}")
    assert book.json()["book"]["authors"] == ["Holloway, Maren , 1951-"]
    query = "action=wbgetentities&ids=Q900000001&props=labels"
    entity = await get(client, f"{urls['wikidata']}/w/api.php?{query}")
    assert entity.json()["entities"]["Q900000001"]["labels"]["en"]["value"] == "Maren Holloway"
    rows = await get(client, f"{urls['wikidata_query']}/sparql?query=wd:Q900000001")
    assert rows.json()["results"]["bindings"][0]["iso"]["value"] == "US"
    cover = await get(client, f"{urls['openlibrary_covers']}/b/id/70001011-M.jpg")
    assert cover.headers["content-type"] == "image/jpeg"


async def test_thousands_of_isbns_are_known_everywhere(upstream: FakeUpstream, client):
    isbn, urls = generated_isbn(1_234_567), upstream.urls
    google = await get(client, f"{urls['google']}/books/v1/volumes?q=isbn:{isbn}&key=k")
    search = await get(client, f"{urls['openlibrary']}/search.json?q=isbn:{isbn}")
    isbndb = await get(client, f"{urls['isbndb']}/book/{isbn}")
    title = "The Archive of Old Canal No. 1234567"
    assert google.json()["items"][0]["volumeInfo"]["title"] == title
    assert search.json()["docs"][0]["title"] == title
    assert isbndb.json()["book"]["title"] == title


async def test_environment_points_a_server_here(upstream: FakeUpstream):
    variables = upstream.environment()
    assert variables["BOOKSTRACK_GOOGLE_BOOKS_BASE_URL"] == upstream.urls["google"]
    assert variables["BOOKSTRACK_WIKIDATA_BASE_URL"] == upstream.urls["wikidata"]
    assert {v for name, v in variables.items() if name.endswith("_RPS")} == {"0"}
    assert all(name.startswith("BOOKSTRACK_") for name in variables)
    assert len(variables) == 15
    assert ProviderSettings().google.base_url.startswith("https://www.googleapis.com")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/books/v1/volumes?q=x", 429, "Queries per day"),
        ("/books/v1/volumes?q=x&key=wrong-key", 400, "API key not valid"),
        ("/books/v1/volumes?key=k", 400, "Missing query"),
        ("/books/v1/volumes?q=x&key=k&maxResults=41", 400, "within the range: [0, 40]"),
        ("/books/v1/volumes/unknown?key=k", 404, "could not be found"),
    ],
)
async def test_google_errors(upstream: FakeUpstream, client, path: str, status: int, message: str):
    seen = await get(client, upstream.urls["google"] + path)
    assert seen.status == status
    assert seen.json()["error"]["code"] == status
    assert message in seen.json()["error"]["message"]


async def test_google_without_hits_has_no_items(upstream: FakeUpstream, client):
    seen = await get(client, f"{upstream.urls['google']}/books/v1/volumes?q=zzzz&key=k")
    assert seen.json() == {"kind": "books#volumes", "totalItems": 0}


async def test_google_may_answer_an_unknown_isbn_with_another_book(upstream, client):
    url = f"{upstream.urls['google']}/books/v1/volumes?q=isbn:{STRAY_ISBN}&key=k"
    (item,) = (await get(client, url)).json()["items"]
    numbers = [one["identifier"] for one in item["volumeInfo"]["industryIdentifiers"]]
    assert sorted(numbers) == ["1644100371", ISBN]
    assert (await get(client, f"{upstream.urls['isbndb']}/book/{STRAY_ISBN}")).status == 404


async def test_google_pages(upstream: FakeUpstream, client):
    url = f"{upstream.urls['google']}/books/v1/volumes?q=inauthor:holloway&key=k"
    first = (await get(client, f"{url}&maxResults=5")).json()["items"]
    rest = (await get(client, f"{url}&maxResults=5&startIndex=5")).json()["items"]
    assert len({item["id"] for item in first + rest}) == 10


async def test_google_may_be_asked_anonymously(client):
    async with FakeUpstream(anonymous=True) as upstream:
        seen = await get(client, f"{upstream.urls['google']}/books/v1/volumes?q=ferry")
    assert seen.json()["totalItems"] == 4


@pytest.mark.parametrize(
    ("key", "status"), [("", 401), ("Bearer k", 403), ("wrong", 403), ("k", 200)]
)
async def test_isbndb_wants_a_bare_key(upstream: FakeUpstream, key: str, status: int):
    async with aiohttp.ClientSession() as client:
        headers = {"Authorization": key} if key else {}
        seen = await get(client, f"{upstream.urls['isbndb']}/book/{ISBN}", headers=headers)
    assert seen.status == status


async def test_isbndb_answers_several(upstream: FakeUpstream, client):
    url = f"{upstream.urls['isbndb']}/books"
    for body in ({"json": {"isbns": [ISBN, "x"]}}, {"data": {"isbns": f"{ISBN},x"}}):
        async with client.post(url, **body) as response:
            found = await response.json()
        assert (found["total"], found["requested"]) == (1, 2)
        assert found["data"][0]["isbn13"] == ISBN


async def test_open_library_redirects_isbns_under_its_prefix(upstream: FakeUpstream, client):
    url = upstream.urls["openlibrary"]
    seen = await get(client, f"{url}/isbn/{ISBN}.json")
    assert (seen.status, seen.headers["location"]) == (302, "/openlibrary/books/OL70001011M.json")
    async with client.get(f"{url}/isbn/{ISBN}.json") as response:
        assert (await response.json())["key"] == "/books/OL70001011M"


@pytest.mark.parametrize("path", ["/isbn/9780000000002.json", "/no/such/page"])
async def test_open_library_has_pages_for_unknown_paths(upstream, client, path: str):
    seen = await get(client, upstream.urls["openlibrary"] + path)
    assert seen.status == 404
    assert seen.headers["content-type"].startswith("text/html")


async def test_open_library_records_may_be_gone(upstream: FakeUpstream, client):
    url = upstream.urls["openlibrary"]
    moved = await get(client, f"{url}/works/OL7009001W.json")
    assert (moved.status, moved.json()["location"]) == (200, "/works/OL7000101W")
    deleted = await get(client, f"{url}/books/OL70099991M.json")
    assert (deleted.status, deleted.json()["type"]) == (200, {"key": "/type/delete"})
    unknown = await get(client, f"{url}/works/OL1W.json")
    assert (unknown.status, unknown.json()["error"]) == (404, "notfound")


async def test_open_library_searches_by_other_ids(upstream: FakeUpstream, client):
    url = f"{upstream.urls['openlibrary']}/search.json?fields=key,first_publish_year"
    by_author = await get(client, f"{url}&q=author_key:OL7000001A&sort=new&limit=2")
    assert by_author.json()["numFound"] == 5
    assert by_author.json()["docs"] == [
        {"key": "/works/OL7000157W", "first_publish_year": 2019},
        {"key": "/works/OL7000104W", "first_publish_year": 2012},
    ]
    by_goodreads = await get(client, f"{url}&q=id_goodreads:70001011")
    assert by_goodreads.json()["docs"] == [{"key": "/works/OL7000101W", "first_publish_year": 1983}]


async def test_covers_are_pictures(upstream: FakeUpstream, client):
    url = f"{upstream.urls['openlibrary_covers']}/b"
    for path, size in (
        ("id/70001011-S", (40, 60)),
        (f"isbn/{ISBN}-M", (180, 270)),
        ("olid/OL70001011M-L", (400, 600)),
    ):
        seen = await get(client, f"{url}/{path}.jpg")
        assert Image.open(io.BytesIO(seen.body)).size == size
    blank = await get(client, f"{url}/id/1-L.jpg")
    assert Image.open(io.BytesIO(blank.body)).size == (1, 1)
    assert (await get(client, f"{url}/id/1-L.jpg?default=false")).status == 404


async def test_what_was_asked_is_remembered(upstream: FakeUpstream, client):
    await get(client, upstream.urls["google"] + GOOGLE, headers={"X-Trace": "7"})
    await get(client, f"{upstream.urls['isbndb']}/author/Maren%20Holloway")
    (google,) = upstream.asked("google")
    assert google.path == "/books/v1/volumes"
    assert google.query == {"q": f"isbn:{ISBN}", "key": "k"}
    assert google.headers["x-trace"] == "7"
    assert [asked.path for asked in upstream.asked("isbndb")] == ["/author/Maren Holloway"]
    assert (upstream.count(), upstream.count("wikidata")) == (2, 0)
    upstream.reset()
    assert (upstream.asked(), upstream.count()) == ([], 0)


async def test_requests_at_once_are_counted(upstream: FakeUpstream, client):
    upstream.delay("google", 0.05)
    await asyncio.gather(*(get(client, upstream.urls["google"] + GOOGLE) for _ in range(7)))
    assert upstream.most_at_once("google") == 7
    upstream.reset()
    assert upstream.most_at_once("google") == 0


# --- when it is not -------------------------------------------------------------------------


async def test_a_slow_provider_is_slow_and_the_others_are_not(upstream: FakeUpstream, client):
    upstream.delay("google", 0.1)
    started = time.monotonic()
    await get(client, f"{upstream.urls['openlibrary']}/search.json?q=ferry")
    assert time.monotonic() - started < 0.1
    await get(client, upstream.urls["google"] + GOOGLE)
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_any_status(upstream: FakeUpstream, client, provider: str, status: int):
    upstream.fault(provider, Fault.status(status, retry_after=3))
    seen = await get(client, f"{upstream.urls[provider]}/any?key=k")
    assert (seen.status, seen.headers["retry-after"]) == (status, "3")
    assert seen.body


async def test_faults_are_used_up_in_order(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.status(503), times=2)
    upstream.fault("google", Fault.status(500), times=1)
    got = [(await get(client, upstream.urls["google"] + GOOGLE)).status for _ in range(4)]
    assert got == [503, 503, 500, 200]


async def test_faults_can_be_for_some_requests_only(upstream: FakeUpstream, client):
    upstream.fault("wikidata", Fault.status(503), where="action=wbgetentities")
    url = f"{upstream.urls['wikidata']}/w/api.php?action="
    assert (await get(client, f"{url}wbsearchentities&search=x")).status == 200
    assert (await get(client, f"{url}wbgetentities&ids=Q30")).status == 503


async def test_healing_ends_faults_and_delays(upstream: FakeUpstream, client):
    upstream.fault("all", Fault.status(500))
    upstream.delay("all", 60)
    upstream.heal("google")
    assert (await get(client, upstream.urls["google"] + GOOGLE)).status == 200
    upstream.heal()
    assert (await get(client, f"{upstream.urls['isbndb']}/book/{ISBN}")).status == 200


def test_unknown_providers_are_refused():
    with pytest.raises(ValueError, match="no provider 'amazon'"):
        FakeUpstream().delay("amazon", 1)


async def test_busy_is_a_429_with_retry_after(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.busy(2))
    seen = await get(client, upstream.urls["google"] + GOOGLE)
    assert (seen.status, seen.headers["retry-after"]) == (429, "2")
    error = seen.json()["error"]
    assert error["errors"][0]["reason"] == "rateLimitExceeded"
    assert "per minute" in error["message"]


async def test_google_quota_in_both_forms(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.quota(), times=1)
    new = (await get(client, upstream.urls["google"] + GOOGLE)).json()["error"]
    assert (new["code"], new["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "Queries per day" in new["message"]
    upstream.fault("google", Fault.quota(403))
    old = (await get(client, upstream.urls["google"] + GOOGLE)).json()["error"]
    assert (old["code"], old["errors"][0]["reason"]) == (403, "dailyLimitExceeded")
    assert old["errors"][0]["domain"] == "usageLimits"


async def test_isbndb_quota_shows_in_its_key_state(upstream: FakeUpstream, client):
    url = upstream.urls["isbndb"]
    await get(client, f"{url}/book/{ISBN}")
    assert (await get(client, f"{url}/key")).json()["plan_limit"]["left"] == 999
    upstream.fault("isbndb", Fault.quota())
    seen = await get(client, f"{url}/book/{ISBN}")
    assert (seen.status, seen.json()) == (429, {"message": "Limit Exceeded"})
    plan = (await get(client, f"{url}/key")).json()["plan_limit"]
    assert plan == {"total": 1000, "spent": 1000, "left": 0}
    upstream.reset()
    assert (await get(client, f"{url}/key")).json()["plan_limit"]["left"] == 1000


@pytest.mark.parametrize(
    ("provider", "fault", "status"),
    [
        ("google", Fault.auth(), 400),
        ("google", Fault.auth(403), 403),
        ("isbndb", Fault.auth(), 403),
        ("isbndb", Fault.auth(401), 401),
        ("wikidata", Fault.auth(), 403),
    ],
)
async def test_refused_keys(upstream, client, provider: str, fault: Fault, status: int):
    upstream.fault(provider, fault)
    seen = await get(client, f"{upstream.urls[provider]}/any?key=k")
    assert seen.status == status
    if (provider, status) == ("google", 400):
        assert seen.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    if (provider, status) == ("google", 403):
        assert seen.json()["error"]["errors"][0]["reason"] == "accessNotConfigured"


async def test_timeout_never_answers(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.timeout())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(get(client, upstream.urls["google"] + GOOGLE), 0.1)
    assert upstream.count("google") == 1


async def test_reset_breaks_off_in_the_middle(upstream: FakeUpstream):
    upstream.fault("google", Fault.reset())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(upstream.url[17:]))
    writer.write(f"GET /google{GOOGLE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    with pytest.raises(ConnectionResetError):
        await reader.read(-1)
    writer.close()


async def test_reset_fails_a_client(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.reset(), times=1)
    with pytest.raises(aiohttp.ClientError):
        await get(client, upstream.urls["google"] + GOOGLE)
    assert (await get(client, upstream.urls["google"] + GOOGLE)).status == 200


async def test_html_comes_with_200(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.html())
    seen = await get(client, upstream.urls["google"] + GOOGLE)
    assert (seen.status, seen.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert seen.body.startswith(b"<!DOCTYPE html>")


async def test_truncated_json_is_no_json(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.truncated())
    seen = await get(client, upstream.urls["google"] + GOOGLE)
    assert seen.body.startswith(b'{"kind":"books#volumes"')
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        seen.json()


async def test_empty_body(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.empty_body())
    seen = await get(client, upstream.urls["google"] + GOOGLE)
    assert (seen.status, seen.body) == (200, b"")
    assert seen.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("provider", "path", "status", "part"),
    [
        ("google", GOOGLE, 200, {"totalItems": 0}),
        ("openlibrary", "/search.json?q=ferry", 200, {"numFound": 0, "docs": []}),
        ("openlibrary", "/works/OL7000101W.json", 404, {"error": "notfound"}),
        ("isbndb", f"/book/{ISBN}", 404, {"errorMessage": "Not Found"}),
        ("isbndb", "/search/books?text=ferry", 200, {"total": 0, "data": []}),
        (
            "wikidata",
            "/w/api.php?action=wbsearchentities&search=maren",
            200,
            {"search": [], "success": 1},
        ),
    ],
)
async def test_nothing_is_the_providers_own_empty_answer(
    upstream: FakeUpstream, client, provider: str, path: str, status: int, part: dict
):
    upstream.fault(provider, Fault.nothing())
    seen = await get(client, upstream.urls[provider] + path)
    assert seen.status == status
    assert seen.json() == seen.json() | part


async def test_wrong_types_keep_the_keys(upstream: FakeUpstream, client):
    upstream.fault("isbndb", Fault.wrong_types())
    book = (await get(client, f"{upstream.urls['isbndb']}/book/{ISBN}")).json()["book"]
    assert (book["title"], book["pages"], book["authors"]) == (17, [], [17])


async def test_dripping_takes_its_time(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.drip(0.2))
    started = time.monotonic()
    async with client.get(upstream.urls["google"] + GOOGLE) as response:
        begun = time.monotonic() - started
        pieces = [piece async for piece, _ in response.content.iter_chunks()]
    assert begun < 0.2 <= time.monotonic() - started
    assert len(pieces) >= 3
    assert json.loads(b"".join(pieces))["totalItems"] == 1


async def test_dripping_takes_five_seconds_unless_told():
    assert Fault.drip().seconds == 5.0


async def test_huge_bodies(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.huge(2))
    seen = await get(client, upstream.urls["google"] + GOOGLE)
    assert len(seen.body) > 2 * 1024 * 1024
    assert seen.json()["totalItems"] == 1


async def test_redirect_leads_elsewhere(upstream: FakeUpstream, client):
    upstream.fault("google", Fault.redirect(), times=1)
    seen = await get(client, upstream.urls["google"] + GOOGLE)
    assert (seen.status, seen.headers["location"]) == (302, "http://elsewhere.invalid/")
    upstream.fault("google", Fault.redirect("http://10.0.0.1/x"))
    seen = await get(client, upstream.urls["google"] + GOOGLE)
    assert seen.headers["location"] == "http://10.0.0.1/x"


async def test_lagged_is_an_error_with_status_200(upstream: FakeUpstream, client):
    upstream.fault("wikidata", Fault.lagged())
    seen = await get(client, f"{upstream.urls['wikidata']}/w/api.php?action=wbgetentities&ids=Q30")
    assert (seen.status, seen.headers["retry-after"]) == (200, "5")
    assert seen.json()["error"]["code"] == "maxlag"


async def test_closing_does_not_wait_for_hanging_requests(client):
    async with FakeUpstream() as upstream:
        upstream.fault("google", Fault.timeout())
        hanging = asyncio.create_task(get(client, upstream.urls["google"] + GOOGLE))
        await asyncio.wait([hanging], timeout=0.2)
        assert upstream.count("google") == 1
        started = time.monotonic()
    assert time.monotonic() - started < 5
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_a_photo_fits_into_a_question(client, upstream):
    question = {"contents": [{"parts": [{"inline_data": {"data": "A" * 3_000_000}}]}]}
    address = f"{upstream.urls['gemini']}/v1beta/models/m:generateContent"
    body = io.BytesIO(json.dumps(question).encode())
    async with client.post(address, data=body, headers={"x-goog-api-key": "k"}) as response:
        assert response.status == 200
