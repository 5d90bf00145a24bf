from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bookstrack.background import Tasks
from bookstrack.errors import ProviderFailed
from bookstrack.flights import Flights, Grounded


class Call:
    """A call that ends when told to; ``started`` counts how often it was made."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.started += 1
        try:
            return await asyncio.shield(self.result)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    tasks = Tasks()
    yield tasks
    await tasks.close()


@pytest.fixture
async def flights(tasks) -> Flights:
    return Flights(tasks)


@pytest.fixture
async def call() -> Call:
    return Call()


async def shared(flights, key, call, deadline):
    return (await flights.join(key, call, keep=False, now=0.0, deadline=deadline))[0]


def join(flights: Flights, call: Call, *, key="emma", deadline=100.0) -> asyncio.Task[str]:
    return asyncio.create_task(shared(flights, key, call, deadline))


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_thousand_share_one_call(flights, call):
    waiters = [join(flights, call) for _ in range(1000)]
    await turns()
    call.result.set_result("Emma")
    assert await asyncio.gather(*waiters) == ["Emma"] * 1000
    assert call.started == 1


async def test_different_questions_do_not(flights, call):
    waiters = [join(flights, call, key=key) for key in ("emma", "ulysses")]
    await turns()
    assert call.started == 2
    call.result.set_result("…")
    await asyncio.gather(*waiters)


async def test_the_error_reaches_all_and_the_next_call_tries_again(flights, call):
    waiters = [join(flights, call) for _ in range(10)]
    await turns()
    call.result.set_exception(ProviderFailed("google", "broken"))
    errors = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(error) for error in errors] == [ProviderFailed] * 10
    better = Call()
    better.result.set_result("Emma")
    assert await join(flights, better) == "Emma"


async def test_a_finished_call_is_not_joined(flights, call):
    call.result.set_result("Emma")
    await join(flights, call)
    await join(flights, call)
    assert call.started == 2


async def test_a_cancelled_waiter_leaves_the_call_to_the_others(flights, call):
    first, second = join(flights, call), join(flights, call)
    await turns()
    first.cancel()
    await turns()
    assert call.cancelled == 0
    call.result.set_result("Emma")
    assert await second == "Emma"
    assert first.cancelled()


async def test_the_last_cancelled_waiter_cancels_the_call(flights, call):
    waiters = [join(flights, call) for _ in range(3)]
    await turns()
    for waiter in waiters:
        waiter.cancel()
    await turns()
    assert call.cancelled == 1
    fresh = Call()
    fresh.result.set_result("Emma")
    assert await join(flights, fresh) == "Emma"


async def test_a_call_that_dies_while_cancelled_disturbs_nobody(flights):
    async def stubborn() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise ProviderFailed("google", "while being cancelled") from None
        return ""

    waiter = asyncio.create_task(shared(flights, "emma", stubborn, 1.0))
    await turns()
    waiter.cancel()
    await turns()  # an exception that nobody fetched would be a warning, and so an error
    assert waiter.cancelled()


async def test_a_caller_with_less_time_leaves_earlier(flights, call):
    patient = join(flights, call, deadline=100.0)
    hasty = join(flights, call, deadline=0.01)
    with pytest.raises(TimeoutError):
        await hasty
    call.result.set_result("Emma")
    assert await patient == "Emma"
    assert call.started == 1


async def test_closing_the_owner_ends_the_wait(flights, call, tasks):
    waiter = join(flights, call)
    await turns()
    await tasks.close()
    with pytest.raises(Grounded):
        await waiter


async def test_what_starts_while_closing_is_cancelled_too(tasks):
    async def starts_another() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tasks.start(asyncio.Event().wait())

    tasks.start(starts_another())
    await turns()
    async with asyncio.timeout(30):
        await tasks.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
