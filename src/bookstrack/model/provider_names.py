"""The spellings of a provider's name on each surface (data-model §1.1): one table for all."""

from __future__ import annotations

from collections.abc import Sequence

from bookstrack.model.enums import DataProvider
from bookstrack.model.record import ProviderId

_DTO = {
    ProviderId.GOOGLE: DataProvider.GOOGLE_BOOKS,
    ProviderId.OPEN_LIBRARY: DataProvider.OPEN_LIBRARY,
    ProviderId.OFFLINE: DataProvider.OPEN_LIBRARY,
    ProviderId.ISBNDB: DataProvider.ISBNDB,
    ProviderId.GEMINI: DataProvider.GEMINI,
}
_BREAKER = {
    ProviderId.GOOGLE: "google-books",
    ProviderId.OPEN_LIBRARY: "open-library",
}
_SOURCE = {
    "google-books": "google_books",
    "google": "google_books",
    "openlibrary": "open_library",
    "database": "kv_cache",
}
_PREFERRED = {
    "google": ProviderId.GOOGLE,
    "google-books": ProviderId.GOOGLE,
    "openlibrary": ProviderId.OPEN_LIBRARY,
    "isbndb": ProviderId.ISBNDB,
}

AUTO = "auto"


def dto_provider(provider: ProviderId) -> DataProvider | None:
    """Return the spelling inside DTOs; ``None`` for sources that never appear there."""
    return _DTO.get(provider)


def breaker_name(provider: str) -> str:
    """Return the spelling in health, capabilities, warnings and errors."""
    return _BREAKER.get(ProviderId(provider), provider) if provider in _IDS else provider


def dto_names(asked: Sequence[str]) -> list[str]:
    """Return the providers asked, by the spelling inside DTOs, each once."""
    known = [_DTO[ProviderId(name)].value for name in asked if name in _DTO]
    return list(dict.fromkeys(known))


def answer_name(providers: Sequence[ProviderId]) -> str:
    """Return ``metadata.provider`` of an answer made of these sources' records."""
    distinct = tuple(dict.fromkeys(providers))
    if not distinct:
        return "none"
    outside = tuple(name for name in distinct if name is not ProviderId.CATALOG)
    distinct = outside or distinct
    if len(distinct) == 1:
        dto = dto_provider(distinct[0])
        return dto.value if dto else "database"
    return "orchestrated:" + "+".join(provider.value for provider in distinct)


def joined_names(names: Sequence[str]) -> str:
    """Return one ``metadata.provider`` for several answers that have one each."""
    parts = [part for name in names for part in name.removeprefix("orchestrated:").split("+")]
    return answer_name([_provider(part) for part in parts if part != "none"])


def _provider(name: str) -> ProviderId:
    if name == "database":
        return ProviderId.CATALOG
    return _PREFERRED.get(name) or ProviderId(name)


def c3_source(provider: str, *, cached: bool) -> str:
    """Return ``metadata.source``: the C3 spelling of ``metadata.provider``."""
    if cached and provider != "none":
        return "kv_cache"
    first = provider.removeprefix("orchestrated:").partition("+")[0]
    return _SOURCE.get(first, first)


def preferred(text: str) -> ProviderId | None:
    """Return the provider a caller prefers; ``None`` for ``auto``.

    Raises:
        KeyError: no such provider.
    """
    return None if text == AUTO else _PREFERRED[text]


_IDS = frozenset(provider.value for provider in ProviderId)
