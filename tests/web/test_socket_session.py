"""The life of a socket: ready, replay, reconnect, sync, and how it ends."""

from __future__ import annotations

import pytest

from staged import (
    BATCH,
    CANCELED,
    COMPLETED,
    FAILED,
    ID,
    SCAN,
    WORKING,
    eventually,
    summary,
    theatre,
)

__all__ = ["theatre"]


def numbers(messages) -> list[int]:
    return [message["seq"] for message in messages if "seq" in message]


# --- beginning --------------------------------------------------------------------------------


async def test_nothing_is_sent_before_ready(theatre):
    run = await theatre()
    await run.stage.add()
    await run.stage.emit(processed=1)
    talk = await run.talk()
    await talk.silent()
    await talk.say("ready", extra={"anything": 1})
    kinds = [(await talk.next())["type"] for _ in range(3)]
    assert kinds == ["ready_ack", "job_started", "job_progress"]


async def test_all_events_before_ready_come_after_it_in_order(theatre):
    run = await theatre()
    await run.stage.add(total=400)
    for done in range(299):
        await run.stage.emit(processed=done)
        await run.clock.advance(0.1)
    talk = await run.talk()
    await talk.ready()
    messages = [await talk.next() for _ in range(300)]
    assert numbers(messages) == list(range(1, 301))
    await run.stage.emit(processed=300)
    assert (await talk.next())["seq"] == 301


async def test_without_ready_the_server_goes_on_after_5_s(theatre):
    run = await theatre()
    await run.stage.add()
    for done in range(1, 300):
        await run.stage.emit(processed=done)
    talk = await run.talk()
    await run.clock.advance(4.9)
    await talk.silent()
    await run.clock.advance(0.2)
    messages = [await talk.next() for _ in range(300)]
    assert messages[0]["type"] == "job_started"
    assert numbers(messages) == list(range(1, 301))
    await talk.ready()  # late, and answered all the same
    await talk.ready()
    await talk.silent()


async def test_of_more_than_500_the_oldest_progress_is_left_out(theatre):
    run = await theatre()
    await run.stage.add(total=2000)
    for done in range(1, 1000):
        stage = "reading" if done < 100 else "enriching"
        await run.stage.emit(processed=done, stage=stage)
    talk = await run.talk()
    await talk.ready()
    seen = numbers([await talk.next() for _ in range(503)])
    assert seen == [1, 2, 101, *range(501, 1001)]  # 2 and 101 begin a stage
    await talk.silent()


async def test_events_a_client_knows_are_not_sent_again(theatre):
    run = await theatre()
    await run.stage.add()
    for done in range(1, 6):
        await run.stage.emit(processed=done)
    talk = await run.talk(lastEventId="4")
    await talk.ready()
    assert [(await talk.next())["seq"] for _ in range(2)] == [5, 6]
    await talk.silent()


@pytest.mark.parametrize("after", ["99", "x", "-1", "", "9" * 30])
async def test_a_number_nobody_gave_out_means_from_the_first(theatre, after):
    run = await theatre()
    await run.stage.add()
    await run.stage.emit(processed=1)
    talk = await run.talk(lastEventId=after)
    await talk.ready()
    assert [(await talk.next())["seq"] for _ in range(2)] == [1, 2]


# --- late -------------------------------------------------------------------------------------


async def ended_as(run, status):
    await run.stage.add()
    await run.stage.emit(processed=3)
    if status is COMPLETED:
        await run.stage.complete()
    elif status is FAILED:
        await run.stage.fail()
    else:
        await run.stage.emit(CANCELED, message="Job canceled")


LATE = [
    (COMPLETED, "job_complete", (1000, "Job completed")),
    (FAILED, "error", (1011, "Job failed")),
    (CANCELED, "error", (1000, "Job canceled")),
]


