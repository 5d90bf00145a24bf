"""Open Library as a provider: which question leads to which calls (providers §3)."""

from __future__ import annotations

from bookstrack.clock import Clock
from bookstrack.model.query import (
    AuthorWorksQuery,
    EditionsQuery,
    IsbnQuery,
    ProviderIdQuery,
    Query,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import Findings, ProviderId
from bookstrack.providers import reading
from bookstrack.providers.base import Budget
from bookstrack.providers.open_library_calls import Asking
from bookstrack.providers.open_library_records import Basis, bare_key
from bookstrack.settings import OpenLibrarySettings, ProviderSettings
from bookstrack.upstream.client import Channel, ChannelOptions

_BURST = 5


def channel_options(settings: OpenLibrarySettings, common: ProviderSettings) -> ChannelOptions:
    """Return how Open Library is called: without key and daily limit, bursts of five."""
    return ChannelOptions(
        name=ProviderId.OPEN_LIBRARY,
        base_url=settings.base_url,
        timeout_s=common.timeout_ms / 1000,
        connect_timeout_s=common.connect_timeout_ms / 1000,
        attempts=common.retries,
        rps=settings.rps,
        burst=_BURST,
    )


class OpenLibrary:
    """The Open Library provider. Cover addresses are https, whatever their base says."""

    name: ProviderId = ProviderId.OPEN_LIBRARY
    answers: frozenset[type] = frozenset(
        {
            IsbnQuery,
            TextQuery,
            TitleAuthorQuery,
            EditionsQuery,
            ProviderIdQuery,
            AuthorWorksQuery,
        }
    )

    def __init__(self, channel: Channel, clock: Clock, *, covers_base_url: str) -> None:
        self._channel = channel
        self._clock = clock
        self._covers = f"https://{covers_base_url.rpartition('://')[2].rstrip('/')}"

    async def ask(self, query: Query, *, within: Budget) -> Findings:
        """Ask one question; raises ProviderProblem."""
        asking = Asking(
            self._channel,
            Basis(this_year=reading.this_year(self._clock), covers=self._covers),
            within,
        )
        match query:
            case IsbnQuery(isbn) if isbn.isbn13 is not None:
                return await asking.by_isbn(isbn)
            case TextQuery(text, limit, offset):
                return await asking.search({"q": text}, limit=limit, offset=offset)
            case TitleAuthorQuery(title, author, limit, offset):
                return await asking.search(
                    {"title": title, "author": author}, limit=limit, offset=offset
                )
            case EditionsQuery(title, author):
                return await asking.editions(title, author)
            case ProviderIdQuery("openlibrary", spelled) if key := bare_key(spelled):
                return await asking.by_key(key)
            case ProviderIdQuery("goodreads", number) if number.isascii() and number.isdigit():
                return await asking.search({"q": f"id_goodreads:{number}"}, limit=1)
            case AuthorWorksQuery():
                return await asking.bibliography(query)
            case _:
                return Findings()
