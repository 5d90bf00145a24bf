"""Settings of the outside sources."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct, field

from bookstrack.settings.values import Secret, Var


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
