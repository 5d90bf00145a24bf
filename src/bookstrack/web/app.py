"""Assembly to ASGI application: routes, injection, error handling; no logic."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.types import ASGIApp

from bookstrack.assembly import Assembly
from bookstrack.catalogue.search import Catalogue
from bookstrack.web.contract import RouteMap, route_map
from bookstrack.web.envelope import Envelope
from bookstrack.web.exchange import exchange_of
from bookstrack.web.failures import ours, render
from bookstrack.web.fast import FastIsbn
from bookstrack.web.front import Front, FrontParts
from bookstrack.web.openapi import CONFIG, openapi_document
from bookstrack.web.reply import Reply
from bookstrack.web.routes import (
    books,
    covers,
    enrichment,
    external,
    legacy,
    metrics,
    search,
    system,
)
from bookstrack.web.routes.search import Views
from bookstrack.web.routes.system import Documents, documents


class Application:
    """The framework application with its route map, behind the front."""

    def __init__(self, parts: Assembly) -> None:
        self.parts = parts
        self.envelope = Envelope(meta_alias=parts.settings.api.meta_alias)
        self._views = Views(sniff=parts.settings.api.client_sniff)
        self._documents: Documents | None = None
        self.litestar = self._framework()
        self.routes: RouteMap = route_map(self.litestar)

    def _framework(self) -> Litestar:
        settings = self.parts.settings
        modules: list[Any] = [search, books, enrichment, legacy, covers, metrics, system]
        if settings.api.external_routes:
            modules.append(external)
        return Litestar(
            route_handlers=[handler for module in modules for handler in module.HANDLERS],
            dependencies={
                "catalogue": Provide(self._catalogue, sync_to_thread=False),
                "parts": Provide(self._parts, sync_to_thread=False),
                "views": Provide(self._get_views, sync_to_thread=False),
                "envelope": Provide(self._envelope, sync_to_thread=False),
                "routes": Provide(self._routes, sync_to_thread=False),
                "documents": Provide(self.documents, sync_to_thread=False),
                "reply": Provide(self._reply, sync_to_thread=False),
            },
            exception_handlers={Exception: self._failed},
            openapi_config=CONFIG,
            request_max_body_size=None,
            logging_config=None,  # telemetry/logging.py has set it up for the whole process
            debug=False,
        )

    def _catalogue(self) -> Catalogue:
        return self.parts.catalogue

    def _parts(self) -> Assembly:
        return self.parts

    def _get_views(self) -> Views:
        return self._views

    def _envelope(self) -> Envelope:
        return self.envelope

    def _routes(self) -> RouteMap:
        return self.routes

    def documents(self) -> Documents:
        """Return the OpenAPI document, made when it is first asked for."""
        if self._documents is None:
            self._documents = documents(openapi_document(self.litestar))
        return self._documents

    def _reply(self, request: Request[Any, Any, Any]) -> Reply:
        return Reply(exchange_of(request.scope), self.envelope, self.parts.clock)

    def _failed(self, request: Request[Any, Any, Any], problem: Exception) -> Response[Any]:
        exchange = exchange_of(request.scope)
        known = ours(problem, request_id=exchange.request_id)
        took = int((self.parts.clock.monotonic() - exchange.started) * 1000)
        rendered = render(known, exchange, self.envelope, took_ms=took)
        exchange.error_code = rendered.code
        headers = {name.decode(): value.decode() for name, value in rendered.headers}
        media_type = headers.pop("content-type")
        return Response(
            rendered.body, status_code=rendered.status, media_type=media_type, headers=headers
        )


def build(parts: Assembly) -> Front:
    """Return the application that the server runs."""
    application = Application(parts)
    fast = FastIsbn(
        parts.catalogue.tiers,
        application.envelope,
        parts.clock,
        sniff=parts.settings.api.client_sniff,
    )
    framework: ASGIApp = application.litestar
    return Front(
        FrontParts(
            app=framework,
            routes=application.routes,
            settings=parts.settings,
            clock=parts.clock,
            metrics=parts.metrics,
            limiter=parts.limiter,
            envelope=application.envelope,
            fast=fast,
            tokens=parts.tokens,
            new_id=parts.new_id,
            draining=lambda: parts.running.draining,
        )
    )
