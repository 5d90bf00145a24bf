"""Numbers for operators (http-api A4)."""

from __future__ import annotations

import hmac
from typing import Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromQuery

from bookstrack.assembly import Assembly
from bookstrack.errors import Unauthorized
from bookstrack.web.contract import Shape
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import read

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@read("/metrics", answer=dict[str, Any], tag="System", failures=(401,), shape=Shape.BARE)
async def metrics(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    period: FromQuery[str | None] = None,
    format: FromQuery[str | None] = None,
) -> Response[Any]:
    """Return counters as JSON or Prometheus text."""
    _check_token(reply, parts)
    parts.catalogue.tiers.observe()
    return Response(parts.metrics.exposition(), media_type=_PROMETHEUS)


def _check_token(reply: Reply, parts: Assembly) -> None:
    expected = parts.settings.telemetry.metrics_token
    if not expected:
        return
    given = reply.exchange.header(b"authorization").removeprefix("Bearer ").strip()
    if not hmac.compare_digest(given.encode(), expected.reveal().encode()):
        raise Unauthorized("The metrics need their token")


HANDLERS = (metrics,)
