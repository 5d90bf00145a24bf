"""How often a caller may ask what: the classes of operations §5.1 and their limits."""

from __future__ import annotations

from enum import StrEnum

import structlog

from bookstrack.settings import LimitSettings, Rate

_log = structlog.get_logger(__name__)


class RateClass(StrEnum):
    """A group of routes that share one count per caller."""

    SEARCH = "search"
    SEMANTIC = "semantic"
    SIMILAR = "similar"
    ENRICH_SINGLE = "enrich_single"
    BATCH = "batch"
    IMPORT = "import"
    SCAN = "scan"
    JOB_STATUS = "job_status"
    TOKEN = "token"  # noqa: S105 a class of routes, no secret
    LIBRARY = "library"
    EXTERNAL = "external"
    BARCODE = "barcode"
    IMAGES = "images"
    ADMIN = "admin"
    ADMIN_LOGIN = "admin_login"


# Requests per 60 seconds: from an address, with an API token.
_DEFAULTS: dict[RateClass, tuple[int, int]] = {
    RateClass.SEARCH: (100, 300),
    RateClass.SEMANTIC: (5, 20),
    RateClass.SIMILAR: (10, 30),
    RateClass.ENRICH_SINGLE: (5, 60),
    RateClass.BATCH: (10, 10),
    RateClass.IMPORT: (5, 10),
    RateClass.SCAN: (5, 5),
    RateClass.JOB_STATUS: (30, 120),
    RateClass.TOKEN: (10, 10),
    RateClass.LIBRARY: (120, 300),
    RateClass.EXTERNAL: (30, 60),
    RateClass.BARCODE: (30, 60),
    RateClass.IMAGES: (300, 600),
    RateClass.ADMIN: (60, 60),
    RateClass.ADMIN_LOGIN: (10, 10),  # failed logins
}
_AUTH = "_auth"


class Rates:
    """The limits in force: defaults with ``BOOKSTRACK_RATE_<CLASS>[_AUTH]`` laid over them."""

    def __init__(self, settings: LimitSettings) -> None:
        self._rates: dict[tuple[str, bool], Rate] = {}
        for name, (anonymous, authenticated) in _DEFAULTS.items():
            self._rates[name, False] = Rate(anonymous)
            self._rates[name, True] = Rate(authenticated)
        for name, rate in settings.overrides.items():
            place = (name.removesuffix(_AUTH), name.endswith(_AUTH))
            if place in self._rates:
                self._rates[place] = rate
            else:
                _log.warning("unknown_setting", name=f"BOOKSTRACK_RATE_{name.upper()}")

    def of(self, rate_class: RateClass, *, authenticated: bool) -> Rate:
        """Return the limit of a class for callers with or without an API token."""
        return self._rates[rate_class, authenticated]
