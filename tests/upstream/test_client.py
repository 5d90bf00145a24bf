from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from msgspec import Struct

from bookstrack.errors import (
    CircuitOpen,
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
)
from bookstrack.upstream.breaker import BreakerRules, Circuit
from bookstrack.upstream.client import Budget, Reply


class Book(Struct):
    title: str


EMMA = Book(title="Emma")


def busy(wait: str | None = None) -> web.Response:
    return web.Response(status=429, headers={"Retry-After": wait} if wait else {})


def only_key_problem(reply: Reply) -> ProviderRefused | None:
    return ProviderRefused("google", "key", reason="auth") if reply.status == 400 else None


def used_up(reply: Reply) -> QuotaExhausted | None:
    return QuotaExhausted("google", "used up") if b"per day" in reply.body else None


async def fails(call, kind):
    with pytest.raises(kind) as caught:
        async with asyncio.timeout(30):  # a frozen clock would wait for ever
            await call
    assert type(caught.value) is kind
    assert caught.value.provider == "google"
    return caught.value


async def test_an_answer(channel, script, budget):
    books = channel(base_url=f"{script.base}/prefix/", headers={"X-Client": "books"})
    answer = await books.get_json(
        "/books/v1/volumes", Book, within=budget(), params={"q": 'intitle:"Emma & co"', "n": "1"}
    )
    assert answer == EMMA
    assert script.asked[0].path == "/prefix/books/v1/volumes"
    assert dict(script.asked[0].query) == {"q": 'intitle:"Emma & co"', "n": "1"}
    assert script.asked[0].headers["X-Client"] == "books"
    assert script.asked[0].headers["User-Agent"].startswith("BooksTrack/")


async def test_paths_come_encoded(channel, script, budget):
    await channel().get_json("/author/Bront%C3%AB%20%2F%20Bell", Book, within=budget())
    assert script.asked[0].rel_url.raw_path == "/author/Bront%C3%AB%20%2F%20Bell"


async def test_404_is_none(channel, script, budget, sample):
    script.always = 404
    assert await channel().get_json("/x", Book, within=budget()) is None
    assert sample("provider_requests_total", provider="google", outcome="empty") == 1


# --- retries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_passing_failures_are_retried_after_1_and_2_seconds(
    channel, script, budget, passing, status
):
    script.then(status, status)
    answer = await passing(channel(attempts=3).get_json("/x", Book, within=budget()))
    assert answer == EMMA
    first, *later = script.asked_at
    assert [moment - first for moment in later] == [1.0, 3.0]


async def test_no_more_attempts_than_allowed(channel, script, budget, passing, sample):
    script.always = 503
    await fails(
        passing(channel(attempts=3).get_json("/x", Book, within=budget())), ProviderUnavailable
    )
    assert len(script.asked) == 3
    assert sample("provider_requests_total", provider="google", outcome="failed") == 3
    assert sample("provider_latency_seconds_count", provider="google") == 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (400, ProviderRefused),
        (401, ProviderRefused),
        (501, ProviderFailed),
        ((200, {"titel": 1}), ProviderFailed),
        (200, ProviderFailed),
    ],
)
async def test_lasting_trouble_is_not_retried(channel, script, budget, answer, kind):
    script.always = answer
    await fails(channel(attempts=3).get_json("/x", Book, within=budget()), kind)
    assert len(script.asked) == 1


async def test_a_busy_minute_is_retried_and_the_day_is_not(channel, script, budget, passing):
    books = channel(attempts=3)
    script.then((429, "Queries per minute"))
    call = books.get_json("/x", Book, within=budget(), explain=used_up)
    assert await passing(call) == EMMA
    assert len(script.asked) == 2
    script.then((429, "Queries per day"))
    await fails(books.get_json("/x", Book, within=budget(), explain=used_up), QuotaExhausted)
    assert len(script.asked) == 3


