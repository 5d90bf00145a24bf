from __future__ import annotations

import asyncio

import pytest

from bookstrack.errors import ProviderBusy
from bookstrack.upstream.lanes import Lanes


async def test_never_more_than_the_places(clock, budget):
    lanes = Lanes("wikidata", places=2, clock=clock)
    inside, most = 0, 0

    async def call() -> None:
        nonlocal inside, most
        async with lanes.place(budget()):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(call() for _ in range(20)))
    assert most == 2


async def test_no_place_within_the_budget(clock, budget):
    lanes = Lanes("wikidata", places=1, clock=clock)
    async with lanes.place(budget()):
        with pytest.raises(ProviderBusy) as caught:
            async with lanes.place(budget(0.01)):
                pass
    assert caught.value.retry_after == 1.0
    async with lanes.place(budget(0.01)):
        pass


async def test_unbounded(clock, budget):
    lanes = Lanes("google", places=None, clock=clock)
    async with lanes.place(budget()), lanes.place(budget()):
        pass
