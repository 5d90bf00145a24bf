"""Streams that are cut at any byte and resumed: exactly the events 1 to n, once each (§16.4)."""

from __future__ import annotations

import re

import pytest

from bookstrack.web.sse import Streamed, event_frame
from listener import open_listener
from staged import BATCH, ID, theatre

__all__ = ["theatre"]

JOB = Streamed(ID, BATCH)
PATH = f"/api/v2/enrichments/{ID}/stream"
EVENTS = 9
LARGEST = 700  # of the frames here, so that every later connection gets on
FRAME = re.compile(rb"id: (\d+)\nevent: \w+\ndata: [^\n]*\n\n")
ALL = range(1, 401)


async def cut(url: str, after: int, *, last: int) -> list[int]:
    """Read so many bytes of a stream, then hang up; return the ids of the complete frames."""
    listener = await open_listener(url, PATH, Last_Event_ID=str(last))
    body = b""
    while len(body) < after:
        chunk = await listener.chunk()
        if chunk is None:
            break
        body += chunk
    listener.abort()
    return [int(found) for found in FRAME.findall(body[:after])]


async def watch(api, first_cut: int) -> list[int]:
    """Follow a whole job over connections that are cut, while it goes on; return all ids."""
    await api.stage.add()
    seen: list[int] = []
    limit = first_cut
    while len(seen) < EVENTS:
        last = seen[-1] if seen else 0
        seen += await cut(api.url, min(limit, sent(api, last)), last=last)
        limit = LARGEST + first_cut
        await go_on(api)
    return seen


async def go_on(api) -> None:
    """Log another event, unless the job is over."""
    logged = len(api.stage.logs[ID])
    if logged < EVENTS - 1:
        await api.stage.emit(processed=logged, current_item="Ω" * (logged * 3))
    elif logged < EVENTS:
        await api.stage.complete()


def sent(api, last: int) -> int:
    """Return how many bytes there are to be had after an event."""
    frames = [event_frame(JOB, event) for event in api.stage.logs[ID][last:]]
    assert max(map(len, frames), default=0) < LARGEST
    return len(b"retry: 5000\n\n") + sum(map(len, frames))


async def check(theatre, cuts) -> None:
    api = await theatre()
    wrong = {}
    for first_cut in cuts:
        ids = await watch(api, first_cut)
        if ids != list(range(1, EVENTS + 1)):
            wrong[first_cut] = ids
    assert wrong == {}


async def test_some_cuts_lose_and_repeat_nothing(theatre):
    await check(theatre, (1, 12, 13, 14, 17, 18, 60, 181, 320, 400))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("quarter", range(4))
async def test_cuts_at_every_byte_lose_and_repeat_nothing(theatre, quarter):
    await check(theatre, ALL[quarter::4])
