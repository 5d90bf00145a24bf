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
from bookstrack.errors import NotFound
from bookstrack.health import Readiness
from bookstrack.web.capabilities import capabilities, facade_capabilities
from bookstrack.web.contract import RouteMap, Shape, route_options
from bookstrack.web.envelope import Success, encode
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


def documents(document: dict[str, Any]) -> Documents:
    """Encode an OpenAPI document once."""
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return Documents(encode(document), text.encode())


@read("/", answer=Success[Any], tag=_TAG, shape=Shape.MIRRORED)
async def root(reply: NamedDependency[Reply]) -> Response[Any]:
    """Say what this is and where to go on."""
    payload = {"name": "BooksTrack", "version": __version__, "docs": "/doc", "health": "/health"}
    return reply.data(payload, mirrored=True, headers=_HOUR)


@read("/health", answer=Success[Any], tag=_TAG, shape=Shape.MIRRORED)
async def health(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    routes: NamedDependency[RouteMap],
) -> Response[Any]:
    """Answer while the process can; providers are never asked."""
    lines = [f"{method} {facts.template}" for facts in routes for method in sorted(facts.methods)]
    payload = {
        "status": "ok",
        "worker": parts.settings.server.service_name,
        "service": "bookstrack",
        "version": "3.3.0",
        "release": __version__,
        "router": "bookstrack",
        "uptimeSeconds": int(parts.clock.monotonic() - parts.running.started),
        "timestamp": timestamp(parts.clock.time()),
        "endpoints": lines,
    }
    return reply.data(payload, mirrored=True, headers=_NO_STORE)


@read(["/health/live", "/livez"], answer=Success[Any], tag=_TAG, shape=Shape.MIRRORED)
async def live(reply: NamedDependency[Reply]) -> Response[Any]:
    """Answer while the process can."""
    return reply.data({"status": "ok"}, mirrored=True, headers=_NO_STORE)


@read(["/health/ready", "/readyz"], answer=Success[Any], tag=_TAG, shape=Shape.MIRRORED)
async def ready(reply: NamedDependency[Reply], parts: NamedDependency[Assembly]) -> Response[Any]:
    """Tell whether this process should be given requests."""
    state = await parts.health.readiness()
    fit = state.ready and not parts.running.draining
    payload = {"status": "ready" if fit else "not_ready", "checks": _checks(state)}
    return reply.data(payload, mirrored=True, status=200 if fit else 503, headers=_NO_STORE)


def _checks(state: Readiness) -> dict[str, Any]:
    return {
        "database": state.database,
        "cache": state.cache,
        "objectStore": state.object_store,
        "providers": state.providers,
    }


@read("/api/v2/capabilities", answer=Success[Any], tag=_TAG, shape=Shape.MIRRORED)
async def capability(
    reply: NamedDependency[Reply], parts: NamedDependency[Assembly]
) -> Response[Any]:
    """Tell what this server can do as it is configured."""
    top, payload = capabilities(parts.settings, timestamp(parts.clock.time()))
    return reply.data(payload, top=top, headers=_HOUR)


@read("/v3/capabilities", answer=Success[Any], tag="Web façade")
async def facade_capability(
    reply: NamedDependency[Reply], parts: NamedDependency[Assembly]
) -> Response[Any]:
    """Tell the web client what this server can do."""
    return reply.data(facade_capabilities(parts.settings), headers=_HOUR)


@get("/v3/docs", opt=route_options(), include_in_schema=False)
async def facade_docs() -> Redirect:
    """Lead to the documentation."""
    return Redirect("/doc", status_code=302)


@get("/doc/openapi.json", opt=route_options(), include_in_schema=False)
async def openapi_json(documents: NamedDependency[Documents]) -> Response[bytes]:
    """Return the OpenAPI 3.1 document."""
    return Response(documents.json, media_type="application/json", headers=_FIVE_MINUTES)


@get("/doc/openapi.yaml", opt=route_options(), include_in_schema=False)
async def openapi_yaml(documents: NamedDependency[Documents]) -> Response[bytes]:
    """Return the OpenAPI 3.1 document as YAML."""
    return Response(documents.yaml, media_type="application/yaml", headers=_FIVE_MINUTES)


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
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "application/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


@get("/doc", opt=route_options(policy=_PAGE_POLICY), include_in_schema=False)
async def doc_page() -> Response[bytes]:
    """Return the Swagger UI page."""
    return Response(_PAGE, media_type="text/html; charset=utf-8", headers=_FIVE_MINUTES)


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
    doc_page,
    doc_script,
    doc_asset,
)
