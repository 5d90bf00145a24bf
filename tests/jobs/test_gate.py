"""Job tokens: who passes, and who gets a new one."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.errors import RefreshInProgress, RefreshTooEarly, StorageUnavailable, Unauthorized


async def refusal(call):
    with pytest.raises(Unauthorized) as refused:
        await call
    return refused.value.details.get("reason")


@pytest.fixture
async def job(world, here):
    here.engine.runner = None
    return (await world.start(here)).job


async def test_the_token_of_a_job_passes_for_two_hours(world, here, job):
    board = here.board
    token = board.token(job)
    await world.clock.advance(7199.9)
    board.authorize(job, token)
    await world.clock.advance(0.1)
    with pytest.raises(Unauthorized, match="expired") as refused:
        board.authorize(job, token)
    assert refused.value.details == {"reason": "expired"}


async def test_every_other_token_is_refused(world, here, job):
    other = (await world.start(here, job_id="another-job-of-the-test")).job
    for wrong in (here.board.token(other), "x", here.board.token(job)[:-1]):
        with pytest.raises(Unauthorized, match="Invalid token") as refused:
            here.board.authorize(job, wrong)
        assert refused.value.details == {"reason": "invalid_token"}
    for none in (None, ""):
        with pytest.raises(Unauthorized, match="required") as refused:
            here.board.authorize(job, none)
        assert refused.value.details == {}


async def test_a_wrong_token_is_wrong_even_after_the_time_is_over(world, here, job):
    await world.clock.advance(8000)
    with pytest.raises(Unauthorized, match="Invalid"):
        here.board.authorize(job, "x")


@pytest.mark.parametrize("minutes", [120, 31, 30.01])
async def test_a_token_is_not_renewed_early(world, here, job, minutes):
    await world.clock.advance(7200 - minutes * 60)
    with pytest.raises(RefreshTooEarly) as refused:
        await here.board.refresh(job.id, here.board.token(job))
    allowed_in = refused.value.details["refreshAllowedInSeconds"]
    assert allowed_in == refused.value.retry_after == -int(-(minutes - 30) * 60 // 1)
    await world.clock.advance(allowed_in)
    assert await here.board.refresh(job.id, here.board.token(job))


@pytest.mark.parametrize("minutes", [30, 29, 0.01])
async def test_a_token_is_renewed_near_its_end(world, here, job, minutes):
    await world.clock.advance(7200 - minutes * 60)
    old = here.board.token(job)
    renewed = await here.board.refresh(job.id, old)
    assert renewed.token != old
    assert renewed.expires_at == world.clock.time() + 7200
    assert renewed.expires_in == 7200
    now = await here.board.job(job.id)
    here.board.authorize(now, renewed.token)
    assert here.board.token(now) == renewed.token
    with pytest.raises(Unauthorized, match="Invalid"):
        here.board.authorize(now, old)
    assert await refusal(here.board.refresh(job.id, old)) == "invalid_token"


async def test_what_cannot_be_renewed_at_all(world, here, job):
    token = here.board.token(job)
    assert await refusal(here.board.refresh("unknown", token)) == "invalid_token"
    assert await refusal(here.board.refresh(job.id, "wrong")) == "invalid_token"
    await world.clock.advance(7200)
    assert await refusal(here.board.refresh(job.id, token)) == "expired"


async def test_of_twenty_renewals_at_once_one_wins(any_world):
    """Half of them in another process."""
    processes = [await any_world.process(works=False) for _ in range(2)]
    job = (await any_world.start(processes[0])).job
    await any_world.clock.advance(7200 - 29 * 60)
    old = processes[0].board.token(job)
    found = await asyncio.gather(
        *(processes[number % 2].board.refresh(job.id, old) for number in range(20)),
        return_exceptions=True,
    )
    won = [one for one in found if not isinstance(one, Exception)]
    assert len(won) == 1
    assert {type(one) for one in found if one is not won[0]} <= {RefreshInProgress, Unauthorized}
    now = await processes[1].board.job(job.id)
    assert now.token_generation == 2
    processes[1].board.authorize(now, won[0].token)


async def test_an_outage_while_renewing_leaves_the_old_token_valid(world, here, job):
    await world.clock.advance(7200 - 60)
    old = here.board.token(job)
    here.store.away = {"swap_token"}
    with pytest.raises(StorageUnavailable):
        await here.board.refresh(job.id, old)
    here.board.authorize(await here.board.job(job.id), old)
    here.store.away = frozenset()
    assert await here.board.refresh(job.id, old)
