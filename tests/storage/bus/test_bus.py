"""Every bus: who hears what, what is lost, and what comes back by itself."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from bookstrack.clock import SystemClock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.bus.base import LARGEST, Outbox
from bookstrack.storage.bus.memory import MemoryBus
from bookstrack.storage.bus.postgres import postgres_bus
from bookstrack.storage.bus.redis import redis_bus
from bookstrack.storage.bus.remote import RemoteBus


class Heard(list):
    """A listener that can be waited for."""

    def __init__(self):
        super().__init__()
        self._more = asyncio.Event()

    def __call__(self, text):
        self.append(text)
        self._more.set()

    async def until(self, text):
        async with asyncio.timeout(20):
            while text not in self:
                self._more.clear()
                await self._more.wait()


@pytest.fixture(params=["postgresql", "redis"])
async def make(request):
    """Makes connected buses to one server."""
    name, bus_to = {
        "postgresql": ("postgres_url", postgres_bus),
        "redis": ("redis_url", redis_bus),
    }[request.param]
    url = request.getfixturevalue(name)
    async with AsyncExitStack() as stack:

        async def connected():
            bus = bus_to(url, SystemClock())
            stack.push_async_callback(bus.close)
            bus.start()
            async with asyncio.timeout(20):
                await bus.connected.wait()
            return bus

        yield connected


async def test_memory_reaches_everybody_until_they_leave():
    bus, first, second = MemoryBus(), Heard(), Heard()
    leave = bus.subscribe(first)
    bus.subscribe(second)
    await bus.publish("job a 1")
    leave()
    leave()
    await bus.publish("job a 2")
    await bus.close()
    assert first == ["job a 1"]
    assert second == ["job a 1", "job a 2"]


async def test_a_listener_that_fails_harms_nobody(capsys):
    bus, heard = MemoryBus(), Heard()

    def fails(_text):
        raise ValueError("oh")

    bus.subscribe(fails)
    bus.subscribe(heard)
    await bus.publish("flags")
    assert heard == ["flags"]
    assert "bus_listener_failed" in capsys.readouterr().out


async def test_others_hear_it_and_the_sender_hears_it_once(make):
    one, other = await make(), await make()
    mine, theirs = Heard(), Heard()
    one.subscribe(mine)
    other.subscribe(theirs)
    await one.publish("cancel Ä-1")
    assert mine == ["cancel Ä-1"]  # here at once
    await theirs.until("cancel Ä-1")
    await other.publish("flags")
    await mine.until("flags")
    await one.publish("new b csv_import")
    await theirs.until("new b csv_import")
    assert mine == ["cancel Ä-1", "flags", "new b csv_import"]
    assert theirs == ["cancel Ä-1", "flags", "new b csv_import"]


async def test_two_kinds_of_events_stay_in_order_and_many_arrive(make):
    one, other = await make(), await make()
    theirs = Heard()
    other.subscribe(theirs)
    for number in range(900):
        await one.publish(f"cancel {number}-{'x' * 40}")
    await theirs.until(f"cancel 899-{'x' * 40}")
    assert theirs == [f"cancel {number}-{'x' * 40}" for number in range(900)]
    assert one.dropped == 0


async def test_of_many_numbers_of_one_job_the_newest_arrives(make):
    one, other = await make(), await make()
    theirs = Heard()
    other.subscribe(theirs)
    for number in range(1, 2001):
        await one.publish(f"job a {number}")
    await theirs.until("job a 2000")
    assert len(theirs) < 100
    assert one.dropped == 0


async def test_a_server_away_blocks_nobody_and_is_found_again(make_away):
    server, bus_to = make_away
    buses = [bus_to(), bus_to()]
    one, other = buses
    theirs = Heard()
    other.subscribe(theirs)
    try:
        for bus in buses:
            bus.start()
            async with asyncio.timeout(20):
                await bus.connected.wait()
        server.kill()
        async with asyncio.timeout(20):
            while one.connected.is_set():
                await one.publish("flags")
                await asyncio.sleep(0.01)
        for number in range(2000):
            async with asyncio.timeout(0.1):
                await one.publish(f"cancel {number}")
        assert one.dropped >= 999
        server.start()
        async with asyncio.timeout(30):
            await one.connected.wait()
            await other.connected.wait()
        await asyncio.sleep(0.2)  # what waited is out
        await one.publish("new c batch_enrichment")
        await theirs.until("new c batch_enrichment")
    finally:
        for bus in buses:
            await bus.close()


@pytest.fixture(params=["postgresql", "redis"])
def make_away(request):
    clock = SystemClock()
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        return server, lambda: postgres_bus(server.url, clock)
    server = request.getfixturevalue("redis_server")
    return server, lambda: redis_bus(f"redis://127.0.0.1:{server.port}/0", clock)


async def test_databases_of_one_redis_are_apart(redis_url):
    clock, heard = SystemClock(), Heard()
    here = redis_bus(redis_url, clock)
    elsewhere = redis_bus(f"{redis_url.rpartition('/')[0]}/15", clock)
    same = redis_bus(redis_url, clock)
    elsewhere.subscribe(heard)
    near = Heard()
    same.subscribe(near)
    for bus in (here, elsewhere, same):
        bus.start()
        async with asyncio.timeout(20):
            await bus.connected.wait()
    await here.publish("flags")
    await near.until("flags")
    assert heard == []
    for bus in (here, elsewhere, same):
        await bus.close()


async def test_signs_of_life_are_asked_for(clock):
    """A connection that is silently gone is noticed, and another one is made."""
    links = []

    class Link:
        def __init__(self):
            links.append(self)
            self.checks = 0

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_problem):
            return None

        async def send(self, message):
            self.sent = message

        async def check(self):
            self.checks += 1
            if self.checks == 2:
                raise StorageUnavailable("silence")

        async def broken(self):
            await asyncio.Event().wait()

    bus = RemoteBus(lambda _received: Link(), clock)
    bus.start()
    await clock.advance(16)
    assert [link.checks for link in links] == [1]
    await clock.advance(16)
    assert [link.checks for link in links] == [2, 0]
    await bus.publish("flags")
    await clock.advance(0)
    assert links[1].sent.endswith("\nflags")
    await bus.close()


async def test_what_cannot_be_sent_is_counted():
    outbox = Outbox(3)
    for text in ("a b", "two\nlines", "x" * (LARGEST + 1), "c", "d", "e"):
        outbox.put(text)
    assert outbox.dropped == 3
    await outbox.filled()
    message = outbox.take()
    assert message == "a b\nc\nd"
    outbox.lost(message)
    assert outbox.dropped == 6


def test_a_message_has_a_largest_size():
    outbox = Outbox(10)
    third = LARGEST // 3 - 1
    for letter in "abcd":
        outbox.put(letter * third)
    sizes = []
    while message := outbox.take():
        sizes.append(len(message))
    assert sizes == [3 * third + 2, third]
