"""Single enrichment and its idempotency (http-api C1)."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.errors import StorageUnavailable
from bookstrack.testing.faults import Fault

PATH = "/api/v2/books/enrich"
FERRY, SALT = "9781644100370", "9781644101117"
UNKNOWN = "9791095546719"


async def enrich(api, barcode=FERRY, *, header=None, **body):
    headers = {} if header is None else {"Idempotency-Key": header}
    return await api.post(PATH, json={"barcode": barcode, **body}, headers=headers)


def asked(api) -> int:
    return sum(api.upstream.count(name) for name in ("google", "openlibrary", "isbndb"))


async def test_a_barcode_becomes_a_full_book(api):
    answer = await enrich(api)
    body, data = answer.json, answer.json["data"]
    assert {key: body[key] for key in data} == data
    assert (data["isbn"], data["title"]) == (FERRY, "The Ferry to Morrow Island")
    assert data["authors"] == ["Maren Holloway"]
    assert data["authorsDetailed"][0]["gender"] == "Female"
    assert data["authorsDetailed"][0]["key"].startswith("/authors/OL")
    assert data["authorsDetailed"][0]["birth_date"] == "1951"
    assert data["work"]["subjects"] == data["work"]["subjectTags"]
    assert data["work"]["firstPublishYear"] == 1983
    assert data["edition"]["numberOfPages"] == data["pageCount"] == data["page_count"] == 312
    assert data["edition"]["physicalFormat"] == data["edition"]["format"]
    assert data["editions"][0]["isbn"] == FERRY
    assert data["publishedDate"] == data["published_date"]
    assert data["coverUrl"] == data["cover_url"]
    assert data["enrichedAt"] == data["enriched_at"]
    assert data["provider"] == body["metadata"]["provider"]
    assert data["vectorized"] is False
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Cache-Status"] == "MISS"


@pytest.mark.parametrize("name", ["google", "google-books", "openlibrary", "isbndb", "auto"])
async def test_a_provider_may_be_preferred(api, name):
    for key in ("prefer_provider", "preferProvider"):
        assert (await enrich(api, **{key: name})).json["isbn"] == FERRY
    wire = {"google": "google-books", "auto": "google-books"}.get(name, name)
    assert (await enrich(api, prefer_provider=name)).json["provider"].startswith(wire)


async def test_what_is_wrong_with_a_request(api):
    for body, code in (
        ({}, "MISSING_PARAMETER"),
        ({"barcode": None}, "MISSING_PARAMETER"),
        ({"barcode": " "}, "MISSING_PARAMETER"),
        ({"barcode": "abc"}, "INVALID_ISBN"),
        ({"barcode": "978-1-64410-037-0-1"}, "INVALID_ISBN"),
        ({"barcode": 9781644100370}, "INVALID_REQUEST"),
        ({"barcode": FERRY, "prefer_provider": "amazon"}, "INVALID_REQUEST"),
        ({"barcode": FERRY, "vectorize": "yes"}, "INVALID_REQUEST"),
        ({"barcode": FERRY, "idempotency_key": ""}, "INVALID_REQUEST"),
        ({"barcode": FERRY, "idempotencyKey": "k" * 256}, "INVALID_REQUEST"),
    ):
        answer = await api.post(PATH, json=body)
        assert (body, answer.status) == (body, 400)
        assert answer.json["error"]["code"] == code
    long = await enrich(api, header="k" * 256)
    assert (long.status, long.json["error"]["code"]) == (400, "INVALID_REQUEST")
    assert asked(api) == 0


async def test_a_barcode_that_nobody_knows(api):
    answer = await enrich(api, UNKNOWN)
    assert answer.status == 404
    error = answer.json["error"]
    providers = ["google-books", "openlibrary", "isbndb"]
    assert error["providersChecked"] == providers
    assert error["details"] == {"barcode": UNKNOWN, "providersChecked": providers}


@pytest.mark.parametrize("where", ["header", "idempotency_key", "idempotencyKey"])
async def test_a_repeat_is_the_same_answer_to_the_byte(api, where):
    first = await enrich(api, **{where: "scan-1"})
    again = await enrich(api, **{where: "scan-1"})
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    spelled = await enrich(api, "978-1-64410-037-0", **{where: "scan-1"})
    assert spelled.body == first.body  # the same barcode


async def test_every_place_of_a_key_is_the_same_key_and_the_header_wins(api):
    first = await enrich(api, header="one", idempotency_key="other")
    for repeat in ({"idempotency_key": "one"}, {"idempotencyKey": "one"}):
        assert (await enrich(api, **repeat)).body == first.body
    other = await enrich(api, SALT, idempotency_key="other")
    assert other.status == 200
    assert "Idempotent-Replayed" not in other.headers


async def test_keys_of_1_to_255_characters(api):
    for key in ("k", "k" * 255, "ключ"):
        first = await enrich(api, idempotency_key=key)
        assert (await enrich(api, idempotency_key=key)).body == first.body


async def test_a_miss_is_repeated_too(api):
    first = await enrich(api, UNKNOWN, header="miss")
    again = await enrich(api, UNKNOWN, header="miss")
    assert (again.status, again.body) == (404, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["X-Error-Code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "change", [{"barcode": SALT}, {"prefer_provider": "isbndb"}, {"vectorize": True}]
)
async def test_a_key_stands_for_one_request(api, change):
    await enrich(api, header="once")
    before = asked(api)
    answer = await enrich(api, header="once", **change)
    assert answer.status == 409
    assert answer.json["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert answer.json["error"]["canonicalCode"] == "CONFLICT"
    assert asked(api) == before


async def test_failures_are_not_remembered(api):
    api.upstream.fault("all", Fault.status(500))
    failed = await enrich(api, header="again")
    assert failed.status == 502
    api.upstream.heal()
    assert (await enrich(api, header="again")).status == 200
    assert (await enrich(api, header="bad", barcode="abc")).status == 400
    assert (await enrich(api, header="bad")).status == 200


async def test_a_refused_request_leaves_no_trace(start, clock):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_ENRICH_SINGLE="1/60", clock=clock)
    await enrich(api, SALT)
    refused = await enrich(api, header="later")
    assert refused.status == 429
    await clock.advance(61)
    served = await enrich(api, header="later")
    assert served.status == 200
    assert "Idempotent-Replayed" not in served.headers


async def test_a_repeat_waits_for_the_first(api):
    api.upstream.delay("google", 0.3)
    answers = await asyncio.gather(*(enrich(api, header="same") for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    replayed = [a for a in answers if a.headers.get("Idempotent-Replayed") == "true"]
    assert len(replayed) == 4
    assert api.upstream.count("google") == 1


async def test_a_repeat_waits_ten_seconds_at_most(start, clock):
    api = await start(clock=clock)
    api.upstream.fault("all", Fault.timeout())
    first = asyncio.create_task(enrich(api, header="slow"))
    for _ in range(1000):
        if api.upstream.count("google"):
            break
        await asyncio.sleep(0.01)
    second = asyncio.create_task(enrich(api, header="slow"))
    conflict = await enrich(api, SALT, header="slow")
    assert conflict.json["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    for _ in range(200):  # the clock moves only while the second request is asleep
        if second.done():
            break
        await asyncio.sleep(0.02)
        await clock.advance(0.5)
    answer = await second
    assert answer.status == 409
    assert answer.json["error"]["code"] == "REQUEST_IN_PROGRESS"
    assert answer.json["error"]["retryable"] is True
    assert answer.headers["Retry-After"] == "1"
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_a_key_lives_an_hour(start, clock):
    api = await start(clock=clock)
    first = await enrich(api, header="hour")
    await clock.advance(3599)
    assert (await enrich(api, header="hour")).body == first.body
    await clock.advance(2)
    fresh = await enrich(api, header="hour")
    assert "Idempotent-Replayed" not in fresh.headers
    assert fresh.body != first.body


async def test_keys_belong_to_their_callers(start):
    api = await start(TRUSTED_PROXIES="127.0.0.1/32")

    async def from_address(address, barcode):
        headers = {"Idempotency-Key": "same", "X-Forwarded-For": address}
        return await api.post(PATH, json={"barcode": barcode}, headers=headers)

    one = await from_address("203.0.113.5", FERRY)
    other = await from_address("203.0.113.6", SALT)
    assert (one.json["isbn"], other.json["isbn"]) == (FERRY, SALT)


async def test_a_callers_left_request_frees_its_key(api):
    api.upstream.delay("all", 0.2)
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.1):
            await enrich(api, header="left")
    api.upstream.heal()
    answer = await enrich(api, header="left")
    assert answer.status == 200


async def test_keys_are_printable_text(api):
    for key in ("k\0k", "k\nk", "k\x7f", "\ud7ff\u2028"):
        for name in ("idempotency_key", "idempotencyKey"):
            answer = await enrich(api, **{name: key})
            assert (key, answer.status) == (key, 400)
            assert answer.json["error"]["code"] == "INVALID_REQUEST"
    in_header = await enrich(api, header="k\x80k")
    assert (in_header.status, in_header.json["error"]["code"]) == (400, "INVALID_REQUEST")
    assert asked(api) == 0
    assert (await enrich(api, idempotency_key="Größe 書")).status == 200


def away(api, *names):
    """Let these of the steps of idempotency fail."""

    async def fail(*_arguments, **_options):
        raise StorageUnavailable("the database is away")

    for name in names:
        setattr(api.parts.idempotency, name, fail)


async def test_a_found_answer_is_given_though_it_cannot_be_remembered(api):
    own = api.parts.idempotency.finish
    away(api, "finish")
    with capture_logs() as logs:
        answer = await enrich(api, header="key-1")
    assert (answer.status, answer.json["isbn"]) == (200, FERRY)
    assert "answer_not_remembered" in [line["event"] for line in logs]
    api.parts.idempotency.finish = own
    repeat = await enrich(api, header="key-1")  # the key was given back
    assert (repeat.status, "Idempotent-Replayed" in repeat.headers) == (200, False)


async def test_a_found_answer_is_given_though_its_key_cannot_be_given_back(api):
    away(api, "finish", "release")
    assert (await enrich(api, header="key-1")).status == 200


async def test_a_failure_stays_what_it_is_though_its_key_cannot_be_given_back(api):
    api.upstream.fault("all", Fault.status(500))
    expected = await enrich(api)
    away(api, "release")
    with capture_logs() as logs:
        answer = await enrich(api, header="key-1")
    assert (answer.status, answer.headers["X-Error-Code"]) == (
        expected.status,
        expected.headers["X-Error-Code"],
    )
    assert "key_not_released" in [line["event"] for line in logs]
