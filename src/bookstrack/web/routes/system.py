"""What the server says about itself (http-api §7.A): root, health, capabilities, documents."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct

from bookstrack import __version__
from bookstrack.assembly import Assembly
from bookstrack.clock import timestamp
from bookstrack.errors import Draining, NotFound
from bookstrack.health import Check, QueueCheck
from bookstrack.model.naming import camel_name
from bookstrack.web.capabilities import (
    CONTRACT_VERSION,
    Capabilities,
    FacadeCapabilities,
    TopLevel,
    capabilities,
    facade_capabilities,
)
from bookstrack.web.contract import RouteMap, Shape, route_options
from bookstrack.web.envelope import Failure, encode
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import read

_TAG = "System"
_NO_STORE = {"cache-control": "no-store"}
_HOUR = {"cache-control": "public, max-age=3600"}
_FIVE_MINUTES = {"cache-control": "public, max-age=300"}
_PAGE_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


class Documents(Struct, frozen=True):
    """The OpenAPI document in both spellings."""

    json: bytes
    yaml: bytes


class ChannelsDocument(Struct, frozen=True):
    """The AsyncAPI document."""

    json: bytes


def documents(document: dict[str, Any]) -> Documents:
    """Encode an OpenAPI document once."""
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return Documents(encode(document), text.encode())


class Root(Struct, frozen=True, kw_only=True):
    """What this is and where to go on."""

    name: str
    version: str
    docs: str
    health: str


@read("/", answer=Root, tag=_TAG, shape=Shape.MIRRORED)
async def root(reply: NamedDependency[Reply]) -> Response[Any]:
    """Say what this is and where to go on."""
    payload = Root(name="BooksTrack", version=__version__, docs="/doc", health="/health")
    return reply.data(payload, mirrored=True, headers=_HOUR)


class HealthFacts(Struct, frozen=True, kw_only=True, rename=camel_name):
    """A running process; ``version`` is that of the contract."""

    status: str
    worker: str
    service: str
    version: str
    release: str
    router: str
    uptime_seconds: int
    timestamp: str
    endpoints: tuple[str, ...]


@read("/health", answer=HealthFacts, tag=_TAG, shape=Shape.MIRRORED)
async def health(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    routes: NamedDependency[RouteMap],
) -> Response[Any]:
    """Answer while the process can; providers are never asked."""
    payload = HealthFacts(
        status="ok",
        worker=parts.settings.server.service_name,
        service="bookstrack",
        version=CONTRACT_VERSION,
        release=__version__,
        router="bookstrack",
        uptime_seconds=int(parts.clock.monotonic() - parts.running.started),
        timestamp=timestamp(parts.clock.time()),
        endpoints=tuple(f"{m} {facts.template}" for facts in routes for m in sorted(facts.methods)),
    )
    return reply.data(payload, mirrored=True, headers=_NO_STORE)


class Alive(Struct, frozen=True, kw_only=True):
    """A process that can answer."""

    status: str


@read(["/health/live", "/livez"], answer=Alive, tag=_TAG, shape=Shape.MIRRORED)
async def live(reply: NamedDependency[Reply]) -> Response[Any]:
    """Answer while the process can."""
    return reply.data(Alive(status="ok"), mirrored=True, headers=_NO_STORE)


class Checks(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The parts of a server; ``providers`` are breaker states, which never decide."""

    database: Check
    cache: Check
    object_store: Check
    queue: QueueCheck
    providers: dict[str, str]


class Ready(Struct, frozen=True, kw_only=True):
    """``ready`` or ``not_ready``, and why."""

    status: str
    checks: Checks


class NotReady(Failure, kw_only=True, omit_defaults=True):
    """The failure of a process that is not ready, with the same keys at top level."""

    status: str
    checks: Checks


@read(
    ["/health/ready", "/readyz"],
    answer=Ready,
    tag=_TAG,
    shape=Shape.MIRRORED,
    fuller={503: NotReady},
)
async def ready(reply: NamedDependency[Reply], parts: NamedDependency[Assembly]) -> Response[Any]:
    """Tell whether this process should be given requests."""
    state = await parts.health.readiness()
    fit = state.ready and not parts.running.draining
    checks = Checks(
        database=state.database,
        cache=state.cache,
        object_store=state.object_store,
        queue=state.queue,
        providers=state.providers,
    )
    payload = Ready(status="ready" if fit else "not_ready", checks=checks)
    if fit:
        return reply.data(payload, mirrored=True, headers=_NO_STORE)
    problem = Draining("This process should not be given requests now")
    return reply.failure(problem, top=payload)


