"""Settings of long work: jobs, what is imported, how it is watched."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct, field

from bookstrack.settings.values import Secret, Var


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


class ImportSettings(Struct, frozen=True, kw_only=True):
    """Export files, shelf photos and barcodes."""

    csv_max_mb: Annotated[int, Var("CSV_MAX_MB", "largest export file, MiB, at most 1000")] = 10
    csv_max_rows: Annotated[int, Var("CSV_MAX_ROWS", "data rows of an export file")] = 10_000
    ai_provider: Annotated[
        Literal["auto", "gemini", "local", "none"],
        Var("AI_PROVIDER", "who reads: Gemini with a key, else this machine", "AI_PROVIDER"),
    ] = "auto"
    ai_csv_max_rows: Annotated[
        int, Var("AI_CSV_MAX_ROWS", "rows that an AI copies one by one at most")
    ] = 2000
    confidence_threshold: Annotated[
        float,
        Var(
            "CONFIDENCE_THRESHOLD",
            "from here on a book seen on a photo is approved",
            "CONFIDENCE_THRESHOLD",
        ),
    ] = 0.7
    scan_image_max_mb: Annotated[
        int, Var("SCAN_IMAGE_MAX_MB", "one photo, million bytes, at most 700")
    ] = 10
    scan_batch_max_mb: Annotated[
        int, Var("SCAN_BATCH_MAX_MB", "all photos of one scan, million bytes, at most 700")
    ] = 50
    scan_max_photos: Annotated[int, Var("SCAN_MAX_PHOTOS", "photos of one scan, at most 30")] = 5
    keep_scan_photos: Annotated[
        bool, Var("KEEP_SCAN_PHOTOS", "keep photos until the job is cleaned up")
    ] = True


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
