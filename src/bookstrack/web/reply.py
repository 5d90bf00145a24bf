"""What a handler answers with: hits and payloads become responses with envelope and headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response

from bookstrack.cache.memory import Entry
from bookstrack.cache.tiers import Hit
from bookstrack.clock import Clock
from bookstrack.errors import BooksTrackError, NotFound
from bookstrack.model.answer import Caution
from bookstrack.model.enums import CacheSource
from bookstrack.model.provider_names import breaker_name, c3_source
from bookstrack.web.compression import WORTH_IT, Packed, accepts_gzip, finish, pack
from bookstrack.web.envelope import Envelope, Metadata, encode, metadata_of
from bookstrack.web.exchange import Exchange
from bookstrack.web.failures import render

_JSON = "application/json; charset=utf-8"


def cautions_on_wire(cautions: tuple[Caution, ...]) -> tuple[Caution, ...]:
    """Return warnings with the provider names of the wire."""
    if not cautions:
        return cautions
    return tuple(
        Caution(code=c.code, provider=breaker_name(c.provider) if c.provider else None)
        for c in cautions
    )


def hit_metadata(hit: Hit, *, now: float, request_id: str, took_ms: int) -> Metadata:
    """Return the metadata of a search answer."""
    provider = hit.entry.facts.provider
    return metadata_of(
        now,
        request_id=request_id,
        took_ms=took_ms,
        provider=provider,
        source=c3_source(provider, cached=hit.cached),
        cached=hit.cached,
        cache_source=hit.source.value if hit.cached else None,
        cache_age=hit.entry.age(now) if hit.cached else None,
        warnings=cautions_on_wire(hit.cautions),
    )


def hit_headers(hit: Hit, *, now: float, max_age: bytes) -> list[tuple[bytes, bytes]]:
    """Return the search headers of http-api §2.2; ``max_age`` is the route's Cache-Control."""
    entry = hit.entry
    state = b"MISS" if not hit.cached else b"HIT-STALE" if hit.stale else b"HIT"
    return [
        (b"x-cache", state),
        (b"x-cache-status", b"HIT" if hit.cached else b"MISS"),
        (b"x-cache-source", hit.source.value.encode()),
        (b"x-cache-age", b"%d" % entry.age(now)),
        (b"x-cache-ttl", b"%d" % entry.left(now)),
        (b"x-provider", entry.facts.provider.encode()),
        (b"x-image-quality", entry.facts.image_quality.encode()),
        (b"x-data-completeness", b"%d" % entry.facts.completeness),
        (b"cache-control", _cache_control(hit, max_age)),
    ]


def _cache_control(hit: Hit, max_age: bytes) -> bytes:
    if hit.cautions:  # somebody is missing: the next answer may be fuller
        return b"no-store"
    return max_age if hit.entry.facts.found else b"public, max-age=300"


