"""Google Books over real channels: requests made, pages read, refusals understood."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from aiohttp import web

from bookstrack.errors import (
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    QuotaExhausted,
)
from bookstrack.model.isbn import Isbn
from bookstrack.model.query import (
    AuthorWorksQuery,
    EditionsQuery,
    IsbnQuery,
    ProviderIdQuery,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import Findings
from bookstrack.providers.base import Provider
from bookstrack.providers.google_books import (
    GoogleBooks,
    channel_options,
    explain,
    title_author_terms,
)
from bookstrack.settings import GoogleSettings, ProviderSettings, Secret
from bookstrack.testing.upstream import Fault
from bookstrack.upstream.client import Reply

VOLUMES = "/books/v1/volumes"
FERRY = Isbn.parse("9781644100370")


def settings(url: str, **more) -> GoogleSettings:
    return GoogleSettings(api_key=Secret("fake-google-key"), base_url=url, rps=0, **more)


@pytest.fixture
def open_google(open_channel, clock):
    async def make(url: str, *, retries: int = 1, **more) -> GoogleBooks:
        options = channel_options(settings(url, **more), ProviderSettings(retries=retries))
        return GoogleBooks(await open_channel(options), clock)

    return make


@pytest.fixture
async def google(open_google, upstream) -> GoogleBooks:
    return await open_google(upstream.urls["google"])


def reply(status: int, body: bytes, **headers: str) -> Reply:
    return Reply(status=status, content_type="application/json", headers=headers, body=body)


def volume(number: int, **info) -> dict:
    return {"id": f"v{number}", "volumeInfo": {"title": f"Book {number}"} | info}


def test_it_is_a_provider_with_its_own_pace_and_day():
    options = channel_options(GoogleSettings(api_key=Secret("k")), ProviderSettings())
    assert (options.rps, options.burst, options.daily_limit) == (1.0, 5, 1000)
    assert (options.timeout_s, options.connect_timeout_s, options.attempts) == (5.0, 3.0, 3)
    assert options.quota_zone == "America/Los_Angeles"
    assert options.secret_params == {"key": Secret("k")}
    assert channel_options(GoogleSettings(), ProviderSettings()).secret_params == {}


async def test_it_answers_what_it_says(google, within):
    assert isinstance(google, Provider)
    assert google.answers == {
        IsbnQuery, TextQuery, TitleAuthorQuery, EditionsQuery, ProviderIdQuery,
    }  # fmt: skip
    assert await google.ask(AuthorWorksQuery("Somebody"), within=within) == Findings()
    assert await google.ask(ProviderIdQuery("goodreads", "1"), within=within) == Findings()


async def test_both_forms_of_an_isbn_make_the_same_call(google, upstream, within, check):
    answers = [
        await google.ask(IsbnQuery(Isbn.parse(form)), within=within)
        for form in ("9781644100370", "1644100371", "978-1-64410-037-0")
    ]
    assert [found.books[0].work.title for found in answers] == ["The Ferry to Morrow Island"] * 3
    asked = upstream.asked("google")
    assert {a.path for a in asked} == {VOLUMES}
    assert {a.query["q"] for a in asked} == {"isbn:9781644100370"}
    assert {a.query["key"] for a in asked} == {"fake-google-key"}
    check(record for found in answers for record in found.books)
    [edition] = answers[0].books[0].editions
    assert edition.isbn == "9781644100370"


async def test_unknown_and_misprinted_isbns(google, upstream, within):
    assert not await google.ask(IsbnQuery(Isbn.parse("9780306406157")), within=within)
    assert upstream.count("google") == 1
    assert not await google.ask(IsbnQuery(Isbn.parse("9780306406158")), within=within)
    assert upstream.count("google") == 1


async def test_text_and_title_with_author(google, upstream, within, check):
    text = await google.ask(TextQuery("  morrow   island "), within=within)
    both = await google.ask(TitleAuthorQuery('Salt "Weather"', "", 5), within=within)
    check((*text.books, *both.books))
    assert "The Ferry to Morrow Island" in {record.work.title for record in text.books}
    assert both.books[0].work.title == "Salt Weather"
    first, second = upstream.asked("google")
    assert first.query | {"key": ""} == {
        "q": "morrow island", "maxResults": "20", "startIndex": "0", "key": "",
    }  # fmt: skip
    assert second.query["q"] == 'intitle:"Salt Weather"'
    assert second.query["maxResults"] == "5"


async def test_editions_are_asked_by_relevance(google, upstream, within):
    found = await google.ask(EditionsQuery("The Ferry to Morrow Island", ""), within=within)
    assert {e.isbn for record in found.books for e in record.editions} >= {"9781644100370"}
    [asked] = upstream.asked("google")
    assert asked.query["maxResults"] == "40"
    assert asked.query["printType"] == "books"
    assert asked.query["orderBy"] == "relevance"


async def test_by_id_gets_the_full_volume(google, upstream, within, check):
    [listed] = (await google.ask(IsbnQuery(FERRY), within=within)).books
    volume_id = listed.work.google_books_volume_id
    [full] = (await google.ask(ProviderIdQuery("google", volume_id), within=within)).books
    check([full])
    assert full.work.title == listed.work.title
    assert upstream.asked("google")[-1].path == f"{VOLUMES}/{volume_id}"
    assert not await google.ask(ProviderIdQuery("google", "no/such?id"), within=within)


async def test_pages_are_read_until_one_is_not_full(open_google, recorded, within):
    books = [volume(n) for n in range(70)]

    def page(query):
        start, size = int(query["startIndex"]), int(query["maxResults"])
        return web.json_response({"totalItems": 9999, "items": books[start : start + size]})

    recorded.answers[VOLUMES] = page
    google = await open_google(recorded.url)
    found = await google.ask(TextQuery("book", 100, 10), within=within)
    assert [record.work.title for record in found.books] == [f"Book {n}" for n in range(10, 70)]
    assert found.total is None
    places = [(q["startIndex"], q["maxResults"]) for _, q in recorded.asked]
    assert places == [("10", "40"), ("50", "40")]


async def test_repeated_volumes_count_once_and_nothing_is_nothing(open_google, recorded, within):
    recorded.answers[VOLUMES] = [
        {"items": [volume(1), volume(1), {"id": 7}]},
        {"totalItems": 0},
    ]
    google = await open_google(recorded.url)
    found = await google.ask(TextQuery("book"), within=within)
    assert [record.work.google_books_volume_id for record in found.books] == ["v1"]
    assert not await google.ask(TextQuery("other"), within=within)
    assert not await google.ask(TextQuery("   "), within=within)
    assert len(recorded.asked) == 2


def test_long_queries_are_cut():
    terms = title_author_terms('Say "hi" ' + "x" * 900, "y" * 900)
    assert len(terms) <= 500
    assert terms.startswith('intitle:"Say hi xxx')
    assert terms.count('"') == 4
    assert title_author_terms(' " ', "Andy Weir") == 'inauthor:"Andy Weir"'


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "status", "kind"),
    [
        ("error-429-daily-quota-anonymous.json", 429, QuotaExhausted),
        ("constructed_error-403-daily-limit.json", 403, QuotaExhausted),
        ("constructed_error-400-key-invalid.json", 400, ProviderRefused),
        ("constructed_error-503-backend.json", 503, None),
    ],
)
def test_recorded_errors(fixtures_dir, file, status, kind):
    body = (fixtures_dir / "providers" / "google-books" / file).read_bytes()
    problem = explain(reply(status, body))
    assert (type(problem) if problem else None) is kind
    if isinstance(problem, ProviderRefused):
        assert problem.reason == "auth"


def refusal(reason: str, message: str = "No") -> bytes:
    return f'{{"error":{{"message":"{message}","errors":[{{"reason":"{reason}"}}]}}}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (403, refusal("userRateLimitExceeded"), ProviderBusy, None),
        (403, refusal("rateLimitExceeded"), ProviderBusy, None),
        (403, refusal("rateLimitExceeded", "limit 'Queries per day'"), QuotaExhausted, None),
        (429, refusal("rateLimitExceeded", "limit 'Queries per minute'"), None, None),
        (403, refusal("accessNotConfigured"), None, None),
        (403, refusal("ipRefererBlocked"), None, None),
        (403, refusal("unknownLocation"), ProviderRefused, "bad_query"),
        (400, refusal("keyInvalid"), ProviderRefused, "auth"),
        (400, refusal("invalid"), None, None),
        (403, b"<html>", None, None),
        (429, b"[1]", None, None),
        (429, b'{"error":{"errors":{"reason":7},"message":[]}}', None, None),
        (400, b'{"error":null}', None, None),
    ],
)
def test_forms_of_refusal(status, body, kind, reason):
    problem = explain(reply(status, body))
    assert (type(problem) if problem else None) is kind
    assert getattr(problem, "reason", None) == reason


@pytest.mark.parametrize("code", [429, 403])
async def test_an_exhausted_day_rests_until_midnight_in_california(
    code, open_google, upstream, within, clock
):
    upstream.fault("google", Fault.quota(code))
    google = await open_google(upstream.urls["google"], retries=3)
    with pytest.raises(QuotaExhausted) as caught:
        await google.ask(IsbnQuery(FERRY), within=within)
    assert upstream.count("google") == 1
    until = datetime.fromtimestamp(clock.time() + caught.value.retry_after, UTC)
    assert (until.hour, until.minute) == (7, 0)
    with pytest.raises(QuotaExhausted):
        await google.ask(TextQuery("other"), within=within)
    assert upstream.count("google") == 1


async def test_a_busy_minute_is_waited_out(open_google, upstream, within, nap):
    upstream.fault("google", Fault.busy(2), times=1)
    google = await open_google(upstream.urls["google"], retries=3)
    asking = asyncio.create_task(google.ask(IsbnQuery(FERRY), within=within))
    await nap(2)
    assert (await asking).books
    assert upstream.count("google") == 2


@pytest.mark.parametrize("code", [400, 403])
async def test_a_refused_key_is_not_tried_again(code, google, upstream, within):
    upstream.fault("google", Fault.auth(code))
    for _ in range(2):
        with pytest.raises(ProviderRefused) as caught:
            await google.ask(IsbnQuery(FERRY), within=within)
        assert caught.value.reason == "auth"
        assert "fake-google-key" not in str(caught.value)
    assert upstream.count("google") == 1


@pytest.mark.parametrize(
    "fault", [Fault.html(), Fault.truncated(), Fault.empty_body(), Fault.status(503)]
)
async def test_broken_answers_are_failures(fault, google, upstream, within):
    [known] = (await google.ask(IsbnQuery(FERRY), within=within)).books
    by_id = ProviderIdQuery("google", known.work.google_books_volume_id)
    upstream.fault("google", fault)
    for query in (IsbnQuery(FERRY), TextQuery("ferry"), by_id):
        with pytest.raises(ProviderFailed):
            await google.ask(query, within=within)


async def test_wrong_types_are_nothing_or_a_failure(google, upstream, within):
    upstream.fault("google", Fault.wrong_types())
    for query in (IsbnQuery(FERRY), TextQuery("ferry"), ProviderIdQuery("google", "x")):
        with suppress(ProviderFailed):
            assert isinstance(await google.ask(query, within=within), Findings)


async def test_no_books_are_empty_findings(google, upstream, within):
    upstream.fault("google", Fault.nothing())
    assert await google.ask(IsbnQuery(FERRY), within=within) == Findings()
    assert await google.ask(TextQuery("ferry"), within=within) == Findings()
