"""The OpenAPI 3.1 document: what the framework derives from the types, made exact."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, NotRequired, TypedDict, cast, get_args, get_type_hints, is_typeddict

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import License, Tag
from litestar.routes import HTTPRoute
from msgspec import NODEFAULT, Struct
from msgspec.json import schema_components
from msgspec.structs import FieldInfo, fields

from bookstrack.model.job import PipelineName
from bookstrack.web.contract import Shape
from bookstrack.web.envelope import Metadata

CONFIG = OpenAPIConfig(
    title="BooksTrack",
    version="3.3.0",
    description=(
        "Works, editions and authors by barcode, title, author or any words, from one honest "
        "API. Every answer says where it came from and which source could not be asked."
    ),
    license=License(name="MIT", identifier="MIT"),
    tags=[
        Tag(name="Search", description="Find works, editions and authors"),
        Tag(name="Enrichment", description="Turn a barcode into a full book"),
        Tag(name="Imports", description="Bring in the export file of another app"),
        Tag(name="Scans", description="Find the books on photos of shelves"),
        Tag(name="Barcodes", description="Read the barcodes on a picture"),
        Tag(name="Jobs", description="Long work: how it stands, its events, its results"),
        Tag(name="Images", description="Covers in three sizes"),
        Tag(name="System", description="Health, metrics and capabilities"),
        Tag(name="Web façade", description="The shapes of the web client"),
        Tag(name="Legacy search", description="Deprecated: Google's volume form"),
        Tag(name="Provider pass-through", description="Deprecated: one provider, directly"),
    ],
    path=None,
    render_plugins=[],
)
_IMAGES = ("image/webp", "image/jpeg", "image/png")
_TEXT = {"schema": {"type": "string"}}
_MORE_MEDIA = {"/metrics": "text/plain"}
_HEADERS = {
    "X-Request-ID": "The id of this request, as it stands in the log",
    "X-Response-Time": "How long the answer took, for instance 45ms",
    "X-Cache-Status": "HIT, MISS, BYPASS or NONE",
    "Cache-Control": "How long the answer may be kept, and by whom",
    "X-Error-Code": "The code of the error in the body",
    "X-RateLimit-Limit": "Requests that the class of this route allows per window",
    "X-RateLimit-Remaining": "Requests left in this window",
    "X-RateLimit-Reset": "When the window ends, Unix seconds",
    "Retry-After": "Seconds after which asking again makes sense",
    "Allow": "The methods of this path",
}
_ALWAYS = ("X-Request-ID", "X-Response-Time", "X-Cache-Status", "Cache-Control")
_OF_LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_BEFORE_LIMITS = ("403", "405", "410", "414", "431", "500", "503", "504")


@cache
def answer_type(payload: Any, shape: Shape, top: Any = None) -> Any:
    """Return the type of a whole answer: a payload in one of the shapes of http-api §3.4.

    ``top`` has the keys that a mirrored answer repeats, where they are not the payload's own.
    """
    if shape is Shape.RAW:
        return payload
    keys: dict[str, Any] = {"success": bool}
    repeated = top or payload
    if shape is not Shape.ENVELOPED and _is_struct(repeated):
        keys |= {known.encode_name: _kind(known, repeated) for known in fields(repeated)}
    if shape is not Shape.BARE:
        keys["data"] = payload
    keys["metadata"] = Metadata
    if shape is not Shape.BARE:
        keys["meta"] = NotRequired[Metadata]
    kind = "" if shape is Shape.ENVELOPED else shape.value.capitalize()
    make: Any = TypedDict  # type checkers know only literal keys
    return make(f"{kind}{_name(payload)}Answer", keys)


def _kind(known: FieldInfo, struct: type[Struct]) -> Any:
    """Return the type of a key; one that is left out without a value is never null."""
    if _always(known, struct):
        return known.type
    sent: Any = None
    for choice in get_args(known.type) if isinstance(known.type, UnionType) else (known.type,):
        if choice is not NoneType:
            sent = choice if sent is None else sent | choice
    return NotRequired[sent]


def _always(known: FieldInfo, struct: type[Struct]) -> bool:
    """Tell whether a field is sent whatever its value (defaults of our own are not left out)."""
    omits = struct.__struct_config__.omit_defaults
    return known.required or not omits or known.default_factory is not NODEFAULT


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _name(payload: Any) -> str:
    inner = get_args(payload)
    if isinstance(payload, UnionType):
        return "Or".join(map(_name, inner))
    return f"{_name(inner[0])}s" if len(inner) == 1 else str(payload.__name__)


def openapi_document(app: Litestar) -> dict[str, Any]:
    """Return the document of an application as plain data."""
    document: dict[str, Any] = copy.deepcopy(app.openapi_schema.to_schema())
    _loosen(document)
    document["components"]["headers"] = {
        name: {"schema": {"type": "string"}, "description": text} for name, text in _HEADERS.items()
    }
    schemas = document["components"]["schemas"]
    schemas["PipelineName"]["enum"] = [name.value for name in PipelineName if name.is_told]
    _describe_bodies(app, document)
    for struct in _sent(app):
        if struct.__name__ in schemas:
            _sharpen(schemas[struct.__name__], struct)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _finish(path, operation)
    return document


def _describe_bodies(app: Litestar, document: dict[str, Any]) -> None:
    """Describe the bodies that handlers read by themselves."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            body = handler.opt.get("body")
            if body is None:
                continue
            one = {handler.opt["body_type"]: body}
            forms = cast("Mapping[str, Any]", body) if isinstance(body, Mapping) else one
            content = {media: {"schema": _schema(form, document)} for media, form in forms.items()}
            template = re.sub(r"\{(\w+)[^}]*\}", r"{\1}", route.path_format)
            for method in handler.http_methods:
                operation = document["paths"][template][str(method).lower()]
                operation["requestBody"] = {"required": True, "content": content}


