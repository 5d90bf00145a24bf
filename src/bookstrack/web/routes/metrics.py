"""Numbers for operators (http-api A4)."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from bookstrack.assembly import Assembly
from bookstrack.errors import Unauthorized
from bookstrack.telemetry.report import Report
from bookstrack.web.contract import Shape
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import read

_PROMETHEUS = "text/plain; version=0.0.4"  # the framework adds the charset
_MINUTE = {"cache-control": "private, max-age=60"}


@read("/metrics", answer=Report, tag="System", failures=(401,), shape=Shape.BARE)
async def metrics(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    period: Annotated[
        str | None, QueryParameter(description="15m, 1h, 24h or 7d; anything else is 1h")
    ] = None,
    format: Annotated[
        str | None, QueryParameter(description="json, or prometheus for the counters themselves")
    ] = None,
) -> Response[Any]:
    """Return what happened lately as JSON, or every counter as Prometheus text."""
    _check_token(reply, parts)
    if not _wants_text(format, reply.exchange.header(b"accept")):
        return reply.bare(parts.reports.report(period), headers=_MINUTE)
    parts.catalogue.tiers.observe()
    parts.reports.refresh()
    return Response(parts.metrics.exposition(), media_type=_PROMETHEUS, headers=_MINUTE)


def _check_token(reply: Reply, parts: Assembly) -> None:
    expected = parts.settings.telemetry.metrics_token
    if not expected:
        return
    scheme, _, given = reply.exchange.header(b"authorization").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), expected.reveal().encode())
    if not same or scheme.lower() != "bearer":
        raise Unauthorized("The metrics need their token")


def _wants_text(format: str | None, accept: str) -> bool:
    """Tell whether the caller prefers Prometheus text; the parameter outweighs the header."""
    if format in ("json", "prometheus"):
        return format == "prometheus"
    weights = dict(_weight(part) for part in accept.lower().split(","))
    return weights.get("text/plain", 0.0) > weights.get("application/json", 0.0)


def _weight(part: str) -> tuple[str, float]:
    """Return one media range of an Accept header and how much it is wanted."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 0.0


HANDLERS = (metrics,)
