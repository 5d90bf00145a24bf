"""Answers repeated ISBN searches in front of the framework.

Only the default view of a fresh answer that is to be had without waiting is served here; all
else, every error included, goes the ordinary way. Limits and headers are the front's, so both
ways answer alike.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from cachebox import LRUCache
from stdnum import ean

from bookstrack.cache.tiers import TieredCache
from bookstrack.catalogue import keys
from bookstrack.clock import Clock
from bookstrack.model.isbn import Isbn
from bookstrack.web.compression import accepts_gzip
from bookstrack.web.envelope import Envelope
from bookstrack.web.exchange import Exchange, Headers
from bookstrack.web.reply import hit_headers, hit_metadata, works_body
from bookstrack.web.views import View, choose_view

PATH = "/v1/search/isbn"
MAX_AGE = "public, max-age=86400, stale-while-revalidate=86400"
_MAX_AGE = MAX_AGE.encode()
_REMEMBERED = 20_000
_UNSEEN = "?"  # no cache key
_LONGEST_LINE = 256
_PLAIN = re.compile(rb"isbn=(97[89][0-9]{10})\Z")


class FastIsbn:
    """Knows which request lines ask which cache key."""

    def __init__(
        self, tiers: TieredCache, envelope: Envelope, clock: Clock, *, sniff: bool
    ) -> None:
        self._tiers = tiers
        self._envelope = envelope
        self._clock = clock
        self._sniff = sniff
        self._keys: LRUCache[tuple[bytes, bytes, bytes], str] = LRUCache(_REMEMBERED)

    def answer(self, exchange: Exchange) -> tuple[Headers, bytes] | None:
        """Return headers and body, or ``None`` where the ordinary way is needed."""
        headers = exchange.headers
        line = (
            exchange.query,
            headers.get(b"x-api-version", b""),
            headers.get(b"x-client-version", b""),
        )
        key = self._keys.get(line, _UNSEEN)
        if key is _UNSEEN:
            key = self._key_of(exchange)
            if sum(map(len, line)) < _LONGEST_LINE:
                self._keys[line] = key
        hit = self._tiers.peek(key) if key else None
        if hit is None:
            return None
        now = exchange.now
        took = int((self._clock.monotonic() - exchange.started) * 1000)
        metadata = hit_metadata(hit, now=now, request_id=exchange.request_id, took_ms=took)
        gzip = accepts_gzip(headers.get(b"accept-encoding", b""))
        body, packed = works_body(
            hit.entry, self._envelope, self._envelope.suffix(metadata), gzip=gzip
        )
        answer = hit_headers(hit, now=now, max_age=_MAX_AGE)
        answer.append((b"content-type", b"application/json; charset=utf-8"))
        if packed:
            answer.append((b"content-encoding", b"gzip"))
        exchange.cache_status = "HIT"
        exchange.provider = hit.entry.facts.provider
        return answer, body

    def _key_of(self, exchange: Exchange) -> str:
        """Return the cache key of a plain question in the default view, else an empty text."""
        isbn13 = _isbn13(exchange.query)
        view = choose_view(exchange, None, list_spelling=False, sniff=self._sniff, isbn=True)
        return "" if isbn13 is None or view is not View.WORKS else keys.isbn(isbn13)


def _isbn13(query: bytes) -> str | None:
    """Return the valid number that is all a query string asks for."""
    plain = _PLAIN.match(query)
    if plain:  # the usual spelling; reading every other one takes ten times as long
        number = plain[1].decode()
        return number if ean.calc_check_digit(number[:-1]) == number[-1] else None
    try:
        pairs = parse_qsl(query.decode("ascii"), max_num_fields=20)
    except ValueError:
        return None
    isbn = Isbn.find(pairs[0][1]) if [name for name, _ in pairs] == ["isbn"] else None
    return isbn.isbn13 if isbn else None
