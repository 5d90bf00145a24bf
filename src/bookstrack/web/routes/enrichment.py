"""Single enrichment: one barcode in, one full book out, repeatable without harm (C1)."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import structlog
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from bookstrack.assembly import Assembly, Claim, ClaimState, StoredAnswer
from bookstrack.cache.tiers import Hit
from bookstrack.catalogue.search import Catalogue
from bookstrack.clock import timestamp
from bookstrack.errors import (
    IdempotencyConflict,
    InvalidRequest,
    MissingParameter,
    NotFound,
    RequestInProgress,
    StorageProblem,
)
from bookstrack.model.isbn import Isbn
from bookstrack.model.provider_names import AUTO, dto_names, preferred
from bookstrack.model.record import ProviderId
from bookstrack.web.contract import Shape
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import PROVIDERS, write
from bookstrack.web.views import EnrichedBook, decode_search, enrichment

log = structlog.get_logger(__name__)

_WAIT_S = 10.0
_LOOK_EVERY_S = 0.1
_Key = Annotated[str, Meta(min_length=1, max_length=255)] | None


class EnrichBody(Struct, frozen=True, kw_only=True):
    """A barcode, and how it is to be looked up."""

    barcode: str | None = None
    idempotency_key: _Key = None
    idempotencyKey: _Key = None
    prefer_provider: str | None = None
    preferProvider: str | None = None
    vectorize: bool = False


class Order(Struct, frozen=True, kw_only=True):
    """A checked request."""

    isbn: Isbn
    prefer: ProviderId | None
    vectorize: bool
    key: str | None

    @property
    def digest(self) -> str:
        """Return the hash under which a repeat is recognised as the same request."""
        words = f"{self.isbn.canonical}|{self.prefer}|{self.vectorize}"
        return hashlib.sha256(words.encode()).hexdigest()


def _order(body: EnrichBody, header: str) -> Order:
    if body.barcode is None or not body.barcode.strip():
        raise MissingParameter("barcode is required", details={"parameter": "barcode"})
    key = header.strip() or body.idempotency_key or body.idempotencyKey
    if key is not None and len(key) > 255:
        raise InvalidRequest("An idempotency key has at most 255 characters")
    if key is not None and not key.isprintable():
        raise InvalidRequest("An idempotency key is of printable characters")
    name = body.prefer_provider or body.preferProvider or AUTO
    try:
        prefer = preferred(name)
    except KeyError:
        raise InvalidRequest(
            "prefer_provider must be auto, google, google-books, openlibrary or isbndb",
            details={"parameter": "prefer_provider"},
        ) from None
    return Order(isbn=Isbn.parse(body.barcode), prefer=prefer, vectorize=body.vectorize, key=key)


@write(
    "/api/v2/books/enrich",
    answer=EnrichedBook,
    tag="Enrichment",
    failures=(404, 409, *PROVIDERS),
    limit="enrich_single",
    shape=Shape.MIRRORED,
)
async def enrich(
    data: JSONBody[EnrichBody],
    catalogue: NamedDependency[Catalogue],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
) -> Response[Any]:
    """Look a barcode up; the same idempotency key gives the same answer again."""
    order = _order(data, reply.exchange.header(b"idempotency-key"))
    if order.key is None:
        hit = await catalogue.by_isbn(order.isbn, prefer=order.prefer)
        return _answered(reply, hit, order)
    scope = f"enrich:{reply.exchange.identity}"
    claim = await _claim(parts, scope, order)
    if claim.state is ClaimState.REPLAY:
        assert claim.answer is not None  # noqa: S101 a replay has its answer
        return _replayed(claim.answer)
    try:
        hit = await catalogue.by_isbn(order.isbn, prefer=order.prefer)
        response = _answered(reply, hit, order)
    except BaseException:
        await _release(parts, scope, order.key)
        raise
    if hit.cautions and not hit.entry.facts.found:
        # Somebody could not be asked: the same request may find the book later.
        await _release(parts, scope, order.key)
    else:
        await _finish(parts, scope, order.key, response)
    return response


async def _finish(parts: Assembly, scope: str, key: str, response: Response[Any]) -> None:
    """Remember the answer; where that fails it is still an answer, and the key is given back."""
    status = response.status_code or 200
    try:
        await parts.idempotency.finish(scope, key, status=status, headers={}, body=response.content)
    except StorageProblem as problem:
        log.warning("answer_not_remembered", problem=problem.message)
        await _release(parts, scope, key)


async def _release(parts: Assembly, scope: str, key: str) -> None:
    """Give the key back; where that fails it frees itself when it counts as abandoned."""
    try:
        await parts.idempotency.release(scope, key)
    except StorageProblem as problem:
        log.warning("key_not_released", problem=problem.message)


def _answered(reply: Reply, hit: Hit, order: Order) -> Response[Any]:
    if not hit.entry.facts.found:
        barcode = order.isbn.canonical
        details = {"barcode": barcode, "providersChecked": dto_names(hit.entry.facts.asked)}
        problem = NotFound(f"No book was found for barcode {barcode}", details=details)
        return reply.failure(problem, cautions=hit.cautions)
    book = enrichment(
        decode_search(hit.entry.body),
        provider=hit.entry.facts.provider,
        at=timestamp(hit.entry.cached_at),
    )
    return reply.mirrored_hit(hit, book)


async def _claim(parts: Assembly, scope: str, order: Order) -> Claim:
    """Claim the key, waiting for a first request that is still running.

    Raises:
        RequestInProgress: it still runs after ten seconds.
        IdempotencyConflict: the key was used for another request.
    """
    assert order.key is not None  # noqa: S101 narrows the type
    until = parts.clock.monotonic() + _WAIT_S
    while True:
        claim = await parts.idempotency.claim(
            scope,
            order.key,
            request_hash=order.digest,
            ttl_s=parts.settings.api.idempotency_enrich_ttl_s,
        )
        state = claim.state
        if state is ClaimState.CONFLICT:
            raise IdempotencyConflict("This idempotency key was used for another request")
        if state is not ClaimState.RUNNING:
            return claim
        if parts.clock.monotonic() >= until:
            raise RequestInProgress("The first request with this key is running", retry_after=1)
        await parts.clock.sleep(_LOOK_EVERY_S)


def _replayed(answer: StoredAnswer) -> Response[Any]:
    headers = {"idempotent-replayed": "true", "cache-control": "no-store"}
    if answer.status >= 400:
        headers |= {"x-error-code": "NOT_FOUND", "x-error-type": "NOT_FOUND"}
    return Response(
        answer.body,
        status_code=answer.status,
        media_type="application/json; charset=utf-8",
        headers=headers,
    )


HANDLERS = (enrich,)
