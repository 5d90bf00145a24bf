"""Browser origins (operations §4.1)."""

from __future__ import annotations

import pytest

FERRY = "/v1/search/isbn?isbn=9781644100370"
OURS = "https://bookstrack.app"
FOREIGN = "https://evil.example"
METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED = (
    "Content-Type, Authorization, X-AI-Provider, X-Auth-Token, X-API-Version, X-Client-Version, "
    "X-Request-ID, X-WebSocket-Version, Last-Event-ID, Idempotency-Key, If-Match, If-None-Match, "
    "X-Skip-Analytics"
)
EXPOSED = (
    "X-Router, X-Response-Time, Retry-After, X-Request-ID, X-API-Version, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset, X-Cache, X-Cache-Status, X-Cache-Age, X-Cache-TTL, "
    "X-Cache-Source, X-Provider, X-Image-Quality, X-Data-Completeness, X-Error-Code, Deprecation, "
    "Sunset, Link, Location, ETag, X-Poll-Interval, Idempotent-Replayed"
)
PATHS = [FERRY, "/nowhere", "/v1/search/isbn?isbn=x", "/health", "/doc"]


async def test_without_an_origin_everybody_may_read(api):
    for path in PATHS:
        headers = (await api.get(path)).headers
        assert headers.getall("Access-Control-Allow-Origin") == ["*"]
        assert "Access-Control-Allow-Credentials" not in headers
        assert headers["Access-Control-Expose-Headers"] == EXPOSED


async def test_an_allowed_origin_is_echoed_with_credentials(api):
    for path in PATHS:
        for origin in (OURS, "capacitor://localhost", "http://localhost:3000"):
            headers = (await api.get(path, headers={"Origin": origin})).headers
            assert headers["Access-Control-Allow-Origin"] == origin
            assert headers["Access-Control-Allow-Credentials"] == "true"
            assert "X-Custom-Error" not in headers


async def test_a_foreign_origin_is_served_without_leave_to_read(api):
    similar = ("http://bookstrack.app", OURS + ".evil.example", "http://localhost:3001")
    for origin in (FOREIGN, "null", *similar):
        answer = await api.get(FERRY, headers={"Origin": origin})
        assert answer.status == 200
        assert answer.headers["X-Custom-Error"] == "CORS_BLOCKED"
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("origin", [None, OURS])
async def test_a_preflight_is_a_204_with_all_that_is_possible(api, origin):
    headers = {"Access-Control-Request-Method": "POST"} | ({"Origin": origin} if origin else {})
    for path in ("/v1/search/isbn", "/nowhere", "/api/v2/books/enrich"):
        await check_preflight(api, path, origin, headers=headers)


async def check_preflight(api, path, origin, *, headers):
    answer = await api.request("OPTIONS", path, headers=headers)
    assert answer.status == 204
    assert answer.body == b""
    assert answer.headers["Access-Control-Allow-Origin"] == (origin or "*")
    assert answer.headers["Access-Control-Allow-Methods"] == METHODS
    assert answer.headers["Access-Control-Allow-Headers"] == ALLOWED
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert answer.headers.getall("Access-Control-Allow-Origin") == [origin or "*"]
    assert ("Access-Control-Allow-Credentials" in answer.headers) is bool(origin)


async def test_a_foreign_preflight_is_a_403(api):
    answer = await api.request("OPTIONS", FERRY, headers={"Origin": FOREIGN})
    assert answer.status == 403
    assert answer.json["error"]["code"] == "CORS_BLOCKED"
    assert answer.headers["X-Custom-Error"] == "CORS_BLOCKED"
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_all_foreign_requests_can_be_rejected(start):
    api = await start(CORS_ENFORCE="reject")
    assert (await api.get(FERRY)).status == 200
    assert (await api.get(FERRY, headers={"Origin": OURS})).status == 200
    refused = await api.get(FERRY, headers={"Origin": FOREIGN})
    assert refused.status == 403
    assert refused.json["error"]["code"] == "CORS_BLOCKED"


async def test_the_list_is_a_setting_and_may_name_every_local_port(start):
    api = await start(CORS_ORIGINS="https://mine.example,http://localhost:*")
    for origin, allowed in (
        ("https://mine.example", True),
        ("http://localhost:5173", True),
        ("http://localhost:x", False),
        ("http://localhost:1234.evil.example", False),
        (OURS, False),
    ):
        headers = (await api.get("/health", headers={"Origin": origin})).headers
        assert (headers.get("Access-Control-Allow-Origin") == origin) is allowed
