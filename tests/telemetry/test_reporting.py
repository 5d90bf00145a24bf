"""The JSON form of the metrics: rates, percentiles, costs, verdicts."""

from __future__ import annotations

import pytest

from bookstrack.clock import timestamp
from bookstrack.telemetry.history import History
from bookstrack.telemetry.reporting import Prices, Reports, Standing, latency_of

GOOGLE = Standing(name="google", breaker="closed", quota_used=250, quota_limit=1000)
LIBRARY = Standing(name="openlibrary", breaker="open", quota_used=None, quota_limit=None)


@pytest.fixture
def reports(metrics, clock):
    return Reports(
        metrics,
        History(metrics, clock),
        clock,
        standings=lambda: [GOOGLE, LIBRARY],
        prices=Prices(),
    )


def look_up(metrics, **tiers):
    for tier, times in tiers.items():
        metrics.cache_requests.labels(tier).inc(times)


async def test_hit_rates_and_volume(reports, metrics, clock):
    look_up(metrics, edge=80, kv=12, db=3, cold=1, api_miss=4)
    metrics.cold_rehydrations.inc(2)
    await clock.advance(120)
    report = reports.report("15m")
    rates = report.hit_rates
    assert (rates.edge, rates.kv, rates.db, rates.r2_cold, rates.api) == (80, 12, 3, 1, 4)
    assert rates.combined == 92
    volume = report.volume
    assert (volume.total_requests, volume.edge_hits, volume.kv_hits) == (100, 80, 12)
    assert (volume.db_hits, volume.r2_rehydrations, volume.api_misses) == (3, 2, 4)
    assert (report.period, report.window_seconds) == ("15m", 120)
    assert report.timestamp == timestamp(clock.time())
    assert report.jobs == {}


async def test_without_lookups_rates_are_unknown_and_nothing_is_wrong(reports):
    report = reports.report("1h")
    assert (report.hit_rates.edge, report.hit_rates.combined) == (None, None)
    assert (report.health.status, report.health.issues) == ("healthy", ())
    assert report.health.message == "no lookups in this period"


@pytest.mark.parametrize("asked", [None, "", "2h", "7D", "1h"])
async def test_other_periods_are_an_hour(reports, asked):
    assert reports.report(asked).period == "1h"


async def test_requests_by_endpoint_and_status(reports, metrics):
    for path, status, times in (
        ("/v1/search/isbn", 200, 90),
        ("/v1/search/isbn", 404, 5),
        ("/v1/search/title", 503, 4),
        ("/v1/search/title", 500, 1),
    ):
        metrics.http_requests.labels("GET", path, str(status)).inc(times)
    metrics.http_errors.labels("/v1/search/title", "FEATURE_DISABLED").inc(3)
    requests = reports.report("1h").requests
    assert requests.by_endpoint == {"/v1/search/isbn": 95, "/v1/search/title": 5}
    assert requests.by_status == {"200": 90, "404": 5, "500": 1, "503": 4}
    assert (requests.error_rate, requests.server_error_rate) == (10.0, 2.0)


async def test_an_idle_server_has_no_errors(reports):
    requests = reports.report("1h").requests
    assert (requests.error_rate, requests.server_error_rate, requests.by_status) == (0, 0, {})


async def test_latencies_by_source_in_milliseconds(reports, metrics):
    for seconds in (0.002, 0.002, 0.002, 0.3):
        metrics.cache_latency.labels("kv").observe(seconds)
    metrics.cache_latency.labels("api_miss").observe(0.2)
    metrics.http_duration.labels("GET", "/a").observe(0.02)
    latency = reports.report("1h").latency
    assert sorted(latency) == ["api_miss", "kv_hit", "request"]
    assert latency["kv_hit"].avg == pytest.approx(76.5)
    # three of four lie between 1 and 5 ms, the fourth between 100 and 500
    assert latency["kv_hit"].p50 == pytest.approx(1 + 4 * 2 / 3, abs=0.001)
    assert latency["kv_hit"].p95 == pytest.approx(100 + 400 * 0.8)
    assert latency["request"].avg == pytest.approx(20)


def test_a_value_beyond_the_last_bound_counts_as_that_bound():
    assert latency_of({"1.0": 0, "5.0": 1, "+Inf": 100, "sum": 1000}).p99 == 5000
    assert latency_of({"1.0": 0, "+Inf": 0, "sum": 0}) is None
    assert latency_of({}) is None


