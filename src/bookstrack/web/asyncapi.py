"""The AsyncAPI 3 document of everything that is streamed, made from the types of the messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.json import schema_components

from bookstrack.model.job import PipelineName
from bookstrack.web.asyncapi_events import EVENTS
from bookstrack.web.capabilities import CONTRACT_VERSION
from bookstrack.web.socket_messages import (
    CLIENT_MESSAGES,
    PAYLOADS,
    VERSION,
    BatchCanceling,
    BatchComplete,
    BatchInit,
    BatchProgress,
    Error,
    JobComplete,
    JobProgress,
    JobStarted,
    type_of,
)
from bookstrack.web.socket_v1 import CompleteData, ErrorData, ProgressData

_Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_PIPELINES = [name.value for name in PipelineName if name.is_told]
_LOGGED = (JobStarted, JobProgress, JobComplete, Error)
_V1: dict[str, type[Struct] | None] = {
    "ready_ack": None,
    "progress": ProgressData,
    "complete": CompleteData,
    "error": ErrorData,
    **{type_of(p): p for p in (BatchInit, BatchProgress, BatchComplete, BatchCanceling)},
}
_STREAM = "/api/v2/{family}/{jobId}/stream"
_QUERY: _Json = {
    "type": "object",
    "required": ["jobId"],
    "properties": {
        "jobId": {"type": "string"},
        "token": {"type": "string", "description": "Where no header can carry it"},
        "reconnect": {"type": "string", "enum": ["true"]},
        "lastEventId": {"type": "integer", "minimum": 0},
        "wsVersion": {"type": "string", "enum": ["1", "2"]},
    },
}


def asyncapi_document() -> _Json:
    """Return the document as plain data."""
    messages = {**_event_messages(), **_v2_messages(), **_v1_messages(), **_client_messages()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "BooksTrack",
            "version": CONTRACT_VERSION,
            "description": "The progress of jobs as server-sent events and over WebSockets.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": _channels(messages),
        "operations": _operations(messages),
        "components": {
            "messages": {name: _without_side(message) for name, message in messages.items()},
            "schemas": _schemas(),
        },
    }


def _schemas() -> _Json:
    kinds: list[Any] = [kind for kind, _ in EVENTS.values()]
    kinds += [*PAYLOADS, *CLIENT_MESSAGES]
    kinds += [kind for kind in _V1.values() if kind is not None]
    _, components = schema_components(dict.fromkeys(kinds), ref_template=_REF)
    components["PipelineName"]["enum"] = _PIPELINES
    return components


def _ref(kind: type[Struct]) -> _Json:
    return {"$ref": _REF.format(name=kind.__name__)}


def _message(name: str, side: str, text: str, payload: _Json, **more: Any) -> _Json:
    return {"name": name, "side": side, "summary": text, "payload": payload, **more}


def _without_side(message: _Json) -> _Json:
    return {key: value for key, value in message.items() if key != "side"}


def _first_line(kind: type[Struct]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def _event_messages() -> _Json:
    """Describe the events; ``event`` and ``id`` lines stand as headers."""
    return {
        f"event.{name}": _message(
            name,
            "events",
            _first_line(kind),
            _ref(kind),
            headers={
                "type": "object",
                "required": ["event", "id"] if numbered else ["event"],
                "properties": {
                    "event": {"const": name},
                    **({"id": {"type": "integer", "minimum": 1}} if numbered else {}),
                },
            },
        )
        for name, (kind, numbered) in EVENTS.items()
    }


def _v2_messages() -> _Json:
    return {
        f"v2.{type_of(kind)}": _message(type_of(kind), "v2", _first_line(kind), _envelope(kind))
        for kind in PAYLOADS
    }


def _envelope(kind: Any) -> _Json:
    required = ["type", "jobId", "pipeline", "timestamp", "version", "payload"]
    properties: _Json = {
        "type": {"const": type_of(kind)},
        "jobId": {"type": "string"},
        "pipeline": {"enum": _PIPELINES},
        "timestamp": {"type": "integer", "description": "Unix time in ms"},
        "version": {"const": VERSION},
        "payload": _ref(kind),
    }
    if kind in _LOGGED:
        properties["seq"] = {"type": "integer", "minimum": 1, "description": "Number of the event"}
    return {"type": "object", "required": required, "properties": properties}


def _v1_messages() -> _Json:
    return {
        f"v1.{name}": _message(name, "v1", _first_line(kind) if kind else "", _flat(name, kind))
        for name, kind in _V1.items()
    }


def _flat(name: str, kind: type[Struct] | None) -> _Json:
    """Describe a message of version 1: the keys of ``data`` stand at top level too."""
    head: _Json = {
        "type": "object",
        "required": ["type", "jobId", "timestamp"],
        "properties": {
            "type": {"const": name},
            "jobId": {"type": "string"},
            "timestamp": {"type": "integer", "description": "Unix time in ms"},
        },
    }
    if kind is None:
        return head
    head["required"].append("data")
    head["properties"]["data"] = _ref(kind)
    return {"allOf": [head, _ref(kind)]}


def _client_messages() -> _Json:
    return {
        f"client.{type_of(kind)}": _message(type_of(kind), "client", _first_line(kind), _ref(kind))
        for kind in CLIENT_MESSAGES
    }


def _channels(messages: _Json) -> _Json:
    job_id = {"jobId": {"description": "The id of the job"}}
    family = {"family": {"enum": ["imports", "enrichments", "scans"], "description": "Any does"}}
    socket = {"ws": {"method": "GET", "query": _QUERY}}
    return {
        "events": {
            "address": _STREAM,
            "description": "Server-sent events of one job",
            "parameters": {**family, **job_id},
            "messages": _pointers(messages, "events"),
        },
        "socketV2": {
            "address": "/ws/progress",
            "description": "A WebSocket of one job, version 2",
            "bindings": socket,
            "messages": _pointers(messages, "v2", "client"),
        },
        "socketV1": {
            "address": "/ws/progress",
            "description": "A WebSocket of one job, version 1 (deprecated)",
            "bindings": socket,
            "messages": _pointers(messages, "v1", "client"),
        },
    }


def _pointers(messages: _Json, *sides: str) -> _Json:
    return {
        name: {"$ref": f"#/components/messages/{name}"}
        for name, message in messages.items()
        if message["side"] in sides
    }


def _operations(messages: _Json) -> _Json:
    """Return what the server does: ``send`` and ``receive`` are seen from it."""
    told = (
        ("sendEvents", "send", "events", "events"),
        ("sendVersion2", "send", "socketV2", "v2"),
        ("receiveVersion2", "receive", "socketV2", "client"),
        ("sendVersion1", "send", "socketV1", "v1"),
        ("receiveVersion1", "receive", "socketV1", "client"),
    )
    return {
        name: {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": _list(channel, _pointers(messages, side)),
        }
        for name, action, channel, side in told
    }


def _list(channel: str, names: Iterable[str]) -> list[_Json]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]
