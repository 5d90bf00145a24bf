"""Opening a socket: refusals before the upgrade, in their order, and what a 101 says."""

from __future__ import annotations

import asyncio
import email.utils
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from staged import ID, TOKEN, eventually, theatre

__all__ = ["theatre"]

FOREIGN = {"Origin": "https://example.org"}
OURS = {"Origin": "https://bookstrack.app"}
AUTH = f"bookstrack-auth.{TOKEN}"


async def plain(api, path: str, *headers: str) -> tuple[str, str, str]:
    """Send a request as bytes; return status line, head in lower case, body."""
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(5):
        answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return head.splitlines()[0], head.lower(), body


REFUSALS = [
    # each request has every later fault as well: the order is that of the table
    pytest.param(
        {"job_id": None, "token": None, "wsVersion": "9", "headers": FOREIGN},
        (400, "MISSING_PARAMETER", "Missing jobId parameter"),
        id="no job",
    ),
    pytest.param(
        {"token": None, "wsVersion": "9", "headers": FOREIGN},
        (400, "INVALID_REQUEST", "WebSocket version 9 is not known"),
        id="version",
    ),
    pytest.param(
        {"token": None, "headers": FOREIGN}, (401, "UNAUTHORIZED", "Unauthorized"), id="no token"
    ),
    pytest.param(
        {"token": "wrong", "headers": FOREIGN},
        (401, "UNAUTHORIZED", "Unauthorized"),
        id="wrong token",
    ),
    pytest.param(
        {"job_id": "unknown-job-1234567", "headers": FOREIGN},
        (401, "UNAUTHORIZED", "Unauthorized"),
        id="unknown job",
    ),
    pytest.param(
        {"job_id": "../../etc", "headers": FOREIGN},
        (401, "UNAUTHORIZED", "Unauthorized"),
        id="impossible job",
    ),
    pytest.param(
        {"headers": FOREIGN},
        (403, "CORS_BLOCKED", "Pages of this origin may not use this server"),
        id="origin",
    ),
    pytest.param({"path": "/ws/other"}, (404, "NOT_FOUND", None), id="path"),
]


@pytest.mark.parametrize(("asked", "answer"), REFUSALS)
async def test_a_refusal_is_an_http_answer(theatre, asked, answer):
    run = await theatre()
    await run.stage.add()
    refusal = await run.refused(**asked)
    status, code, message = answer
    assert (refusal.status, refusal.json["error"]["code"]) == (status, code)
    assert refusal.json["success"] is False
    assert refusal.json["metadata"]["timestamp"]
    assert refusal.headers["X-Error-Code"] == code
    assert refusal.headers["Content-Type"].startswith("application/json")
    if message:
        assert refusal.json["error"]["message"] == message


async def test_nobody_can_tell_an_unknown_job_from_a_wrong_token(theatre):
    run = await theatre()
    await run.stage.add()
    bodies = set()
    for asked in ({"token": None}, {"token": "wrong"}, {"job_id": "no-such-job-at-all"}):
        refusal = await run.refused(headers={"X-Request-ID": "same"}, **asked)
        bodies.add(refusal.body)
    assert len(bodies) == 1


async def test_an_expired_token_is_named(theatre):
    run = await theatre()
    await run.stage.add()
    run.stage.expired.add(ID)
    refusal = await run.refused(headers=FOREIGN)
    assert refusal.status == 401
    assert refusal.json["error"]["message"] == "Token expired"
    assert refusal.json["error"]["details"] == {"reason": "expired"}
    wrong = await run.refused(token="wrong")
    assert wrong.json["error"]["message"] == "Unauthorized"