async def test_providers_by_the_names_of_the_wire(reports, metrics):
    metrics.provider_requests.labels("google", "ok").inc(7)
    metrics.provider_requests.labels("google", "timeout").inc(3)
    metrics.provider_latency.labels("google").observe(0.2)
    providers = reports.report("1h").providers
    google, library = providers["google-books"], providers["open-library"]
    assert (google.requests, google.by_outcome) == (10, {"ok": 7, "timeout": 3})
    assert (google.breaker, google.quota_used, google.quota_limit) == ("closed", 250, 1000)
    assert google.latency.avg == pytest.approx(200)
    assert (library.requests, library.by_outcome, library.breaker) == (0, {}, "open")
    assert (library.quota_used, library.quota_limit, library.latency) == (None, None, None)


async def test_costs_are_those_of_the_price_list(reports, metrics):
    look_up(metrics, edge=5_000_000, kv=1_000_000, api_miss=1_000_000)
    metrics.cold_rehydrations.inc(1_000_000)
    costs = reports.report("24h").costs
    assert costs.kv_reads_estimate == "$1.0000/24h"
    assert costs.r2_reads == "$0.3600/24h"
    assert costs.total_estimate == "$1.3600/24h"


async def test_low_hit_rates_degrade_once_there_were_enough_lookups(reports, metrics, clock):
    look_up(metrics, edge=10, api_miss=9)
    assert reports.report("15m").health.status == "healthy"
    await clock.advance(300)
    look_up(metrics, api_miss=1)
    health = reports.report("15m").health
    assert health.status == "degraded"
    assert [(issue.severity, issue.message) for issue in health.issues] == [
        ("warning", "combined hit rate 50 % is below 90 % (target 95 %)"),
        ("warning", "edge hit rate 50 % is below 75 % (target 80 %)"),
    ]
    assert {issue.since for issue in health.issues} == {timestamp(clock.time())}


@pytest.mark.parametrize(
    ("edge", "kv", "api_miss", "wrong"),
    [
        (75, 15, 10, []),
        (74, 16, 10, ["edge"]),
        (80, 9, 11, ["combined"]),
    ],
)
async def test_the_bounds_themselves_are_well(reports, metrics, edge, kv, api_miss, wrong):
    look_up(metrics, edge=edge, kv=kv, api_miss=api_miss)
    issues = reports.report("15m").health.issues
    assert [issue.message.partition(" ")[0] for issue in issues] == wrong


async def test_an_issue_keeps_its_beginning_until_it_is_over(reports, metrics, clock):
    look_up(metrics, api_miss=100)
    began = timestamp(clock.time())
    assert {issue.since for issue in reports.report("1h").health.issues} == {began}
    await clock.advance(300)
    assert {issue.since for issue in reports.report("1h").health.issues} == {began}
    look_up(metrics, edge=10_000)
    await clock.advance(300)
    assert reports.report("1h").health.issues == ()
    look_up(metrics, api_miss=10_000)
    await clock.advance(300)
    assert began not in {issue.since for issue in reports.report("1h").health.issues}


async def test_a_report_is_kept_for_five_minutes_per_period(reports, metrics, clock):
    first = reports.report("1h")
    look_up(metrics, edge=1)
    await clock.advance(299.9)
    assert reports.report("1h") is first
    assert reports.report("nonsense") is first
    assert reports.report("15m").volume.edge_hits == 1
    await clock.advance(0.1)
    assert reports.report("1h").volume.edge_hits == 1


async def test_gauges_are_brought_up_to_date(reports, metrics, clock):
    read = metrics.registry.get_sample_value
    reports.refresh()
    assert str(read("cache_hit_rate", {"tier": "combined"})) == "nan"
    look_up(metrics, edge=3, api_miss=1)
    reports.refresh()
    tiers = ("edge", "kv", "combined", "db", "r2_cold", "api")
    assert [read("cache_hit_rate", {"tier": tier}) for tier in tiers] == [75, 0, 75, 0, 0, 25]
    assert read("provider_quota_used_ratio", {"provider": "google"}) == 0.25
    assert read("provider_quota_used_ratio", {"provider": "openlibrary"}) is None
