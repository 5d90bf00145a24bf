"""What this server can do, in the shapes of each client generation (http-api A5, N5). Pure.

A feature is announced when it is there: what later versions bring is ``false`` until then.
"""

from __future__ import annotations

from msgspec import Struct

from bookstrack.imports.export import Format
from bookstrack.limits.rules import RateClass, Rates
from bookstrack.model.naming import camel_name
from bookstrack.pipelines.csv_parts import ai_reads_tables
from bookstrack.settings import Settings

CONTRACT_VERSION = "3.3.0"
_API_VERSION = "3.3"
_BREAKERS = ("google-books", "open-library", "isbndb")
_COLUMNS = ("Title", "Author", "ISBN", "Publisher", "Year", "Pages")


class FeatureFlags(Struct, frozen=True, kw_only=True):
    """The switches that the shipping app reads."""

    semantic_search: bool
    similar_books: bool
    weekly_recommendations: bool
    sse_streaming: bool
    batch_enrichment: bool
    csv_import: bool


class Limits(Struct, frozen=True, kw_only=True):
    """How much and how often; ``rpm`` is requests per window of the class."""

    semantic_search_rpm: int
    text_search_rpm: int
    csv_max_rows: int
    batch_max_photos: int


class Infrastructure(Struct, frozen=True, kw_only=True):
    """What the server has to work with, under the names of the first backend."""

    vectorize_available: bool
    workers_ai_available: bool
    d1_available: bool


class TopLevel(Struct, frozen=True, kw_only=True):
    """The flat top-level keys that the shipping app decodes."""

    version: str
    features: FeatureFlags
    limits: Limits
    infrastructure: Infrastructure


class SemanticFeature(Struct, frozen=True, kw_only=True):
    """Search by meaning: the model, and how many numbers it makes of a text."""

    enabled: bool
    embedding_model: str | None = None
    dimensions: int | None = None


class RecommendationFeature(Struct, frozen=True, kw_only=True):
    """Weekly recommendations; ``next_refresh`` as a timestamp."""

    supported: bool
    endpoint: str | None = None
    refresh_schedule: str | None = None
    next_refresh: str | None = None


class BreakerFeature(Struct, frozen=True, kw_only=True):
    """Circuit breakers, and the providers that have one."""

    enabled: bool
    providers: tuple[str, ...]


class BarcodeFeature(Struct, frozen=True, kw_only=True):
    """Single enrichment; ``rate_limit`` is written ``5/60s``."""

    supported: bool
    endpoint: str
    providers: tuple[str, ...]
    rate_limit: str


class SearchRates(Struct, frozen=True, kw_only=True):
    """Requests per window by mode."""

    text: int


class SearchFeature(Struct, frozen=True, kw_only=True):
    """Search by words."""

    supported: bool
    endpoint: str
    modes: tuple[str, ...]
    semantic_enabled: bool
    rate_limits: SearchRates


class SocketFeature(Struct, frozen=True, kw_only=True):
    """The WebSocket of jobs; ``sunset_date`` (YYYY-MM-DD) once its end is announced."""

    supported: bool
    deprecated: bool
    sunset_date: str | None = None


class ImportFeature(Struct, frozen=True, kw_only=True):
    """Imports of files: limits, and names of columns that any table may have."""

    supported: bool
    endpoint: str
    sse_support: bool
    max_file_size_mb: int
    max_rows: int
    supported_columns: tuple[str, ...]
    formats: tuple[str, ...]
    ai: bool


class ScanFeature(Struct, frozen=True, kw_only=True):
    """Scanning of shelf photos, and what reads them here, who is asked first in front.

    ``max_image_mb`` (million bytes) holds for one photo.
    """

    supported: bool
    engines: tuple[str, ...]
    max_photos: int
    max_image_mb: int


class Features(Struct, frozen=True, kw_only=True):
    """The features of contract v3, one object each."""

    semantic_search: SemanticFeature
    circuit_breaker: BreakerFeature
    barcode_enrichment: BarcodeFeature
    csv_import: ImportFeature
    search: SearchFeature
    recommendations: RecommendationFeature
    websocket: SocketFeature
    bookshelf_scan: ScanFeature


class Capabilities(Struct, frozen=True, kw_only=True):
    """The ``data`` of contract v3."""

    version: str
    api_version: str
    server_time: str
    features: Features
    limits: Limits
    infrastructure: Infrastructure


class FacadeEndpoints(Struct, frozen=True, kw_only=True):
    """The paths of the web client."""

    search: str
    book: str
    enrich: str