@pytest.mark.parametrize(("status", "kind", "close"), LATE)
@pytest.mark.parametrize("reconnect", ["false", "true"])
async def test_who_comes_late_gets_the_end_at_once(theatre, status, kind, close, reconnect):
    run = await theatre()
    await ended_as(run, status)
    talk = await run.talk(reconnect=reconnect)
    assert (await talk.next())["type"] == kind
    await run.clock.advance(4.9)
    await talk.silent()
    await run.clock.advance(0.2)  # 5.1 s: less than the 6 that are promised
    assert await talk.closed() == close
    await eventually(lambda: run.stage.followers == 0)


async def test_who_counts_events_gets_the_missing_ones_too(theatre):
    run = await theatre()
    await ended_as(run, COMPLETED)
    talk = await run.talk(lastEventId="1")
    assert [(await talk.next())["seq"] for _ in range(2)] == [2, 3]
    again = await run.talk(lastEventId="3")
    assert (await again.next())["seq"] == 3


@pytest.mark.parametrize(("status", "kind", "close"), LATE)
async def test_an_end_does_not_wait_for_ready(theatre, status, kind, close):
    run = await theatre()
    await run.stage.add(job_id="another-job-of-someone")
    await run.stage.add()
    talk = await run.talk()
    await talk.silent()
    await ended_as_now(run, status)
    assert (await talk.next())["type"] == kind
    await run.clock.advance(5.1)
    assert await talk.closed() == close


async def ended_as_now(run, status):
    if status is COMPLETED:
        await run.stage.complete()
    elif status is FAILED:
        await run.stage.fail()
    else:
        await run.stage.emit(CANCELED, message="Job canceled")


async def test_the_client_may_close_first(theatre):
    run = await theatre()
    await ended_as(run, COMPLETED)
    talk = await run.talk()
    await talk.next()
    await talk.say("ping", timestamp=1)
    assert (await talk.next())["type"] == "pong"  # the connection lives on meanwhile
    await talk.socket.close()
    assert talk.socket.close_code == 1000


# --- reconnecting -----------------------------------------------------------------------------


async def test_a_reconnected_client_need_not_be_ready(theatre):
    run = await theatre()
    await run.stage.add(total=4)
    await run.stage.emit(processed=1, message="One of four")
    await run.stage.emit(processed=2, message="Two of four")
    talk = await run.talk(reconnect="true", lastEventId="2")
    first = await talk.next()
    assert first["type"] == "reconnected"
    assert "seq" not in first
    counts = {"processed_count": 2, "total_count": 4, "processedCount": 2, "totalCount": 4}
    assert first["payload"] | counts == first["payload"]
    assert first["payload"]["status"] == "processing"
    assert first["payload"]["message"] == "Two of four"
    assert (await talk.next())["seq"] == 3
    await talk.silent()
    await run.stage.emit(processed=3)
    assert (await talk.next())["seq"] == 4


async def test_without_a_number_everything_is_sent_again(theatre):
    run = await theatre()
    await run.stage.add()
    await run.stage.emit(processed=1)
    talk = await run.talk(reconnect="true")
    kinds = [(await talk.next())["type"] for _ in range(3)]
    assert kinds == ["reconnected", "job_started", "job_progress"]


async def test_a_client_can_synchronise(theatre):
    run = await theatre()
    await run.stage.add()
    for done in (1, 2, 3):
        await run.stage.emit(processed=done)
    talk = await run.talk()
    await talk.ready()
    for _ in range(4):
        await talk.next()
    await talk.say("sync", lastEventId=2)
    assert (await talk.next())["type"] == "reconnected"
    assert [(await talk.next())["seq"] for _ in range(2)] == [3, 4]
    await talk.say("sync")
    assert (await talk.next())["type"] == "reconnected"
    await talk.silent()
    await run.stage.emit(processed=4)
    assert (await talk.next())["seq"] == 5


async def test_the_sixth_socket_of_a_job_is_turned_away(theatre):
    run = await theatre()
    await run.stage.add()
    talks = [await run.talk() for _ in range(5)]
    sixth = await run.talk()
    error = await sixth.next()
    assert error["payload"]["code"] == "CONNECTION_LIMIT_EXCEEDED"
    assert error["payload"]["retryable"] is False
    code, reason = await sixth.closed()
    assert code == 1008
    assert "Connection limit exceeded" in reason
    await run.stage.add(job_id="another-job-of-someone")
    await run.talk(job_id="another-job-of-someone")
    for talk in talks:
        await talk.ready()
        assert (await talk.next())["seq"] == 1


