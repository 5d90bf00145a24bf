"""Which features are on, for everybody or for one user (http-api A8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct, field

from bookstrack.access.flags import SSE_ROLLOUT
from bookstrack.assembly import Assembly
from bookstrack.errors import InvalidRequest, Unauthorized
from bookstrack.model.flag import Flag
from bookstrack.model.naming import camel_name
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import read

_NO_STORE = {"cache-control": "no-store"}
_LONGEST = 128


class Rollout(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """How far a feature is rolled out; ``bucket`` (0 to 9999) is the user's, where one is named."""

    percentage: int
    enabled: bool
    bucket: int | None = None


class FlagFacts(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """Every flag as it stands for the user, and under their own names those clients look for."""

    flags: dict[str, bool]
    rollouts: dict[str, Rollout]
    sse_rollout_percentage: int
    use_batch_enrichment_sse: bool = field(name="useBatchEnrichmentSSE")
    use_bookshelf_scan_sse: bool = field(name="useBookshelfScanSSE")
    use_http_enrichment: bool = field(name="useHTTPEnrichment")
    user_id: str | None = None


_WIRE = {
    "use_batch_enrichment_sse": "useBatchEnrichmentSSE",
    "use_bookshelf_scan_sse": "useBookshelfScanSSE",
    "use_http_enrichment": "useHTTPEnrichment",
}


@read("/api/v2/flags", answer=FlagFacts, tag="System", failures=(401,))
async def flags(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    user_id: Annotated[
        str | None,
        QueryParameter(name="userId", description="1 to 128 characters; without it, for everybody"),
    ] = None,
) -> Response[Any]:
    """Return which features are on; the same user always gets the same answer."""
    if parts.settings.api.auth_mode == "token" and reply.exchange.token_id is None:
        raise Unauthorized("An API token is needed")
    if user_id is not None and not 1 <= len(user_id) <= _LONGEST:
        raise InvalidRequest("userId has 1 to 128 characters", details={"parameter": "userId"})
    return reply.data(_facts(await parts.flags.every(), user_id), headers=_NO_STORE)


def _facts(known: Mapping[str, Flag], user_id: str | None) -> FlagFacts:
    on = {name: flag.on(user_id) for name, flag in sorted(known.items())}
    sse = known[SSE_ROLLOUT]
    percentage = sse.rollout if sse.enabled else 0
    return FlagFacts(
        user_id=user_id,
        flags=on,
        rollouts={
            "sse": Rollout(
                percentage=percentage,
                enabled=on[SSE_ROLLOUT],
                bucket=None if user_id is None else sse.bucket(user_id),
            )
        },
        sse_rollout_percentage=percentage,
        **{field: on[name] for field, name in _WIRE.items()},
    )


HANDLERS = (flags,)
