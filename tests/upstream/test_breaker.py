from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.errors import CircuitOpen
from bookstrack.testing.clock import FrozenClock
from bookstrack.upstream.breaker import Breaker, BreakerRules, BreakerState, Circuit


def make(clock: FrozenClock, changes: list[Circuit] | None = None, **rules) -> Breaker:
    heard = changes if changes is not None else []
    return Breaker("google", rules=BreakerRules(**rules), clock=clock, on_change=heard.append)


def call(breaker: Breaker, *results: bool) -> None:
    for result in results:
        with breaker.enter() as passage:
            passage.succeeded() if result else passage.failed()


def refused(breaker: Breaker) -> float | None:
    with pytest.raises(CircuitOpen) as caught:
        breaker.enter()
    assert caught.value.provider == "google"
    return caught.value.retry_after


def test_five_consecutive_failures_open_it(clock):
    changes: list[Circuit] = []
    breaker = make(clock, changes)
    call(breaker, *[False] * 4)
    assert breaker.circuit is Circuit.CLOSED
    call(breaker, False)
    assert breaker.circuit is Circuit.OPEN
    assert changes == [Circuit.OPEN]
    assert refused(breaker) == 60.0


def test_a_success_in_between_starts_the_count_anew(clock):
    breaker = make(clock)
    call(breaker, *[False] * 4, True, *[False] * 4)
    assert breaker.circuit is Circuit.CLOSED


async def test_refused_at_59_seconds_probed_at_60(clock):
    breaker = make(clock)
    call(breaker, *[False] * 5)
    await clock.advance(59)
    assert refused(breaker) == 1.0
    await clock.advance(1)
    breaker.enter()
    assert breaker.circuit is Circuit.HALF_OPEN


async def test_probes_go_one_at_a_time(clock):
    breaker = make(clock)
    call(breaker, *[False] * 5)
    await clock.advance(60)
    with breaker.enter() as probe:
        assert refused(breaker) == 1.0
        probe.succeeded()
        assert refused(breaker) == 1.0
    breaker.enter()


async def test_two_successes_close_it(clock):
    changes: list[Circuit] = []
    breaker = make(clock, changes)
    call(breaker, *[False] * 5)
    await clock.advance(60)
    call(breaker, True)
    assert breaker.circuit is Circuit.HALF_OPEN
    call(breaker, True)
    assert changes == [Circuit.OPEN, Circuit.HALF_OPEN, Circuit.CLOSED]
    call(breaker, *[False] * 4)
    assert breaker.circuit is Circuit.CLOSED


@pytest.mark.parametrize("before", [0, 1])
async def test_any_failure_while_half_open_reopens_for_the_whole_time(clock, before):
    breaker = make(clock)
    call(breaker, *[False] * 5)
    await clock.advance(61)
    call(breaker, *[True] * before, False)
    assert breaker.circuit is Circuit.OPEN
    assert refused(breaker) == 60.0
    await clock.advance(60)
    call(breaker, True)
    assert breaker.circuit is Circuit.HALF_OPEN  # the earlier success does not count


async def test_a_probe_that_ends_without_result_frees_its_place(clock):
    breaker = make(clock)
    call(breaker, *[False] * 5)
    await clock.advance(60)
    with pytest.raises(asyncio.CancelledError), breaker.enter():
        raise asyncio.CancelledError
    assert breaker.circuit is Circuit.HALF_OPEN
    call(breaker, True, True)
    assert breaker.circuit is Circuit.CLOSED


async def test_results_of_calls_from_before_a_change_do_not_count(clock):
    breaker = make(clock)
    early, late = breaker.enter(), breaker.enter()
    call(breaker, *[False] * 5)
    early.succeeded()
    assert breaker.circuit is Circuit.OPEN
    assert not early.valid
    await clock.advance(60)
    probe = breaker.enter()
    late.failed()
    assert breaker.circuit is Circuit.HALF_OPEN
    assert probe.valid


async def test_a_call_that_waited_learns_that_the_breaker_opened(clock):
    breaker = make(clock)
    waiting = breaker.enter()
    waiting.check()
    call(breaker, *[False] * 5)
    await clock.advance(20)
    with pytest.raises(CircuitOpen) as caught:
        waiting.check()
    assert caught.value.retry_after == 40.0
    await clock.advance(40)
    call(breaker, True)
    with pytest.raises(CircuitOpen):
        waiting.check()
    call(breaker, True)
    waiting.check()


async def test_an_open_breaker_outlives_a_restart(clock):
    breaker = make(clock)
    call(breaker, *[False] * 5)
    await clock.advance(10)
    state = breaker.snapshot()
    assert state == BreakerState(
        circuit=Circuit.OPEN, failures=5, successes=0, opened_at=clock.time() - 10
    )
    later = FrozenClock(start=clock.time() + 20)
    again = make(later)
    again.restore(state)
    assert refused(again) == 30.0
    await later.advance(30)
    call(again, True, True)
    assert again.circuit is Circuit.CLOSED
    assert again.snapshot() == BreakerState()


def test_a_clock_set_back_does_not_lengthen_the_pause(clock):
    breaker = make(clock)
    breaker.restore(BreakerState(circuit=Circuit.OPEN, opened_at=clock.time() + 5000))
    assert refused(breaker) == 60.0


async def test_rules_are_settings(clock):
    breaker = make(clock, failures=2, successes=1, cooldown_s=7.0)
    call(breaker, False, False)
    assert refused(breaker) == 7.0
    await clock.advance(7)
    call(breaker, True)
    assert breaker.circuit is Circuit.CLOSED


@given(st.lists(st.booleans(), max_size=40))
def test_opens_exactly_at_the_first_five_failures_in_a_row(results):
    breaker = make(FrozenClock())
    row = 0
    for result in results:
        call(breaker, result)
        row = 0 if result else row + 1
        assert (breaker.circuit is Circuit.OPEN) == (row == 5)
        if row == 5:
            break
