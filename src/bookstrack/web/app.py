"""Assembly to ASGI application: routes, injection, error handling; no logic."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.types import ASGIApp

from bookstrack.assembly import Assembly
from bookstrack.catalogue.search import Catalogue
from bookstrack.web.asyncapi import asyncapi_document
from bookstrack.web.contract import RouteMap, route_map
from bookstrack.web.cors import Cors
from bookstrack.web.envelope import Envelope, encode
from bookstrack.web.event_stream import StreamParts
from bookstrack.web.exchange import exchange_of
from bookstrack.web.failures import ours, render
from bookstrack.web.fast import FastIsbn
from bookstrack.web.front import Front, FrontParts
from bookstrack.web.job_access import JobDesk
from bookstrack.web.job_starts import JobStarts
from bookstrack.web.open_streams import OpenStreams
from bookstrack.web.openapi import CONFIG, openapi_document
from bookstrack.web.reply import Reply
from bookstrack.web.routes import (
    barcodes,
    batch,
    books,
    covers,
    enrichment,
    external,
    flags,
    imports,
    job_cancels,
    job_results,
    job_tests,
    jobs,
    legacy,
    metrics,
    scans,
    search,
    socket_http,
    streams,
    system,
    workflows,
)
from bookstrack.web.routes.search import Views
from bookstrack.web.routes.system import ChannelsDocument, Documents, documents
from bookstrack.web.scan_orders import ScanDesk
from bookstrack.web.socket import Sockets
from bookstrack.web.sse import Frames


class Application:
    """The framework application with its route map, behind the front."""

    def __init__(self, parts: Assembly, board: Any = None) -> None:
        self.parts = parts
        self.envelope = Envelope(meta_alias=parts.settings.api.meta_alias)
        self._views = Views(sniff=parts.settings.api.client_sniff)
        self._documents: Documents | None = None
        self.board: Any = board or parts.board
        self.streams = OpenStreams(parts.settings.streams.most_per_identity)
        self._desk = JobDesk(self.board, parts.settings)
        self._scan_desk = ScanDesk(parts)
        self._stream_parts = StreamParts(
            board=self.board,
            clock=parts.clock,
            settings=parts.settings.streams,
            metrics=parts.metrics,
            open=self.streams,
            frames=Frames(),
        )
        self._channels: ChannelsDocument | None = None
        self.sockets = Sockets(
            self.board,
            parts.settings,
            parts.clock,
            parts.metrics,
            streams=self.streams,
            cors=Cors(
                parts.settings.api, development=parts.settings.server.environment == "development"
            ),
        )
        self._starts = JobStarts(
            parts.settings, parts.clock, parts.flags, self.sockets.rooms.connected
        )
        self.litestar = self._framework()
        self.routes: RouteMap = route_map(self.litestar)

    def _framework(self) -> Litestar:
        settings = self.parts.settings
        modules: list[Any] = [search, books, enrichment, legacy, covers, metrics, flags, system]
        modules += [batch, imports, jobs, job_results, job_cancels, streams, socket_http]
        modules += [scans, barcodes, workflows]
        if settings.api.external_routes:
            modules.append(external)
        if settings.api.test_endpoints:
            modules.append(job_tests)
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
                "starts": Provide(self._get_starts, sync_to_thread=False),
                "desk": Provide(self._get_desk, sync_to_thread=False),
                "scan_desk": Provide(self._get_scan_desk, sync_to_thread=False),
                "stream_parts": Provide(self._get_stream_parts, sync_to_thread=False),
                "sockets": Provide(self._get_sockets, sync_to_thread=False),
                "channels_document": Provide(self.channels_document, sync_to_thread=False),
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

    def _get_starts(self) -> JobStarts:
        return self._starts

    def _get_scan_desk(self) -> ScanDesk:
        return self._scan_desk

    def _get_desk(self) -> JobDesk:
        return self._desk

    def _get_sockets(self) -> Sockets:
        return self.sockets

    def channels_document(self) -> ChannelsDocument:
        """Return the AsyncAPI document, made when it is first asked for."""
        if self._channels is None:
            self._channels = ChannelsDocument(encode(asyncapi_document()))
        return self._channels

    def _get_stream_parts(self) -> StreamParts:
        return self._stream_parts

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


def build(parts: Assembly, board: Any = None) -> Front:
    """Return the application that the server runs; ``board`` stands in for the jobs of tests."""
    application = Application(parts, board)
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
            streams=application.streams,
            sockets=application.sockets,
        )
    )
