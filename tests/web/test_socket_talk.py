"""What is said over an open socket: signs of life, what clients say, and what failures do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from bookstrack.errors import StorageUnavailable
from staged import eventually, theatre

__all__ = ["theatre"]


# --- signs of life ----------------------------------------------------------------------------


async def test_a_ping_comes_every_30_s(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    await run.clock.advance(29.9)
    await talk.silent()
    await run.clock.advance(0.2)
    ping = await talk.next()
    assert ping["type"] == "ping"
    assert type(ping["payload"]["timestamp"]) is int
    await talk.say("pong")
    await run.clock.advance(29.9)
    assert (await talk.next())["type"] == "ping"


async def test_progress_is_repeated_after_60_s_while_a_worker_lives(theatre):
    run = await theatre()
    await run.stage.add(total=4)
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    await run.stage.emit(processed=2, message="Halfway", current_item="A Ferry")
    await talk.next()
    await run.clock.advance(60.1)
    assert [(await talk.next())["type"] for _ in range(2)] == ["ping", "ping"]
    kept = await talk.next()
    assert kept["type"] == "job_progress"
    assert "seq" not in kept
    assert kept["payload"] == {
        "type": "job_progress",
        "progress": 0.5,
        "status": "Halfway",
        "processedCount": 2,
        "totalCount": 4,
        "currentItem": "A Ferry",
        "keepAlive": True,
    }
    await run.clock.advance(60)
    kinds = [(await talk.next())["type"] for _ in range(3)]
    assert sorted(kinds) == ["job_progress", "ping", "ping"]


async def test_progress_is_not_repeated_when_nobody_works(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    await run.clock.advance(130)  # still waits for a worker
    await run.stage.emit(processed=1)
    kinds = [message["type"] for message in await talk.until("job_progress")]
    assert kinds == ["ping"] * 4 + ["job_progress"]
    await run.clock.advance(25 * 3600)  # far beyond the lease
    talk.texts.clear()
    assert "keepAlive" not in "".join(talk.texts)


async def test_a_ping_of_the_client_is_answered(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    now = int(run.clock.time() * 1000)
    await talk.say("ping", timestamp=now - 40)
    pong = await talk.next()
    assert pong["payload"] == {"type": "pong", "timestamp": now, "latency": 40}
    await talk.say("ping", payload={"timestamp": now + 5})
    assert (await talk.next())["payload"]["latency"] == 0
    await talk.say("ping", timestamp="soon")
    assert "latency" not in (await talk.next())["payload"]


async def test_frames_of_the_protocol_are_answered_before_ready(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    async with asyncio.timeout(2):
        await (await talk.socket.ping())


# --- what clients say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("PING", "Invalid JSON"),
        ("", "Invalid JSON"),
        ("[" * 60_000, "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        ('["ready"]', "Invalid message format"),
        ("17", "Invalid message format"),
        ("{}", "Missing message type"),
        ('{"type":1}', "Missing message type"),
    ],
)
async def test_what_is_no_message_ends_the_connection(theatre, said, reason):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.socket.send(said)
    error = await talk.next()
    assert error["payload"]["code"] == "INVALID_REQUEST"
    assert error["payload"]["retryable"] is False
    assert await talk.closed() == (1002, reason)


async def test_unknown_messages_are_ignored(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.say("hello", payload=[1, None, {"deep": True}])
    await talk.socket.send(b'{"type":"ready"}')  # as bytes: some libraries send no text
    assert (await talk.next())["type"] == "ready_ack"


async def test_large_messages_end_the_connection(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.socket.send('{"type":"hello","x":"' + "y" * 65_000 + '"}')
    await talk.ready()
    await talk.next()
    await talk.socket.send('{"type":"hello","x":"' + "y" * 66_000 + '"}')
    code, _ = await talk.closed()
    assert code == 1009


# --- failures and speed ------------------------------------------------------------------------


class Shaky:
    """A database that fails a number of times."""

    def __init__(self, method, failures: int) -> None:
        self._method = method
        self.left = failures

    def __call__(self, *arguments, **options):
        if self.left:
            self.left -= 1
            raise StorageUnavailable("The database cannot be reached")
        return self._method(*arguments, **options)


@asynccontextmanager
async def ticking(clock):
    """Let time pass, ten times as fast as it does."""

    async def tick() -> None:
        while True:
            await clock.advance(0.1)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()


async def test_a_database_that_is_away_for_a_moment_breaks_nothing(theatre):
    run = await theatre()
    await run.stage.add()
    for name in ("follow", "status", "results"):
        setattr(run.stage, name, Shaky(getattr(run.stage, name), 2))
    async with ticking(run.clock):
        talk = await run.talk(wsVersion="1", reconnect="true")
        kinds = [(await talk.next())["type"] for _ in range(2)]
        assert kinds == ["progress", "progress"]
        await run.stage.complete(results={"enrichedBooks": []})
        done = await talk.next()
    assert done["type"] == "complete"
    assert done["data"]["enrichedBooks"] == []


async def test_a_sign_of_life_may_be_left_out(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.ready()
    await run.stage.emit(processed=1)
    assert [(await talk.next())["seq"] for _ in range(2)] == [1, 2]
    run.stage.status = Shaky(run.stage.status, 1)
    await run.clock.advance(121)
    kinds = [(await talk.next())["type"] for _ in range(5)]
    assert sorted(kinds) == ["job_progress", "ping", "ping", "ping", "ping"]


async def test_a_database_that_stays_away_ends_the_connection(theatre):
    run = await theatre()
    await run.stage.add()
    run.stage.follow = Shaky(run.stage.follow, 99)
    async with ticking(run.clock):
        talk = await run.talk()
        error = (await talk.until("error"))[-1]
        assert error["payload"]["code"] == "INTERNAL_ERROR"
        assert (await talk.closed())[0] == 1011


async def test_how_fast_events_arrive_is_measured(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    await run.stage.emit(processed=1)
    await talk.next()
    metrics = run.parts.metrics
    assert value(metrics, "stream_first_event_seconds_count", transport="ws") == 1
    await eventually(lambda: value(metrics, "progress_delivery_seconds_count", transport="ws") == 1)
    assert value(metrics, "ws_connections", pipeline="batch_enrichment") == 1
    assert value(metrics, "ws_connects_total", outcome="accepted") == 1
    await run.refused(token="wrong")
    assert value(metrics, "ws_connects_total", outcome="unauthorized") == 1


def value(metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_when_nobody_follows_jobs_any_more_the_client_is_to_come_back(theatre):
    async def nothing(job_id, *, after):
        for event in ():
            yield event

    run = await theatre()
    await run.stage.add()
    run.stage.follow = nothing
    talk = await run.talk()
    assert (await talk.closed())[0] == 1012


async def test_who_asks_and_does_not_read_is_not_listened_to(theatre):
    run = await theatre()
    await run.stage.add(job_id="x" * 64)
    talk = await run.talk(job_id="x" * 64)
    for _ in range(500):
        await talk.say("ping", timestamp=1)
    for _ in range(500):
        assert (await talk.next())["type"] == "pong"
    await talk.say("ready")
    assert (await talk.next())["type"] == "ready_ack"


async def test_a_socket_that_comes_while_the_server_leaves_is_sent_on(theatre):
    run = await theatre()
    await run.stage.add()
    run.close()
    talk = await run.talk()
    assert (await talk.closed())[0] == 1012
