"""A cache over tiers that do as they are told."""

from __future__ import annotations

import pytest

from bookstrack.cache.tiers import TieredCache
from bookstrack.settings import CacheSettings
from tiers import Cold, Shared


@pytest.fixture
def shared(clock):
    return Shared(clock)


@pytest.fixture
def cold(clock):
    return Cold(clock)


@pytest.fixture
async def make(clock, metrics, shared):
    made = []

    def build(**options):
        settings = options.pop("settings", CacheSettings())
        tier = options.pop("shared", shared)
        cache = TieredCache(tier, clock=clock, metrics=metrics, settings=settings, **options)
        made.append(cache)
        return cache

    yield build
    for cache in made:
        await cache.close()


@pytest.fixture
def cache(make):
    return make()


@pytest.fixture
def count(metrics):
    """``count(family, label=value)`` reads a counter, 0 where it does not exist."""

    def read(name, **labels):
        return metrics.registry.get_sample_value(name, labels) or 0

    return read
