"""One frozen tree of settings, read once (operations §1).

Every leaf carries its variable name and one line of explanation; the reference page and
``bookstrack doctor`` are made from them. Values come from defaults, then an optional TOML file
(``BOOKSTRACK_CONFIG``), then ``BOOKSTRACK_...`` variables.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct, field


class Var(Struct, frozen=True):
    """How one setting is named and explained.

    ``name`` goes without the ``BOOKSTRACK_`` prefix; ``original`` is a second name accepted
    without prefix, as the original backend spelled it.
    """

    name: str
    help: str
    original: str | None = None


class Secret:
    """A text that prints as stars. ``reveal()`` gives it out; it is falsy when empty."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret('***')" if self._text else "Secret('')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Rate(Struct, frozen=True):
    """So many requests per window of seconds; written ``100/60``."""

    count: int
    seconds: int = 60


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


class GoogleSettings(Struct, frozen=True, kw_only=True):
    """Google Books."""

    api_key: Annotated[Secret, Var("GOOGLE_BOOKS_API_KEY", "API key", "GOOGLE_BOOKS_API_KEY")] = (
        field(default_factory=Secret)
    )
    anonymous: Annotated[bool, Var("GOOGLE_BOOKS_ANONYMOUS", "ask without a key")] = False
    base_url: Annotated[
        str, Var("GOOGLE_BOOKS_BASE_URL", "scheme, host and optional path prefix")
    ] = "https://www.googleapis.com"
    rps: Annotated[float, Var("GOOGLE_BOOKS_RPS", "calls per second, 0 = unpaced")] = 1.0
    daily_limit: Annotated[int, Var("GOOGLE_BOOKS_DAILY_LIMIT", "calls a day, 0 = uncounted")] = (
        1000
    )


class OpenLibrarySettings(Struct, frozen=True, kw_only=True):
    """Open Library."""

    base_url: Annotated[
        str,
        Var(
            "OPENLIBRARY_BASE_URL", "scheme, host and optional path prefix", "OPENLIBRARY_BASE_URL"
        ),
    ] = "https://openlibrary.org"
    covers_base_url: Annotated[
        str, Var("OPENLIBRARY_COVERS_BASE_URL", "host of cover pictures")
    ] = "https://covers.openlibrary.org"
    rps: Annotated[float, Var("OPENLIBRARY_RPS", "calls per second, 0 = unpaced")] = 3.0


class IsbndbSettings(Struct, frozen=True, kw_only=True):
    """ISBNdb."""

    api_key: Annotated[Secret, Var("ISBNDB_API_KEY", "API key", "ISBNDB_API_KEY")] = field(
        default_factory=Secret
    )
    base_url: Annotated[str, Var("ISBNDB_BASE_URL", "the host of your plan")] = (
        "https://api2.isbndb.com"
    )
    rps: Annotated[float, Var("ISBNDB_RPS", "calls per second, 0 = unpaced")] = 1.0
    daily_limit: Annotated[int, Var("ISBNDB_DAILY_LIMIT", "calls a day, 0 = uncounted")] = 1000


class WikidataSettings(Struct, frozen=True, kw_only=True):
    """Wikidata, for facts about authors."""

    enabled: Annotated[bool, Var("WIKIDATA_ENABLED", "ask for author facts")] = True
    base_url: Annotated[str, Var("WIKIDATA_BASE_URL", "action API host")] = (
        "https://www.wikidata.org"
    )
    rps: Annotated[float, Var("WIKIDATA_RPS", "calls per second, 0 = unpaced")] = 5.0
    use_ethnicity: Annotated[
        bool, Var("WIKIDATA_USE_ETHNICITY", "let P172 set the region Indigenous")
    ] = False


