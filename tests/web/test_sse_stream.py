"""Event streams of a real server, byte by byte: what comes, in which order, and how it ends."""

from __future__ import annotations

import asyncio
import re

import pytest

from listener import Listener, listen
from staged import BATCH, CANCELED, FAILED, ID, IMPORT, SCAN, TOKEN, theatre

__all__ = ["listen", "theatre"]

PATH = f"/api/v2/enrichments/{ID}/stream"
RETRY = b"retry: 5000\n\n"
HEARTBEAT = b": heartbeat\n\n"


async def worked(theatre, *events: int, **settings: str):
    """Return a server with a job of ten books of which so many are done after each event."""
    api = await theatre(**settings)
    await api.stage.add()
    for processed in events:
        await api.stage.emit(processed=processed, current_item="Łódź – 図書館")
    return api


async def ids_of(listener: Listener) -> list[int | None]:
    return [frame.id for frame in await listener.frames()]


async def test_the_answer_has_the_headers_of_a_stream(theatre, listen):
    api = await worked(theatre)
    stream = await listen(api.url, PATH, Accept="text/event-stream", Accept_Encoding="gzip")
    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["cache-control"] == "no-cache, no-transform"
    assert stream.headers["x-accel-buffering"] == "no"
    assert stream.headers["connection"] == "keep-alive"
    assert stream.headers["x-request-id"]
    assert stream.headers["access-control-allow-origin"] == "*"
    assert "content-length" not in stream.headers
    assert "content-encoding" not in stream.headers
    stream.close()


async def test_headers_come_before_any_event(theatre, listen):
    api = await worked(theatre, SSE_RETRY_MS="1500")
    stream = await listen(api.url, PATH)
    assert await stream.chunk() == b"retry: 1500\n\n"
    stream.close()


async def test_frames_are_one_write_each_and_exactly_formed(theatre, listen):
    api = await worked(theatre, 5)
    stream = await listen(api.url, PATH, Last_Event_ID="0")
    assert await stream.chunk() == RETRY
    first, second = await stream.chunk(), await stream.chunk()
    assert first is not None
    assert second is not None
    assert re.fullmatch(rb"id: 1\nevent: initialized\ndata: \{[ -~]+\}\n\n", first)
    assert re.fullmatch(rb"id: 2\nevent: processing\ndata: \{[ -~]+\}\n\n", second)
    assert b'"progress":0.0,' in first
    assert b'"progress":0.5,' in second
    assert rb"\u0141\u00f3d\u017a" in second
    await api.stage.complete()
    last = await stream.chunk()
    assert last is not None
    assert b'"progress":1.0,' in last
    assert await stream.chunk() is None


async def test_a_new_listener_gets_the_first_and_the_latest_event_then_live_ones(theatre, listen):
    api = await worked(theatre, 1, 2, 3)
    stream = await listen(api.url, PATH)
    assert [(await stream.frame()).id for _ in range(2)] == [1, 4]
    await api.stage.emit(processed=4)
    assert (await stream.frame()).id == 5
    await api.stage.complete()
    assert (await stream.frame()).name == "completed"
    assert await stream.chunk() is None


async def test_a_new_listener_of_a_new_job_gets_its_first_event_once(theatre, listen):
    api = await worked(theatre)
    stream = await listen(api.url, PATH)
    assert (await stream.frame()).id == 1
    await stream.silent()
    await api.stage.emit(processed=1)
    assert (await stream.frame()).id == 2
    stream.close()


async def test_who_is_late_gets_the_end_and_then_the_end_of_the_stream(theatre, listen):
    api = await worked(theatre, 1, 2)
    await api.stage.complete()
    assert await ids_of(await listen(api.url, PATH)) == [1, 4]
    assert await ids_of(await listen(api.url, PATH, Last_Event_ID="2")) == [3, 4]


