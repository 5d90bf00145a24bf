"""The OpenAPI 3.1 document: what the framework derives from the types, made exact."""

from __future__ import annotations

import copy
from typing import Any

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import License, Tag

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


def openapi_document(app: Litestar) -> dict[str, Any]:
    """Return the document of an application as plain data."""
    document: dict[str, Any] = copy.deepcopy(app.openapi_schema.to_schema())
    _loosen(document)
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