async def test_busy_to_the_end_stays_busy(channel, script, budget, passing, sample):
    script.always = 429
    call = channel(attempts=3).get_json("/x", Book, within=budget())
    problem = await fails(passing(call), ProviderBusy)
    assert problem.retry_after == 60.0
    assert len(script.asked) == 3
    assert sample("provider_requests_total", provider="google", outcome="busy") == 3


async def test_retry_after_up_to_ten_seconds_is_waited(channel, script, budget, passing):
    script.then(busy("7"))
    assert await passing(channel(attempts=2).get_json("/x", Book, within=budget())) == EMMA
    assert script.asked_at[1] - script.asked_at[0] == 7.0


async def test_a_longer_retry_after_is_not(channel, script, clock, budget):
    script.then(busy("11"))
    call = channel(attempts=2).get_json("/x", Book, within=budget(60))
    assert (await fails(call, ProviderBusy)).retry_after == 11.0
    assert len(script.asked) == 1


async def test_retry_after_holds_back_other_calls_too(channel, script, clock, budget, passing):
    books = channel()
    script.then(busy("30"))
    await fails(books.get_json("/x", Book, within=budget()), ProviderBusy)
    await clock.advance(5)
    problem = await fails(books.get_json("/y", Book, within=budget()), ProviderBusy)
    assert problem.retry_after == 25.0
    assert len(script.asked) == 1
    job = Budget(clock.monotonic() + 60, interactive=False)
    assert await passing(books.get_json("/y", Book, within=job)) == EMMA
    assert script.asked_at[1] - script.asked_at[0] == 30.0


async def test_a_retry_that_cannot_end_within_the_budget_is_not_begun(
    channel, script, clock, budget, passing
):
    script.always = 503
    started = clock.monotonic()
    call = channel(attempts=3).get_json("/x", Book, within=budget(3.0))
    await fails(passing(call), ProviderUnavailable)
    assert [moment - started for moment in script.asked_at] == [0.0, 1.0]


async def test_a_retry_for_which_there_is_no_slot_leaves_the_answer_standing(
    channel, script, budget, passing
):
    script.always = 503
    paced = channel(attempts=3, rps=0.25)
    await fails(passing(paced.get_json("/x", Book, within=budget(3.5))), ProviderUnavailable)
    assert len(script.asked) == 1


async def test_without_time_nothing_is_asked(channel, script, clock, budget, sample):
    await fails(channel().get_json("/x", Book, within=budget(0)), ProviderTimeout)
    assert script.asked == []
    assert channel().state().breaker is Circuit.CLOSED


async def test_an_attempt_lasts_no_longer_than_the_budget(channel, script, gate, budget, sample):
    script.always = gate
    await fails(channel(timeout_s=60.0).get_json("/x", Book, within=budget(0.05)), ProviderTimeout)
    assert sample("provider_requests_total", provider="google", outcome="timeout") == 1


async def test_an_attempt_lasts_no_longer_than_its_own_limit(channel, script, gate, budget):
    script.always = gate
    await fails(channel(timeout_s=0.05).get_json("/x", Book, within=budget()), ProviderTimeout)


async def test_a_drip_is_cut(channel, script, budget):
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    script.always = drip
    await fails(channel(timeout_s=0.1).get_json("/x", Book, within=budget()), ProviderTimeout)


# --- breaker ---------------------------------------------------------------------------------


async def ask(books, budget, path="/x", **more):
    try:
        async with asyncio.timeout(30):
            return await books.get_json(path, Book, within=budget(), **more)
    except (ProviderFailed, ProviderBusy, ProviderTimeout, ProviderRefused) as problem:
        return problem