class FacadeCapabilities(Struct, frozen=True, kw_only=True, rename=camel_name):
    """What the web client asks for; ``rate_limits`` are requests per window by class."""

    version: str
    features: tuple[str, ...]
    rate_limits: dict[str, int]
    endpoints: FacadeEndpoints


def capabilities(
    settings: Settings, now: str, *, engines: tuple[str, ...] = ()
) -> tuple[TopLevel, Capabilities]:
    """Return the flat top-level keys of the app and the ``data`` of contract v3.

    ``engines`` are the names of what reads photos here.
    """
    rates = Rates(settings.limits)
    limits = Limits(
        semantic_search_rpm=rates.of(RateClass.SEMANTIC, authenticated=False).count,
        text_search_rpm=rates.of(RateClass.SEARCH, authenticated=False).count,
        csv_max_rows=settings.imports.csv_max_rows,
        batch_max_photos=settings.imports.scan_max_photos,
    )
    infrastructure = Infrastructure(
        vectorize_available=False, workers_ai_available=False, d1_available=True
    )
    flags = FeatureFlags(
        semantic_search=False,
        similar_books=False,
        weekly_recommendations=False,
        sse_streaming=True,
        batch_enrichment=True,
        csv_import=True,
    )
    top = TopLevel(
        version=CONTRACT_VERSION, features=flags, limits=limits, infrastructure=infrastructure
    )
    data = Capabilities(
        version=CONTRACT_VERSION,
        api_version=_API_VERSION,
        server_time=now,
        features=_features(settings, rates, engines),
        limits=limits,
        infrastructure=infrastructure,
    )
    return top, data


def _features(settings: Settings, rates: Rates, engines: tuple[str, ...]) -> Features:
    single = rates.of(RateClass.ENRICH_SINGLE, authenticated=False)
    search = rates.of(RateClass.SEARCH, authenticated=False)
    return Features(
        semantic_search=SemanticFeature(enabled=False),
        circuit_breaker=BreakerFeature(enabled=True, providers=_BREAKERS),
        barcode_enrichment=BarcodeFeature(
            supported=True,
            endpoint="/api/v2/books/enrich",
            providers=providers_in_use(settings),
            rate_limit=f"{single.count}/{single.seconds}s",
        ),
        csv_import=_imports(settings),
        search=SearchFeature(
            supported=True,
            endpoint="/api/v2/search",
            modes=("text",),
            semantic_enabled=False,
            rate_limits=SearchRates(text=search.count),
        ),
        recommendations=RecommendationFeature(supported=False),
        websocket=_sockets(settings),
        bookshelf_scan=ScanFeature(
            supported=bool(engines),
            engines=engines,
            max_photos=settings.imports.scan_max_photos,
            max_image_mb=settings.imports.scan_image_max_mb,
        ),
    )


def _sockets(settings: Settings) -> SocketFeature:
    phase = settings.streams.websocket_phase
    return SocketFeature(
        supported=phase != "sunset",
        deprecated=phase != "active",
        sunset_date=None if phase == "active" else settings.streams.websocket_sunset_on,
    )


def _imports(settings: Settings) -> ImportFeature:
    return ImportFeature(
        supported=True,
        endpoint="/api/v2/imports",
        sse_support=True,
        max_file_size_mb=settings.imports.csv_max_mb,
        max_rows=settings.imports.csv_max_rows,
        supported_columns=_COLUMNS,
        formats=tuple(Format),
        ai=ai_reads_tables(settings),
    )


def providers_in_use(settings: Settings) -> tuple[str, ...]:
    """Return the wire names of the book providers that are configured."""
    asked = settings.providers
    if asked.offline:
        return ()
    return tuple(
        name
        for name, used in (
            ("google-books", bool(asked.google.api_key) or asked.google.anonymous),
            ("open-library", True),
            ("isbndb", bool(asked.isbndb.api_key)),
        )
        if used
    )


def facade_capabilities(settings: Settings) -> FacadeCapabilities:
    """Return what the web client asks for."""
    rates = Rates(settings.limits)
    classes = (RateClass.SEARCH, RateClass.BATCH, RateClass.IMAGES)
    return FacadeCapabilities(
        version=CONTRACT_VERSION,
        features=("search", "enrichment", "images"),
        rate_limits={c.value: rates.of(c, authenticated=False).count for c in classes},
        endpoints=FacadeEndpoints(
            search="/v3/books/search", book="/v3/books/{isbn}", enrich="/v3/books/enrich"
        ),
    )