@read("/api/v2/capabilities", answer=Capabilities, top=TopLevel, tag=_TAG, shape=Shape.MIRRORED)
async def capability(
    reply: NamedDependency[Reply], parts: NamedDependency[Assembly]
) -> Response[Any]:
    """Tell what this server can do as it is configured."""
    top, payload = capabilities(
        parts.settings, timestamp(parts.clock.time()), engines=parts.shelf_readers.engines
    )
    return reply.data(payload, top=top, headers=_HOUR)


@read("/v3/capabilities", answer=FacadeCapabilities, tag="Web façade")
async def facade_capability(
    reply: NamedDependency[Reply], parts: NamedDependency[Assembly]
) -> Response[Any]:
    """Tell the web client what this server can do."""
    return reply.data(facade_capabilities(parts.settings), headers=_HOUR)


@read("/v3/docs", answer=None, tag="Web façade", media_type="text/plain", status=302)
async def facade_docs() -> Redirect:
    """Lead to the documentation."""
    return Redirect("/doc", status_code=302)


@read("/doc/openapi.json", answer=dict[str, Any], tag=_TAG, shape=Shape.RAW)
async def openapi_json(documents: NamedDependency[Documents]) -> Response[bytes]:
    """Return the OpenAPI 3.1 document."""
    return Response(documents.json, media_type="application/json", headers=_FIVE_MINUTES)


@read("/doc/openapi.yaml", answer=dict[str, Any], tag=_TAG, media_type="application/yaml")
async def openapi_yaml(documents: NamedDependency[Documents]) -> Response[bytes]:
    """Return the OpenAPI 3.1 document as YAML."""
    return Response(documents.yaml, media_type="application/yaml", headers=_FIVE_MINUTES)


@read("/doc/asyncapi.json", answer=dict[str, Any], tag=_TAG, shape=Shape.RAW)
async def asyncapi_json(channels_document: NamedDependency[ChannelsDocument]) -> Response[bytes]:
    """Return the AsyncAPI 3 document of all streamed messages."""
    body = channels_document.json
    return Response(body, media_type="application/json", headers=_FIVE_MINUTES)


_PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>BooksTrack API</title>
<link rel="stylesheet" href="/doc/assets/swagger-ui.css">
<link rel="icon" href="/doc/assets/favicon-32x32.png"></head>
<body><div id="swagger-ui"></div>
<script src="/doc/assets/swagger-ui-bundle.js"></script>
<script src="/doc/start.js"></script></body></html>
"""
_START = b"""window.onload = function () {
  window.ui = SwaggerUIBundle({
    url: "/doc/openapi.json", dom_id: "#swagger-ui", deepLinking: true
  });
};
"""
_ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "application/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


@read("/doc", answer=str, tag=_TAG, media_type="text/html", policy=_PAGE_POLICY)
async def doc_page() -> Response[bytes]:
    """Return the Swagger UI page."""
    return Response(_PAGE, media_type="text/html", headers=_FIVE_MINUTES)


@get("/doc/start.js", opt=route_options(), include_in_schema=False)
async def doc_script() -> Response[bytes]:
    """Return the script that starts Swagger UI (inline scripts are forbidden by policy)."""
    media_type = _ASSETS["swagger-ui-bundle.js"]
    return Response(_START, media_type=media_type, headers=_FIVE_MINUTES)


@get("/doc/assets/{name:str}", opt=route_options(), include_in_schema=False, sync_to_thread=True)
def doc_asset(name: FromPath[str]) -> Response[bytes]:
    """Return a file of Swagger UI out of the package that carries it."""
    if name not in _ASSETS:
        raise NotFound("There is nothing at this path")
    return Response((_assets_folder() / name).read_bytes(), media_type=_ASSETS[name], headers=_HOUR)


def _assets_folder() -> Path:
    spec = find_spec("flask_swagger_ui")  # found, not imported: importing it would load Flask
    assert spec is not None  # noqa: S101 a declared dependency
    assert spec.submodule_search_locations is not None  # noqa: S101 it is a package
    return Path(spec.submodule_search_locations[0]) / "dist"


HANDLERS = (
    root,
    health,
    live,
    ready,
    capability,
    facade_capability,
    facade_docs,
    openapi_json,
    openapi_yaml,
    asyncapi_json,
    doc_page,
    doc_script,
    doc_asset,
)
