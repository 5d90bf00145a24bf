"""Every provider in every kind of trouble: the others help, or the failure is honest.

All kinds of question are asked side by side, each about books of its own. No answer that misses
a provider is remembered as "not found", and nothing takes longer than its limit.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest

from bookstrack.testing.generated import generated_isbn, generated_person, generated_work
from bookstrack.testing.upstream import Fault

BOOKS = ("google", "openlibrary", "isbndb")
NAMES = {"google": "google-books", "openlibrary": "open-library"}
SLACK_S = 8.0  # what a busy machine may add
SETTINGS = {
    "PROVIDER_RETRIES": "1",  # waits between attempts have tests of their own
    "CIRCUIT_FAILURES": "1000",  # and so have breakers
    # Nobody is slow here but for the fault, however busy the machine is.
    "PROVIDER_TIMEOUT_MS": "20000",
    "PROVIDER_HEDGE_MS": "20000",
    "PROVIDER_INTERACTIVE_BUDGET_MS": "40000",
    "AUTHOR_FACTS_WAIT_MS": "10000",
}
IMPATIENT = {**SETTINGS, "PROVIDER_TIMEOUT_MS": "900", "PROVIDER_INTERACTIVE_BUDGET_MS": "3000"}
NO_FACTS = {"WIKIDATA_ENABLED": "false"}
ONLY_OPEN_LIBRARY = {"GOOGLE_BOOKS_API_KEY": "", "ISBNDB_API_KEY": "", **NO_FACTS}


class Trouble(msgspec.Struct, frozen=True):
    """A fault, the code it is reported by, and the status of an answer that nobody else gives."""

    fault: Fault
    code: str = "PROVIDER_ERROR"
    status: int = 502


TROUBLES = {
    "500": Trouble(Fault.status(500)),
    "503": Trouble(Fault.status(503), status=503),
    "429-minute": Trouble(Fault.busy(120), status=503),
    "429-day": Trouble(Fault.quota(), status=503),
    "403": Trouble(Fault.status(403)),
    "key": Trouble(Fault.auth()),
    "timeout": Trouble(Fault.timeout(), "PROVIDER_TIMEOUT", 504),
    "reset": Trouble(Fault.reset(), "PROVIDER_TIMEOUT", 504),
    "html": Trouble(Fault.html()),
    "truncated": Trouble(Fault.truncated()),
    "empty": Trouble(Fault.empty_body()),
    "wrong-types": Trouble(Fault.wrong_types()),
    "drip": Trouble(Fault.drip(5.0), "PROVIDER_TIMEOUT", 504),
}
LASTING = ("429-minute", "429-day", "403", "key")  # the provider is left alone after these
SILENT = ("timeout", "drip")
PASSING = tuple(name for name in TROUBLES if name not in (*LASTING, *SILENT))
every_trouble = pytest.mark.parametrize(
    "group",
    [PASSING, SILENT, *((name,) for name in LASTING)],
    ids=["passing", "silent", *LASTING],
)
"""Troubles that leave nothing behind share one server."""


class Ask(msgspec.Struct, frozen=True):
    """One kind of question: who is asked, the status of a miss, and what proves the right book."""

    path: str
    right: str
    asks: tuple[str, ...] = (*BOOKS, "wikidata")
    body: dict[str, str] | None = None
    missing: int = 200

    async def of(self, api: Any) -> Any:
        if self.body is not None:
            return await api.post(self.path, json=self.body)
        return await api.get(self.path)


_KINDS = 5


def questions(turn: int) -> dict[str, Ask]:
    """The kinds of question, about books that no other turn asks for."""
    isbn, enrich, title, author, work = range(turn * _KINDS, (turn + 1) * _KINDS)
    named, writer = generated_work(work).title, generated_person(work).name
    search = generated_work(title).title
    person = generated_person(author).name
    return {
        "isbn": Ask(f"/v1/search/isbn?isbn={generated_isbn(isbn)}", generated_isbn(isbn)),
        "title": Ask(f"/v1/search/title?q={search}", search),
        "enrich": Ask(
            "/api/v2/books/enrich",
            generated_isbn(enrich),
            body={"barcode": generated_isbn(enrich)},
            missing=404,
        ),
        "author": Ask(
            f"/v1/search/author?name={person}", person, asks=("openlibrary", "isbndb", "wikidata")
        ),
        "editions": Ask(
            f"/v1/search/editions?workTitle={named}&author={writer}",
            generated_isbn(work),
            asks=BOOKS,
            missing=404,
        ),
    }


def content(kind: str, answer: Any) -> str:
    """What an answer found: the text that proves it is the right book, empty on a miss."""
    data = answer.json["data"] or {}
    match kind:
        case "isbn":
            return (data.get("book") or {}).get("isbn", "")
        case "enrich":
            return data.get("isbn", "")
        case "title":
            return data["works"][0]["title"] if data["works"] else ""
        case "author":
            return data["authors"][0]["name"] if data["books"] else ""
        case _:
            return data["editions"][0]["isbn"] if data.get("editions") else ""


async def ask_all(api: Any, asked: dict[str, Ask]) -> dict[str, Any]:
    """Ask everything at the same time, within the time that one question may take."""
    started = time.monotonic()
    answers = await asyncio.gather(*(ask.of(api) for ask in asked.values()))
    assert time.monotonic() - started < 3 + SLACK_S
    return dict(zip(asked, answers, strict=True))


def warnings(answer: Any) -> list[dict[str, str]]:
    return answer.json["metadata"].get("warnings", [])


def named(name: str, trouble: Trouble) -> list[dict[str, str]]:
    """The warnings of an answer that lacks this provider."""
    return [{"code": trouble.code, "provider": NAMES.get(name, name)}]


def check_failure(answer: Any) -> dict[str, Any]:
    """Check what every failure has to look like (http-api §3.2, §4, D8, D9); return its error."""
    body = answer.json
    error = body["error"]
    details = error["details"]
    assert body["success"] is False
    assert body["data"] is None
    assert error["statusCode"] == answer.status
    assert answer.headers["X-Error-Code"] == error["code"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert b"null" not in msgspec.json.encode(details)
    assert error["retryable"] is ("Retry-After" in answer.headers)
    if error["retryable"]:
        seconds = int(answer.headers["Retry-After"])
        assert seconds >= 1
        assert error["retryAfter"] == details["retryAfter"] == seconds
        assert error["retryAfterMs"] == details["retryAfterMs"]
        assert seconds - 1 < error["retryAfterMs"] / 1000 <= seconds
    assert error["provider"] == details["provider"]
    assert body["meta"] == body["metadata"]
    return error


@pytest.fixture
async def start_with(start: Any) -> Any:
    async def run(group: tuple[str, ...], **settings: str) -> Any:
        api = await start(**{**(IMPATIENT if group is SILENT else SETTINGS), **settings})
        api.upstream.add_books(200)
        return api

    return run


@every_trouble
@pytest.mark.parametrize("name", BOOKS)
async def test_the_others_answer_and_the_missing_one_is_named(start_with, subtests, name, group):
    api = await start_with(group, PROVIDER_ORDER=name)
    for turn, trouble in enumerate(group):
        with subtests.test(trouble=trouble):
            api.upstream.heal()
            api.upstream.fault(name, TROUBLES[trouble].fault)
            await check_help(api, questions(turn), name, TROUBLES[trouble])


@every_trouble
async def test_a_book_without_facts_says_so(start_with, subtests, group):
    wait = {"AUTHOR_FACTS_WAIT_MS": "300"} if group is SILENT else {}
    api = await start_with(group, **wait)
    for turn, trouble in enumerate(group):
        with subtests.test(trouble=trouble):
            api.upstream.heal()
            api.upstream.fault("wikidata", TROUBLES[trouble].fault)
            await check_help(api, questions(turn), "wikidata", TROUBLES[trouble])
            await api.parts.improving.drain(10)


async def check_help(api: Any, asked: dict[str, Ask], name: str, trouble: Trouble) -> None:
    for cached in (False, True):  # from a cache, an incomplete answer still says what it lacks
        for kind, answer in (await ask_all(api, asked)).items():
            assert answer.status == 200, (kind, answer.body)
            assert content(kind, answer) == asked[kind].right
            if name not in asked[kind].asks:
                assert warnings(answer) == [], kind
            else:
                assert warnings(answer) == named(name, trouble), kind
                assert answer.headers["Cache-Control"] == "no-store"
            if not cached:
                assert answer.headers["X-Cache"] == "MISS"


@every_trouble
@pytest.mark.parametrize("name", BOOKS)
async def test_a_miss_that_lacks_one_is_not_remembered(start_with, subtests, name, group):
    api = await start_with(group, **NO_FACTS)
    for turn, trouble in enumerate(group):
        asked = {kind: ask for kind, ask in questions(turn).items() if name in ask.asks}
        with subtests.test(trouble=trouble):
            api.upstream.heal()
            for other in {*BOOKS} - {name}:
                api.upstream.fault(other, Fault.nothing())
            api.upstream.fault(name, TROUBLES[trouble].fault)
            for _ in range(2):  # the second time nothing comes from a cache either
                for kind, answer in (await ask_all(api, asked)).items():
                    assert answer.status == asked[kind].missing, (kind, answer.body)
                    assert content(kind, answer) == ""
                    assert warnings(answer) == named(name, TROUBLES[trouble]), kind
                    assert answer.headers.get("X-Cache", "MISS") == "MISS"
                    assert answer.headers["X-Cache-Status"] in ("MISS", "NONE")
                    assert answer.headers["Cache-Control"] == "no-store"
            api.upstream.heal()
            await check_found(api, asked)


async def check_found(api: Any, asked: dict[str, Ask]) -> None:
    for kind, answer in (await ask_all(api, asked)).items():
        assert answer.status == 200, (kind, answer.body)
        assert content(kind, answer) == asked[kind].right


@every_trouble
async def test_where_it_was_the_only_one_the_failure_is_honest(start_with, subtests, group):
    api = await start_with(group, **ONLY_OPEN_LIBRARY)
    for turn, trouble in enumerate(group):
        expected, asked = TROUBLES[trouble], questions(turn)
        with subtests.test(trouble=trouble):
            api.upstream.heal()
            api.upstream.fault("openlibrary", expected.fault)
            for kind, answer in (await ask_all(api, asked)).items():
                error = check_failure(answer)
                # It has no key that could be refused: its 403 means "slow down".
                status = 503 if trouble in LASTING else expected.status
                assert answer.status == status, (kind, answer.body)
                assert (error["code"], error["provider"]) == (expected.code, "open-library")
                assert error["retryable"] is True
                if trouble == "429-minute":
                    assert 100 <= error["retryAfter"] <= 120
            api.upstream.heal()
            if trouble != "429-minute":  # that one is still waited for
                await check_found(api, asked)


@every_trouble
@pytest.mark.parametrize("name", ["google", "isbndb"])
async def test_a_provider_asked_directly_fails_honestly(start_with, subtests, name, group):
    api = await start_with(group, **NO_FACTS)
    page = {"google": "google-books-isbn", "isbndb": "isbndb-isbn"}[name]
    for turn, trouble in enumerate(group):
        expected, path = TROUBLES[trouble], f"/external/{page}?isbn={generated_isbn(turn)}"
        with subtests.test(trouble=trouble):
            api.upstream.heal()
            api.upstream.fault(name, expected.fault)
            answer = await api.get(path)
            error = check_failure(answer)
            assert answer.status == expected.status
            assert (error["code"], error["provider"]) == (expected.code, NAMES.get(name, name))
            assert error["retryable"] is (trouble not in ("403", "key"))
            if trouble not in LASTING:
                api.upstream.heal()
                found = await api.get(path)
                assert found.json["works"][0]["title"] if name == "google" else found.json["work"]


@every_trouble
async def test_when_everybody_fails_nothing_is_remembered(start_with, subtests, group):
    api = await start_with(group, **NO_FACTS)
    for turn, trouble in enumerate(group):
        expected, asked = TROUBLES[trouble], questions(turn)
        with subtests.test(trouble=trouble):
            api.upstream.heal()
            for name in BOOKS:
                api.upstream.fault(name, expected.fault)
            for kind, answer in (await ask_all(api, asked)).items():
                error = check_failure(answer)
                # Where some have refused our key, the others' word counts.
                assert answer.status == (503 if trouble in LASTING else expected.status), kind
                assert (error["code"], error["retryable"]) == (expected.code, True)
            if trouble not in LASTING:
                api.upstream.heal()
                await check_found(api, asked)