class GeminiSettings(Struct, frozen=True, kw_only=True):
    """Gemini, which reads tables and shelf photos."""

    api_key: Annotated[Secret, Var("GEMINI_API_KEY", "API key", "GEMINI_API_KEY")] = field(
        default_factory=Secret
    )
    base_url: Annotated[
        str, Var("GEMINI_BASE_URL", "host of this request form; may be a local one")
    ] = "https://generativelanguage.googleapis.com"
    rpm: Annotated[int, Var("GEMINI_RPM", "calls per minute, 0 = unpaced")] = 10
    model: Annotated[str, Var("GEMINI_MODEL", "model that reads shelf photos")] = "gemini-2.5-flash"
    csv_model: Annotated[str, Var("GEMINI_CSV_MODEL", "model that reads tables")] = (
        "gemini-2.5-flash-lite"
    )


class ProviderSettings(Struct, frozen=True, kw_only=True):
    """Outside sources and how they are asked."""

    google: GoogleSettings = GoogleSettings()
    openlibrary: OpenLibrarySettings = OpenLibrarySettings()
    isbndb: IsbndbSettings = IsbndbSettings()
    wikidata: WikidataSettings = WikidataSettings()
    gemini: GeminiSettings = GeminiSettings()
    offline: Annotated[bool, Var("OFFLINE", "use no network provider at all")] = False
    order: Annotated[
        tuple[str, ...], Var("PROVIDER_ORDER", "provider ids; overrides the order per question")
    ] = ()
    user_agent: Annotated[
        str, Var("USER_AGENT", "overrides the generated User-Agent", "USER_AGENT")
    ] = ""
    contact_email: Annotated[str, Var("CONTACT_EMAIL", "goes into the User-Agent")] = ""
    timeout_ms: Annotated[int, Var("PROVIDER_TIMEOUT_MS", "one provider call")] = 5000
    connect_timeout_ms: Annotated[
        int, Var("PROVIDER_CONNECT_TIMEOUT_MS", "connecting to a provider")
    ] = 3000
    retries: Annotated[int, Var("PROVIDER_RETRIES", "attempts of one call")] = 3
    hedge_ms: Annotated[
        int, Var("PROVIDER_HEDGE_MS", "silence after which the next provider is started")
    ] = 1000
    interactive_budget_ms: Annotated[
        int, Var("PROVIDER_INTERACTIVE_BUDGET_MS", "all providers together, one request")
    ] = 12_000
    facts_wait_ms: Annotated[
        int, Var("AUTHOR_FACTS_WAIT_MS", "how long an answer waits for author facts")
    ] = 400
    circuit_failures: Annotated[
        int, Var("CIRCUIT_FAILURES", "consecutive failures that open a breaker")
    ] = 5
    circuit_successes: Annotated[int, Var("CIRCUIT_SUCCESSES", "probes in a row that close it")] = 2
    circuit_cooldown_s: Annotated[
        float, Var("CIRCUIT_COOLDOWN_S", "seconds before the first probe")
    ] = 60.0
    max_results: Annotated[
        int,
        Var(
            "MAX_RESULTS_DEFAULT",
            "how many editions a provider is asked for",
            "MAX_RESULTS_DEFAULT",
        ),
    ] = 40
    concurrency: Annotated[
        int, Var("CONCURRENCY_LIMIT", "parallel lookups of one request or job", "CONCURRENCY_LIMIT")
    ] = 10


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


class JobSettings(Struct, frozen=True, kw_only=True):
    """Long work; plain numbers are seconds."""

    workers: Annotated[
        int, Var("JOB_WORKERS", "jobs at once in one process; 0 = this process runs none")
    ] = 16
    secret_key: Annotated[
        Secret, Var("SECRET_KEY", "derives job tokens; made once in the data folder if empty")
    ] = field(default_factory=Secret)
    token_ttl_s: Annotated[int, Var("JOB_TOKEN_TTL_SECONDS", "life of a job token")] = 7200
    token_refresh_window_s: Annotated[
        int, Var("JOB_TOKEN_REFRESH_WINDOW_SECONDS", "before its end in which it can be renewed")
    ] = 1800
    results_ttl_s: Annotated[int, Var("JOB_RESULTS_TTL", "results after the end, 60 to 86400")] = (
        7200
    )
    retention_s: Annotated[
        int, Var("JOB_RETENTION_SECONDS", "job, events and inputs after the end")
    ] = 86_400
    lease_s: Annotated[int, Var("JOB_LEASE_SECONDS", "silence after which a job is taken over")] = (
        30
    )
    max_attempts: Annotated[
        int, Var("JOB_MAX_ATTEMPTS", "take-overs without progress before a job fails")
    ] = 3
    stall_s: Annotated[
        int, Var("JOB_STALL_SECONDS", "without progress after which a job fails")
    ] = 900
    idempotency_ttl_s: Annotated[
        int, Var("IDEMPOTENCY_TTL_S", "how long the start of a job is replayed")
    ] = 86_400
    persist_every: Annotated[
        tuple[str, ...],
        Var("PERSIST_EVERY", "snapshot writes: pipeline=updates/seconds"),
    ] = ("batch_enrichment=5/10", "csv_import=20/30", "ai_scan=1/60")


