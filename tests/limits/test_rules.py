"""The table of limits and what settings change in it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bookstrack.limits.rules import RateClass, Rates
from bookstrack.settings import LimitSettings, Rate


@pytest.mark.parametrize(
    ("name", "anonymous", "authenticated"),
    [
        ("search", 100, 300),
        ("semantic", 5, 20),
        ("similar", 10, 30),
        ("enrich_single", 5, 60),
        ("batch", 10, 10),
        ("import", 5, 10),
        ("scan", 5, 5),
        ("job_status", 30, 120),
        ("token", 10, 10),
        ("library", 120, 300),
        ("external", 30, 60),
        ("barcode", 30, 60),
        ("images", 300, 600),
        ("admin", 60, 60),
        ("admin_login", 10, 10),
    ],
)
def test_defaults_are_those_of_operations_5_1(name, anonymous, authenticated):
    rates = Rates(LimitSettings())
    assert rates.of(RateClass(name), authenticated=False) == Rate(anonymous, 60)
    assert rates.of(RateClass(name), authenticated=True) == Rate(authenticated, 60)


def test_every_class_has_a_rate():
    rates = Rates(LimitSettings())
    assert len(RateClass) == 15
    for rate_class in RateClass:
        assert rates.of(rate_class, authenticated=False).count > 0


def test_overrides_change_one_side_each():
    rates = Rates(
        LimitSettings(overrides={"search": Rate(7, 10), "enrich_single_auth": Rate(9, 30)})
    )
    assert rates.of(RateClass.SEARCH, authenticated=False) == Rate(7, 10)
    assert rates.of(RateClass.SEARCH, authenticated=True) == Rate(300, 60)
    assert rates.of(RateClass.ENRICH_SINGLE, authenticated=False) == Rate(5, 60)
    assert rates.of(RateClass.ENRICH_SINGLE, authenticated=True) == Rate(9, 30)


def test_unknown_class_is_warned_about():
    with capture_logs() as logs:
        Rates(LimitSettings(overrides={"serach_auth": Rate(1)}))
    assert logs == [
        {
            "event": "unknown_setting",
            "log_level": "warning",
            "name": "BOOKSTRACK_RATE_SERACH_AUTH",
        }
    ]
