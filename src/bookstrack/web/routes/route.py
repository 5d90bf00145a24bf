"""How a handler is declared: path, limits, lifecycle, and what the OpenAPI document says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from litestar import get, post
from litestar.datastructures import ResponseHeader
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from bookstrack.web.contract import Shape, route_options
from bookstrack.web.envelope import Failure

_TEXTS = {
    304: "Not modified",
    400: "The request cannot be understood",
    401: "A credential is missing or wrong",
    403: "Not allowed",
    404: "Nothing is known under this name",
    405: "Not possible with this method",
    409: "Already in use, or still running",
    410: "The route is gone",
    413: "Too large",
    414: "The address is too long",
    429: "The limit of this class of requests is used up",
    431: "The request headers are too large",
    500: "Something went wrong on our side",
    502: "Every provider failed",
    503: "Not available at the moment",
    504: "Nobody answered in time",
}
ALWAYS = (400, 405, 413, 414, 429, 431, 500, 503)
PROVIDERS = (502, 504)

Limit = QueryParameter(ge=1, le=100, description="How many results at most")
MaxResults = QueryParameter(name="maxResults", ge=1, le=100, description="The same as limit")
Offset = QueryParameter(ge=0, le=100_000, description="How many results to skip")
ViewName = QueryParameter(description="works, flat or list", max_length=20)


def _failures(statuses: Sequence[int]) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(Failure, generate_examples=False, description=_TEXTS[status])
        for status in sorted(set(statuses))
    }


def _declare(
    decorator: Any,
    path: str | list[str],
    *,
    answer: Any,
    tag: str,
    failures: Sequence[int],
    media_type: str = "application/json",
    status: int = 200,
    **facts: Any,
) -> Callable[[Any], HTTPRouteHandler]:
    group = facts.get("group")
    statuses = [*ALWAYS, *failures, *([410] if group else [])]
    success = ResponseSpec(
        answer, generate_examples=False, description="The answer", media_type=media_type
    )
    return decorator(
        path,
        status_code=status,
        opt=route_options(**facts),
        responses={status: success, **_failures(statuses)},
        tags=[tag],
        deprecated=bool(group),
        media_type=media_type,
        raises=[],
    )


def read(
    path: str | list[str],
    *,
    answer: Any,
    tag: str,
    failures: Sequence[int] = (),
    limit: str | None = None,
    group: str | None = None,
    shape: Shape = Shape.ENVELOPED,
    legacy: bool = False,
    policy: str | None = None,
    media_type: str = "application/json",
) -> Callable[[Any], HTTPRouteHandler]:
    """Declare a ``GET`` route; ``answer`` is the type of its 200 body."""
    return _declare(
        get,
        path,
        answer=answer,
        tag=tag,
        failures=failures,
        media_type=media_type,
        limit=limit,
        group=group,
        shape=shape,
        legacy=legacy,
        policy=policy,
    )


def write(
    path: str | list[str],
    *,
    answer: Any,
    tag: str,
    failures: Sequence[int] = (),
    limit: str | None = None,
    group: str | None = None,
    shape: Shape = Shape.ENVELOPED,
    legacy: bool = False,
) -> Callable[[Any], HTTPRouteHandler]:
    """Declare a ``POST`` route that answers 200; ``answer`` is the type of its body."""
    return _declare(
        post,
        path,
        answer=answer,
        tag=tag,
        failures=failures,
        limit=limit,
        group=group,
        shape=shape,
        legacy=legacy,
    )


__all__ = [
    "ALWAYS",
    "PROVIDERS",
    "Limit",
    "MaxResults",
    "Offset",
    "ResponseHeader",
    "ViewName",
    "read",
    "write",
]
