"""What this server can do, in the shapes of each client generation (http-api A5, N5). Pure.

A feature is announced when it is there: what later versions bring is ``false`` until then.
"""

from __future__ import annotations

from typing import Any

from bookstrack.limits.rules import RateClass, Rates
from bookstrack.settings import Settings

_VERSION = "3.3.0"
_BREAKERS = ("google-books", "open-library", "isbndb")
_BATCH_PHOTOS = 5
_CSV_ROWS = 10_000


def capabilities(settings: Settings, now: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the flat top-level keys of the app and the ``data`` of contract v3."""
    rates = Rates(settings.limits)
    limits = {
        "semantic_search_rpm": rates.of(RateClass.SEMANTIC, authenticated=False).count,
        "text_search_rpm": rates.of(RateClass.SEARCH, authenticated=False).count,
        "csv_max_rows": _CSV_ROWS,
        "batch_max_photos": _BATCH_PHOTOS,
    }
    infrastructure = {
        "vectorize_available": False,
        "workers_ai_available": False,
        "d1_available": True,
    }
    flags = dict.fromkeys(
        (
            "semantic_search",
            "similar_books",
            "weekly_recommendations",
            "sse_streaming",
            "batch_enrichment",
            "csv_import",
        ),
        False,
    )
    top = {
        "version": _VERSION,
        "features": flags,
        "limits": limits,
        "infrastructure": infrastructure,
    }
    data = {
        "version": _VERSION,
        "api_version": "3.3",
        "server_time": now,
        "features": _features(settings, rates),
        "limits": limits,
        "infrastructure": infrastructure,
    }
    return top, data


def _features(settings: Settings, rates: Rates) -> dict[str, Any]:
    single = rates.of(RateClass.ENRICH_SINGLE, authenticated=False)
    search = rates.of(RateClass.SEARCH, authenticated=False)
    return {
        "semantic_search": {"enabled": False},
        "circuit_breaker": {"enabled": True, "providers": list(_BREAKERS)},
        "barcode_enrichment": {
            "supported": True,
            "endpoint": "/api/v2/books/enrich",
            "providers": list(providers_in_use(settings)),
            "rate_limit": f"{single.count}/{single.seconds}s",
        },
        "csv_import": {"supported": False},
        "search": {
            "supported": True,
            "endpoint": "/api/v2/search",
            "modes": ["text"],
            "semantic_enabled": False,
            "rate_limits": {"text": search.count},
        },
        "recommendations": {"supported": False},
        "websocket": {"supported": False, "deprecated": False},
        "bookshelf_scan": {"supported": False},
    }


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


def facade_capabilities(settings: Settings) -> dict[str, Any]:
    """Return what the web client asks for."""
    rates = Rates(settings.limits)
    classes = (RateClass.SEARCH, RateClass.BATCH, RateClass.IMAGES)
    return {
        "version": _VERSION,
        "features": ["search", "enrichment", "images"],
        "rateLimits": {name.value: rates.of(name, authenticated=False).count for name in classes},
        "endpoints": {
            "search": "/v3/books/search",
            "book": "/v3/books/{isbn}",
            "enrich": "/v3/books/enrich",
        },
    }
