"""Idempotency keys, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.idempotency import Claim, ClaimState, Idempotency, StoredAnswer
from bookstrack.storage.database.tables import idempotency as table

ANSWER = StoredAnswer(status=404, headers={"content-type": "application/json"}, body=b"\0{}")


@pytest.fixture
async def keys(database_url, clock, metrics):
    async with open_database(database_url, metrics=metrics) as database:
        yield Idempotency(database, clock)


async def claim(keys, key="k", *, request_hash="h", ttl_s=3600):
    return await keys.claim("enrich:1.2.3.4", key, request_hash=request_hash, ttl_s=ttl_s)


async def finish(keys, key="k", answer=ANSWER):
    await keys.finish(
        "enrich:1.2.3.4", key, status=answer.status, headers=answer.headers, body=answer.body
    )


async def test_first_runs_second_waits_third_replays(keys):
    assert await claim(keys) == Claim(ClaimState.FRESH)
    assert await claim(keys) == Claim(ClaimState.RUNNING)
    await finish(keys)
    assert await claim(keys) == Claim(ClaimState.REPLAY, ANSWER)


async def test_other_request_conflicts_while_running_and_after(keys):
    await claim(keys)
    assert await claim(keys, request_hash="other") == Claim(ClaimState.CONFLICT)
    await finish(keys)
    assert await claim(keys, request_hash="other") == Claim(ClaimState.CONFLICT)


async def test_released_key_is_fresh_again(keys):
    await claim(keys)
    await keys.release("enrich:1.2.3.4", "k")
    assert await claim(keys, request_hash="other") == Claim(ClaimState.FRESH)


async def test_finished_answer_cannot_be_released_or_replaced(keys):
    await claim(keys)
    await finish(keys)
    await keys.release("enrich:1.2.3.4", "k")
    await finish(keys, answer=StoredAnswer(status=200, headers={}, body=b"late"))
    assert await claim(keys) == Claim(ClaimState.REPLAY, ANSWER)


async def test_scopes_and_keys_are_apart(keys):
    await claim(keys)
    other = await keys.claim("enrich:5.6.7.8", "k", request_hash="other", ttl_s=60)
    assert other == Claim(ClaimState.FRESH)
    assert await claim(keys, "k2") == Claim(ClaimState.FRESH)


async def test_answer_expires(keys, clock):
    await claim(keys, ttl_s=3600)
    await finish(keys)
    await clock.advance(3599)
    assert (await claim(keys)).state is ClaimState.REPLAY
    await clock.advance(1)
    assert await claim(keys, request_hash="other") == Claim(ClaimState.FRESH)


async def test_abandoned_claim_is_taken_over_after_a_minute(keys, clock):
    await claim(keys)
    await clock.advance(59)
    assert await claim(keys) == Claim(ClaimState.RUNNING)
    await clock.advance(1)
    assert await claim(keys) == Claim(ClaimState.FRESH)
    assert await claim(keys) == Claim(ClaimState.RUNNING)


async def test_one_of_fifty_at_once_is_fresh(keys):
    found = await asyncio.gather(*(claim(keys) for _ in range(50)))
    states = [entry.state for entry in found]
    assert states.count(ClaimState.FRESH) == 1
    assert states.count(ClaimState.RUNNING) == 49


async def test_one_takes_over(keys, clock):
    await claim(keys)
    await clock.advance(60)
    found = await asyncio.gather(*(claim(keys) for _ in range(20)))
    assert [entry.state for entry in found].count(ClaimState.FRESH) == 1


async def test_sweep_deletes_expired_only_and_no_more_than_asked(keys, clock):
    for number in range(5):
        await claim(keys, f"old{number}", ttl_s=60)
    await claim(keys, "new", ttl_s=3600)
    await clock.advance(60)
    assert await keys.sweep(3) == 3
    assert await keys.sweep(3) == 2
    assert await keys.sweep(3) == 0
    async with keys._database.connect() as connection:
        left = (await connection.execute(select(func.count()).select_from(table))).scalar()
    assert left == 1