RESUMES = [
    ("0", [1, 2, 3, 4, 5]),
    ("1", [2, 3, 4, 5]),
    ("4", [5]),
    ("seven", [1, 2, 3, 4, 5]),
    ("-1", [1, 2, 3, 4, 5]),
    ("1.5", [1, 2, 3, 4, 5]),
    ("1760000000000-initial", [2, 3, 4, 5]),  # the old form: a time
    ("1759999999999-progress", [1, 2, 3, 4, 5]),  # before everything
    ("1760000002500-progress", [4, 5]),
    ("1760000002500-", [1, 2, 3, 4, 5]),  # no word, so not the old form
]


async def test_resuming_sends_what_came_after(theatre, listen):
    api = await worked(theatre)
    for processed in (1, 2, 3):
        await api.clock.advance(1)
        await api.stage.emit(processed=processed)
    await api.clock.advance(1)
    await api.stage.complete()
    for last, expected in RESUMES:
        by_header = await listen(api.url, PATH, Last_Event_ID=last)
        by_query = await listen(api.url, f"{PATH}?lastEventId={last}")
        found = (last, await ids_of(by_header), await ids_of(by_query))
        assert found == (last, expected, expected)


async def test_a_number_larger_than_the_newest_replays_everything_while_the_job_runs(
    theatre, listen
):
    api = await worked(theatre, 1)
    for last in ("3", "999999999999999999", "9" * 50):
        stream = await listen(api.url, PATH, Last_Event_ID=last)
        assert [(await stream.frame()).id for _ in range(2)] == [1, 2]
        stream.close()


async def test_a_number_up_to_the_newest_waits_for_what_follows(theatre, listen):
    api = await worked(theatre, 1)
    stream = await listen(api.url, PATH, Last_Event_ID="2")
    assert await stream.chunk() == RETRY
    await stream.silent()
    await api.stage.emit(processed=2)
    assert (await stream.frame()).id == 3
    stream.close()


async def test_the_header_wins_over_the_query(theatre, listen):
    api = await worked(theatre, 1)
    await api.stage.complete()
    assert await ids_of(await listen(api.url, f"{PATH}?lastEventId=0", Last_Event_ID="2")) == [3]


async def test_there_is_nothing_more_to_tell_of_a_job_that_is_over(theatre, listen):
    api = await worked(theatre, 1)
    await api.stage.complete()
    for last in ("3", "4", "9" * 40, "1760000000000-final"):
        stream = await listen(api.url, PATH, Last_Event_ID=last)
        assert (last, stream.status) == (last, 204)
        assert "content-length" not in stream.headers
        assert "content-type" not in stream.headers


async def test_silence_is_broken_every_thirty_seconds(theatre, listen):
    api = await worked(theatre)
    stream = await listen(api.url, PATH)
    assert (await stream.frame()).id == 1
    await api.clock.advance(29)
    await stream.silent()
    await api.clock.advance(1)
    assert await stream.chunk() == HEARTBEAT
    await api.clock.advance(29)
    await api.stage.emit(processed=1)
    assert (await stream.frame()).id == 2
    await api.clock.advance(29)
    await stream.silent()
    await api.clock.advance(1)
    assert await stream.chunk() == HEARTBEAT
    stream.close()


async def test_five_minutes_without_an_event_end_the_stream_but_not_the_job(theatre, listen):
    api = await worked(theatre, 3)
    stream = await listen(api.url, PATH)
    assert [(await stream.frame()).id for _ in range(2)] == [1, 2]
    for _ in range(9):
        await api.clock.advance(30)
        assert await stream.chunk() == HEARTBEAT
    await api.clock.advance(29.9)
    await stream.silent()
    await api.clock.advance(0.1)
    end = await stream.frame()
    assert (end.name, end.id) == ("timeout", None)
    assert end.data == {
        "error": "stream_timeout",
        "message": end.data["message"],
        "jobId": ID,
        "lastStatus": "processing",
        "lastProgress": 0.3,
        "statusUrl": f"/api/v2/enrichments/{ID}",
    }
    assert await stream.chunk() is None
    await api.stage.complete()
    assert await ids_of(await listen(api.url, PATH, Last_Event_ID="2")) == [3]