def _schema(form: Any, document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type, whose parts go into the document; others are returned."""
    if isinstance(form, Mapping):
        return dict(cast("Mapping[str, Any]", form))
    (schema,), components = schema_components([form], ref_template="#/components/schemas/{name}")
    document["components"]["schemas"] |= components
    return schema


def _loosen(node: Any) -> None:
    """Turn ``oneOf`` into ``anyOf``: a fuller object also fits the schema of a smaller one."""
    if isinstance(node, dict):
        known = cast("dict[str, Any]", node)
        if "oneOf" in known:
            known["anyOf"] = known.pop("oneOf")
        for value in known.values():
            _loosen(value)
    elif isinstance(node, list):
        for value in cast("list[Any]", node):
            _loosen(value)


def _sent(app: Litestar) -> set[type[Struct]]:
    """Return every type that stands in an answer."""
    found: set[type[Struct]] = set()
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                answers: Mapping[int, Any] = handler.responses or {}
                for answer in answers.values():
                    _collect(answer.data_container, found)
    return found


def _collect(kind: Any, found: set[type[Struct]]) -> None:
    if _is_struct(kind):
        if kind not in found:
            found.add(kind)
            for known in fields(kind):
                _collect(known.type, found)
        return
    if is_typeddict(kind):
        for inner in get_type_hints(kind).values():
            _collect(inner, found)
    for inner in get_args(kind):
        _collect(inner, found)


def _sharpen(schema: dict[str, Any], struct: type[Struct]) -> None:
    """Say which keys are always there, and that the others are left out rather than null."""
    required = set(schema.get("required", ()))
    for known in fields(struct):
        shape = schema["properties"][known.encode_name]
        shape.pop("default", None)
        if _always(known, struct):
            required.add(known.encode_name)
        elif known.default is None:
            schema["properties"][known.encode_name] = _not_null(shape)
    schema["required"] = sorted(required)


def _not_null(shape: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in shape.get("anyOf", ()) if choice != {"type": "null"}]
    if not choices:
        return shape
    rest = {key: value for key, value in shape.items() if key != "anyOf"}
    return {**choices[0], **rest} if len(choices) == 1 else {**rest, "anyOf": choices}


def _finish(path: str, operation: dict[str, Any]) -> None:
    """Make one operation exact: its parameters, media types and headers."""
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _not_null(parameter["schema"])
    limited = "429" in operation["responses"] and not _streams(operation)
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if status in ("204", "302", "304"):
            response.pop("content", None)
        elif "image/webp" in content:
            response["content"] = {media_type: {} for media_type in _IMAGES}
        elif status == "200" and path in _MORE_MEDIA:
            content[_MORE_MEDIA[path]] = _TEXT
        response["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"}
            for name in _headers(status, limited=limited)
        }


def _streams(operation: Mapping[str, Any]) -> bool:
    """Tell whether a route streams events: its callers are counted while they listen."""
    content = operation["responses"].get("200", {}).get("content", {})
    return any(media_type.startswith("text/event-stream") for media_type in content)


def _headers(status: str, *, limited: bool) -> list[str]:
    """Return the headers that an answer with this status always has."""
    headers: list[str] = [*_ALWAYS]
    if status >= "400":
        headers.append("X-Error-Code")
    if status == "405":
        headers.append("Allow")
    if status == "429":
        headers.append("Retry-After")
    if limited and status not in _BEFORE_LIMITS:
        headers += _OF_LIMITS
    return headers
