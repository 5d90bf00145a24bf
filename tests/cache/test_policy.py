"""Lifetimes by kind and quality (data-model §3.2)."""

from __future__ import annotations

import pytest

from bookstrack.cache.policy import Kind, Lifetimes
from bookstrack.settings import CacheSettings

DAY = 86_400
LIFETIMES = Lifetimes(CacheSettings())
MIDDLING = 0.5


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        (Kind.TITLE, 7 * DAY),
        (Kind.ISBN, 365 * DAY),
        (Kind.AUTHOR, 7 * DAY),
        (Kind.ENRICHMENT, 180 * DAY),
        (Kind.ADVANCED, 6 * 3600),
        (Kind.EDITIONS, 7 * DAY),
        (Kind.TEXT, 300),
    ],
)
def test_the_base_of_every_kind(kind, seconds):
    assert LIFETIMES.shared(kind, MIDDLING) == seconds


@pytest.mark.parametrize(
    ("quality", "days"), [(0.0, 3.5), (0.39, 3.5), (0.4, 7), (0.8, 7), (0.81, 14), (1.0, 14)]
)
@pytest.mark.parametrize("kind", [Kind.TITLE, Kind.AUTHOR])
def test_quality_doubles_or_halves(kind, quality, days):
    assert LIFETIMES.shared(kind, quality) == days * DAY


@pytest.mark.parametrize("quality", [0.0, 1.0])
@pytest.mark.parametrize("kind", [Kind.ADVANCED, Kind.EDITIONS, Kind.TEXT])
def test_other_kinds_do_not_ask_for_quality(kind, quality):
    assert LIFETIMES.shared(kind, quality) == LIFETIMES.shared(kind, MIDDLING)


def test_nothing_lives_longer_than_two_years():
    assert LIFETIMES.shared(Kind.ISBN, 1.0) == 730 * DAY
    long = Lifetimes(CacheSettings(isbn_s=700 * DAY))
    assert long.shared(Kind.ISBN, 1.0) == 730 * DAY


def test_an_incomplete_answer_is_asked_again_soon():
    assert LIFETIMES.shared(Kind.ISBN, 1.0, complete=False) == 7200
    assert LIFETIMES.shared(Kind.TEXT, 1.0, complete=False) == 300


def test_without_aggressive_caching_everything_is_halved():
    careful = Lifetimes(CacheSettings(aggressive=False))
    assert careful.shared(Kind.TITLE, MIDDLING) == 3.5 * DAY
    assert careful.shared(Kind.TITLE, 1.0) == 7 * DAY
    assert careful.shared(Kind.TEXT, MIDDLING) == 150


def test_no_lifetime_is_zero():
    assert Lifetimes(CacheSettings(advanced_s=0)).shared(Kind.ADVANCED, MIDDLING) == 1


def test_what_comes_from_our_tables_is_read_again_within_a_day():
    assert LIFETIMES.refill(Kind.ISBN, 1.0) == DAY
    assert LIFETIMES.refill(Kind.TEXT, 1.0) == 300


def test_a_row_ends_a_search_as_long_as_an_answer_would_live():
    assert LIFETIMES.row(Kind.ISBN, 0.3) == 365 * DAY / 2