async def test_an_event_puts_the_end_off(theatre, listen):
    api = await worked(theatre, SSE_TIMEOUT_SECONDS="50", SSE_HEARTBEAT_SECONDS="40")
    stream = await listen(api.url, PATH)
    assert (await stream.frame()).id == 1
    await api.clock.advance(35)
    await api.stage.emit(processed=1)
    assert (await stream.frame()).id == 2
    await api.clock.advance(40)
    assert await stream.chunk() == HEARTBEAT
    await api.clock.advance(10)
    assert (await stream.frame()).name == "timeout"
    assert await stream.chunk() is None


async def test_a_listener_who_leaves_gives_its_place_back(theatre, listen):
    api = await worked(theatre, MAX_STREAMS_PER_IDENTITY="1")
    for _ in range(3):
        stream = await listen(api.url, PATH)
        assert stream.status == 200
        assert (await stream.frame()).id == 1
        refused = await listen(api.url, PATH)
        assert refused.status == 429
        error = (await refused.json())["error"]
        assert error["code"] == "RATE_LIMIT_EXCEEDED"
        assert int(refused.headers["retry-after"]) == error["details"]["retryAfter"] >= 1
        refused.close()
        stream.close()
        async with asyncio.timeout(5):
            while api.served.streams.total or api.stage.followers:  # noqa: ASYNC110 it is not ours
                await asyncio.sleep(0)


async def test_streams_and_sockets_share_the_places_of_a_caller(theatre, listen):
    api = await worked(theatre, MAX_STREAMS_PER_IDENTITY="2")
    stream = await listen(api.url, PATH)
    await api.talk()
    assert (await listen(api.url, PATH)).status == 429
    stream.close()


async def test_streams_end_without_an_event_when_the_server_shuts_down(theatre, listen):
    api = await worked(theatre, 1)
    streams = [await listen(api.url, PATH) for _ in range(3)]
    for stream in streams:
        assert [(await stream.frame()).id for _ in range(2)] == [1, 2]
    api.close()
    for stream in streams:
        assert await stream.chunk() is None
        assert len(stream.chunks) == 3


async def test_many_listeners_see_the_same_bytes(theatre, listen):
    api = await worked(theatre)
    streams = [await listen(api.url, PATH, Last_Event_ID="0") for _ in range(10)]
    for processed in range(1, 10):
        await api.stage.emit(processed=processed)
    await api.stage.complete()
    bodies = set()
    for stream in streams:
        assert await ids_of(stream) == list(range(1, 12))
        bodies.add(stream.body)
    assert len(bodies) == 1


async def test_every_end_is_told(theatre, listen):
    api = await theatre()
    for status, more in (
        (FAILED, {}),
        (CANCELED, {"reason": "Canceled by user"}),
    ):
        job_id = f"a-job-that-ends-{status}"
        await api.stage.add(IMPORT, job_id=job_id)
        stream = await listen(api.url, f"/api/v2/imports/{job_id}/stream")
        if status is FAILED:
            await api.stage.fail(job_id=job_id, provider="isbndb")
        else:
            await api.stage.emit(status, job_id=job_id, **more)
        end = (await stream.frames())[-1]
        assert end.name == end.data["status"] == status
        if status is FAILED:
            assert end.data["error"] == {
                "code": "E_BATCH_PROCESSING_FAILED",
                "message": "Nothing works",
                "retryable": True,
                "details": {"provider": "isbndb"},
            }
        else:
            assert end.data["reason"] == "Canceled by user"
            assert end.data["canceledAt"].endswith("Z")


