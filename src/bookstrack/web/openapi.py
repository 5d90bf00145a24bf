"""The OpenAPI 3.1 document: what the framework derives from the types, made exact."""

from __future__ import annotations

import copy
from functools import cache
from types import UnionType
from typing import Any, get_args

import msgspec
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import License, Tag
from litestar.routes import HTTPRoute
from msgspec import NODEFAULT, Struct

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
_ALWAYS = {
    "X-Request-ID": "The id of this request, as it stands in the log",
    "X-Response-Time": "How long the answer took, for instance 45ms",
    "X-Cache-Status": "HIT, MISS, BYPASS or NONE",
    "Cache-Control": "How long the answer may be kept, and by whom",
}
_OF_FAILURES = {"X-Error-Code": "The code of the error in the body"}
_OF_LIMITS = {
    "X-RateLimit-Limit": "Requests that the class of this route allows per window",
    "X-RateLimit-Remaining": "Requests left in this window",
    "X-RateLimit-Reset": "When the window ends, Unix seconds",
}
_RETRY_AFTER = {"Retry-After": "Seconds after which asking again makes sense"}
_ALLOW = {"Allow": "The methods of this path"}


@cache
def answer_type(payload: Any, shape: Shape, top: Any = None) -> Any:
    """Return the type of a whole answer: a payload in one of the shapes of http-api §3.4.

    ``top`` has the keys that a mirrored answer repeats, where they are not the payload's own.
    """
    if shape is Shape.RAW:
        return payload
    fields: list[Any] = [("success", bool)]
    names: dict[str, str] = {}
    repeated = top or payload
    if shape is not Shape.ENVELOPED and _is_struct(repeated):
        for known in msgspec.structs.fields(repeated):
            fields.append((known.name, known.type, _default(known)))
            names[known.name] = known.encode_name
    if shape is not Shape.BARE:
        fields.append(("data", payload))
    fields.append(("metadata", Metadata))
    if shape is not Shape.BARE:
        fields.append(("meta", Metadata | None, None))
    kind = "" if shape is Shape.ENVELOPED else shape.value.capitalize()
    return msgspec.defstruct(
        f"{kind}{_name(payload)}Answer",
        fields,
        module=__name__,
        kw_only=True,
        omit_defaults=True,
        rename=names,
    )


def _default(known: msgspec.structs.FieldInfo) -> Any:
    if known.default_factory is not NODEFAULT:
        return msgspec.field(default_factory=known.default_factory)
    return msgspec.field() if known.default is NODEFAULT else known.default


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
    schemas = document["components"]["schemas"]
    for struct in _sent(app):
        if struct.__name__ in schemas:
            _sharpen(schemas[struct.__name__], struct)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _finish(path, operation)
    return document


def _loosen(node: Any) -> None:
    """Turn ``oneOf`` into ``anyOf``: a fuller object also fits the schema of a smaller one."""
    if isinstance(node, dict):
        if "oneOf" in node:
            node["anyOf"] = node.pop("oneOf")
        for value in node.values():  # pyright: ignore[reportUnknownVariableType]
            _loosen(value)
    elif isinstance(node, list):
        for value in node:  # pyright: ignore[reportUnknownVariableType]
            _loosen(value)


def _sent(app: Litestar) -> set[type[Struct]]:
    """Return every type that stands in an answer."""
    found: set[type[Struct]] = set()
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for answer in (handler.responses or {}).values():
                    _collect(answer.data_container, found)
    return found


def _collect(kind: Any, found: set[type[Struct]]) -> None:
    if _is_struct(kind):
        if kind not in found:
            found.add(kind)
            for known in msgspec.structs.fields(kind):
                _collect(known.type, found)
        return
    for inner in get_args(kind):
        _collect(inner, found)


def _sharpen(schema: dict[str, Any], struct: type[Struct]) -> None:
    """Say which keys are always there, and that the others are left out rather than null."""
    omits = struct.__struct_config__.omit_defaults
    required = set(schema.get("required", ()))
    for known in msgspec.structs.fields(struct):
        shape = schema["properties"][known.encode_name]
        shape.pop("default", None)
        if known.required or not omits or known.default_factory is not NODEFAULT:
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
    limited = "429" in operation["responses"]
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if status in ("302", "304"):
            response.pop("content", None)
        elif "image/webp" in content:
            response["content"] = {media_type: {} for media_type in _IMAGES}
        elif status == "200" and path in _MORE_MEDIA:
            content[_MORE_MEDIA[path]] = _TEXT
        response["headers"] = {
            name: {"schema": {"type": "string"}, "description": text}
            for name, text in _headers(status, limited=limited).items()
        }


def _headers(status: str, *, limited: bool) -> dict[str, str]:
    headers = dict(_ALWAYS)
    if status >= "400":
        headers |= _OF_FAILURES
    if status == "405":
        headers |= _ALLOW
    if status == "429":
        headers |= _RETRY_AFTER
    if limited and status not in ("405", "410", "414", "431"):
        headers |= _OF_LIMITS
    return headers