class StreamSettings(Struct, frozen=True, kw_only=True):
    """Server-sent events and WebSockets; plain numbers are seconds."""

    most_per_identity: Annotated[
        int, Var("MAX_STREAMS_PER_IDENTITY", "open streams and sockets of one caller")
    ] = 20
    sse_auth: Annotated[
        Literal["optional", "required", "required-all"],
        Var("SSE_AUTH", "which streams need the job token: none, all but imports, all"),
    ] = "optional"
    sse_heartbeat_s: Annotated[
        int, Var("SSE_HEARTBEAT_SECONDS", "silence after which a comment is sent")
    ] = 30
    sse_timeout_s: Annotated[
        int, Var("SSE_TIMEOUT_SECONDS", "without an event after which a stream ends")
    ] = 300
    sse_retry_ms: Annotated[int, Var("SSE_RETRY_MS", "pause before a client reconnects, ms")] = 5000
    websocket_v2: Annotated[
        bool,
        Var("ENABLE_WEBSOCKET_V2", "sockets speak version 2 unless asked", "ENABLE_WEBSOCKET_V2"),
    ] = True
    websocket_v1: Annotated[
        bool, Var("ENABLE_WEBSOCKET_V1", "sockets speak version 1 when asked")
    ] = True
    websocket_phase: Annotated[
        Literal["active", "deprecated", "sunset"],
        Var("WEBSOCKET_PHASE", "active, deprecated or sunset (410)"),
    ] = "active"
    websocket_deprecated_on: Annotated[
        str, Var("WEBSOCKET_DEPRECATION_DATE", "YYYY-MM-DD, announced in phase deprecated")
    ] = "2026-03-01"
    websocket_sunset_on: Annotated[
        str, Var("WEBSOCKET_SUNSET_DATE", "YYYY-MM-DD, announced in phase deprecated")
    ] = "2026-06-01"
    subprotocol_auth: Annotated[
        bool,
        Var(
            "REQUIRE_SUBPROTOCOL_AUTH",
            "refuse tokens in the address of a socket",
            "REQUIRE_SUBPROTOCOL_AUTH",
        ),
    ] = False
    ready_timeout_s: Annotated[
        int, Var("WS_READY_TIMEOUT_SECONDS", "how long a socket waits for the client's ready")
    ] = 5
    close_grace_s: Annotated[
        int, Var("WS_CLOSE_GRACE_SECONDS", "how long the client may close first after the end")
    ] = 5
    most_sockets_per_job: Annotated[
        int, Var("WS_MAX_CONNECTIONS_PER_JOB", "sockets of one job")
    ] = 5
    ping_s: Annotated[int, Var("WS_PING_SECONDS", "between two pings of a socket")] = 30
    keepalive_s: Annotated[
        int, Var("WS_KEEPALIVE_SECONDS", "silence after which progress is repeated")
    ] = 60
    ios_summary_marker: Annotated[
        Literal["auto", "on", "off"],
        Var("WS_IOS_SUMMARY_MARKER", "help one iOS build tell enrichments from scans"),
    ] = "auto"


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
    streams: StreamSettings = StreamSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
