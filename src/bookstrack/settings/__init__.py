"""One frozen tree of settings, read once (operations §1).

Every leaf carries its variable name and one line of explanation; the reference page and
``bookstrack doctor`` are made from them. Values come from defaults, then an optional TOML file
(``BOOKSTRACK_CONFIG``), then ``BOOKSTRACK_...`` variables.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct, field

from bookstrack.settings.providers import GeminiSettings as GeminiSettings
from bookstrack.settings.providers import GoogleSettings as GoogleSettings
from bookstrack.settings.providers import IsbndbSettings as IsbndbSettings
from bookstrack.settings.providers import OpenLibrarySettings as OpenLibrarySettings
from bookstrack.settings.providers import ProviderSettings as ProviderSettings
from bookstrack.settings.providers import WikidataSettings as WikidataSettings
from bookstrack.settings.values import Rate as Rate
from bookstrack.settings.values import Secret as Secret
from bookstrack.settings.values import Var as Var
from bookstrack.settings.work import ImportSettings as ImportSettings
from bookstrack.settings.work import JobSettings as JobSettings
from bookstrack.settings.work import StreamSettings as StreamSettings


class ServerSettings(Struct, frozen=True, kw_only=True):
    """The listening process."""

    host: Annotated[str, Var("HOST", "listen address")] = "0.0.0.0"  # noqa: S104 a server listens
    port: Annotated[int, Var("PORT", "listen port")] = 8787
    workers: Annotated[int, Var("WORKERS", "server processes on this machine")] = 1
    public_url: Annotated[str, Var("PUBLIC_URL", "absolute base for links in mails and docs")] = ""
    environment: Annotated[
        Literal["production", "staging", "development", "test"],
        Var("ENV", "production, staging, development or test", "ENVIRONMENT"),
    ] = "production"
    service_name: Annotated[str, Var("SERVICE_NAME", "the worker field of /health")] = "api-worker"
    trusted_proxies: Annotated[
        tuple[str, ...], Var("TRUSTED_PROXIES", "CIDRs whose forwarding headers are believed")
    ] = ("127.0.0.1/32", "::1/128")
    request_timeout_ms: Annotated[
        int,
        Var("REQUEST_TIMEOUT_MS", "one whole request, streams excluded", "REQUEST_TIMEOUT_MS"),
    ] = 50_000
    shutdown_grace_s: Annotated[
        int, Var("SHUTDOWN_GRACE_S", "how long running requests may take at shutdown")
    ] = 30
    json_max_mb: Annotated[int, Var("JSON_MAX_MB", "largest JSON body, MiB")] = 1


class StorageSettings(Struct, frozen=True, kw_only=True):
    """Where things are remembered; empty URLs follow from ``data_dir``."""

    data_dir: Annotated[str, Var("DATA_DIR", "folder of the embedded stores")] = "./data"
    database_url: Annotated[
        str, Var("DATABASE_URL", "sqlite:///path or postgresql://… (default: in the data folder)")
    ] = ""
    kv_url: Annotated[str, Var("KV_URL", "shared cache tier: the database, or redis://…")] = ""
    object_store: Annotated[
        str, Var("OBJECT_STORE", "covers and cold cache: file://path or s3://bucket?endpoint=…")
    ] = ""
    engine_url: Annotated[
        str, Var("ENGINE_URL", "durable execution: the PostgreSQL of the database, or a file")
    ] = ""
    bus_url: Annotated[
        str, Var("BUS_URL", "wake-ups between processes: follows KV_URL and DATABASE_URL")
    ] = ""
    sample_data: Annotated[
        bool, Var("SAMPLE_DATA", "load the sample catalogue into an empty database at start")
    ] = False


class CacheSettings(Struct, frozen=True, kw_only=True):
    """How long what is kept; plain numbers are seconds."""

    edge_max_entries: Annotated[
        int, Var("CACHE_EDGE_MAX_ENTRIES", "entries of the in-process tier")
    ] = 10_000
    edge_max_mb: Annotated[int, Var("CACHE_EDGE_MAX_MB", "bytes of the in-process tier, MiB")] = 64
    edge_fresh_s: Annotated[int, Var("CACHE_EDGE_FRESH_S", "fresh in the in-process tier")] = 3600
    edge_stale_s: Annotated[
        int, Var("CACHE_EDGE_STALE_S", "then served stale while it is refreshed")
    ] = 86_400
    hot_ttl_s: Annotated[
        int,
        Var("CACHE_HOT_TTL_S", "answers that some provider could not complete", "CACHE_HOT_TTL"),
    ] = 7200
    cold_ttl_s: Annotated[
        int,
        Var(
            "CACHE_COLD_TTL_S",
            "entries brought back from the cold tier, 7 days at most",
            "CACHE_COLD_TTL",
        ),
    ] = 1_209_600
    aggressive: Annotated[
        bool,
        Var("AGGRESSIVE_CACHING", "off halves every shared-tier lifetime", "AGGRESSIVE_CACHING"),
    ] = True
    title_s: Annotated[int, Var("CACHE_TTL_TITLE_S", "title searches")] = 604_800
    isbn_s: Annotated[int, Var("CACHE_TTL_ISBN_S", "ISBN searches")] = 31_536_000
    book_s: Annotated[int, Var("CACHE_TTL_BOOK_S", "entries refilled from the database")] = 86_400
    author_s: Annotated[int, Var("CACHE_TTL_AUTHOR_S", "author searches")] = 604_800
    enrichment_s: Annotated[int, Var("CACHE_TTL_ENRICHMENT_S", "single enrichments")] = 15_552_000
    advanced_s: Annotated[int, Var("CACHE_TTL_ADVANCED_S", "advanced searches")] = 21_600
    editions_s: Annotated[int, Var("CACHE_TTL_EDITIONS_S", "edition lists")] = 604_800
    negative_s: Annotated[int, Var("CACHE_TTL_NEGATIVE_S", "true misses")] = 300
    wikidata_s: Annotated[int, Var("CACHE_TTL_WIKIDATA_S", "author facts")] = 604_800


class LimitSettings(Struct, frozen=True, kw_only=True):
    """How often one caller may ask (operations §5).

    ``overrides`` holds ``BOOKSTRACK_RATE_<CLASS>`` and ``BOOKSTRACK_RATE_<CLASS>_AUTH`` by the
    lower-case part after ``RATE_``.
    """

    enabled: Annotated[bool, Var("RATE_LIMIT_ENABLED", "count callers at all")] = True
    fail_open: Annotated[
        bool, Var("RATE_LIMIT_FAIL_OPEN", "let requests pass when counting fails")
    ] = True
    exempt_cidrs: Annotated[
        tuple[str, ...], Var("RATE_EXEMPT_CIDRS", "addresses that are never limited")
    ] = ()
    global_per_hour: Annotated[
        int, Var("RATE_GLOBAL_PER_HOUR", "all classes together per caller and hour, 0 = off")
    ] = 0
    overrides: dict[str, Rate] = field(default_factory=dict[str, Rate])


_ORIGINS = (
    "https://bookstrack.app",
    "https://www.bookstrack.app",
    "https://bookstrack.oooefam.net",
    "https://harvest.oooefam.net",
    "capacitor://localhost",
    "ionic://localhost",
    "http://localhost:3000",
    "http://localhost:8080",
    "http://localhost:8787",
)


class ApiSettings(Struct, frozen=True, kw_only=True):
    """Behaviour of the HTTP surface.

    ``lifecycle`` holds ``BOOKSTRACK_LIFECYCLE_<GROUP>`` by lower-case group.
    """

    meta_alias: Annotated[
        bool, Var("ENVELOPE_META_ALIAS", "repeat metadata under the name meta")
    ] = True
    client_sniff: Annotated[
        bool, Var("COMPAT_CLIENT_SNIFF", "choose the view by X-Client-Version")
    ] = True
    isbn_strict: Annotated[bool, Var("ISBN_STRICT", "a wrong check digit is a 400")] = False
    sunset_enforce: Annotated[
        bool, Var("SUNSET_ENFORCE", "answer 410 after a route's sunset date")
    ] = False
    external_routes: Annotated[bool, Var("ENABLE_EXTERNAL_ROUTES", "serve /external/*")] = True
    cors_origins: Annotated[tuple[str, ...], Var("CORS_ORIGINS", "allowed browser origins")] = (
        _ORIGINS
    )
    cors_enforce: Annotated[
        Literal["headers", "reject"], Var("CORS_ENFORCE", "reject answers foreign origins 403")
    ] = "headers"
    image_hosts: Annotated[
        tuple[str, ...], Var("IMAGE_HOSTS", "extra hosts of the image proxy")
    ] = ()
    idempotency_enrich_ttl_s: Annotated[
        int, Var("IDEMPOTENCY_ENRICH_TTL_S", "how long a single enrichment is replayed")
    ] = 3600
    legacy_unauth_cancel: Annotated[
        bool, Var("LEGACY_UNAUTH_CANCEL", "the old cancel routes work without a token")
    ] = True
    test_endpoints: Annotated[
        bool, Var("ENABLE_TEST_ENDPOINTS", "serve /test/do/*, which writes job state")
    ] = False
    auth_mode: Annotated[
        Literal["open", "token"],
        Var("AUTH_MODE", "token: routes of one user ask for an API token of that user"),
    ] = "open"
    default_user_id: Annotated[
        str, Var("DEFAULT_USER_ID", "the user that me means in open mode")
    ] = "default"
    admin_token: Annotated[
        Secret, Var("ADMIN_TOKEN", "admin API, 16 characters at least", "ADMIN_TOKEN")
    ] = field(default_factory=Secret)
    lifecycle: dict[str, Literal["active", "deprecated", "gone"]] = field(
        default_factory=dict[str, Literal["active", "deprecated", "gone"]]
    )


class TelemetrySettings(Struct, frozen=True, kw_only=True):
    """Logs and metrics."""

    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Var("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "LOG_LEVEL"),
    ] = "INFO"
    log_format: Annotated[Literal["json", "text"], Var("LOG_FORMAT", "json or text")] = "json"
    request_log: Annotated[
        bool,
        Var("ENABLE_PERFORMANCE_LOGGING", "one line per request", "ENABLE_PERFORMANCE_LOGGING"),
    ] = True
    metrics_token: Annotated[
        Secret, Var("METRICS_TOKEN", "Bearer token that /metrics asks for")
    ] = field(default_factory=Secret)


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that can be set."""

    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    cache: CacheSettings = CacheSettings()
    providers: ProviderSettings = ProviderSettings()
    limits: LimitSettings = LimitSettings()
    api: ApiSettings = ApiSettings()
    jobs: JobSettings = JobSettings()
    imports: ImportSettings = ImportSettings()
    streams: StreamSettings = StreamSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
