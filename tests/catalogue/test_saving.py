"""Books that are written in the background: together, soon, and none at the cost of another."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.background import Background
from bookstrack.catalogue.saving import Saver
from bookstrack.errors import StorageUnavailable
from bookstrack.testing.builders import a_record


class Store:
    """Remembers what is written in one transaction; refuses what it is told to."""

    def __init__(self) -> None:
        self.written: list[list[str]] = []
        self.refused: set[str] = set()
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def save(self, records):
        await self.gate.wait()
        titles = [record.work.title for record in records]
        if self.away:
            raise StorageUnavailable("away")
        if self.refused & set(titles):
            raise ValueError("a row that cannot be")
        self.written.append(titles)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
async def background():
    tasks = Background()
    yield tasks
    await tasks.close()


@pytest.fixture
def saver(store, clock, background):
    return Saver(store, clock, background)


def books(*numbers):
    return [a_record(title=f"Book {number}") for number in numbers]


async def bring(saver, *numbers):
    for record in books(*numbers):
        await saver.later(record)


async def test_a_few_are_written_together_after_a_moment(saver, store, clock):
    await bring(saver, 1, 2, 3)
    await clock.advance(0.05)
    assert store.written == []
    await clock.advance(0.05)
    assert store.written == [["Book 1", "Book 2", "Book 3"]]
    await bring(saver, 4)
    await clock.advance(0.1)
    assert store.written[1:] == [["Book 4"]]


async def test_many_are_written_ten_at_a_time_without_waiting(saver, store, clock):
    await bring(saver, *range(25))
    await clock.advance(0)
    assert [len(some) for some in store.written] == [10, 10]
    await clock.advance(0.1)
    assert [len(some) for some in store.written] == [10, 10, 5]


async def test_whoever_brings_too_many_has_to_wait(saver, store, clock):
    store.gate.clear()
    bringing = asyncio.create_task(bring(saver, *range(150)))
    await clock.advance(1)
    assert not bringing.done()
    store.gate.set()
    await clock.advance(1)
    assert bringing.done()
    assert sum(map(len, store.written)) == 150


async def test_one_that_cannot_be_written_takes_no_other_with_it(saver, store, clock):
    store.refused = {"Book 2"}
    with capture_logs() as logged:
        await bring(saver, 1, 2, 3)
        await clock.advance(0.2)
    assert store.written == [["Book 1"], ["Book 3"]]
    assert [entry["event"] for entry in logged] == ["answer_unsaved"]


async def test_an_outage_is_logged_and_over_when_it_is_over(saver, store, clock):
    store.away = True
    with capture_logs() as logged:
        await bring(saver, 1, 2)
        await clock.advance(0.2)
    assert [(entry["event"], entry["books"]) for entry in logged] == [("answers_unsaved", 2)]
    store.away = False
    await bring(saver, 3)
    await clock.advance(0.2)
    assert store.written == [["Book 3"]]
