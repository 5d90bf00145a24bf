"""Deprecated routes: headers, and 410 where they are switched off (http-api §8)."""

from __future__ import annotations

import pytest

from bookstrack.testing.clock import FrozenClock

TITLE = "/search/title?q=ferry"
EXTERNAL = "/external/google-books?q=ferry"
SUNSET = "Sun, 01 Mar 2026 00:00:00 GMT"
BEFORE, AFTER = 1_772_323_199, 1_772_323_200


@pytest.mark.parametrize(
    ("path", "successor"),
    [
        (TITLE, "/v1/search/title"),
        ("/search/isbn?isbn=9781644100370", "/v1/search/isbn"),
        ("/search/author?q=Maren+Holloway", "/v1/search/author"),
        ("/search/advanced/?title=ferry", "/v1/search/advanced"),
        ("/search/title", "/v1/search/title"),  # a 400
    ],
)
async def test_legacy_search_says_what_replaces_it_and_when_it_ends(api, path, successor):
    answer = await api.get(path)
    assert answer.status in (200, 400)
    assert answer.headers["Deprecation"] == "@1763164800"
    assert answer.headers["Sunset"] == SUNSET
    assert answer.headers["Link"] == f'<{successor}>; rel="successor-version"'
    assert answer.headers["Warning"] == '299 - "Deprecated API"'


@pytest.mark.parametrize(
    ("path", "successor"),
    [
        (EXTERNAL, "/v1/search/title"),
        ("/external/google-books-isbn?isbn=9781644100370", "/v1/search/isbn"),
        ("/external/isbndb-editions", "/v1/search/editions"),
    ],
)
async def test_the_pass_through_has_no_end_yet(api, path, successor):
    answer = await api.get(path)
    assert answer.headers["Deprecation"] == "@1763164800"
    assert answer.headers["Link"] == f'<{successor}>; rel="successor-version"'
    assert "Sunset" not in answer.headers


async def test_current_routes_carry_no_such_headers(api):
    answer = await api.get("/v1/search/title?q=ferry")
    assert not {"Deprecation", "Sunset", "Link", "Warning"} & set(answer.headers)


async def test_a_group_can_be_active_or_gone(start):
    api = await start(LIFECYCLE_LEGACY_SEARCH="active", LIFECYCLE_EXTERNAL="gone")
    kept = await api.get(TITLE)
    assert kept.status == 200
    assert "Deprecation" not in kept.headers
    gone = await api.get(EXTERNAL)
    assert gone.status == 410
    assert gone.json["error"]["code"] == "GONE"
    assert gone.json["error"]["details"] == {"successor": "/v1/search/title"}
    assert gone.headers["Deprecation"] == "@1763164800"
    assert gone.headers["Cache-Control"] == "no-store"
    assert api.upstream.count("isbndb") == 0


async def test_gone_comes_before_method_and_limit(start):
    api = await start(LIFECYCLE_LEGACY_SEARCH="gone", RATE_LIMIT_ENABLED="true")
    gone = await api.post("/search/title")
    assert gone.status == 410
    assert gone.json["error"]["details"] == {"successor": "/v1/search/title", "sunset": SUNSET}
    assert "X-RateLimit-Limit" not in gone.headers


@pytest.mark.parametrize(
    ("enforce", "now", "status"),
    [("false", AFTER, 200), ("true", BEFORE, 200), ("true", AFTER, 410)],
)
async def test_the_sunset_is_kept_only_where_it_is_enforced(start, enforce, now, status):
    api = await start(SUNSET_ENFORCE=enforce, clock=FrozenClock(now))
    assert (await api.get(TITLE)).status == status
    assert (await api.get(EXTERNAL)).status == 200  # it has no date
    still = await api.get(TITLE)
    assert still.headers["Sunset"] == SUNSET


async def test_the_pass_through_can_be_left_out(start):
    api = await start(ENABLE_EXTERNAL_ROUTES="false")
    assert (await api.get(EXTERNAL)).status == 404
    assert "/external/google-books" not in (await api.get("/doc/openapi.json")).json["paths"]
