"""Gemini as the fake upstream plays it, and a keeper that remembers what was kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from bookstrack.providers.gemini import Gemini, channel_options
from bookstrack.settings import GeminiSettings, ProviderSettings, Secret
from bookstrack.testing.ledger import MemoryLedger
from bookstrack.testing.upstream import FakeUpstream
from bookstrack.upstream.client import open_upstream
from bookstrack.upstream.pacing import MemorySlots


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as fake:
        yield fake


@pytest.fixture
async def gemini(upstream: FakeUpstream, clock, metrics) -> AsyncIterator[Gemini]:
    settings = GeminiSettings(api_key=Secret("k"), base_url=upstream.urls["gemini"], rpm=0)
    async with open_upstream(
        clock=clock,
        rng=Random(1),
        user_agent="BooksTrack/test",
        metrics=metrics,
        ledger=MemoryLedger(),
        slots=MemorySlots(clock),
    ) as opened:
        options = channel_options(settings, ProviderSettings(retries=1))
        yield Gemini(opened.channel(options))


class Kept:
    """A keeper in memory."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}

    async def __call__(self, name, make) -> bytes:
        if name not in self.answers:
            self.answers[name] = await make()
        return self.answers[name]


@pytest.fixture
def keep() -> Kept:
    return Kept()
