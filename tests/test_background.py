"""Work on its own: failures are logged, the end is orderly."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.background import Background
from bookstrack.errors import StorageUnavailable


@pytest.fixture
async def background():
    background = Background()
    yield background
    await background.close()


async def fail(problem):
    raise problem


async def wait_for(gate):
    await gate.wait()
    return 7


async def test_a_result_can_be_waited_for(background):
    gate = asyncio.Event()
    task = background.start(wait_for(gate), "work")
    assert len(background) == 1
    gate.set()
    assert await task == 7
    await background.drain(1)
    assert len(background) == 0


async def test_a_failure_of_ours_is_a_warning(background):
    with capture_logs() as logs:
        background.start(fail(StorageUnavailable("away")), "save search results")
        await background.drain(1)
    assert logs == [
        {
            "event": "background_failed",
            "log_level": "warning",
            "task": "save search results",
            "code": "SERVICE_UNAVAILABLE",
            "problem": "away",
        }
    ]


async def test_any_other_failure_is_an_error_with_its_stack(background):
    problem = KeyError("x")
    with capture_logs() as logs:
        background.start(fail(problem), "save")
        await background.drain(1)
    assert [(log["log_level"], log["exc_info"]) for log in logs] == [("error", problem)]


async def test_draining_waits_for_what_work_starts_in_turn(background):
    done = []

    async def second():
        await asyncio.sleep(0)
        done.append("second")

    async def first():
        await asyncio.sleep(0)
        background.start(second(), "second")
        done.append("first")

    background.start(first(), "first")
    await background.drain(5)
    assert done == ["first", "second"]


async def test_draining_ends_after_its_time(background):
    task = background.start(wait_for(asyncio.Event()), "endless")
    with capture_logs() as logs:
        await background.drain(0.01)
    assert not task.done()
    assert [(log["event"], log["tasks"]) for log in logs] == [("background_unfinished", 1)]


async def test_draining_nothing_returns_at_once(background):
    await background.drain(0)


async def test_closing_cancels_and_waits(background):
    ended = []

    async def careful():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    task = background.start(careful(), "careful")
    await asyncio.sleep(0)
    with capture_logs() as logs:
        await background.close()
    assert task.cancelled()
    assert ended == [True]
    assert (len(background), logs) == (0, [])


async def test_closing_ends_what_begins_meanwhile(background):
    async def stubborn():
        try:
            await asyncio.Event().wait()
        finally:
            background.start(wait_for(asyncio.Event()), "last words")

    background.start(stubborn(), "stubborn")
    await asyncio.sleep(0)
    await background.close()
    assert len(background) == 0