class Reply:
    """Builds the responses of one request."""

    def __init__(self, exchange: Exchange, envelope: Envelope, clock: Clock) -> None:
        self.exchange = exchange
        self._envelope = envelope
        self._clock = clock

    def took_ms(self) -> int:
        """Return whole milliseconds since the request arrived."""
        return int((self._clock.monotonic() - self.exchange.started) * 1000)

    def _metadata(self, **facts: Any) -> Metadata:
        return metadata_of(
            self._clock.time(),
            request_id=self.exchange.request_id,
            took_ms=self.took_ms(),
            **facts,
        )

    def data(
        self,
        payload: Any,
        *,
        top: Any = None,
        mirrored: bool = False,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        cautions: tuple[Caution, ...] = (),
        **facts: Any,
    ) -> Response[Any]:
        """Answer with a payload; ``mirrored`` or ``top`` repeat keys at top level."""
        data = encode(payload)
        above = data if mirrored else encode(top) if top is not None else None
        body = self._envelope.prefix(data, mirrored=above) + self._envelope.suffix(
            self._metadata(warnings=cautions_on_wire(cautions), **facts)
        )
        return Response(body, status_code=status, media_type=_JSON, headers=dict(headers or {}))

    def bare(
        self, payload: Any, *, headers: Mapping[str, str] | None = None, **facts: Any
    ) -> Response[Any]:
        """Answer with a payload at top level, beside ``success`` and ``metadata``."""
        body = self._envelope.bare(encode(payload), self._metadata(**facts))
        return Response(body, media_type=_JSON, headers=dict(headers or {}))

    def hit(self, hit: Hit, payload: Any = None, *, top: Any = None, max_age: str) -> Response[Any]:
        """Answer a search. Without a payload the entry's own bytes are sent as they are."""
        now = self._clock.time()
        metadata = hit_metadata(
            hit, now=now, request_id=self.exchange.request_id, took_ms=self.took_ms()
        )
        suffix = self._envelope.suffix(metadata)
        if payload is None:
            gzip = accepts_gzip(self.exchange.headers.get(b"accept-encoding", b""))
            body, packed = works_body(hit.entry, self._envelope, suffix, gzip=gzip)
            return self._searched(hit, body, max_age=max_age, packed=packed)
        above = encode(top) if top is not None else None
        data = payload if isinstance(payload, bytes) else encode(payload)
        body = self._envelope.prefix(data, mirrored=above) + suffix
        return self._searched(hit, body, max_age=max_age, packed=False)

    def failure(
        self, problem: BooksTrackError, *, cautions: tuple[Caution, ...] = (), top: Any = None
    ) -> Response[Any]:
        """Answer with one of our errors; ``cautions`` say which sources could not be asked.

        The keys of ``top`` stand at top level too.
        """
        rendered = render(
            problem,
            self.exchange,
            self._envelope,
            took_ms=self.took_ms(),
            warnings=cautions_on_wire(cautions),
        )
        self.exchange.error_code = rendered.code
        headers = {name.decode(): value.decode() for name, value in rendered.headers}
        media_type = headers.pop("content-type")
        body = rendered.body if top is None else encode(top)[:-1] + b"," + rendered.body[1:]
        return Response(body, status_code=rendered.status, media_type=media_type, headers=headers)

    def missing(self, hit: Hit, problem: NotFound) -> Response[Any]:
        """Answer that a search found nothing, with the headers of a search."""
        response = self.failure(problem, cautions=hit.cautions)
        for name, value in hit_headers(hit, now=self._clock.time(), max_age=b""):
            response.headers[name.decode()] = value.decode()
        self.exchange.cache_status = response.headers["x-cache-status"]
        self.exchange.provider = hit.entry.facts.provider
        return response

    def mirrored_hit(self, hit: Hit, payload: Any) -> Response[Any]:
        """Answer with a payload whose keys stand at top level too; it is not for shared caches."""
        return self.hit(hit, payload, top=payload, max_age="no-store")

    def bare_hit(self, hit: Hit, payload: Any, *, max_age: str) -> Response[Any]:
        """Answer a legacy search: payload at top level, search headers."""
        now = self._clock.time()
        metadata = hit_metadata(
            hit, now=now, request_id=self.exchange.request_id, took_ms=self.took_ms()
        )
        body = self._envelope.bare(encode(payload), metadata)
        return self._searched(hit, body, max_age=max_age, packed=False)

    def _searched(self, hit: Hit, body: bytes, *, max_age: str, packed: bool) -> Response[Any]:
        headers = hit_headers(hit, now=self._clock.time(), max_age=max_age.encode())
        self.exchange.cache_status = headers[1][1].decode()
        self.exchange.provider = hit.entry.facts.provider
        named = {name.decode(): value.decode() for name, value in headers}
        if packed:
            named["content-encoding"] = "gzip"
        return Response(body, media_type=_JSON, headers=named)


_WORKS = "works"


def works_body(
    entry: Entry, envelope: Envelope, suffix: bytes, *, gzip: bool
) -> tuple[bytes, bool]:
    """Return the default view of an entry and whether it is compressed.

    What is the same in every compressed answer is made once and kept with the entry.
    """
    if not gzip or len(entry.body) + len(suffix) < WORTH_IT:
        return envelope.prefix(entry.body) + suffix, False
    packed = entry.renditions.get(_WORKS)
    if not isinstance(packed, Packed):
        packed = pack(envelope.prefix(entry.body))
        entry.keep(_WORKS, packed)
    return finish(packed, suffix), True


SERVED_FROM = {
    CacheSource.EDGE: "kv",
    CacheSource.KV: "kv",
    CacheSource.COLD: "kv",
    CacheSource.DB: "d1",
    CacheSource.API: "external_api",
    CacheSource.NONE: "external_api",
}
