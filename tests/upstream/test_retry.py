from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.errors import (
    CircuitOpen,
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    QuotaExhausted,
)
from bookstrack.upstream.retry import pause_after, told_wait, worth_retrying

NOON = 1_763_726_400.0  # Fri, 21 Nov 2025 12:00:00 GMT


@pytest.mark.parametrize(("attempt", "longest"), [(1, 1.0), (2, 2.0), (3, 4.0)])
def test_full_jitter_up_to_1_2_4_seconds(attempt, longest):
    rng = Random(7)
    waits = [pause_after(attempt, told=None, rng=rng) for _ in range(500)]
    assert all(0.0 <= wait <= longest for wait in waits)
    assert min(waits) < 0.05 * longest
    assert max(waits) > 0.95 * longest


@pytest.mark.parametrize(("told", "wait"), [(0.0, 0.0), (3.0, 3.0), (10.0, 10.0), (10.1, None)])
def test_a_told_wait_is_kept_up_to_ten_seconds(told, wait):
    assert pause_after(1, told=told, rng=Random(7)) == wait


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_passing_failures_are_retried(status):
    assert worth_retrying(ProviderFailed("google", ""), status=status)


@pytest.mark.parametrize("status", [None, 200, 302, 501, 505, 599])
def test_lasting_failures_are_not(status):
    assert not worth_retrying(ProviderFailed("google", ""), status=status)


@pytest.mark.parametrize(
    ("problem", "again"),
    [
        (ProviderTimeout("google", ""), True),
        (ProviderBusy("google", ""), True),
        (QuotaExhausted("google", ""), False),
        (ProviderRefused("google", ""), False),
        (CircuitOpen("google", ""), False),
    ],
)
def test_what_else_is_retried(problem, again):
    assert worth_retrying(problem, status=503) is again


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("Fri, 21 Nov 2025 12:00:30 GMT", 30.0),
        ("Fri, 21 Nov 2025 13:00:30 +0100", 30.0),
        ("Fri, 21 Nov 2025 12:00:30 -0000", 30.0),
        ("Fri, 21 Nov 2025 11:00:00 GMT", 0.0),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("9" * 400, None),
        ("soon", None),
        ("", None),
        ("Fri, 99 Nov 2025 12:00:30 GMT", None),
    ],
)
def test_retry_after_header(header, wait):
    assert told_wait(header, now=NOON) == wait


@given(st.text())
def test_no_header_breaks_it(text):
    wait = told_wait(text, now=NOON)
    assert wait is None or wait >= 0.0
