"""The order of the tiers, what fills what, stale answers, misses, and tiers that fail."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.cache.stored import decode_entry, encode_entry
from bookstrack.errors import ProviderFailed, StorageUnavailable
from bookstrack.model.enums import CacheSource
from bookstrack.settings import CacheSettings
from tiers import Load, Shared, fresh, settle

KEY = "search:isbn:isbn=9780261103344"


def outcome(hit):
    return hit.source, hit.stale, hit.entry.body


# --- order and filling -----------------------------------------------------------------------


async def test_an_answer_is_loaded_once_then_read_from_memory(cache):
    load = Load(fresh(b'{"b":1}'))
    first, second = await cache.fetch(KEY, load), await cache.fetch(KEY, load)
    assert outcome(first) == (CacheSource.API, False, b'{"b":1}')
    assert outcome(second) == (CacheSource.EDGE, False, b'{"b":1}')
    assert (first.cached, second.cached, load.calls) == (False, True, 1)


async def test_a_load_fills_the_shared_tier_for_other_processes(make, shared):
    await make().fetch(KEY, Load(fresh(b'{"b":1}', provider="google-books")))
    load = Load()
    other = make()
    hit = await other.fetch(KEY, load)
    assert outcome(hit) == (CacheSource.KV, False, b'{"b":1}')
    assert hit.entry.facts.provider == "google-books"
    assert (await other.fetch(KEY, load)).source is CacheSource.EDGE
    assert load.calls == 0


async def test_an_inline_shared_tier_answers_a_peek_and_fills_memory(make, clock, metrics):
    shared = Shared(clock, inline=True)
    await make(shared=shared).fetch(KEY, Load())
    other = make(shared=shared)
    assert other.peek(KEY).source is CacheSource.KV
    assert other.peek(KEY).source is CacheSource.EDGE


async def test_a_peek_never_waits(cache, shared):
    await shared.set(KEY, b"{}", ttl_s=100)
    assert cache.peek(KEY) is None
    assert shared.reads == []


async def test_an_inline_tier_is_not_read_twice_for_one_lookup(make, clock):
    shared = Shared(clock, inline=True)
    await make(shared=shared).fetch(KEY, Load())
    assert shared.reads == [KEY, f"negative:{KEY}"]


async def test_the_source_of_a_load_is_that_of_the_loader(cache):
    hit = await cache.fetch(KEY, Load(fresh(source=CacheSource.DB)))
    assert (hit.source, hit.cached) == (CacheSource.DB, True)


async def test_every_tier_is_counted(make, clock, count, cold):
    cache = make(cold=cold)
    for _ in range(3):
        await cache.fetch(KEY, Load())
    await cache.fetch("db", Load(fresh(source=CacheSource.DB)))
    await make().fetch(KEY, Load())
    found = {
        tier: count("cache_requests_total", tier=tier)
        for tier in ("edge", "kv", "cold", "db", "api_miss")
    }
    assert found == {"edge": 2, "kv": 1, "cold": 0, "db": 1, "api_miss": 1}
    events = ("edge_hit_fresh", "kv_hit", "db_hit", "api_miss", "cold_check")
    assert [count("cache_events_total", event=event) for event in events] == [2, 1, 1, 1, 2]
    times = ("edge", "kv", "db", "api_miss")
    assert [count("cache_latency_seconds_count", tier=tier) for tier in times] == [2, 1, 1, 1]


# --- lifetimes -------------------------------------------------------------------------------


async def test_the_shared_tier_forgets_after_the_lifetime_of_the_answer(make, shared, clock):
    await make().fetch(KEY, Load(fresh(ttl=10_000)))
    await clock.advance(9_999)
    assert (await make().fetch(KEY, Load())).source is CacheSource.KV
    await clock.advance(1)
    assert (await make().fetch(KEY, Load())).source is CacheSource.API


async def test_memory_is_fresh_for_its_window(cache, clock):
    await cache.fetch(KEY, Load())
    await clock.advance(3599.9)
    assert cache.peek(KEY).source is CacheSource.EDGE
    await clock.advance(0.1)
    assert cache.peek(KEY) is None


async def test_memory_is_never_fresh_beyond_the_answer_itself(cache, clock):
    await cache.fetch(KEY, Load(fresh(ttl=60)))
    await clock.advance(60)
    assert cache.peek(KEY) is None


async def test_age_counts_from_the_making_not_from_the_reading(make, clock):
    await make().fetch(KEY, Load(fresh(ttl=10_000)))
    await clock.advance(4000)
    entry = (await make().fetch(KEY, Load())).entry
    assert (entry.age(clock.time()), entry.left(clock.time())) == (4000, 6000)


async def test_an_answer_without_a_lifetime_is_kept_nowhere(make, shared):
    cache, load = make(), Load(fresh(ttl=0))
    for _ in range(2):
        assert (await cache.fetch(KEY, load)).source is CacheSource.API
    assert load.calls == 2
    assert shared.lifetimes == {}
    assert len(cache.memory) == 0


# --- stale while it is refreshed -------------------------------------------------------------


async def test_a_stale_answer_is_given_at_once_and_refreshed_once(make, clock, count):
    cache = make()
    await cache.fetch(KEY, Load(fresh(b'{"old":1}', ttl=3600)))
    await clock.advance(3600)
    gate = asyncio.Event()
    load = Load(fresh(b'{"new":1}'), gate=gate)
    answers = [await cache.fetch(KEY, load) for _ in range(5)]
    assert {outcome(hit) for hit in answers} == {(CacheSource.EDGE, True, b'{"old":1}')}
    assert all(hit.cached for hit in answers)
    await settle()
    gate.set()
    await settle()
    assert outcome(await cache.fetch(KEY, load)) == (CacheSource.EDGE, False, b'{"new":1}')
    assert load.calls == 1
    assert count("cache_events_total", event="edge_hit_stale") == 5
    # callers' lookups only: the refresh in the background is none
    assert count("cache_requests_total", tier="api_miss") == 1
    assert count("cache_requests_total", tier="edge") == 6


async def test_a_refresh_that_fails_keeps_the_stale_answer(cache, clock):
    await cache.fetch(KEY, Load(fresh(b'{"old":1}', ttl=3600)))
    await clock.advance(4000)
    failing = Load(problem=ProviderFailed("google", "down"))
    with capture_logs() as logs:
        for _ in range(2):
            assert outcome(await cache.fetch(KEY, failing)) == (
                CacheSource.EDGE,
                True,
                b'{"old":1}',
            )
            await settle()
    assert failing.calls == 2
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("background_failed", "warning")
    ] * 2
    assert logs[0]["task"] == f"refresh {KEY}"


async def test_a_refresh_that_finds_nothing_worth_keeping_keeps_the_stale_answer(cache, clock):
    await cache.fetch(KEY, Load(fresh(b'{"old":1}', ttl=3600)))
    await clock.advance(4000)
    nothing = Load(fresh(b"{}", ttl=0, found=False, source=CacheSource.NONE))
    await cache.fetch(KEY, nothing)
    await settle()
    assert (await cache.fetch(KEY, nothing)).entry.body == b'{"old":1}'


async def test_a_stale_answer_is_refreshed_from_the_shared_tier_where_that_is_newer(make, clock):
    mine, other = make(), make()
    await mine.fetch(KEY, Load(fresh(b'{"old":1}', ttl=3600)))
    await clock.advance(3600)
    await other.fetch(KEY, Load(fresh(b'{"new":1}')))
    load = Load()
    assert (await mine.fetch(KEY, load)).stale
    await settle()
    assert mine.peek(KEY).entry.body == b'{"new":1}'
    assert load.calls == 0


async def test_staleness_has_an_end(cache, clock):
    await cache.fetch(KEY, Load(fresh(b'{"old":1}', ttl=3600)))
    await clock.advance(3600 + 86_400)
    hit = await cache.fetch(KEY, Load(fresh(b'{"new":1}')))
    assert outcome(hit) == (CacheSource.API, False, b'{"new":1}')


# --- misses ----------------------------------------------------------------------------------


MISS = {"body": b'{"works":[]}', "ttl": 300, "found": False, "source": CacheSource.NONE}


async def test_a_true_miss_is_remembered_for_its_lifetime(make, shared, clock, count):
    cache, load = make(), Load(fresh(**MISS))
    first = await cache.fetch(KEY, load)
    assert (first.source, first.cached) == (CacheSource.NONE, False)
    assert shared.lifetimes == {f"negative:{KEY}": 300}
    await clock.advance(299)
    again = await cache.fetch(KEY, load)
    assert (again.source, again.entry.facts.found) == (CacheSource.EDGE, False)
    elsewhere = await make().fetch(KEY, load)
    assert (elsewhere.source, elsewhere.entry.facts.found) == (CacheSource.KV, False)
    assert count("cache_events_total", event="negative_hit") == 1
    assert load.calls == 1


async def test_a_miss_is_never_served_stale(cache, clock):
    load = Load(fresh(**MISS))
    await cache.fetch(KEY, load)
    await clock.advance(300)
    found = Load(fresh(b'{"here":1}'))
    assert outcome(await cache.fetch(KEY, found)) == (CacheSource.API, False, b'{"here":1}')


async def test_a_remembered_miss_in_an_inline_tier_is_seen_by_a_peek(make, clock):
    shared = Shared(clock, inline=True)
    await make(shared=shared).fetch(KEY, Load(fresh(**MISS)))
    hit = make(shared=shared).peek(KEY)
    assert (hit.source, hit.entry.facts.found) == (CacheSource.KV, False)


async def test_an_answer_outweighs_a_remembered_miss(make, shared):
    cache = make()
    await cache.fetch(KEY, Load(fresh(**MISS)))
    await cache.replace(KEY, fresh(b'{"here":1}'))
    assert cache.peek(KEY).entry.body == b'{"here":1}'
    assert (await make().fetch(KEY, Load())).entry.body == b'{"here":1}'


# --- failures --------------------------------------------------------------------------------


async def test_a_failure_is_raised_and_kept_nowhere(cache, shared, count):
    failing = Load(problem=ProviderFailed("google", "down"))
    for _ in range(2):
        with pytest.raises(ProviderFailed):
            await cache.fetch(KEY, failing)
    assert failing.calls == 2
    assert shared.lifetimes == {}
    assert len(cache.memory) == 0
    assert count("cache_requests_total", tier="api_miss") == 2


@pytest.mark.parametrize("inline", [False, True])
async def test_a_shared_tier_that_fails_is_skipped(make, clock, inline):
    shared = Shared(clock, inline=inline)
    shared.away = True
    cache, load = make(shared=shared), Load()
    with capture_logs() as logs:
        assert (await cache.fetch(KEY, load)).source is CacheSource.API
    assert [log["event"] for log in logs] == ["shared_tier_skipped"] * 2
    assert (await cache.fetch(KEY, load)).source is CacheSource.EDGE
    assert load.calls == 1


@pytest.mark.parametrize("value", [b"", b"nonsense", b"\x1f\x8bnonsense", b'{"data":'])
async def test_a_damaged_value_is_a_miss(make, shared, value):
    await shared.set(KEY, value, ttl_s=100)
    assert (await make().fetch(KEY, Load())).source is CacheSource.API


async def test_closing_ends_loads_and_refreshes(make, clock):
    cache = make()
    await cache.fetch(KEY, Load(fresh(ttl=3600)))
    await clock.advance(3600)
    never = Load(gate=asyncio.Event())
    await cache.fetch(KEY, never)
    waiting = asyncio.create_task(cache.fetch("other", never))
    await settle()
    assert never.calls == 2
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_gauges_say_what_memory_holds(cache, count):
    await cache.fetch(KEY, Load(fresh(b"x" * 1000)))
    cache.observe()
    assert count("cache_entries", tier="edge") == 1
    assert count("cache_bytes", tier="edge") == 1400


# --- cold ------------------------------------------------------------------------------------


@pytest.fixture
async def archived(make, shared, cold, clock):
    """An answer that was made 45 days ago and lies in the cold tier only."""
    hit = await make().fetch(KEY, Load(fresh(b'{"cold":1}', ttl=365 * 86_400)))
    cold.values[KEY] = encode_entry(hit.entry)
    await shared.delete(KEY)
    shared.lifetimes.clear()
    await clock.advance(45 * 86_400)
    return cold


async def test_a_cold_answer_moves_to_the_faster_tiers(make, shared, archived, clock, count):
    cache, load = make(cold=archived), Load()
    hit = await cache.fetch(KEY, load)
    assert outcome(hit) == (CacheSource.COLD, False, b'{"cold":1}')
    assert hit.entry.age(clock.time()) == 45 * 86_400
    assert hit.entry.left(clock.time()) == 7 * 86_400
    assert shared.lifetimes == {KEY: 7 * 86_400}
    await settle()
    assert archived.values == {}
    assert (await cache.fetch(KEY, load)).source is CacheSource.EDGE
    assert (await make().fetch(KEY, load)).source is CacheSource.KV
    assert load.calls == 0
    assert count("cold_rehydrations_total") == 1
    assert count("cache_events_total", event="r2_rehydrated") == 1


async def test_a_shorter_setting_outweighs_the_seven_days(make, shared, archived):
    cache = make(cold=archived, settings=CacheSettings(cold_ttl_s=3600))
    await cache.fetch(KEY, Load())
    assert shared.lifetimes == {KEY: 3600}


async def test_a_slow_cold_tier_is_skipped_and_serves_the_next_request(make, archived, clock):
    archived.delay = 0.6
    cache, gate = make(cold=archived), asyncio.Event()
    first = asyncio.create_task(
        cache.fetch(KEY, Load(problem=ProviderFailed("google", "down"), gate=gate))
    )
    with capture_logs() as logs:
        await clock.advance(0.5)
        gate.set()
        with pytest.raises(ProviderFailed):
            await first
        await clock.advance(0.1)
    assert [log["event"] for log in logs] == ["cold_tier_slow"]
    load = Load()
    assert outcome(await cache.fetch(KEY, load)) == (CacheSource.EDGE, False, b'{"cold":1}')
    assert load.calls == 0


async def test_a_late_cold_answer_does_not_replace_a_newer_one(make, shared, archived, clock):
    archived.delay = 5
    cache = make(cold=archived)
    first = asyncio.create_task(cache.fetch(KEY, Load(fresh(b'{"new":1}'))))
    await clock.advance(0.5)
    assert (await first).source is CacheSource.API
    await clock.advance(5)
    assert cache.peek(KEY).entry.body == b'{"new":1}'
    kept = decode_entry(await shared.get(KEY), origin=CacheSource.KV)
    assert kept.body == b'{"new":1}'
    assert archived.values == {}


async def test_a_cold_tier_that_fails_is_skipped(make, cold):
    cold.away = True
    with capture_logs() as logs:
        hit = await make(cold=cold).fetch(KEY, Load())
    assert hit.source is CacheSource.API
    assert [log["event"] for log in logs] == ["cold_tier_skipped"]


async def test_the_cold_copy_stays_where_nothing_else_took_the_answer(make, shared, archived):
    shared.away = True
    hit = await make(cold=archived).fetch(KEY, Load())
    await settle()
    assert hit.source is CacheSource.COLD
    assert list(archived.values) == [KEY]


async def test_a_cold_copy_that_cannot_be_forgotten_is_logged(make, archived, monkeypatch):
    async def fail(key):
        raise StorageUnavailable("away")

    monkeypatch.setattr(archived, "forget", fail)
    with capture_logs() as logs:
        assert (await make(cold=archived).fetch(KEY, Load())).source is CacheSource.COLD
        await settle()
    assert [(log["event"], log["task"]) for log in logs] == [
        ("background_failed", f"forget cold {KEY}")
    ]


async def test_a_cold_value_that_cannot_be_read_is_a_miss_and_forgotten(make, cold):
    cold.values[KEY] = b"nonsense"
    assert (await make(cold=cold).fetch(KEY, Load())).source is CacheSource.API
    await settle()
    assert cold.values == {}


async def test_the_cold_tier_is_asked_only_below_the_others(make, cold):
    cache = make(cold=cold)
    await cache.fetch(KEY, Load())
    await cache.fetch(KEY, Load())
    await make(cold=cold).fetch(KEY, Load())
    assert cold.reads == [KEY]
