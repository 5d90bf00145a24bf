"""Every provider in every kind of trouble: the others help, or the failure is honest.

One server per (provider, fault); all kinds of question are asked side by side. No answer that
misses a provider is remembered as "not found", and nothing takes longer than its limit.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest

from bookstrack.testing.upstream import Fault

BOOKS = ("google", "openlibrary", "isbndb")
NAMES = {"google": "google-books", "openlibrary": "open-library"}
BUDGET_S = 3.0
SLACK_S = 3.0  # what a busy machine may add
SETTINGS = {
    "PROVIDER_TIMEOUT_MS": "500",
    "PROVIDER_RETRIES": "1",
    "PROVIDER_INTERACTIVE_BUDGET_MS": str(int(BUDGET_S * 1000)),
    "CIRCUIT_FAILURES": "1000",  # breakers have tests of their own
}
ONLY_OPEN_LIBRARY = {
    "GOOGLE_BOOKS_API_KEY": "",
    "ISBNDB_API_KEY": "",
    "WIKIDATA_ENABLED": "false",
}


class Trouble(msgspec.Struct, frozen=True):
    """A fault, the code it is reported by, and the status of an answer that nobody else gives."""

    fault: Fault
    code: str = "PROVIDER_ERROR"
    status: int = 502
    lasting: bool = False  # the provider is left alone for a while after it


TROUBLES = {
    "500": Trouble(Fault.status(500)),
    "503": Trouble(Fault.status(503), status=503),
    "429-minute": Trouble(Fault.busy(30), status=503, lasting=True),
    "429-day": Trouble(Fault.quota(), status=503, lasting=True),
    "403": Trouble(Fault.status(403), lasting=True),
    "key": Trouble(Fault.auth(), lasting=True),
    "timeout": Trouble(Fault.timeout(), "PROVIDER_TIMEOUT", 504),
    "reset": Trouble(Fault.reset(), "PROVIDER_TIMEOUT", 504),
    "html": Trouble(Fault.html()),
    "truncated": Trouble(Fault.truncated()),
    "empty": Trouble(Fault.empty_body()),
    "wrong-types": Trouble(Fault.wrong_types()),
    "drip": Trouble(Fault.drip(5.0), "PROVIDER_TIMEOUT", 504),
}
every_trouble = pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)


class Ask(msgspec.Struct, frozen=True):
    """One kind of question, about one book."""

    path: str
    asks: tuple[str, ...] = (*BOOKS, "wikidata")
    body: dict[str, str] | None = None
    missing: int = 200

    async def of(self, api: Any) -> Any:
        if self.body is not None:
            return await api.post(self.path, json=self.body)
        return await api.get(self.path)


def questions(isbn: str, other_isbn: str, title: str, author: str, work: str, by: str):
    """The kinds of question, each about other books so that no answer serves two of them."""
    return {
        "isbn": Ask(f"/v1/search/isbn?isbn={isbn}"),
        "title": Ask(f"/v1/search/title?q={title}"),
        "enrich": Ask("/api/v2/books/enrich", body={"barcode": other_isbn}, missing=404),
        "author": Ask(f"/v1/search/author?name={author}", ("openlibrary", "isbndb", "wikidata")),
        "editions": Ask(f"/v1/search/editions?workTitle={work}&author={by}", BOOKS, missing=404),
    }


FIRST = questions(
    "9781644100370", "9781644101117", "A Register of Small Lights", "Tobias Grünwald",
    "The Ferry to Morrow Island", "Maren Holloway",
)  # fmt: skip
SECOND = questions(
    "9783518101858", "9785170100378", "硝子の橋", "Camille Dorléac",
    "Der gläserne Wald", "Tobias Grünwald",
)  # fmt: skip


def content(kind: str, answer: Any) -> object:
    """What an answer found: the text that proves it is the right book."""
    data = answer.json["data"]
    match kind:
        case "isbn":
            return data["book"] and data["book"]["isbn"]
        case "title":
            return data["works"] and data["works"][0]["title"]
        case "enrich":
            return data and data["isbn"]
        case "author":
            people = data["authors"]
            return people and people[0]["works"] and people[0]["name"]
        case _:
            return data and {e["isbn"] for e in data["editions"]}


async def ask_all(api: Any, asked: dict[str, Ask]) -> dict[str, Any]:
    """Ask everything at the same time, within the time that one question may take."""
    started = time.monotonic()
    answers = await asyncio.gather(*(ask.of(api) for ask in asked.values()))
    assert time.monotonic() - started < BUDGET_S + SLACK_S
    return dict(zip(asked, answers, strict=True))


def warnings(answer: Any) -> list[dict[str, str]]:
    return answer.json["metadata"].get("warnings", [])


def codes(name: str, trouble: Trouble) -> list[list[dict[str, str]]]:
    """The warnings that may name a provider in trouble."""
    provider = NAMES.get(name, name)
    fitting = [[{"code": trouble.code, "provider": provider}]]
    if name == "wikidata":  # it is tried twice, and an answer does not wait for that
        fitting.append([{"code": "PROVIDER_TIMEOUT", "provider": provider}])
    return fitting


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
    async def run(**settings: str) -> Any:
        return await start(**{**SETTINGS, **settings})

    return run


RIGHT: dict[str, object] = {
    "isbn": "9781644100370",
    "title": "A Register of Small Lights",
    "enrich": "9781644101117",
    "author": "Tobias Grünwald",
}


@every_trouble
@pytest.mark.parametrize("name", [*BOOKS, "wikidata"])
async def test_the_others_answer_and_the_missing_one_is_named(start_with, name, trouble):
    api = await start_with(PROVIDER_ORDER=name)
    api.upstream.fault(name, trouble.fault)
    answers = await ask_all(api, FIRST)
    for kind, answer in answers.items():
        assert answer.status == 200, (kind, answer.body)
        found = content(kind, answer)
        assert found == RIGHT[kind] if kind in RIGHT else "9781644100370" in found
        assert answer.headers.get("X-Cache") == "MISS"
        if name in FIRST[kind].asks:
            assert warnings(answer) in codes(name, trouble), kind
            assert answer.headers["Cache-Control"] == "no-store"
        else:
            assert warnings(answer) == [], kind
        assert answer.json["metadata"] == answer.json["meta"]
    # An incomplete answer that comes from a cache still says what it lacks.
    await api.parts.background.drain(5)
    for kind, again in (await ask_all(api, FIRST)).items():
        assert content(kind, again) == content(kind, answers[kind])
        if name in FIRST[kind].asks:
            assert warnings(again) in codes(name, trouble), kind
            assert again.headers["Cache-Control"] == "no-store"


@every_trouble
@pytest.mark.parametrize("name", BOOKS)
async def test_a_miss_with_one_silent_is_no_miss_to_remember(start_with, name, trouble):
    api = await start_with()
    for other in {*BOOKS} - {name}:
        api.upstream.fault(other, Fault.nothing())
    api.upstream.fault(name, trouble.fault)
    asked = {kind: ask for kind, ask in SECOND.items() if name in ask.asks}
    for _ in range(2):  # the second time nothing comes from a cache either
        for kind, answer in (await ask_all(api, asked)).items():
            assert answer.status == asked[kind].missing, (kind, answer.body)
            assert not content(kind, answer)
            assert warnings(answer) in codes(name, trouble), kind
            assert answer.headers.get("X-Cache", "MISS") == "MISS"
            assert answer.headers["X-Cache-Status"] in ("MISS", "NONE")
            assert answer.headers["Cache-Control"] == "no-store"
    api.upstream.heal()
    for kind, answer in (await ask_all(api, asked)).items():
        assert answer.status == 200, (kind, answer.body)
        assert content(kind, answer), kind


@every_trouble
async def test_where_it_was_the_only_one_the_failure_is_honest(start_with, trouble):
    api = await start_with(**ONLY_OPEN_LIBRARY)
    api.upstream.fault("openlibrary", trouble.fault)
    status = 503 if trouble.fault in (Fault.status(403), Fault.auth()) else trouble.status
    for _ in range(2):
        for kind, answer in (await ask_all(api, SECOND)).items():
            assert answer.status == status, (kind, answer.body)
            error = check_failure(answer)
            assert error["code"] == trouble.code
            assert error["provider"] == "open-library"
            assert error["retryable"] is True
            if trouble.fault == Fault.busy(30):
                assert 25 <= error["retryAfter"] <= 30
    api.upstream.heal()
    if not trouble.lasting or trouble.fault.kind != "busy":
        for kind, answer in (await ask_all(api, SECOND)).items():
            assert answer.status == 200, (kind, answer.body)
            assert content(kind, answer), kind


@every_trouble
@pytest.mark.parametrize("name", ["google", "isbndb"])
async def test_a_provider_asked_directly_fails_honestly(start_with, name, trouble):
    path = {"google": "google-books-isbn", "isbndb": "isbndb-isbn"}[name]
    api = await start_with()
    api.upstream.fault(name, trouble.fault)
    answer = await api.get(f"/external/{path}?isbn=9781644100370")
    assert answer.status == trouble.status
    error = check_failure(answer)
    assert (error["code"], error["provider"]) == (trouble.code, NAMES.get(name, name))
    refused = trouble.fault in (Fault.status(403), Fault.auth())
    assert error["retryable"] is not refused
    if trouble.fault == Fault.quota():
        assert 2 <= error["retryAfter"] <= 86_400
    api.upstream.heal()
    if not trouble.lasting:
        found = await api.get(f"/external/{path}?isbn=9781644100370")
        assert found.status == 200
        assert "The Ferry to Morrow Island" in found.body.decode()


@every_trouble
async def test_when_everybody_fails_nothing_is_remembered(start_with, trouble):
    api = await start_with()
    for name in BOOKS:
        api.upstream.fault(name, trouble.fault)
    for kind, answer in (await ask_all(api, SECOND)).items():
        error = check_failure(answer)
        # Where only some refuse our key the others may be worth another try.
        mixed = trouble.fault in (Fault.status(403), Fault.auth())
        assert answer.status == (503 if mixed else trouble.status), (kind, answer.body)
        assert error["code"] == trouble.code
        assert error["retryable"] is True
    if not trouble.lasting:
        api.upstream.heal()
        for kind, answer in (await ask_all(api, SECOND)).items():
            assert content(kind, answer), (kind, answer.body)
