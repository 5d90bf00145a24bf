"""The breaker as callers see it: five failures, sixty seconds, one probe, two successes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bookstrack.testing.generated import generated_isbn
from bookstrack.testing.upstream import Fault

ALONE = {
    "GOOGLE_BOOKS_API_KEY": "",
    "ISBNDB_API_KEY": "",
    "WIKIDATA_ENABLED": "false",
    "PROVIDER_RETRIES": "1",
}
NAME = "open-library"


@pytest.fixture
async def alone(start: Any, clock: Any) -> Any:
    """A server with Open Library only, whose time stands still."""
    return await start(clock=clock, **ALONE)


class Asking:
    """Asks for a new book each time, so that no answer comes from a cache."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.asked = 0

    async def __call__(self) -> Any:
        self.asked += 1
        return await self.api.get(f"/v1/search/isbn?isbn={generated_isbn(1000 + self.asked)}")

    async def times(self, number: int) -> list[int]:
        return [(await self()).status for _ in range(number)]


async def circuit(api: Any) -> tuple[str, str]:
    """What readiness and metrics say: both have to tell the same."""
    ready = (await api.get("/health/ready")).json
    metrics = (await api.get("/metrics?format=prometheus")).body.decode()
    line = next(
        line for line in metrics.splitlines()
        if line.startswith("circuit_state{") and '"openlibrary"' in line
    )  # fmt: skip
    level = {0.0: "closed", 1.0: "half_open", 2.0: "open"}[float(line.split()[-1])]
    return ready["checks"]["providers"][NAME], level


def check_open(answer: Any, *, rest: float) -> None:
    error = answer.json["error"]
    assert answer.status == error["statusCode"] == 503
    assert error["code"] == "CIRCUIT_OPEN"
    assert error["retryable"] is True
    assert error["provider"] == error["details"]["provider"] == NAME
    assert error["retryAfterMs"] == error["details"]["retryAfterMs"] == round(rest * 1000)
    seconds = -int(-rest // 1)
    assert error["retryAfter"] == error["details"]["retryAfter"] == seconds
    assert answer.headers["Retry-After"] == str(seconds)
    assert answer.headers["Cache-Control"] == "no-store"
    assert None not in error["details"].values()


async def test_five_failures_sixty_seconds_one_probe_two_successes(alone, clock):
    ask = Asking(alone)
    alone.upstream.fault("openlibrary", Fault.status(500))
    assert await circuit(alone) == ("closed", "closed")
    assert await ask.times(5) == [502] * 5
    assert await circuit(alone) == ("open", "open")
    assert alone.upstream.count("openlibrary") == 5

    check_open(await ask(), rest=60)
    await clock.advance(0.5)
    check_open(await ask(), rest=59.5)
    await clock.advance(58.5)
    check_open(await ask(), rest=1)
    assert alone.upstream.count("openlibrary") == 5  # it was left alone

    await clock.advance(1)  # one probe, and its failure opens it again
    assert (await ask()).status == 502
    assert alone.upstream.count("openlibrary") == 6
    assert await circuit(alone) == ("open", "open")
    check_open(await ask(), rest=60)

    await clock.advance(60)
    alone.upstream.heal()
    assert (await ask()).status == 200
    assert await circuit(alone) == ("half_open", "half_open")
    assert (await ask()).status == 200
    assert await circuit(alone) == ("closed", "closed")
    assert (await ask()).status == 200


async def test_while_a_probe_is_on_its_way_nobody_else_is_let_through(alone, clock):
    ask = Asking(alone)
    alone.upstream.fault("openlibrary", Fault.status(500))
    await ask.times(5)
    alone.upstream.heal()
    alone.upstream.delay("openlibrary", 0.3)
    await clock.advance(60)
    asked = alone.upstream.count("openlibrary")
    answers = await asyncio.gather(*(ask() for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [200] + [503] * 9
    assert {a.json["error"]["code"] for a in answers if a.status == 503} == {"CIRCUIT_OPEN"}
    assert alone.upstream.count("openlibrary") == asked + 1


async def test_not_found_busy_and_refusals_do_not_count(alone, clock):
    ask = Asking(alone)
    alone.upstream.fault("openlibrary", Fault.status(500), times=4)
    assert await ask.times(4) == [502] * 4
    for fault, status in ((Fault.busy(None), 503), (Fault.status(400), 502)):
        alone.upstream.fault("openlibrary", fault, times=6)
        assert await ask.times(6) == [status] * 6
    assert await circuit(alone) == ("closed", "closed")
    alone.upstream.fault("openlibrary", Fault.nothing(), times=1)  # an answer ends the row
    assert (await ask()).status == 200
    alone.upstream.fault("openlibrary", Fault.status(500), times=4)
    assert await ask.times(5) == [502] * 4 + [200]
    assert await circuit(alone) == ("closed", "closed")


async def test_an_open_breaker_is_no_error_where_others_answer(start, clock):
    api = await start(clock=clock, PROVIDER_RETRIES="1", WIKIDATA_ENABLED="false")
    ask = Asking(api)
    api.upstream.fault("google", Fault.status(500))
    for expected in ["PROVIDER_ERROR"] * 5 + ["CIRCUIT_OPEN"]:
        answer = await ask()
        assert answer.status == 200
        assert answer.json["metadata"]["warnings"] == [
            {"code": expected, "provider": "google-books"}
        ]
    # Where nobody knows the book, that is no miss to remember while one is not asked.
    for _ in range(2):
        miss = await api.get("/v1/search/isbn?isbn=9791095546719")
        assert (miss.status, miss.headers["X-Cache"]) == (200, "MISS")
        assert miss.json["metadata"]["warnings"][0]["code"] == "CIRCUIT_OPEN"


async def test_all_breakers_open_tell_the_shortest_rest(start, clock):
    api = await start(clock=clock, PROVIDER_RETRIES="1", WIKIDATA_ENABLED="false")
    ask = Asking(api)
    for name in ("google", "openlibrary", "isbndb"):
        api.upstream.fault(name, Fault.status(500))
        await clock.advance(7)
        if name != "isbndb":
            external = {"google": "google-books", "openlibrary": "openlibrary"}[name]
            for number in range(5):
                await api.get(f"/external/{external}?q=book{number}")
    for number in range(5):
        await api.get(f"/external/isbndb?title=book{number}")
    error = (await ask()).json["error"]
    assert (error["code"], error["provider"]) == ("CIRCUIT_OPEN", "google-books")
    assert error["retryAfterMs"] == 46_000  # opened at 7 s, asked at 21 s


async def test_an_open_breaker_survives_a_restart(start, clock):
    first = await start(clock=clock, **ALONE)
    first.upstream.fault("openlibrary", Fault.status(500))
    await Asking(first).times(5)
    await first.stop()
    await clock.advance(20)
    second = await start(clock=clock, **ALONE)
    assert await circuit(second) == ("open", "open")
    check_open(await Asking(second)(), rest=40)
    assert second.upstream.count("openlibrary") == 5