async def test_a_broken_log_ends_the_stream_with_an_error_that_clients_may_retry(theatre, listen):
    from bookstrack.errors import StorageUnavailable

    api = await worked(theatre)

    async def broken(job_id: str, *, after: int):
        raise StorageUnavailable("The database is away")
        yield

    api.stage.follow = broken
    stream = await listen(api.url, PATH)
    assert (await stream.frame()).id == 1
    end = await stream.frame()
    assert (end.name, end.id) == ("error", None)
    assert end.data["error"]["code"] == "STREAM_ERROR"
    assert end.data["error"]["retryable"] is True
    assert end.data["jobId"] == ID
    assert end.data["message"] == end.data["error"]["message"]
    assert "database" not in end.raw.decode()
    assert await stream.chunk() is None


async def test_a_listener_who_does_not_read_is_cut_off_and_harms_nobody(theatre, listen):
    api = await worked(theatre)
    lazy = await listen(api.url, PATH, Last_Event_ID="0")
    lazy._reader._transport.pause_reading()
    for _ in range(400):  # some ten megabytes: more than the kernel keeps for anybody
        await api.stage.emit(message="x" * 30_000)
        await asyncio.sleep(0)
    keen = await listen(api.url, PATH, Last_Event_ID="401")
    await api.stage.emit(processed=1)
    assert (await keen.frame()).id == 402
    await api.clock.advance(31)
    assert await keen.chunk() == HEARTBEAT
    async with asyncio.timeout(5):
        while api.served.streams.total > 1:  # noqa: ASYNC110 it is not ours
            await asyncio.sleep(0.01)
    lazy._reader._transport.resume_reading()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError, AssertionError)):
        await lazy.frames()
    ids = [int(found) for found in re.findall(rb"(?m)^id: (\d+)$", lazy.body)]
    assert ids == list(range(1, len(ids) + 1))  # never skipped
    keen.close()


FAMILIES = ["imports", "enrichments", "scans"]


async def test_every_family_of_paths_knows_every_job(theatre, listen):
    api = await theatre()
    for pipeline in (BATCH, IMPORT, SCAN):
        job_id = f"a-job-of-the-pipeline-{pipeline}"
        await api.stage.add(pipeline, job_id=job_id)
        for family in FAMILIES:
            stream = await listen(api.url, f"/api/v2/{family}/{job_id}/stream")
            assert (await stream.frame()).data["pipeline"] == pipeline


async def test_the_old_path_of_batches_streams_too(theatre, listen):
    api = await worked(theatre)
    stream = await listen(api.url, f"/api/v2/books/enrich-batch/{ID}/stream")
    assert (await stream.frame()).id == 1
    stream.close()


ACCEPTS = [
    ("text/event-stream", 200),
    ("text/event-stream; charset=utf-8", 200),
    ("*/*", 200),
    ("text/*", 200),
    ("TEXT/Event-Stream", 200),
    ("application/json, text/event-stream;q=0.5", 200),
    ("", 200),
    ("application/json", 406),
    ("text/event-stream;q=0", 406),
    ("text/event-stream; q=0.0, text/html", 406),
    ("text/html", 406),
]


async def test_only_callers_who_can_read_events_get_them(theatre, listen):
    api = await worked(theatre)
    for accept, status in ACCEPTS:
        stream = await listen(api.url, PATH, Accept=accept)
        assert (accept, stream.status) == (accept, status)
        if status == 406:
            assert (await stream.json())["error"]["code"] == "NOT_ACCEPTABLE"


async def test_unknown_jobs_are_not_found(theatre, listen):
    api = await theatre()
    for job_id in ("unknown-job-1234567", "%00", "a" * 65, "a%20b", "%2e%2e"):
        stream = await listen(api.url, f"/api/v2/imports/{job_id}/stream")
        assert stream.status == 404
        assert (await stream.json())["error"]["code"] == "NOT_FOUND"
        stream.close()


async def test_a_stream_has_no_head(theatre, listen):
    import aiohttp

    api = await worked(theatre)
    async with aiohttp.ClientSession() as session, session.head(api.url + PATH) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET"