async def test_a_reconnecting_client_replaces_the_oldest(theatre):
    run = await theatre()
    await run.stage.add()
    talks = [await run.talk() for _ in range(5)]
    back = await run.talk(reconnect="true")
    assert (await back.next())["type"] == "reconnected"
    assert await talks[0].closed() == (1000, "Client reconnecting")
    await talks[1].ready()
    assert (await (await run.talk()).next())["payload"]["code"] == "CONNECTION_LIMIT_EXCEEDED"


async def test_all_sockets_of_a_job_see_the_same(theatre):
    run = await theatre()
    await run.stage.add(total=50)
    talks = [await run.talk() for _ in range(5)]
    for talk in talks:
        await talk.ready()
    for done in range(1, 50):
        await run.stage.emit(processed=done)
    await run.stage.complete()
    texts = []
    for talk in talks:
        await talk.until("job_complete")
        texts.append(talk.texts[1:])
    assert len(texts[0]) == 51
    assert all(text == texts[0] for text in texts)


# --- ends -------------------------------------------------------------------------------------


async def test_after_the_end_the_server_waits_before_it_closes(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    await run.stage.complete()
    assert (await talk.next())["type"] == "job_complete"
    await run.clock.advance(4.9)
    await talk.silent()
    await run.clock.advance(0.2)
    assert await talk.closed() == (1000, "Job completed")


async def test_the_grace_can_be_set(theatre):
    run = await theatre(WS_CLOSE_GRACE_SECONDS="1", WS_READY_TIMEOUT_SECONDS="1")
    await run.stage.add()
    talk = await run.talk()
    await run.clock.advance(1.1)
    assert (await talk.next())["type"] == "job_started"
    await run.stage.fail()
    assert (await talk.next())["type"] == "error"
    await run.clock.advance(1.1)
    assert await talk.closed() == (1011, "Job failed")


async def test_a_canceled_scan_says_so_in_two_messages(theatre):
    run = await theatre()
    await run.stage.add(SCAN)
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    await run.stage.emit(CANCELED, reason="Asked for")
    canceling, error = [await talk.next() for _ in range(2)]
    assert canceling["payload"] == {"type": "batch-canceling", "reason": "Asked for"}
    assert "seq" not in canceling
    assert error["payload"]["code"] == "JOB_CANCELED"
    assert error["payload"]["retryable"] is False
    assert error["payload"]["details"] == {"processedCount": 0, "totalCount": 10}
    await run.clock.advance(5.1)
    assert await talk.closed() == (1000, "Job canceled")


async def test_a_softly_canceled_scan_completes(theatre):
    run = await theatre()
    await run.stage.add(SCAN)
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    job = await run.stage.job(ID)
    await run.stage.emit(
        CANCELED,
        processed=4,
        summary=summary(job, canceled=True),
        results_until=run.clock.time() + 7200,
    )
    done = await talk.next()
    assert done["type"] == "job_complete"
    assert done["payload"]["summary"]["canceled"] is True
    await run.clock.advance(5.1)
    assert await talk.closed() == (1000, "Job canceled")


async def test_at_a_restart_sockets_are_closed_with_1012(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    run.close()
    assert (await talk.closed())[0] == 1012


async def test_a_fault_of_ours_ends_the_connection_with_1011(theatre):
    run = await theatre()
    await run.stage.add(BATCH)
    del run.stage.logs[ID]  # a board that breaks
    talk = await run.talk()
    error = await talk.next()
    assert error["payload"]["code"] == "INTERNAL_ERROR"
    assert error["payload"]["retryable"] is True
    assert (await talk.closed())[0] == 1011


async def test_who_leaves_is_forgotten(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk()
    await talk.ready()
    await talk.next()
    assert run.open_sockets() == 1
    await talk.socket.close()
    await eventually(lambda: not run.stage.followers and not run.open_sockets())
    await run.stage.emit(WORKING, processed=1)
