"""Looking back at counters: windows, resolution, bounds."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from bookstrack.telemetry.history import SAMPLE_S, History

DAY = 86_400


async def pass_time(history, clock, seconds):
    """Let time pass as the process's minute tick sees it."""
    for _ in range(int(seconds // SAMPLE_S)):
        await clock.advance(SAMPLE_S)
        history.record()


@pytest.fixture
def history(metrics, clock):
    return History(metrics, clock)


async def test_a_young_process_looks_back_to_its_start(history, metrics, clock):
    metrics.cache_requests.labels("edge").inc(3)
    await clock.advance(90)
    window = history.window(3600)
    assert window.seconds == 90
    assert window.by("lookups") == {"edge": 3}


async def test_what_was_counted_before_the_window_is_left_out(history, metrics, clock):
    metrics.cache_requests.labels("edge").inc(3)
    await pass_time(history, clock, 3600)
    metrics.cache_requests.labels("edge").inc(4)
    metrics.cache_requests.labels("kv").inc()
    await clock.advance(30)
    window = history.window(900)
    assert window.by("lookups") == {"edge": 4, "kv": 1}
    assert window.seconds == 930  # the snapshot before its beginning


async def test_before_the_first_snapshot_counts_are_those_of_other_registries(metrics, clock):
    metrics.cache_requests.labels("edge").inc(3)
    assert History(metrics, clock).window(900).by("lookups") == {}


async def test_a_window_is_never_shorter_than_asked_and_hardly_longer(history, clock):
    await pass_time(history, clock, 8 * DAY)
    assert [history.window(seconds).seconds for seconds in (900, 3600, DAY, 7 * DAY)] == [
        900,
        3600,
        DAY,
        7 * DAY,
    ]
    await clock.advance(17)
    for seconds, slack in ((900, 60), (3600, 60), (DAY, 900), (7 * DAY, 900)):
        assert seconds < history.window(seconds).seconds <= seconds + slack
    await pass_time(history, clock, DAY)
    assert 7 * DAY <= history.window(30 * DAY).seconds <= 7 * DAY + 900  # no more is kept


async def test_each_period_counts_its_own(history, metrics, clock):
    for _ in range(8 * 24):
        await pass_time(history, clock, 3600)
        metrics.cache_requests.labels("edge").inc()
    # An hour's count stands at the end of the hour: a window that begins there leaves it out.
    found = [history.window(seconds).count("lookups", "edge") for seconds in (3600, DAY, 7 * DAY)]
    assert found == [1, 24, 168] or found == [2, 25, 169]


async def test_counts_are_added_up_over_labels_that_do_not_matter(history, metrics, clock):
    for method, path, status in (
        ("GET", "/a", "200"),
        ("HEAD", "/a", "200"),
        ("GET", "/b", "404"),
    ):
        metrics.http_requests.labels(method, path, status).inc()
        metrics.http_duration.labels(method, path).observe(0.02)
    metrics.http_errors.labels("/b", "NOT_FOUND").inc()
    window = history.window(900)
    assert window.by("requests") == {"/a": 2, "/b": 1}
    assert window.by("statuses") == {"200": 2, "404": 1}
    assert window.by("errors") == {"NOT_FOUND": 1}
    times = window.within("request_time")
    assert (times["0.01"], times["0.025"], times["+Inf"]) == (0, 3, 3)
    assert times["sum"] == pytest.approx(0.06)


async def test_providers_are_counted_by_outcome(history, metrics):
    metrics.provider_requests.labels("google", "ok").inc(2)
    metrics.provider_requests.labels("google", "failed").inc()
    metrics.provider_requests.labels("isbndb", "ok").inc()
    window = history.window(900)
    assert window.within("calls", "google") == {"ok": 2, "failed": 1}
    assert window.by("calls") == {"google": 3, "isbndb": 1}


def test_a_busy_server_needs_less_than_two_megabytes(metrics, clock):
    for path in range(60):
        for status in (200, 304, 400, 404, 429, 500, 502, 503):
            metrics.http_requests.labels("GET", f"/{path}", str(status)).inc()
        metrics.http_duration.labels("GET", f"/{path}").observe(0.1)
    for code in range(30):
        metrics.http_errors.labels("/a", f"CODE_{code}").inc()
    for tier in ("edge", "kv", "db", "cold", "api_miss"):
        metrics.cache_requests.labels(tier).inc()
        metrics.cache_latency.labels(tier).observe(0.1)
    for provider in ("google", "openlibrary", "isbndb", "wikidata"):
        for outcome in ("ok", "empty", "failed", "timeout", "busy", "quota", "circuit_open"):
            metrics.provider_requests.labels(provider, outcome).inc()
        metrics.provider_latency.labels(provider).observe(0.1)
    history = History(metrics, clock)
    held = []
    tracemalloc.start()
    for _ in range(20):
        metrics.cache_requests.labels("edge").inc()
        history.record()
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    minutes, quarters = 121, 673
    assert (held[-1] - held[4]) / 15 * (minutes + quarters) < 2_000_000