async def test_the_whole_life_of_a_breaker(channel, script, clock, budget, sample):
    books = channel()
    script.always = 503
    for _ in range(5):
        await ask(books, budget)
    assert books.state().breaker is Circuit.OPEN
    await clock.advance(59)
    problem = await fails(books.get_json("/x", Book, within=budget()), CircuitOpen)
    assert problem.retry_after == 1.0
    assert books.state().retry_after == 1.0
    assert len(script.asked) == 5
    await clock.advance(1)
    script.then(404, 503)
    assert await ask(books, budget) is None  # "not found" is an answer
    assert sample("circuit_state", provider="google") == 1
    await ask(books, budget)
    assert sample("circuit_state", provider="google") == 2
    await clock.advance(60)
    script.always = (200, {"title": "Emma"})
    await ask(books, budget)
    assert sample("circuit_state", provider="google") == 1
    await ask(books, budget)
    assert sample("circuit_state", provider="google") == 0
    moves = {
        to: sample("circuit_transitions_total", provider="google", to=to)
        for to in ("open", "half_open", "closed")
    }
    assert moves == {"open": 2, "half_open": 2, "closed": 1}
    assert sample("provider_requests_total", provider="google", outcome="circuit_open") == 1


@pytest.mark.parametrize(
    "answer", [503, 200, (200, {"titel": ""}), (200, {"title": []}), (502, {"title": "Emma"})]
)
async def test_what_counts_as_failure(channel, script, budget, answer):
    books = channel()
    script.always = answer
    for _ in range(5):
        await ask(books, budget)
    assert books.state().breaker is Circuit.OPEN


@pytest.mark.parametrize("answer", [404, 429, 400, 418])
async def test_what_does_not(channel, script, budget, answer):
    books = channel()
    script.always = answer
    for _ in range(10):
        await ask(books, budget)
    assert len(script.asked) == 10
    assert books.state().breaker is Circuit.CLOSED


async def test_a_refused_query_is_no_success_either(channel, script, budget):
    books = channel()
    script.then(503, 503, 503, 400, 429, 503, 503)
    for _ in range(7):
        await ask(books, budget)
    assert books.state().breaker is Circuit.OPEN


async def test_attempts_count_and_none_is_made_once_it_is_open(channel, script, budget, passing):
    books = channel(attempts=3)
    script.always = 503
    for _ in range(2):
        await fails(passing(books.get_json("/x", Book, within=budget())), ProviderUnavailable)
    assert len(script.asked) == 5
    assert books.state().breaker is Circuit.OPEN


async def opened(books, script, clock, budget):
    script.then(*[503] * 5)
    for _ in range(5):
        await ask(books, budget)
    await clock.advance(60)


async def test_one_probe_at_a_time(channel, script, clock, budget, gate, until):
    books = channel()
    await opened(books, script, clock, budget)
    script.always = gate
    probe = asyncio.create_task(ask(books, budget))
    await until(lambda: script.in_flight == 1)
    problem = await fails(books.get_json("/other", Book, within=budget()), CircuitOpen)
    assert problem.retry_after == 1.0
    gate.opened.set()
    assert await probe == EMMA
    assert await ask(books, budget, "/other") == EMMA
    assert books.state().breaker is Circuit.CLOSED


async def test_a_cancelled_probe_counts_as_nothing_and_frees_its_place(
    channel, script, clock, budget, gate, until
):
    books = channel(in_flight=1)
    await opened(books, script, clock, budget)
    script.then(gate)
    probe = asyncio.create_task(ask(books, budget))
    await until(lambda: script.in_flight == 1)
    probe.cancel()
    await until(probe.cancelled)
    assert books.state().breaker is Circuit.HALF_OPEN
    assert await ask(books, budget, "/1") == EMMA
    assert await ask(books, budget, "/2") == EMMA
    assert books.state().breaker is Circuit.CLOSED


async def test_cancelled_calls_are_no_failures(channel, script, budget, gate, until, sample):
    books = channel()
    script.always = gate
    for _ in range(6):
        call = asyncio.create_task(ask(books, budget))
        await until(lambda: script.in_flight == 1)
        call.cancel()
        await until(lambda: script.in_flight == 0)
    assert books.state().breaker is Circuit.CLOSED
    assert sample("provider_requests_total", provider="google", outcome="timeout") is None