AUTH = {
    "optional": [
        ("enrichments", None, 200),
        ("enrichments", TOKEN, 200),
        ("enrichments", "wrong", 401),
        ("imports", "wrong", 401),
    ],
    "required": [
        ("enrichments", None, 401),
        ("enrichments", TOKEN, 200),
        ("scans", None, 401),
        ("scans", TOKEN, 200),
        ("imports", None, 200),
        ("imports", "wrong", 401),
    ],
    "required-all": [
        ("imports", None, 401),
        ("imports", TOKEN, 200),
        ("enrichments", None, 401),
        ("enrichments", TOKEN, 200),
    ],
}
PIPELINES = {"enrichments": BATCH, "imports": IMPORT, "scans": SCAN}
CARRIERS = [
    lambda token: ("", {"Authorization": f"Bearer {token}"}),
    lambda token: ("", {"Authorization": f"bearer {token}"}),
    lambda token: ("", {"X_Auth_Token": token}),
    lambda token: (f"?token={token}", {}),
    lambda token: (f"?token={token}", {"Authorization": "Bearer bt_abcdefgh_1"}),
    lambda token: ("?token=other", {"X_Auth_Token": token}),
    lambda token: ("", {"X_Auth_Token": "other", "Authorization": f"Bearer {token}"}),
]


@pytest.mark.parametrize("setting", AUTH)
async def test_tokens_of_streams(theatre, listen, setting):
    api = await theatre(SSE_AUTH=setting, MAX_STREAMS_PER_IDENTITY="100")
    for family, pipeline in PIPELINES.items():
        await api.stage.add(pipeline, job_id=f"a-job-among-{family}")
    for family, token, status in AUTH[setting]:
        for carrier in CARRIERS if token else [lambda _: ("", {})]:
            query, headers = carrier(token)
            path = f"/api/v2/{family}/a-job-among-{family}/stream{query}"
            stream = await listen(api.url, path, **headers)
            assert (family, token, stream.status) == (family, token, status)
            if status == 401:
                assert (await stream.json())["error"]["code"] == "UNAUTHORIZED"
                assert stream.headers["www-authenticate"]


async def test_a_path_of_imports_opens_no_other_job_where_tokens_are_required(theatre, listen):
    api = await worked(theatre, SSE_AUTH="required")
    assert (await listen(api.url, f"/api/v2/imports/{ID}/stream")).status == 401


async def test_an_expired_token_opens_no_stream_but_closes_none(theatre, listen):
    api = await worked(theatre)
    stream = await listen(api.url, PATH, Authorization=f"Bearer {TOKEN}")
    assert (await stream.frame()).id == 1
    api.stage.expired.add(ID)
    refused = await listen(api.url, PATH, Authorization=f"Bearer {TOKEN}")
    assert refused.status == 401
    assert (await refused.json())["error"]["details"]["reason"] == "expired"
    await api.stage.emit(processed=1)
    assert (await stream.frame()).id == 2
    stream.close()


async def test_an_id_that_can_be_guessed_needs_the_token(theatre, listen):
    api = await theatre()
    await api.stage.add(job_id="a" * 15)
    path = f"/api/v2/enrichments/{'a' * 15}/stream"
    assert (await listen(api.url, path)).status == 401
    stream = await listen(api.url, path, X_Auth_Token=TOKEN)
    assert stream.status == 200
    stream.close()


async def test_opening_streams_is_no_matter_of_request_limits(theatre, listen):
    api = await worked(
        theatre, RATE_LIMIT_ENABLED="true", RATE_JOB_STATUS="1/60", MAX_STREAMS_PER_IDENTITY="50"
    )
    streams = [await listen(api.url, PATH) for _ in range(40)]
    assert {stream.status for stream in streams} == {200}
    assert "x-ratelimit-limit" not in streams[0].headers
    for stream in streams:
        stream.close()
