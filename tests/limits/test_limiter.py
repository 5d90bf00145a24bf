"""Verdicts, in memory and with shared counters."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.errors import StorageUnavailable
from bookstrack.limits.limiter import Limiter, MemoryCounters, Verdict
from bookstrack.limits.rules import RateClass
from bookstrack.settings import LimitSettings, Rate

ME = "203.0.113.7"
SEARCH = RateClass.SEARCH


class BrokenCounters:
    """Counters whose store is away."""

    async def hit(self, key, *, limit, window_s, now):
        raise StorageUnavailable("The database cannot be reached")


@pytest.fixture(params=["memory", "shared"])
def limiter_with(request, clock, metrics):
    def build(**settings):
        counters = MemoryCounters() if request.param == "shared" else None
        return Limiter(LimitSettings(**settings), clock=clock, metrics=metrics, counters=counters)

    return build


async def ask(limiter, *, times=1, rate_class=SEARCH, identity=ME, authenticated=False):
    for _ in range(times):
        verdict = await limiter.check(rate_class, identity, authenticated=authenticated)
    return verdict


def rejected(metrics, label):
    return metrics.registry.get_sample_value("rate_limit_rejected_total", {"class": label})


async def test_counts_down_then_refuses(limiter_with, clock, metrics):
    limiter = limiter_with(overrides={"search": Rate(2)})
    await clock.advance(0.25)  # the reset time is rounded up
    end = int(clock.time()) + 61
    facts = {"limit": 2, "resets_at": end, "retry_after": 60}
    assert await ask(limiter) == Verdict(allowed=True, remaining=1, **facts)
    assert await ask(limiter) == Verdict(allowed=True, remaining=0, **facts)
    await clock.advance(14.5)
    facts["retry_after"] = 46
    assert await ask(limiter) == Verdict(allowed=False, remaining=0, **facts)
    assert rejected(metrics, "search") == 1


async def test_window_lasts_from_the_first_request(limiter_with, clock):
    limiter = limiter_with(overrides={"search": Rate(1)})
    await clock.advance(47)
    await ask(limiter)
    await clock.advance(59.5)
    late = await ask(limiter)
    assert (late.allowed, late.retry_after) == (False, 1)
    await clock.advance(0.5)
    assert (await ask(limiter)).allowed


async def test_retry_after_is_at_least_one(limiter_with, clock):
    limiter = limiter_with(overrides={"search": Rate(1)})
    await ask(limiter)
    await clock.advance(59.999)
    assert (await ask(limiter)).retry_after == 1


async def test_token_limit_of_its_own(limiter_with):
    limiter = limiter_with()
    assert (await ask(limiter, rate_class=RateClass.ENRICH_SINGLE)).limit == 5
    verdict = await ask(
        limiter, rate_class=RateClass.ENRICH_SINGLE, identity="token:1", authenticated=True
    )
    assert (verdict.limit, verdict.remaining) == (60, 59)


async def test_callers_and_classes_are_apart(limiter_with):
    limiter = limiter_with(overrides={"search": Rate(1), "images": Rate(1)})
    await ask(limiter)
    assert not (await ask(limiter)).allowed
    assert (await ask(limiter, identity="198.51.100.1")).allowed
    assert (await ask(limiter, rate_class=RateClass.IMAGES)).allowed


async def test_two_hundred_at_once_give_exactly_ten(limiter_with):
    limiter = limiter_with(overrides={"search": Rate(10)})
    verdicts = await asyncio.gather(*(ask(limiter) for _ in range(200)))
    assert sum(verdict.allowed for verdict in verdicts) == 10


async def test_hourly_ceiling_over_all_classes(limiter_with, clock, metrics):
    limiter = limiter_with(global_per_hour=3)
    await ask(limiter, times=2)
    assert (await ask(limiter, rate_class=RateClass.IMAGES)).limit == 300
    verdict = await ask(limiter)
    assert verdict == Verdict(
        allowed=False,
        limit=3,
        remaining=0,
        resets_at=int(clock.time()) + 3600,
        retry_after=3600,
    )
    assert rejected(metrics, "global") == 1
    assert rejected(metrics, "search") is None
    await clock.advance(3600)
    assert (await ask(limiter)).allowed


async def test_what_a_class_refuses_leaves_the_hour_alone(limiter_with):
    limiter = limiter_with(global_per_hour=2, overrides={"search": Rate(1)})
    refused = await ask(limiter, times=5)
    assert (refused.allowed, refused.limit) == (False, 1)
    assert (await ask(limiter, rate_class=RateClass.IMAGES)).allowed


def test_memory_may_be_asked_without_waiting(clock, metrics):
    limiter = Limiter(LimitSettings(overrides={"search": Rate(1)}), clock=clock, metrics=metrics)
    assert limiter.counts_in_memory
    assert limiter.check_now(SEARCH, ME, authenticated=False).allowed
    assert not limiter.check_now(SEARCH, ME, authenticated=False).allowed


async def test_failing_counters_let_requests_pass(clock, metrics):
    limiter = Limiter(LimitSettings(), clock=clock, metrics=metrics, counters=BrokenCounters())
    assert not limiter.counts_in_memory
    with capture_logs() as logs:
        verdict = await ask(limiter, times=5)
        await clock.advance(59)
        await ask(limiter)
        assert len(logs) == 1
        await clock.advance(1)
        await ask(limiter)
    assert verdict.allowed
    assert (verdict.limit, verdict.remaining) == (100, 100)
    assert [entry["event"] for entry in logs] == ["rate_limits_not_counted"] * 2
    errors = metrics.registry.get_sample_value("rate_limiter_errors_total", {"class": "search"})
    assert errors == 7
    assert rejected(metrics, "search") is None


async def test_failing_counters_stop_requests_when_told_so(clock, metrics):
    settings = LimitSettings(fail_open=False)
    limiter = Limiter(settings, clock=clock, metrics=metrics, counters=BrokenCounters())
    with pytest.raises(StorageUnavailable):
        await ask(limiter)


def test_memory_forgets_windows_that_are_over():
    counters = MemoryCounters()
    for number in range(50_000):  # 100 new callers a second, windows of 60 seconds
        counters.hit_now(str(number), limit=1, window_s=60, now=number / 100)
    assert len(counters) < 2 * 6000 + 1024