async def test_the_number_of_streams_of_a_caller_is_limited(theatre):
    run = await theatre(MAX_STREAMS_PER_IDENTITY="2")
    await run.stage.add()
    first = await run.talk()
    await run.talk()
    refusal = await run.refused()
    assert refusal.status == 429
    assert refusal.json["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert int(refusal.headers["Retry-After"]) > 0
    await first.socket.close()
    await eventually(lambda: run.open_sockets() == 1)
    await run.talk()


async def test_a_token_may_be_carried_in_four_ways(theatre):
    run = await theatre()
    await run.stage.add()
    await run.talk(token=TOKEN)
    await run.talk(token=None, headers={"Authorization": f"Bearer {TOKEN}"})
    await run.talk(token="wrong", headers={"X-Auth-Token": TOKEN})
    talk = await run.talk(token="wrong", protocols=[AUTH])
    assert talk.socket.subprotocol == AUTH


async def test_an_api_token_is_no_job_token(theatre):
    run = await theatre()
    await run.stage.add()
    await run.talk(headers={"Authorization": "Bearer bt_0123456789"})


async def test_tokens_in_addresses_can_be_refused(theatre):
    run = await theatre(REQUIRE_SUBPROTOCOL_AUTH="true")
    await run.stage.add()
    assert (await run.refused()).status == 401
    await run.talk(protocols=[AUTH])
    await run.talk(token=None, headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize(
    ("offered", "selected", "version"),
    [
        ([AUTH], AUTH, "2"),
        ([AUTH, "bookstrack.v2"], "bookstrack.v2", "2"),
        (["bookstrack.v1", AUTH], "bookstrack.v1", "1"),
        (["bookstrack.v1", "bookstrack.v2", AUTH], "bookstrack.v1", "1"),
        (["bookstrack.v7", "bookstrack.v2", AUTH], "bookstrack.v2", "2"),
        (["soap", AUTH], AUTH, "2"),
        (["soap"], None, "2"),
        (None, None, "2"),
    ],
)
async def test_only_what_was_offered_is_selected(theatre, offered, selected, version):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk(protocols=offered)
    assert talk.socket.subprotocol == selected
    assert talk.socket.response.headers["X-WebSocket-Version"] == version


@pytest.mark.parametrize(
    ("settings", "asked", "version"),
    [
        ("", {}, "2"),
        ("", {"wsVersion": "1"}, "1"),
        ("", {"wsVersion": "1", "headers": {"X-WebSocket-Version": "2"}}, "2"),
        ("", {"protocols": ["bookstrack.v1"], "wsVersion": "2"}, "1"),
        ("", {"protocols": ["bookstrack.v2"], "headers": {"X-WebSocket-Version": "1"}}, "1"),
        ("no v2", {}, "1"),
        ("no v2", {"wsVersion": "1"}, "1"),
        ("no v2", {"wsVersion": "2"}, "2"),
        ("no v1", {}, "2"),
        ("no v1", {"wsVersion": "1"}, None),
        ("no v1 no v2", {"wsVersion": "1"}, "1"),
    ],
)
async def test_the_version_is_chosen(theatre, settings, asked, version):
    names = {"v1": "ENABLE_WEBSOCKET_V1", "v2": "ENABLE_WEBSOCKET_V2"}
    run = await theatre(**{names[off]: "false" for off in names if f"no {off}" in settings})
    await run.stage.add()
    if version is None:
        refusal = await run.refused(**asked)
        assert (refusal.status, refusal.json["error"]["code"]) == (410, "GONE")
        return
    talk = await run.talk(**asked)
    assert talk.socket.response.headers["X-WebSocket-Version"] == version
    await talk.say("ready")
    assert ("payload" in await talk.next()) is (version == "2")


async def test_an_active_socket_announces_nothing(theatre):
    run = await theatre()
    await run.stage.add()
    headers = (await run.talk()).socket.response.headers
    assert not {"Deprecation", "Sunset", "Link", "Warning"} & set(headers)
    assert headers["X-Request-ID"]
    assert headers["X-Router"] == "bookstrack"


async def test_version_1_is_on_its_way_out(theatre):
    run = await theatre()
    await run.stage.add()
    headers = (await run.talk(wsVersion="1")).socket.response.headers
    assert headers["Deprecation"] == "@1763164800"
    gone = await theatre(LIFECYCLE_WS_V1_ENVELOPE="gone", DATA_DIR=_folder(run))
    await gone.stage.add()
    assert (await gone.refused(wsVersion="1")).status == 410


def _folder(run) -> str:
    return str(Path(run.parts.settings.storage.data_dir) / "second")


async def test_a_deprecated_socket_says_what_comes_after_it(theatre):
    run = await theatre(WEBSOCKET_PHASE="deprecated")
    await run.stage.add()
    headers = (await run.talk(agent="BooksTracker/47 CFNetwork/1494")).socket.response.headers
    assert headers["Deprecation"] == "@1772323200"
    sunset = email.utils.parsedate_to_datetime(headers["Sunset"])
    assert sunset.isoformat() == "2026-06-01T00:00:00+00:00"
    assert headers["Sunset"].endswith("GMT")
    link = f'</api/v2/enrichments/{ID}/stream>; rel="successor-version"'
    assert headers["Link"] == link
    counted = run.parts.metrics.registry.get_sample_value
    assert counted("deprecated_requests_total", {"group": "websocket"}) == 1
    assert counted("ws_deprecated_clients_total", {"client": "BooksTracker"}) == 1


async def test_after_the_sunset_everything_is_410(theatre):
    run = await theatre(WEBSOCKET_PHASE="sunset")
    await run.stage.add()
    for asked in ({}, {"token": None, "wsVersion": "9"}):
        refusal = await run.refused(**asked)
        assert (refusal.status, refusal.json["error"]["code"]) == (410, "GONE")
        details = refusal.json["error"]["details"]
        assert details["sseUrl"] == f"/api/v2/imports/{ID}/stream"
        assert details["statusUrl"] == f"/api/v2/imports/{ID}"
        assert refusal.headers["Deprecation"] == "@1772323200"
        assert refusal.headers["Sunset"] == "Mon, 01 Jun 2026 00:00:00 GMT"
    status, _, body = await plain(run, "/ws/progress")
    assert " 410 " in status
    assert msgspec.json.decode(body)["error"]["code"] == "GONE"


@pytest.mark.parametrize("path", ["/ws/progress", f"/ws/progress?jobId={ID}&token={TOKEN}"])
async def test_a_request_without_an_upgrade_is_told_to_upgrade(theatre, path):
    run = await theatre()
    await run.stage.add()
    status, head, body = await plain(run, path)
    assert " 426 " in status
    assert body == "Expected Upgrade: websocket"
    assert "upgrade: websocket" in head
    assert "content-type: text/plain" in head
    assert "x-error-code: upgrade_required" in head


async def test_our_own_pages_may_open_sockets(theatre):
    run = await theatre()
    await run.stage.add()
    talk = await run.talk(headers=OURS)
    assert talk.socket.response.headers["Access-Control-Allow-Origin"] == OURS["Origin"]


async def test_a_server_that_leaves_takes_no_sockets(theatre):
    run = await theatre()
    await run.stage.add()
    run.parts.running.draining = True
    assert (await run.refused()).status == 503


async def test_no_token_is_ever_logged(theatre, caplog, capfd):
    caplog.set_level("DEBUG")
    run = await theatre()
    await run.stage.add()
    with capture_logs() as logs:
        talk = await run.talk(protocols=[AUTH])
        await talk.ready()
        await talk.socket.close()
        await run.refused(token=f"{TOKEN}x")
    assert TOKEN not in repr(logs)
    ours = [record for record in caplog.records if "websockets" not in record.name]
    assert TOKEN not in repr([record.getMessage() for record in ours])
    out, err = capfd.readouterr()
    assert TOKEN not in out + err


async def test_without_the_extension_a_refusal_is_bare(theatre):
    run = await theatre()
    await run.stage.add()
    from bookstrack.web.app import build

    front = build(run.parts, run.stage)
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/ws/progress",
        "raw_path": b"/ws/progress",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "scheme": "ws",
        "subprotocols": [],
    }
    with capture_logs() as logs:
        await front(scope, receive, send)
        await front(scope, receive, send)
    assert sent == [{"type": "websocket.close"}] * 2
    assert [log["event"] for log in logs].count("socket_refusals_are_bare") == 1