async def test_calls_in_line_do_not_go_to_a_provider_that_failed_meanwhile(
    channel, script, budget, passing
):
    books = channel(rps=1.0)
    script.always = 503
    calls = [books.get_json(f"/{n}", Book, within=budget()) for n in range(8)]
    results = await passing(asyncio.gather(*calls, return_exceptions=True))
    assert [type(result) for result in results] == [ProviderUnavailable] * 5 + [CircuitOpen] * 3
    assert len(script.asked) == 5


# --- keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "explain"), [(401, None), (403, None), (400, only_key_problem)])
async def test_a_refused_key_ends_it(channel, script, budget, status, explain, logged, sample):
    books = channel()
    script.always = status
    calls = [books.get_json(f"/{n}", Book, within=budget(), explain=explain) for n in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {result.reason for result in results} == {"auth"}
    asked = len(script.asked)
    problem = await fails(books.get_json("/y", Book, within=budget()), ProviderRefused)
    assert problem.reason == "auth"
    assert problem.retryable is False
    assert len(script.asked) == asked
    assert books.state().disabled
    assert [entry["event"] for entry in logged] == ["provider_disabled"]
    assert sample("provider_requests_total", provider="google", outcome="refused") == 4


async def test_a_refused_query_does_not(channel, script, budget, logged):
    books = channel()
    script.then(400)
    await ask(books, budget)
    assert await ask(books, budget) == EMMA
    assert not books.state().disabled
    assert logged == []


# --- quota -----------------------------------------------------------------------------------


async def test_every_attempt_is_counted(channel, script, budget, passing, sample):
    books = channel(attempts=3, daily_limit=10)
    script.then(503, 503)
    await passing(books.get_json("/x", Book, within=budget()))
    assert books.state().quota_used == 3
    assert books.state().quota_limit == 10
    assert sample("provider_quota_used_ratio", provider="google") == 0.3


async def test_a_used_up_day_makes_no_calls(channel, script, clock, budget, sample):
    books = channel(daily_limit=2)
    for n in range(2):
        await ask(books, budget, f"/{n}")
    problem = await fails(books.get_json("/x", Book, within=budget()), QuotaExhausted)
    midnight = 86_400 - clock.time() % 86_400
    assert problem.retry_after == midnight
    assert books.state().retry_after == midnight
    assert len(script.asked) == 2
    await clock.advance(midnight)
    assert await ask(books, budget) == EMMA
    assert sample("provider_requests_total", provider="google", outcome="quota") == 1
    assert sample("provider_quota_used_ratio", provider="google") == 0.5


async def test_quota_exhausted_on_the_wire_pauses_until_the_zones_midnight(
    channel, script, clock, budget
):
    books = channel(quota_zone="America/Los_Angeles")
    script.then((429, "Queries per day"))
    call = books.get_json("/x", Book, within=budget(), explain=used_up)
    problem = await fails(call, QuotaExhausted)
    midnight = 86_400 - (clock.time() - 7 * 3600) % 86_400  # 2025-10-09, summer time
    assert problem.retry_after == midnight
    await clock.advance(midnight - 1)
    problem = await fails(books.get_json("/y", Book, within=budget()), QuotaExhausted)
    assert problem.retry_after == 1.0
    assert len(script.asked) == 1
    await clock.advance(1)
    assert await ask(books, budget) == EMMA
    assert books.state().breaker is Circuit.CLOSED


async def test_calls_in_line_learn_of_the_used_up_day(channel, script, clock, budget, until):
    books = channel(rps=1.0)
    script.always = (429, "Queries per day")
    calls = [
        asyncio.create_task(books.get_json(f"/{n}", Book, within=budget(), explain=used_up))
        for n in range(3)
    ]
    await until(calls[0].done)
    await clock.advance(5)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [QuotaExhausted] * 3
    assert len(script.asked) == 1


# --- pace and places ---------------------------------------------------------------------------


async def test_readers_go_before_jobs(channel, script, clock, budget, passing):
    books = channel(rps=1.0, burst=2)
    jobs = [
        books.get_json(f"/job{n}", Book, within=budget(60, interactive=False)) for n in range(4)
    ]
    reader = books.get_json("/reader", Book, within=budget())
    await passing(asyncio.gather(*jobs, reader))
    started = script.asked_at[0]
    assert [request.path for request in script.asked][:1] == ["/reader"]
    assert [moment - started for moment in script.asked_at] == [0.0, 0.0, 1.0, 2.0, 3.0]


async def test_a_line_too_long_for_the_budget(channel, script, budget, until, clock, sample):
    books = channel(rps=1.0)
    await ask(books, budget)
    problem = await fails(books.get_json("/y", Book, within=budget(0.5)), ProviderBusy)
    assert problem.retry_after == 1.0
    assert len(script.asked) == 1
    assert sample("provider_requests_total", provider="google", outcome="busy") == 1


async def test_calls_in_flight_are_bounded(channel, script, budget):
    books = channel(in_flight=2)

    async def slow(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.005)
        return web.json_response({"title": "Emma"})

    script.always = slow
    calls = [books.get_json(f"/{n}", Book, within=budget()) for n in range(10)]
    assert await asyncio.gather(*calls) == [EMMA] * 10
    assert script.most_in_flight == 2


# --- single-flight ---------------------------------------------------------------------------


async def test_a_thousand_equal_questions_are_one_call(channel, script, budget):
    books = channel()
    calls = [
        books.get_json("/x", Book, within=budget(), params={"a": "1", "b": "2"}) for _ in range(500)
    ]
    turned = [
        books.get_json("/x", Book, within=budget(), params={"b": "2", "a": "1"}) for _ in range(500)
    ]
    assert await asyncio.gather(*calls, *turned) == [EMMA] * 1000
    assert len(script.asked) == 1


async def test_different_questions_are_different_calls(channel, script, budget):
    books = channel()
    await asyncio.gather(
        books.get_json("/x", Book, within=budget()),
        books.get_json("/y", Book, within=budget()),
        books.get_json("/x", Book, within=budget(), params={"a": "1"}),
        books.get_json("/x", dict, within=budget()),
    )
    assert len(script.asked) == 4


async def test_an_error_is_told_to_all_and_forgotten(channel, script, budget):
    books = channel()
    script.then(503)
    results = await asyncio.gather(*(ask(books, budget) for _ in range(100)))
    assert {type(result) for result in results} == {ProviderUnavailable}
    assert len(script.asked) == 1
    assert await ask(books, budget) == EMMA


async def test_one_waiter_may_leave(channel, script, budget, gate, until):
    books = channel()
    script.then(gate)
    first, second = (asyncio.create_task(ask(books, budget)) for _ in range(2))
    await until(lambda: script.in_flight == 1)
    first.cancel()
    gate.opened.set()
    assert await second == EMMA
    assert len(script.asked) == 1


async def test_an_impatient_one_leaves_on_time(channel, script, budget, gate, until):
    books = channel()
    script.then(gate)
    patient = asyncio.create_task(books.get_json("/x", Book, within=budget()))
    await until(lambda: script.in_flight == 1)
    await fails(books.get_json("/x", Book, within=budget(0.02)), ProviderTimeout)
    gate.opened.set()
    assert await patient == EMMA


# --- rules -----------------------------------------------------------------------------------


def test_the_default_rules():
    assert BreakerRules() == BreakerRules(failures=5, successes=2, cooldown_s=60.0)


async def test_the_channels_made(upstream, channel):
    one, two = channel(), channel(name="isbndb")
    assert upstream.channels == (one, two)


async def test_closing_leaves_nothing_behind(channel, script, budget, gate, until):
    script.always = gate
    call = asyncio.create_task(ask(channel(rps=1.0), budget))
    await until(lambda: script.in_flight == 1)
    call.cancel()  # the fixture closes next; what it left open would be a warning
