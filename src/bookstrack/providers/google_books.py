"""Google Books: asks ``/books/v1/volumes`` and reads its many ways of saying no (providers §2)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import ProviderBusy, ProviderProblem, ProviderRefused, QuotaExhausted
from bookstrack.model.isbn import Isbn
from bookstrack.model.query import (
    EditionsQuery,
    IsbnQuery,
    ProviderIdQuery,
    Query,
    TextQuery,
    TitleAuthorQuery,
)
from bookstrack.model.record import BookRecord, Findings, ProviderId
from bookstrack.providers import reading
from bookstrack.providers.base import Budget
from bookstrack.providers.google_records import (
    Volume,
    Volumes,
    record_from_volume,
    records_for_isbn,
    records_from_volumes,
)
from bookstrack.settings import GoogleSettings, ProviderSettings
from bookstrack.upstream.client import Channel, ChannelOptions, Reply

_VOLUMES = "/books/v1/volumes"
_PAGE = 40
_LONGEST_QUERY = 500
_LONGEST_TITLE = 300
_LONGEST_AUTHOR = 150
_BURST = 5
_EDITIONS = {"printType": "books", "orderBy": "relevance"}


def channel_options(settings: GoogleSettings, common: ProviderSettings) -> ChannelOptions:
    """Return how Google is called: keyed in the query, days of California, bursts of five."""
    return ChannelOptions(
        name=ProviderId.GOOGLE,
        base_url=settings.base_url,
        timeout_s=common.timeout_ms / 1000,
        connect_timeout_s=common.connect_timeout_ms / 1000,
        attempts=common.retries,
        rps=settings.rps,
        burst=_BURST,
        daily_limit=settings.daily_limit,
        quota_zone="America/Los_Angeles",
        secret_params={"key": settings.api_key} if settings.api_key else {},
    )


class GoogleBooks:
    """The Google Books provider."""

    name: ProviderId = ProviderId.GOOGLE
    answers: frozenset[type] = frozenset(
        {IsbnQuery, TextQuery, TitleAuthorQuery, EditionsQuery, ProviderIdQuery}
    )

    def __init__(self, channel: Channel, clock: Clock) -> None:
        self._channel = channel
        self._clock = clock

    async def ask(self, query: Query, *, within: Budget) -> Findings:
        """Ask one question; raises ProviderProblem."""
        match query:
            case IsbnQuery(isbn):
                return await self._by_isbn(isbn, within)
            case TextQuery(text, limit, offset):
                terms = " ".join(text.split())[:_LONGEST_QUERY]
                return await self._search(terms, limit=limit, offset=offset, within=within)
            case TitleAuthorQuery(title, author, limit, offset):
                terms = title_author_terms(title, author)
                return await self._search(terms, limit=limit, offset=offset, within=within)
            case EditionsQuery(title, author, limit):
                terms = title_author_terms(title, author)
                return await self._search(terms, limit=limit, within=within, more=_EDITIONS)
            case ProviderIdQuery("google", volume_id):
                return await self._by_id(volume_id, within)
            case _:
                return Findings()

    async def _by_isbn(self, isbn: Isbn, within: Budget) -> Findings:
        if isbn.isbn13 is None:
            return Findings()
        volumes = await self._page({"q": f"isbn:{isbn.isbn13}"}, within)
        year = reading.this_year(self._clock)
        return Findings(books=records_for_isbn(volumes, isbn, this_year=year))

    async def _by_id(self, volume_id: str, within: Budget) -> Findings:
        path = f"{_VOLUMES}/{quote(volume_id, safe='')}"
        volume = await self._channel.get_json(
            path, Volume, within=within, explain=explain, sound=lambda one: _sound([one])
        )
        record = record_from_volume(volume, reading.this_year(self._clock))
        return Findings(books=(record,) if record is not None else ())

    async def _search(
        self,
        terms: str,
        *,
        limit: int,
        offset: int = 0,
        within: Budget,
        more: dict[str, str] | None = None,
    ) -> Findings:
        """Read pages until the limit or the first page that is not full (quirk 8)."""
        found: dict[str, BookRecord] = {}
        year = reading.this_year(self._clock)
        end = offset + limit if terms else offset
        for start in range(offset, end, _PAGE):
            size = min(_PAGE, end - start)
            place = {"maxResults": str(size), "startIndex": str(start)}
            volumes = await self._page({"q": terms, **place, **(more or {})}, within)
            for record in records_from_volumes(volumes, year):
                found.setdefault(record.work.google_books_volume_id or repr(len(found)), record)
            if len(volumes.items or ()) < size:
                break
        return Findings(books=tuple(found.values()))

    async def _page(self, params: dict[str, str], within: Budget) -> Volumes:
        page = await self._channel.get_json(
            _VOLUMES,
            Volumes,
            within=within,
            params=params,
            explain=explain,
            sound=lambda found: _sound(found.items or ()),
        )
        return page or Volumes()


def _sound(volumes: Sequence[Volume | None]) -> bool:
    about = (volume.volume_info for volume in volumes if volume is not None)
    return reading.believable(info.title for info in about if info is not None)


def title_author_terms(title: str, author: str) -> str:
    """Return the search terms for a title, an author or both; quotes inside are dropped."""
    parts = (("intitle", title, _LONGEST_TITLE), ("inauthor", author, _LONGEST_AUTHOR))
    bare = ((field, " ".join(text.replace('"', " ").split())[:most]) for field, text, most in parts)
    return " ".join(f'{field}:"{text.strip()}"' for field, text in bare if text)


class _Fault(Struct, frozen=True):
    message: object = None
    status: object = None
    errors: object = None
    details: object = None


class _Refusal(Struct, frozen=True):
    error: _Fault = _Fault()


_KEY_FAULTS = frozenset({"keyInvalid", "keyExpired", "API_KEY_INVALID", "API_KEY_EXPIRED"})


def explain(reply: Reply) -> ProviderProblem | None:
    """Tell an exhausted day from a busy minute and a bad key from a bad query (quirk 10).

    ``None`` leaves the reply to the common rules. The pause of an exhausted day is left to the
    channel, which knows the zone of the quota's midnight.
    """
    fault = _fault(reply)
    message = reading.text(fault.message) or ""
    reasons = _reasons(fault)
    if reply.status in (403, 429):
        if "dailyLimitExceeded" in reasons or _means_day(message):
            return QuotaExhausted(ProviderId.GOOGLE, "Google Books: the daily quota is used up")
        if reply.status == 403 and reasons & {"rateLimitExceeded", "userRateLimitExceeded"}:
            return ProviderBusy(ProviderId.GOOGLE, "Google Books asks us to slow down")
    if reply.status == 403 and "unknownLocation" in reasons:
        return ProviderRefused(ProviderId.GOOGLE, "Google Books cannot tell our country")
    if reply.status == 400 and (reasons & _KEY_FAULTS or "api key" in message.casefold()):
        return ProviderRefused(
            ProviderId.GOOGLE, "Google Books does not accept the API key", reason="auth"
        )
    return None


def _fault(reply: Reply) -> _Fault:
    try:
        return msgspec.json.decode(reply.body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Fault()


def _reasons(fault: _Fault) -> frozenset[str]:
    entries = [*reading.elements(fault.errors), *reading.elements(fault.details)]
    found = (reading.text(reading.members(entry).get("reason")) for entry in entries)
    return frozenset(reason for reason in found if reason)


def _means_day(message: str) -> bool:
    said = message.casefold()
    return "per day" in said or "daily limit" in said
