"""GET /metrics in both forms."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bookstrack.cache.cold import ColdStore
from bookstrack.storage.database.cold_index import ColdIndex
from bookstrack.telemetry.report import Report

FERRY = "9781644100370"
ISBN = f"/v1/search/isbn?isbn={FERRY}"
TOKEN = "metrics-token-of-sixteen"


def samples(answer):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


async def test_json_says_what_happened(api):
    for _ in range(4):
        await api.get(ISBN)
    await api.get("/v1/search/isbn?isbn=nonsense")
    answer = await api.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    body = answer.json
    assert body["success"] is True
    assert body["metadata"]["requestId"] == answer.headers["X-Request-ID"]
    assert "data" not in body
    assert body["period"] == "1h"
    assert 0 <= body["windowSeconds"] < 60
    assert body["volume"] == {
        "total_requests": 4,
        "edge_hits": 3,
        "kv_hits": 0,
        "db_hits": 0,
        "r2_rehydrations": 0,
        "api_misses": 1,
    }
    assert (body["hitRates"]["edge"], body["hitRates"]["combined"]) == (75, 75)
    assert body["requests"]["byEndpoint"] == {"/v1/search/isbn": 5}
    assert body["requests"]["byStatus"] == {"200": 4, "400": 1}
    assert (body["requests"]["errorRate"], body["requests"]["serverErrorRate"]) == (20, 0)
    assert {"edge_hit", "api_miss", "request"} == body["latency"].keys()
    assert set(body["latency"]["request"]) == {"avg", "p50", "p95", "p99"}
    assert body["providers"]["google-books"]["byOutcome"] == {"ok": 1}
    assert body["providers"]["google-books"]["breaker"] == "closed"
    assert set(body["providers"]) == {"google-books", "open-library", "isbndb", "wikidata"}
    assert body["costs"] == {
        "kv_reads_estimate": "$0.0000/1h",
        "r2_reads": "$0.0000/1h",
        "total_estimate": "$0.0000/1h",
    }
    assert body["jobs"] == {}
    assert (body["health"]["status"], body["health"]["issues"]) == ("healthy", [])
    msgspec.json.decode(answer.body, type=Report)  # the type that the OpenAPI document shows


async def test_periods_are_kept_apart_and_each_for_five_minutes(start, clock):
    api = await start(clock=clock)
    first = await api.get("/metrics?period=24h")
    await api.get(ISBN)
    await clock.advance(299)
    again = await api.get("/metrics?period=24h")
    assert again.json["timestamp"] == first.json["timestamp"]
    assert again.json["volume"]["total_requests"] == 0
    other = await api.get("/metrics?period=15m")
    assert (other.json["period"], other.json["volume"]["total_requests"]) == ("15m", 1)
    await clock.advance(1)
    later = await api.get("/metrics?period=24h")
    assert (later.json["period"], later.json["volume"]["total_requests"]) == ("24h", 1)
    assert later.json["windowSeconds"] == 300


async def test_an_unknown_period_is_an_hour(api):
    assert (await api.get("/metrics?period=2y")).json["period"] == "1h"


async def test_prometheus_text_shows_live_counters(start):
    api = await start(GOOGLE_BOOKS_DAILY_LIMIT="100")
    before = samples(await api.get("/metrics?format=prometheus"))
    await api.get(ISBN)
    await api.get(ISBN)
    answer = await api.get("/metrics?format=prometheus&period=7d")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    found = samples(answer)
    assert before["cache_requests_total", (("tier", "edge"),)] == 0
    assert found["cache_requests_total", (("tier", "edge"),)] == 1
    assert found["cache_requests_total", (("tier", "api_miss"),)] == 1
    assert found["cache_hit_rate", (("tier", "combined"),)] == 50
    assert found["cache_entries", (("tier", "edge"),)] == 1
    assert found["cache_bytes", (("tier", "edge"),)] > 1000
    assert found["circuit_state", (("provider", "google"),)] == 0
    assert found["provider_quota_used_ratio", (("provider", "google"),)] == 0.01
    key = (
        "http_requests_total",
        tuple(sorted({"method": "GET", "path": "/v1/search/isbn", "status": "200"}.items())),
    )
    assert found[key] == 2


async def test_the_two_forms_do_not_take_each_others_place(api):
    """The original kept both under one key."""
    for _ in range(2):
        text = await api.get("/metrics?format=prometheus")
        json = await api.get("/metrics?format=json")
        assert text.body.startswith(b"# HELP")
        assert json.json["success"] is True


@pytest.mark.parametrize(
    ("query", "accept", "text"),
    [
        ("", "text/plain", True),
        ("", "text/plain;version=0.0.4;q=0.5, */*;q=0.1", True),
        ("", "application/openmetrics-text;version=1.0.0,text/plain;q=0.3,*/*;q=0.1", True),
        ("", "*/*", False),
        ("", "application/json", False),
        ("", "application/json, text/plain, */*", False),
        ("", "text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("", "text/plain;q=0", False),
        ("", "text/plain;q=many", False),
        ("?format=json", "text/plain", False),
        ("?format=prometheus", "application/json", True),
        ("?format=xml", "application/json", False),
    ],
)
async def test_the_form_is_chosen_by_parameter_then_by_header(api, query, accept, text):
    answer = await api.get(f"/metrics{query}", headers={"Accept": accept})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain") is text


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer é"]
)
@pytest.mark.parametrize("query", ["", "?format=prometheus"])
async def test_a_token_is_asked_for_where_one_is_set(start, authorization, query):
    api = await start(METRICS_TOKEN=TOKEN)
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await api.get(f"/metrics{query}", headers=headers)
    assert answer.status == 401
    assert answer.json["error"]["code"] == "UNAUTHORIZED"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_token_opens_the_metrics(start, scheme):
    api = await start(METRICS_TOKEN=TOKEN)
    answer = await api.get("/metrics", headers={"Authorization": f"{scheme} {TOKEN}"})
    assert answer.status == 200


async def test_a_poor_hit_rate_shows_after_twenty_lookups(api):
    for number in range(20):
        await api.get(f"/v1/search/title?q=unheard-of-{number}")
    health = (await api.get("/metrics")).json["health"]
    assert health["status"] == "degraded"
    assert [issue["severity"] for issue in health["issues"]] == ["warning", "warning"]
    assert "combined hit rate 0 %" in health["issues"][0]["message"]
    assert health["issues"][0]["since"].endswith("Z")


async def test_the_document_describes_the_report(api):
    document = (await api.get("/doc/openapi.json")).json
    answer = document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    assert set(answer) == {"application/json", "text/plain"}
    name = answer["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    assert {"success", "metadata", "hitRates", "windowSeconds", "health"} <= set(schema["required"])
    assert {"401", "500"} <= document["paths"]["/metrics"]["get"]["responses"].keys()


async def test_a_restarted_server_brings_cold_answers_back(start):
    first = await start()
    await first.get(ISBN)
    storage = first.parts.storage
    cold = ColdStore(storage.blobs, ColdIndex(storage.database), first.parts.clock)
    key = f"search:isbn:isbn={FERRY}"
    value = await storage.kv.get(key)
    await cold.put(key, value, original_ttl=31_536_000, reason="age=45d, access=3/month")
    await storage.kv.delete(key)
    await first.stop()
    second = await start()
    found = [(await second.get(ISBN)).headers["X-Cache-Source"] for _ in range(2)]
    assert found == ["COLD", "EDGE"]
    await second.stop()
    third = await start()
    assert (await third.get(ISBN)).headers["X-Cache-Source"] == "KV"
    assert await third.parts.storage.blobs.list("cold-cache") == []
