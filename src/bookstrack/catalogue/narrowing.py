"""The rest of an advanced question applied to the book of its ISBN. Pure."""

from __future__ import annotations

import msgspec

from bookstrack.cache.memory import Entry, Facts
from bookstrack.cache.tiers import Hit
from bookstrack.catalogue.filters import Filters, plausible
from bookstrack.model.answer import SearchData
from bookstrack.model.record import BookRecord, ProviderId


def narrowed(hit: Hit, *, title: str, author: str, filters: Filters) -> Hit:
    """Return an ISBN's hit, or an empty one where its book is not what else was asked for."""
    data = msgspec.json.decode(hit.entry.body, type=SearchData)
    if not data.works or _fits(data, title=title, author=author, filters=filters):
        return hit
    entry = Entry(
        msgspec.json.encode(SearchData(query=data.query)),
        Facts(found=False, asked=hit.entry.facts.asked, cautions=hit.entry.facts.cautions),
        cached_at=hit.entry.cached_at,
        ttl=hit.entry.ttl,
        quality=0.0,
        origin=hit.entry.origin,
    )
    return msgspec.structs.replace(hit, entry=entry)


def _fits(data: SearchData, *, title: str, author: str, filters: Filters) -> bool:
    record = BookRecord(
        provider=ProviderId.CATALOG,
        work=data.works[0],
        editions=data.editions,
        authors=data.authors,
    )
    return filters.accept(record) and plausible(record, title=title, author=author)
