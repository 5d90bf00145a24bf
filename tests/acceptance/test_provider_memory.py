"""What is remembered of providers, and what helps when they are silent or down."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from bookstrack.testing.generated import generated_isbn
from bookstrack.testing.upstream import Fault

FERRY = "9781644100370"
BOOKS = ("google", "openlibrary", "isbndb")
NO_FACTS = {"WIKIDATA_ENABLED": "false"}
SLACK_S = 3.0  # what a busy machine may add


def search(isbn: str = FERRY) -> str:
    return f"/v1/search/isbn?isbn={isbn}"


def missing(answer: Any) -> list[tuple[str, str]]:
    warnings = answer.json["metadata"].get("warnings", [])
    return [(warning["provider"], warning["code"]) for warning in warnings]


# --- quotas and keys ------------------------------------------------------------------------


async def test_a_used_up_day_survives_a_restart_and_ends_at_midnight(start, clock):
    first = await start(clock=clock, **NO_FACTS)
    first.upstream.fault("google", Fault.quota(), times=1)
    assert missing(await first.get(search())) == [("google-books", "PROVIDER_ERROR")]
    assert first.upstream.count("google") == 1  # a used-up day is not tried again
    await first.stop()

    second = await start(clock=clock, **NO_FACTS)
    answer = await second.get("/external/google-books?q=ferry")
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (503, "PROVIDER_ERROR")
    now = datetime.fromtimestamp(clock.time(), UTC)
    midnight = now.replace(hour=7, minute=0, second=0, microsecond=0)  # in California, in summer
    rest = (midnight - now).total_seconds() % 86_400
    assert answer.headers["Retry-After"] == str(int(rest))
    assert error["retryAfterMs"] == error["details"]["retryAfterMs"] == rest * 1000
    assert missing(await second.get(search(generated_isbn(1)))) == [
        ("google-books", "PROVIDER_ERROR")
    ]
    assert second.upstream.count("google") == 1
    await clock.advance(rest)
    assert missing(await second.get(search(generated_isbn(2)))) == []
    assert second.upstream.count("google") == 2


async def test_our_own_count_of_the_day_survives_a_restart(start, clock):
    limit = {"GOOGLE_BOOKS_DAILY_LIMIT": "3", **NO_FACTS}
    first = await start(clock=clock, **limit)
    for number in range(2):
        await first.get(search(generated_isbn(number)))
    await first.stop()
    second = await start(clock=clock, **limit)
    found = [missing(await second.get(search(generated_isbn(10 + n)))) for n in range(3)]
    assert found == [[], *[[("google-books", "PROVIDER_ERROR")]] * 2]
    assert second.upstream.count("google") == 3


@pytest.mark.parametrize("fault", [Fault.auth(), Fault.status(403)], ids=["400", "403"])
async def test_a_refused_key_rests_until_the_restart_with_one_warning(start, fault):
    api = await start(**NO_FACTS)
    api.upstream.fault("google", fault, times=1)
    with capture_logs() as lines:
        for number in range(3):
            answer = await api.get(search(generated_isbn(number)))
            assert answer.status == 200
            assert missing(answer) == [("google-books", "PROVIDER_ERROR")]
    said = [line for line in lines if line["event"] == "provider_disabled"]
    assert [(line["log_level"], line["provider"]) for line in said] == [("warning", "google")]
    assert api.upstream.count("google") == 1
    ready = (await api.get("/health/ready")).json
    assert ready["checks"]["providers"]["google-books"] == "disabled"
    await api.stop()

    again = await start(**NO_FACTS)
    assert missing(await again.get(search(generated_isbn(9)))) == []
    assert again.upstream.count("google") == 2


# --- silence --------------------------------------------------------------------------------


async def test_a_silent_provider_holds_an_answer_no_longer_than_the_hedge(start):
    api = await start(PROVIDER_HEDGE_MS="200", PROVIDER_TIMEOUT_MS="30000", **NO_FACTS)
    api.upstream.fault("google", Fault.timeout())
    started = time.monotonic()
    answer = await api.get(search())
    assert 0.2 <= time.monotonic() - started < 0.2 + SLACK_S
    assert answer.json["data"]["book"]["isbn"] == FERRY
    assert answer.json["metadata"]["provider"] == "openlibrary"
    assert missing(answer) == [("google-books", "PROVIDER_TIMEOUT")]

    api.upstream.fault("openlibrary", Fault.timeout())  # two silent ones cost two hedges
    started = time.monotonic()
    answer = await api.get(search("9781644101117"))
    assert 0.4 <= time.monotonic() - started < 0.4 + SLACK_S
    assert answer.json["metadata"]["provider"] == "isbndb"
    assert missing(answer) == [
        ("google-books", "PROVIDER_TIMEOUT"),
        ("open-library", "PROVIDER_TIMEOUT"),
    ]


async def test_who_was_asked_only_in_case_is_not_missing(start):
    api = await start(PROVIDER_HEDGE_MS="50", **NO_FACTS)
    api.upstream.delay("google", 0.4)
    api.upstream.fault("openlibrary", Fault.timeout())
    api.upstream.fault("isbndb", Fault.timeout())
    answer = await api.get(search())
    assert answer.json["metadata"]["provider"] == "google-books"
    assert api.upstream.count("openlibrary") == 1
    assert missing(answer) == []
    assert answer.headers["Cache-Control"].startswith("public")


QUESTIONS = {
    "isbn": search(),
    "title": "/v1/search/title?q=The Ferry to Morrow Island",
    "text": "/api/v2/search?q=The Ferry to Morrow Island",
    "advanced": "/v1/search/advanced?author=Maren Holloway",
    "author": "/v1/search/author?name=Maren Holloway",
    "editions": "/v1/search/editions?workTitle=Salt Weather&author=Maren Holloway",
    "legacy title": "/search/title?q=Salt Weather",
    "legacy isbn": f"/search/isbn?isbn={FERRY}",
    "façade": "/v3/books/9781644101858",
}


RIGHT = {"editions": "9781644101117"}  # which have no authors


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.drip(30.0)], ids=["timeout", "drip"])
async def test_when_all_are_silent_the_answer_comes_within_the_budget(start, fault):
    api = await start(
        PROVIDER_INTERACTIVE_BUDGET_MS="600", PROVIDER_HEDGE_MS="100", CIRCUIT_FAILURES="1000"
    )
    for name in BOOKS:
        api.upstream.fault(name, fault)
    started = time.monotonic()
    answers = await asyncio.gather(*(api.get(path) for path in QUESTIONS.values()))
    assert 0.5 <= time.monotonic() - started < 0.6 + SLACK_S
    for kind, answer in zip(QUESTIONS, answers, strict=True):
        error = answer.json["error"]
        assert (answer.status, error["code"]) == (504, "PROVIDER_TIMEOUT"), (kind, answer.body)
        assert error["canonicalCode"] == "NETWORK_ERROR"
        assert error["retryable"] is True
        assert int(answer.headers["Retry-After"]) == error["details"]["retryAfter"] >= 1
    api.upstream.heal()
    for kind, path in QUESTIONS.items():
        answer = await api.get(path)
        assert answer.status == 200, (kind, answer.body)
        assert RIGHT.get(kind, "Maren Holloway") in answer.body.decode(), kind


async def test_no_request_takes_longer_than_its_limit(start):
    api = await start(REQUEST_TIMEOUT_MS="400")
    for name in BOOKS:
        api.upstream.fault(name, Fault.timeout())
    started = time.monotonic()
    answer = await api.get(search())
    assert 0.4 <= time.monotonic() - started < 0.4 + SLACK_S
    error = answer.json["error"]
    assert (answer.status, error["code"], error["retryable"]) == (504, "PROVIDER_TIMEOUT", True)
    assert int(answer.headers["Retry-After"]) == error["retryAfter"] >= 1


# --- retries --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        (Fault.status(500), 3),
        (Fault.status(503), 3),
        (Fault.reset(), 3),
        (Fault.busy(2), 3),
        (Fault.busy(60), 1),  # too long to sit out
        (Fault.html(), 1),
        (Fault.truncated(), 1),
        (Fault.quota(), 1),
    ],
    ids=lambda value: str(getattr(value, "kind", value)),
)
async def test_passing_trouble_is_sat_out_and_lasting_trouble_is_not(start, clock, fault, asked):
    api = await start(clock=clock, PROVIDER_HEDGE_MS="3600000", **NO_FACTS)
    api.upstream.fault("google", fault, times=2)
    request = asyncio.ensure_future(api.get(search()))
    while not request.done():
        await asyncio.sleep(0.01)
        await clock.advance(0.1)
    answer = await request
    assert answer.status == 200
    assert api.upstream.count("google") == asked
    if asked == 3:
        assert (answer.json["metadata"]["provider"], missing(answer)) == ("google-books", [])
    else:
        assert answer.json["metadata"]["provider"] == "openlibrary"
        assert missing(answer) == [("google-books", "PROVIDER_ERROR")]


# --- what our own tables still know -------------------------------------------------------------


async def test_a_row_too_old_still_answers_where_every_provider_fails(start, clock):
    api = await start(clock=clock, CACHE_TTL_ISBN_S="3000", PROVIDER_RETRIES="1", **NO_FACTS)
    fresh = await api.get(search())
    await clock.advance(100_000)  # older than row, shared entry and the stale time in memory
    for name in BOOKS:
        api.upstream.fault(name, Fault.status(500))
    asked = api.upstream.count()
    old = await api.get(search())
    assert api.upstream.count() == asked + 3
    assert old.status == 200
    assert old.json["data"]["book"]["title"] == fresh.json["data"]["book"]["title"]
    assert old.headers["X-Cache-Source"] == "DB"
    assert old.headers["Cache-Control"] == "no-store"
    assert int(old.headers["X-Cache-TTL"]) <= 7200
    failed = [(name, "PROVIDER_ERROR") for name in ("google-books", "open-library", "isbndb")]
    assert missing(old) == failed
    assert missing(await api.get(search())) == failed  # also where it comes from the cache

    api.upstream.heal()
    await clock.advance(100_000)
    healed = await api.get(search())
    assert (healed.headers["X-Cache"], missing(healed)) == ("MISS", [])


async def test_a_stale_answer_outlives_a_refresh_that_fails(start, clock):
    api = await start(clock=clock, CACHE_TTL_ISBN_S="3000", PROVIDER_RETRIES="1", **NO_FACTS)
    await api.get("/v1/search/title?q=Salt Weather")
    await api.parts.background.drain(5)
    for name in BOOKS:
        api.upstream.fault(name, Fault.nothing() if name == "isbndb" else Fault.status(500))
    await clock.advance(80_000)
    for _ in range(3):
        stale = await api.get("/v1/search/title?q=Salt Weather")
        assert stale.headers["X-Cache"] in ("HIT", "HIT-STALE")
        assert stale.json["data"]["works"][0]["title"] == "Salt Weather"
        await asyncio.sleep(0.05)


# --- single enrichment --------------------------------------------------------------------------


async def test_a_miss_that_lacks_a_provider_is_not_replayed_under_its_key(start):
    api = await start(PROVIDER_RETRIES="1", **NO_FACTS)
    api.upstream.fault("google", Fault.status(500))
    for name in ("openlibrary", "isbndb"):
        api.upstream.fault(name, Fault.nothing())
    body = {"barcode": FERRY, "idempotency_key": "one"}
    for _ in range(2):
        answer = await api.post("/api/v2/books/enrich", json=body)
        assert (answer.status, answer.json["error"]["code"]) == (404, "NOT_FOUND")
        assert missing(answer) == [("google-books", "PROVIDER_ERROR")]
        assert "Idempotent-Replayed" not in answer.headers
        assert answer.json["error"]["details"]["providersChecked"]
    api.upstream.heal()
    found = await api.post("/api/v2/books/enrich", json=body)
    assert (found.status, found.json["isbn"]) == (200, FERRY)
    again = await api.post("/api/v2/books/enrich", json=body)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_true_miss_is_replayed_under_its_key(start):
    api = await start(**NO_FACTS)
    body = {"barcode": "9791095546719", "idempotency_key": "one"}
    for replayed in (None, "true"):
        answer = await api.post("/api/v2/books/enrich", json=body)
        assert answer.status == 404
        assert missing(answer) == []
        assert answer.headers.get("Idempotent-Replayed") == replayed


# --- author facts ---------------------------------------------------------------------------


async def test_facts_that_come_late_end_the_warning(start):
    api = await start(AUTHOR_FACTS_WAIT_MS="30")
    api.upstream.delay("wikidata", 0.2)
    api.upstream.fault("wikidata", Fault.nothing())
    first = await api.get(search())
    assert missing(first) == [("wikidata", "PROVIDER_TIMEOUT")]
    await api.parts.improving.drain(5)
    second = await api.get(search())  # nothing is known of the author, and that is known now
    assert (second.headers["X-Cache"], missing(second)) == ("HIT", [])
    assert second.headers["Cache-Control"].startswith("public")


async def test_failed_facts_are_not_taken_for_unknown(start, clock):
    api = await start(clock=clock, PROVIDER_RETRIES="1")
    api.upstream.fault("wikidata", Fault.html())
    first = await api.get(search())
    assert missing(first) == [("wikidata", "PROVIDER_ERROR")]
    assert first.json["data"]["authors"][0]["gender"] == "Unknown"
    api.upstream.heal()
    other = await api.get(search("9781644100745"))  # another book by the same author
    assert missing(other) == []
    assert other.json["data"]["authors"][0]["gender"] == "Female"
