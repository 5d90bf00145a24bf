"""The AsyncAPI document against what a real server really streams, and against itself."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import pytest
from jsonschema import Draft202012Validator

from bookstrack.web.asyncapi import asyncapi_document
from scenes import SCENES
from staged import BATCH, ID, SCAN, TOKEN, Theatre, theatre

__all__ = ["theatre"]

ENDS = ("job_complete", "complete", "error")
FAMILY = "/api/v2/imports"
DOCUMENT = asyncapi_document()


def strict() -> dict[str, Any]:
    """Return the document with every object closed, so that an unknown key is a fault."""
    document = copy.deepcopy(DOCUMENT)
    flat = {"ProgressData", "CompleteData", "ErrorData"}  # stand inside larger objects
    flat |= {name for name in document["components"]["schemas"] if name.startswith("Batch")}
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema and name not in flat:
            schema["additionalProperties"] = False
    for name, message in document["components"]["messages"].items():
        if name.startswith(("v1.", "v2.")):
            message["payload"]["unevaluatedProperties"] = False
    return document


STRICT = strict()


def problems(name: str, message: Any) -> list[str]:
    """Return what is wrong with a message by its description."""
    described = STRICT["components"]["messages"].get(name)
    if described is None:
        return [f"{name} is not described"]
    schema = {"components": STRICT["components"], **described["payload"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(message)]


async def told(run: Theatre, scene: str, version: int, **asked: str) -> list[Any]:
    """Play a scene before a socket that asks, pings and synchronises; return all messages."""
    talk = await run.talk(wsVersion=str(version), **asked)
    await talk.say("ready")
    await talk.next()
    await talk.say("ping", timestamp=int(run.clock.time() * 1000))
    await talk.say("sync", lastEventId=0)
    await talk.until("reconnected" if version == 2 else "progress")
    await SCENES[scene].play(run.stage)
    await talk.until(*ENDS)
    await run.clock.advance(0)
    return [msgspec.json.decode(text) for text in talk.texts]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("scene", SCENES)
async def test_socket_messages_are_as_described(theatre, scene, version):
    run = await theatre()
    await SCENES[scene].open(run.stage)
    messages = await told(run, scene, version)
    assert len(messages) >= 3
    for message in messages:
        assert not problems(f"v{version}.{message['type']}", message)


async def test_signs_of_life_are_as_described(theatre):
    run = await theatre()
    await run.stage.add()
    talks = [await run.talk(wsVersion=version) for version in "12"]
    for talk in talks:
        await talk.ready()
    await run.stage.emit(processed=1)
    await run.clock.advance(61)
    old, new = talks
    for message in [await old.next() for _ in range(3)]:
        assert not problems(f"v1.{message['type']}", message)
    messages = [await new.next() for _ in range(5)]
    assert {message["type"] for message in messages} == {"job_started", "job_progress", "ping"}
    for message in messages:
        assert not problems(f"v2.{message['type']}", message)


async def test_refusals_after_the_upgrade_are_as_described(theatre):
    run = await theatre(WS_MAX_CONNECTIONS_PER_JOB="1")
    await run.stage.add()
    await run.talk()
    for version in "12":
        error = await (await run.talk(wsVersion=version)).next()
        assert not problems(f"v{version}.error", error)


async def streamed(run: Theatre, session: aiohttp.ClientSession, query: str) -> list[Any]:
    """Return name, number and data of all events of the job's stream."""
    url = f"{run.url}{FAMILY}/{ID}/stream?lastEventId=0{query}"
    async with session.get(url, headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        assert response.status == 200
        body = (await response.read()).decode("ascii")
    events = []
    for frame in body.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.splitlines() if not line.startswith(":"))
        if "data" in lines:
            events.append((lines["event"], lines.get("id"), msgspec.json.decode(lines["data"])))
    return events


@pytest.mark.parametrize("scene", SCENES)
async def test_events_are_as_described(theatre, scene):
    run = await theatre()
    await SCENES[scene].open(run.stage)
    await SCENES[scene].play(run.stage)
    renamed = {SCAN: "photoscan", BATCH: "enrichment"}.get(SCENES[scene].pipeline)
    async with aiohttp.ClientSession() as session:
        events = await streamed(run, session, "")
        if renamed:
            events += await streamed(run, session, f"&events={renamed}")
    assert len(events) >= 2
    for name, number, data in events:
        assert not problems(f"event.{name}", data), name
        assert int(number) > 0
        assert_headers(name, {"event": name, "id": int(number)})


def assert_headers(name: str, headers: dict[str, Any]) -> None:
    schema = DOCUMENT["components"]["messages"][f"event.{name}"]["headers"]
    assert Draft202012Validator(schema).is_valid(headers)


async def test_a_timeout_is_as_described(theatre):
    run = await theatre()
    await run.stage.add()
    async with aiohttp.ClientSession() as session:
        reading = asyncio.create_task(streamed(run, session, ""))
        while not run.stage.followers:  # noqa: ASYNC110 the server's own step
            await asyncio.sleep(0.01)
        await run.clock.advance(301)
        events = await asyncio.wait_for(reading, 10)
    name, number, data = events[-1]
    assert (name, number) == ("timeout", None)
    assert not problems("event.timeout", data)
    assert_headers("timeout", {"event": "timeout"})


# --- the document itself ----------------------------------------------------------------------


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_every_reference_leads_somewhere():
    found = list(references(DOCUMENT))
    assert len(found) > 50
    for reference in found:
        assert resolve(reference)


def test_every_schema_is_one():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description")


def test_every_message_is_in_a_channel_and_an_operation():
    messages = set(DOCUMENT["components"]["messages"])
    channels = DOCUMENT["channels"].values()
    assert {name for channel in channels for name in channel["messages"]} == messages
    operations = DOCUMENT["operations"].values()
    in_operations = {
        message["$ref"].rpartition("/")[2]
        for operation in operations
        for message in operation["messages"]
    }
    assert in_operations == messages
    assert {operation["action"] for operation in operations} == {"send", "receive"}


def test_version_2_has_the_twelve_types_and_no_other():
    found = {name[3:] for name in DOCUMENT["components"]["messages"] if name.startswith("v2.")}
    assert len(found) == 12
    assert "job_canceled" not in found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("client.ready", {"type": "ready"}),
        ("client.ping", {"type": "ping", "timestamp": 1}),
        ("client.ping", {"type": "ping", "payload": {"timestamp": 1}}),
        ("client.sync", {"type": "sync", "lastEventId": 3}),
        ("client.pong", {"type": "pong"}),
    ],
)
def test_what_clients_say_is_described(name, message):
    assert not problems(name, message)
    assert problems(name, {"type": "other"})


async def test_the_document_is_served(theatre):
    run = await theatre()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{run.url}/doc/asyncapi.json") as response,
    ):
        assert response.status == 200
        assert response.headers["Cache-Control"] == "public, max-age=300"
        assert response.content_type == "application/json"
        served = await response.json()
    assert served == DOCUMENT
    assert served["asyncapi"] == "3.0.0"
