"""GET /api/v2/flags (http-api A8)."""

from __future__ import annotations

import pytest

from bookstrack.model.flag import Flag


async def data(api, path="/api/v2/flags"):
    answer = await api.get(path)
    assert answer.status == 200
    return answer.json["data"]


async def test_without_a_user_it_tells_what_holds_for_everybody(api):
    found = await data(api)
    assert "userId" not in found
    assert found["flags"]["enable_d1_reads"] is True
    assert found["rollouts"] == {"sse": {"percentage": 100, "enabled": True}}
    assert found["sseRolloutPercentage"] == 100
    assert [
        found[name]
        for name in ("useBatchEnrichmentSSE", "useBookshelfScanSSE", "useHTTPEnrichment")
    ] == [True] * 3


async def test_a_user_is_told_the_own_bucket_and_always_the_same(api):
    await api.parts.flags.change("sseRollout", rollout=25)
    first = await data(api, "/api/v2/flags?userId=reader-1")
    assert first["userId"] == "reader-1"
    sse = first["rollouts"]["sse"]
    assert sse == {"percentage": 25, "enabled": sse["bucket"] < 2500, "bucket": 7930}
    assert first["flags"]["sseRollout"] is sse["enabled"]
    assert await data(api, "/api/v2/flags?userId=reader-1") == first
    assert (await data(api))["flags"]["sseRollout"] is False, "a part of users is not everybody"


async def test_a_change_needs_no_restart(api):
    await api.parts.flags.put(
        Flag(name="useBatchEnrichmentSSE", enabled=False, allow=("reader-1",))
    )
    assert (await data(api))["useBatchEnrichmentSSE"] is False
    assert (await data(api, "/api/v2/flags?userId=reader-1"))["useBatchEnrichmentSSE"] is True
    await api.parts.flags.change("sseRollout", enabled=False)
    assert (await data(api))["sseRolloutPercentage"] == 0


@pytest.mark.parametrize("user", ["", "x" * 129])
async def test_a_user_id_has_1_to_128_characters(api, user):
    answer = await api.get(f"/api/v2/flags?userId={user}")
    assert answer.status == 400
    assert answer.json["error"]["code"] == "INVALID_REQUEST"


async def test_in_token_mode_it_needs_a_token(start):
    api = await start(AUTH_MODE="token")
    answer = await api.get("/api/v2/flags")
    assert answer.status == 401
    assert answer.json["error"]["code"] == "UNAUTHORIZED"
