"""ISBNdb over real channels: requests made, pages cut, an exhausted key recognised."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from aiohttp import web

from bookstrack.errors import ProviderBusy, ProviderFailed, ProviderRefused, QuotaExhausted
from bookstrack.model.enums import AuthorSort
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
from bookstrack.providers.base import Budget, Provider
from bookstrack.providers.isbndb import Isbndb, channel_options
from bookstrack.settings import IsbndbSettings, ProviderSettings, Secret
from bookstrack.testing.upstream import Fault

FERRY = Isbn.parse("9781644100370")
UNKNOWN = Isbn.parse("9780306406157")
LIMIT = {"message": "Limit Exceeded"}


@pytest.fixture
def open_isbndb(open_channel, clock):
    async def make(url: str, *, retries: int = 1) -> Isbndb:
        settings = IsbndbSettings(api_key=Secret("fake-isbndb-key"), base_url=url, rps=0)
        options = channel_options(settings, ProviderSettings(retries=retries))
        return Isbndb(await open_channel(options), clock)

    return make


@pytest.fixture
async def isbndb(open_isbndb, upstream) -> Isbndb:
    return await open_isbndb(upstream.urls["isbndb"])


def limited(body=LIMIT, **headers: str) -> web.Response:
    return web.json_response(body, status=429, headers=headers)


def missing() -> web.Response:
    return web.json_response({"errorMessage": "Not Found"}, status=404)


def midnight(clock, error: QuotaExhausted) -> tuple[int, int]:
    until = datetime.fromtimestamp(clock.time() + error.retry_after, UTC)
    return until.hour, until.minute


def test_the_key_goes_into_a_header_and_the_day_is_utc():
    options = channel_options(IsbndbSettings(api_key=Secret("k")), ProviderSettings())
    assert options.secret_headers == {"Authorization": Secret("k")}
    assert options.secret_params == {}
    assert (options.rps, options.burst, options.daily_limit) == (1.0, 1, 1000)
    assert options.quota_zone == "UTC"


async def test_it_answers_what_it_says(isbndb, upstream, within):
    assert isinstance(isbndb, Provider)
    assert isbndb.answers == {
        IsbnQuery, TextQuery, TitleAuthorQuery, EditionsQuery, AuthorWorksQuery,
    }  # fmt: skip
    assert await isbndb.ask(ProviderIdQuery("google", "x"), within=within) == Findings()
    assert await isbndb.ask(IsbnQuery(Isbn.parse("9780306406158")), within=within) == Findings()
    assert await isbndb.ask(TextQuery(" "), within=within) == Findings()
    assert await isbndb.ask(TextQuery("x", 20, 9_990), within=within) == Findings()
    assert upstream.count("isbndb") == 0


async def test_by_isbn(isbndb, upstream, within, check):
    found = await isbndb.ask(IsbnQuery(Isbn.parse("1644100371")), within=within)
    check(found.books)
    [record] = found.books
    assert record.work.title == "The Ferry to Morrow Island"
    assert record.editions[0].isbns == ("9781644100370", "1644100371")
    assert record.editions[0].last_isbndb_sync == "2025-10-09T08:53:20.000Z"
    [asked] = upstream.asked("isbndb")
    assert asked.path == "/book/9781644100370"
    assert asked.query == {"with_prices": "0"}
    assert asked.headers["authorization"] == "fake-isbndb-key"
    assert not await isbndb.ask(IsbnQuery(UNKNOWN), within=within)


async def test_another_book_than_asked_for_is_not_taken(open_isbndb, recorded, within):
    path = "/book/9781644100370"
    recorded.answers[path] = [
        {"book": {"title": "Other", "isbn13": "9780306406157"}},
        {"book": None},
        {"book": {"title": []}},
    ]
    isbndb = await open_isbndb(recorded.url)
    for _ in range(3):
        assert not await isbndb.ask(IsbnQuery(FERRY), within=within)


async def test_searches_by_text_title_and_author(isbndb, upstream, within, check):
    both = await isbndb.ask(TitleAuthorQuery("Salt Weather", "", 5), within=within)
    text = await isbndb.ask(TextQuery("Salt  Weather / 2"), within=within)
    editions = await isbndb.ask(EditionsQuery("Salt Weather", "Anyone"), within=within)
    named = await isbndb.ask(TitleAuthorQuery("Salt", "Smith", 10, 10), within=within)
    check((*both.books, *text.books, *editions.books, *named.books))
    assert {record.work.title for record in both.books} == {"Salt Weather"}
    assert {e.isbn for r in editions.books for e in r.editions} == {
        "9781644101117", "9781644101483",
    }  # fmt: skip
    asked = upstream.asked("isbndb")
    assert [a.path for a in asked] == [
        "/books/Salt Weather", "/books/Salt Weather / 2", "/books/Salt Weather", "/search/books",
    ]  # fmt: skip
    title = {"column": "title", "shouldMatchAll": "1", "page": "1"}
    assert [a.query for a in asked] == [
        title | {"pageSize": "5"},
        {"shouldMatchAll": "1", "page": "1", "pageSize": "20"},
        title | {"pageSize": "100"},
        {"text": "Salt", "author": "Smith", "page": "2", "pageSize": "10"},
    ]


async def test_both_result_keys_are_read(open_isbndb, recorded, within):
    recorded.answers["/search/books"] = {"total": 2, "data": [{"title": "D"}]}
    recorded.answers["/books/x"] = {"total": "7", "books": [{"title": "B"}]}
    isbndb = await open_isbndb(recorded.url)
    data = await isbndb.ask(TitleAuthorQuery("t", "a"), within=within)
    books = await isbndb.ask(TextQuery("x"), within=within)
    assert [(f.books[0].work.title, f.total) for f in (data, books)] == [("D", 2), ("B", 7)]


async def test_a_window_across_pages_is_cut_out_of_a_larger_one(open_isbndb, recorded, within):
    titles = [f"Book {number:03}" for number in range(60)]

    def page(query):
        size = int(query["pageSize"])
        start = (int(query["page"]) - 1) * size
        books = [{"title": title} for title in titles[start : start + size]]
        return web.json_response({"total": 60, "books": books})

    recorded.answers["/books/x"] = page
    isbndb = await open_isbndb(recorded.url)
    for offset in (0, 20, 25, 50):
        found = await isbndb.ask(TextQuery("x", 20, offset), within=within)
        assert [r.work.title for r in found.books] == titles[offset : offset + 20]
    assert [query["pageSize"] for _, query in recorded.asked] == ["20", "20", "23", "24"]


async def test_works_of_an_author(open_isbndb, recorded, within):
    recorded.answers["/author/Charlotte Vale Allen"] = {
        "author": "Charlotte%20Vale%20Allen",
        "books": [
            {"title": "Memories", "date_published": "1978", "authors": ["Allen", "Charlotte Vale"]},
            {"title": "Illusions", "authors": ["Charlotte Vale Allen"]},
            {"title": "memories", "date_published": "1999", "publisher": "P", "pages": 9},
        ],
    }
    isbndb = await open_isbndb(recorded.url)
    query = AuthorWorksQuery("Charlotte  Vale Allen", AuthorSort.OLDEST)
    found = await isbndb.ask(query, within=within)
    assert [r.work.title for r in found.books] == ["memories", "Illusions"]
    assert [r.work.first_publication_year for r in found.books] == [1978, None]
    assert found.total == 2
    [person] = found.authors
    assert person.asked == "Charlotte  Vale Allen"
    assert (person.author.name, person.author.book_count) == ("Charlotte Vale Allen", 2)
    assert recorded.asked[0][1] == {"page": "1", "pageSize": "500"}
    assert not await isbndb.ask(AuthorWorksQuery("Nobody"), within=within)


# --- quota --------------------------------------------------------------------------------------


async def test_a_429_that_waiting_does_not_help_is_the_end_of_the_day(
    open_isbndb, upstream, within, clock, nap
):
    upstream.fault("isbndb", Fault.quota())
    isbndb = await open_isbndb(upstream.urls["isbndb"], retries=3)
    asking = asyncio.create_task(isbndb.ask(IsbnQuery(FERRY), within=within))
    await nap(2)
    with pytest.raises(QuotaExhausted) as caught:
        await asking
    assert midnight(clock, caught.value) == (0, 0)
    assert upstream.count("isbndb") == 2
    with pytest.raises(QuotaExhausted):
        await isbndb.ask(IsbnQuery(UNKNOWN), within=Budget(deadline=clock.monotonic() + 12))
    assert upstream.count("isbndb") == 2


async def test_a_429_that_passes_is_only_a_pause(open_isbndb, upstream, within, nap):
    upstream.fault("isbndb", Fault.status(429), times=1)
    isbndb = await open_isbndb(upstream.urls["isbndb"], retries=3)
    asking = asyncio.create_task(isbndb.ask(IsbnQuery(FERRY), within=within))
    await nap(2)
    assert (await asking).books


async def test_a_429_long_after_another_is_a_new_one(open_isbndb, recorded, clock):
    recorded.answers["/book/9781644100370"] = lambda _: limited()
    isbndb = await open_isbndb(recorded.url)

    async def ask():
        budget = Budget(deadline=clock.monotonic() + 5)
        return await isbndb.ask(IsbnQuery(FERRY), within=budget)

    with pytest.raises(ProviderBusy) as caught:
        await ask()
    assert caught.value.retry_after == 2.0
    await clock.advance(300)
    with pytest.raises(ProviderBusy):
        await ask()
    await clock.advance(2)
    with pytest.raises(QuotaExhausted):
        await ask()


async def test_a_429_that_says_nothing_is_left_ends_the_day_at_once(
    open_isbndb, recorded, within, clock
):
    body = {"message": "Limit Exceeded", "plan_limit": {"total": 1000, "left": 0}}
    recorded.answers["/book/9781644100370"] = lambda _: limited(body)
    isbndb = await open_isbndb(recorded.url)
    with pytest.raises(QuotaExhausted) as caught:
        await isbndb.ask(IsbnQuery(FERRY), within=within)
    assert midnight(clock, caught.value) == (0, 0)


async def test_the_providers_own_wait_is_kept(open_isbndb, recorded, within):
    answer = limited(**{"Retry-After": "30"})
    recorded.answers["/book/9781644100370"] = answer
    isbndb = await open_isbndb(recorded.url)
    with pytest.raises(ProviderBusy) as caught:
        await isbndb.ask(IsbnQuery(FERRY), within=within)
    assert caught.value.retry_after == 30.0


async def ask_unknown(isbndb: Isbndb, within: Budget, *, times: int) -> None:
    for _ in range(times):
        assert not await isbndb.ask(IsbnQuery(UNKNOWN), within=within)


async def test_twenty_unknown_books_make_it_look_into_the_purse(
    open_isbndb, recorded, within, clock
):
    recorded.answers["/key"] = {"plan_limit": {"total": 1000, "spent": 1000, "left": 0}}
    isbndb = await open_isbndb(recorded.url)
    await ask_unknown(isbndb, within, times=19)
    assert "/key" not in {path for path, _ in recorded.asked}
    with pytest.raises(QuotaExhausted) as caught:
        await isbndb.ask(IsbnQuery(UNKNOWN), within=within)
    assert midnight(clock, caught.value) == (0, 0)
    assert [path for path, _ in recorded.asked].count("/key") == 1
    calls = len(recorded.asked)
    with pytest.raises(QuotaExhausted):
        await isbndb.ask(IsbnQuery(FERRY), within=within)
    assert len(recorded.asked) == calls


async def test_a_purse_with_something_in_it_changes_nothing(open_isbndb, recorded, within):
    recorded.answers["/key"] = {"plan_limit": {"left": 988}}
    isbndb = await open_isbndb(recorded.url)
    await ask_unknown(isbndb, within, times=39)
    assert [path for path, _ in recorded.asked].count("/key") == 1
    await ask_unknown(isbndb, within, times=1)
    assert [path for path, _ in recorded.asked].count("/key") == 2


async def test_a_known_book_ends_the_run(open_isbndb, recorded, within):
    recorded.answers["/book/9781644100370"] = {"book": {"title": "A", "isbn": "9781644100370"}}
    isbndb = await open_isbndb(recorded.url)
    await ask_unknown(isbndb, within, times=19)
    assert await isbndb.ask(IsbnQuery(FERRY), within=within)
    await ask_unknown(isbndb, within, times=19)
    assert "/key" not in {path for path, _ in recorded.asked}


async def test_many_waiters_for_one_unknown_book_count_once(open_isbndb, recorded, within):
    isbndb = await open_isbndb(recorded.url)
    answers = await asyncio.gather(
        *(isbndb.ask(IsbnQuery(UNKNOWN), within=within) for _ in range(100))
    )
    assert answers == [Findings()] * 100
    assert [path for path, _ in recorded.asked] == ["/book/9780306406157"]


# --- other refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [401, 403])
async def test_a_refused_key_is_not_tried_again(code, isbndb, upstream, within):
    upstream.fault("isbndb", Fault.auth(code))
    for _ in range(2):
        with pytest.raises(ProviderRefused) as caught:
            await isbndb.ask(IsbnQuery(FERRY), within=within)
        assert caught.value.reason == "auth"
        assert "fake-isbndb-key" not in str(caught.value)
    assert upstream.count("isbndb") == 1


@pytest.mark.parametrize(
    "fault", [Fault.html(), Fault.truncated(), Fault.empty_body(), Fault.status(500)]
)
async def test_broken_answers_are_failures(fault, isbndb, upstream, within):
    upstream.fault("isbndb", fault)
    for query in (IsbnQuery(FERRY), TextQuery("ferry"), TitleAuthorQuery("Ferry", "x")):
        with pytest.raises(ProviderFailed):
            await isbndb.ask(query, within=within)


async def test_wrong_types_are_nothing_or_a_failure(isbndb, upstream, within):
    upstream.fault("isbndb", Fault.wrong_types())
    for query in (IsbnQuery(FERRY), TextQuery("ferry"), TitleAuthorQuery("Ferry", "x")):
        with suppress(ProviderFailed):
            assert isinstance(await isbndb.ask(query, within=within), Findings)
