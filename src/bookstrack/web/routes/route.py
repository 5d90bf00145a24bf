"""How a handler is declared: path, limits, lifecycle, and what the OpenAPI document says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litestar import delete, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from bookstrack.errors import InvalidRequest
from bookstrack.web.contract import Shape, route_options
from bookstrack.web.envelope import Failure
from bookstrack.web.openapi import answer_type

_TEXTS = {
    200: "The answer",
    202: "Accepted: a job works on it",
    204: "There is nothing more to tell",
    302: "It is elsewhere",
    304: "Not modified",
    400: "The request cannot be understood",
    401: "A credential is missing or wrong",
    403: "Not allowed",
    404: "Nothing is known under this name",
    405: "Not possible with this method",
    406: "Not to be had in this form",
    409: "Already in use, or still running",
    410: "The route is gone",
    413: "Too large",
    414: "The address is too long",
    415: "A file of a type that cannot be read",
    422: "A picture with too many pixels, or too few",
    429: "The limit of this class of requests is used up",
    431: "The request headers are too large",
    500: "Something went wrong on our side",
    502: "Every provider failed",
    503: "Not available at the moment",
    504: "Nobody answered in time",
}
_ALWAYS = (400, 403, 405, 413, 414, 431, 500, 503, 504)
PROVIDERS = (502,)
_JSON = "application/json"

Limit = QueryParameter(ge=1, le=100, description="How many results at most")
MaxResults = QueryParameter(name="maxResults", ge=1, le=100, description="The same as limit")
Offset = QueryParameter(ge=0, le=100_000, description="How many results to skip")
TextMode = QueryParameter(description="How to search", schema_extra={"enum": ["text"]})
ViewName = QueryParameter(
    description="The form of the answer", schema_extra={"enum": ["works", "flat", "list"]}
)


def _failures(
    statuses: Sequence[int], fuller: Mapping[int, type[Failure]]
) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            fuller.get(status, Failure), generate_examples=False, description=_TEXTS[status]
        )
        for status in sorted(set(statuses))
    }


def _declare(
    decorator: Any,
    path: str | list[str],
    *,
    answer: Any,
    tag: str,
    failures: Sequence[int],
    media_type: str,
    status: int,
    top: Any,
    shape: Shape,
    group: str | None,
    limit: str | None,
    guards: Sequence[Any] = (),
    fuller: Mapping[int, type[Failure]] | None = None,
    empty: Sequence[int] = (),
    body: Any = None,
    body_type: str = _JSON,
    **facts: Any,
) -> Callable[[Any], HTTPRouteHandler]:
    statuses = [*_ALWAYS, *failures, *([410] if group else []), *([429] if limit else [])]
    whole = answer_type(answer, shape, top) if media_type == _JSON else answer
    success = ResponseSpec(
        whole, generate_examples=False, description=_TEXTS[status], media_type=media_type
    )
    nothing = {code: ResponseSpec(None, description=_TEXTS[code]) for code in empty}
    options = route_options(shape=shape, group=group, limit=limit, **facts)
    return decorator(
        path,
        status_code=status,
        opt=options if body is None else {**options, "body": body, "body_type": body_type},
        responses={status: success, **nothing, **_failures(statuses, fuller or {})},
        tags=[tag],
        deprecated=bool(group),
        media_type=media_type,
        guards=list(guards),
        raises=[],
    )


def _json_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse bodies that say they are something else."""
    named = connection.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if named != _JSON and not named.endswith("+json"):
        raise InvalidRequest(
            f"The body must be {_JSON}", details={"contentType": named[:100], "expected": _JSON}
        )


def read(
    path: str | list[str],
    *,
    answer: Any,
    tag: str,
    top: Any = None,
    failures: Sequence[int] = (),
    limit: str | None = None,
    group: str | None = None,
    shape: Shape = Shape.ENVELOPED,
    legacy: bool = False,
    policy: str | None = None,
    media_type: str = _JSON,
    status: int = 200,
    fuller: Mapping[int, type[Failure]] | None = None,
    empty: Sequence[int] = (),
    stream: bool = False,
) -> Callable[[Any], HTTPRouteHandler]:
    """Declare a ``GET`` route; ``answer`` is the type of the payload of its 200 body.

    ``top`` has the keys that stand at top level where they are not the payload's own;
    ``fuller`` the types of failures that say more than others, by status; ``empty`` the statuses
    of answers without a body. A ``stream`` may take as long as it wants.
    """
    return _declare(
        get,
        path,
        answer=answer,
        top=top,
        tag=tag,
        failures=failures,
        media_type=media_type,
        status=status,
        limit=limit,
        group=group,
        shape=shape,
        legacy=legacy,
        policy=policy,
        fuller=fuller,
        empty=empty,
        stream=stream,
    )


def write(
    path: str | list[str],
    *,
    answer: Any,
    tag: str,
    top: Any = None,
    failures: Sequence[int] = (),
    limit: str | None = None,
    group: str | None = None,
    shape: Shape = Shape.ENVELOPED,
    legacy: bool = False,
    status: int = 200,
    body: Any = None,
    body_type: str = _JSON,
    any_body: bool = False,
    body_limit: int | None = None,
    timeout_s: float | None = None,
) -> Callable[[Any], HTTPRouteHandler]:
    """Declare a ``POST`` route that takes JSON and answers with this type of payload.

    ``body`` is the type that the document gives for a body that the handler reads by itself, in
    the form of ``body_type``, or types by form; ``any_body`` lets a body of any form pass.
    ``body_limit`` (bytes; the larger counts) and ``timeout_s`` replace the limits of JSON bodies.
    """
    return _declare(
        post,
        path,
        answer=answer,
        top=top,
        tag=tag,
        failures=failures,
        media_type=_JSON,
        status=status,
        limit=limit,
        group=group,
        shape=shape,
        legacy=legacy,
        guards=[] if any_body or body_type != _JSON else [_json_only],
        body=body,
        body_type=body_type,
        body_limit=body_limit,
        timeout_s=timeout_s,
    )


def remove(
    path: str | list[str],
    *,
    answer: Any,
    tag: str,
    failures: Sequence[int] = (),
    limit: str | None = None,
) -> Callable[[Any], HTTPRouteHandler]:
    """Declare a ``DELETE`` route that answers 200 with this type of payload."""
    return _declare(
        delete,
        path,
        answer=answer,
        top=None,
        tag=tag,
        failures=failures,
        media_type=_JSON,
        status=200,
        limit=limit,
        group=None,
        shape=Shape.ENVELOPED,
    )
