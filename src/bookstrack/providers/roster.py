"""Which providers answer which question, in which order (providers §7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bookstrack.errors import ConfigurationProblem
from bookstrack.model.query import (
    AuthorFactsQuery,
    AuthorWorksQuery,
    EditionsQuery,
    IsbnQuery,
    ProviderIdQuery,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import ProviderId
from bookstrack.providers.base import Provider

_BOOKS = (
    ProviderId.GOOGLE,
    ProviderId.OPEN_LIBRARY,
    ProviderId.ISBNDB,
    ProviderId.OFFLINE,
)
_ORDER: dict[type, tuple[ProviderId, ...]] = {
    IsbnQuery: (
        ProviderId.OFFLINE,
        ProviderId.GOOGLE,
        ProviderId.OPEN_LIBRARY,
        ProviderId.ISBNDB,
    ),
    TextQuery: _BOOKS,
    TitleAuthorQuery: _BOOKS,
    ProviderIdQuery: _BOOKS,
    EditionsQuery: (
        ProviderId.ISBNDB,
        ProviderId.GOOGLE,
        ProviderId.OPEN_LIBRARY,
        ProviderId.OFFLINE,
    ),
    AuthorWorksQuery: (ProviderId.OPEN_LIBRARY, ProviderId.OFFLINE, ProviderId.ISBNDB),
    AuthorFactsQuery: (ProviderId.WIKIDATA,),
}


class Roster:
    """The providers in use. One whose key is missing is not in here at all.

    Raises:
        ConfigurationProblem: ``order`` names somebody who is no provider.
    """

    def __init__(self, providers: Iterable[Provider], *, order: Sequence[str] = ()) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._override = tuple(map(_known, order))

    def for_query(self, kind: type, *, prefer: ProviderId | None = None) -> tuple[Provider, ...]:
        """Return the providers that answer this type of query, first to be asked first."""
        order = [*self._override, *_ORDER[kind], *self._providers]
        if prefer is not None:
            order.insert(0, prefer)
        return tuple(
            self._providers[name]
            for name in dict.fromkeys(order)
            if name in self._providers and kind in self._providers[name].answers
        )

    def get(self, name: ProviderId) -> Provider | None:
        """Return one provider, where it is in use."""
        return self._providers.get(name)

    @property
    def names(self) -> tuple[ProviderId, ...]:
        """Return the ids in use."""
        return tuple(self._providers)


def _known(name: str) -> ProviderId:
    try:
        return ProviderId(name)
    except ValueError:
        choices = ", ".join(_BOOKS)
        raise ConfigurationProblem(
            "BOOKSTRACK_PROVIDER_ORDER", f"{name} is none of {choices}"
        ) from None


def outside_providers() -> tuple[Callable[..., Provider], ...]:
    """Return the factories that other packages register under ``bookstrack.providers``.

    A factory is called with keyword arguments ``upstream`` and ``clock``.
    """
    from importlib.metadata import entry_points

    return tuple(point.load() for point in entry_points(group="bookstrack.providers"))
