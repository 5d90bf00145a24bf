"""Exception to status and envelope: the only table of HTTP statuses (http-api §4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import structlog
from litestar.exceptions import HTTPException

from bookstrack import errors
from bookstrack.model.answer import Caution
from bookstrack.model.naming import camel_name
from bookstrack.model.provider_names import breaker_name
from bookstrack.scans import refusals
from bookstrack.web.envelope import Envelope, ErrorBody, metadata_of, without_nulls
from bookstrack.web.exchange import Exchange, Headers

log = structlog.get_logger(__name__)

_STATUS: dict[type[errors.BooksTrackError], int] = {
    errors.UrlTooLong: 414,
    errors.HeadersTooLarge: 431,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.OriginBlocked: 403,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    refusals.UnsupportedPicture: 415,
    refusals.PictureTooLarge: 422,
    refusals.PictureTooSmall: 422,
    errors.RateLimited: 429,
    errors.ClientGone: 499,
    errors.IdempotencyConflict: 409,
    errors.RequestInProgress: 409,
    errors.JobExists: 409,
    errors.RefreshTooEarly: 409,
    errors.RefreshInProgress: 409,
    errors.NotAcceptable: 406,
    errors.UpgradeRequired: 426,
    errors.Gone: 410,
    errors.FeatureDisabled: 503,
    errors.RequestProblem: 400,
    errors.CircuitOpen: 503,
    errors.ProviderTimeout: 504,
    errors.ProviderUnavailable: 503,
    errors.ProviderBusy: 503,
    errors.QuotaExhausted: 503,
    errors.ProviderProblem: 502,
    errors.StorageProblem: 503,
    errors.Draining: 503,
    errors.RequestTimedOut: 504,
    errors.SearchUnavailable: 503,
    errors.ConfigurationProblem: 500,
    errors.BooksTrackError: 500,
}
C3_NAMES = {
    **dict.fromkeys(
        (
            "MISSING_PARAMETER",
            "MISSING_PARAM",
            "INVALID_PARAM",
            "INVALID_QUERY",
            "INVALID_ISBN",
            "INVALID_FILE",
            "EMPTY_BATCH",
            "BATCH_TOO_LARGE",
            "UNSUPPORTED_FILE_TYPE",
            "IMAGE_TOO_LARGE",
            "IMAGE_TOO_SMALL",
            "NOT_ACCEPTABLE",
        ),
        "INVALID_REQUEST",
    ),
    **dict.fromkeys(
        (
            "IDEMPOTENCY_CONFLICT",
            "REQUEST_IN_PROGRESS",
            "JOB_EXISTS",
            "REFRESH_TOO_EARLY",
            "REFRESH_IN_PROGRESS",
        ),
        "CONFLICT",
    ),
    **dict.fromkeys(
        (
            "FEATURE_DISABLED",
            "SCANNER_NOT_CONFIGURED",
            "SERVICE_UNAVAILABLE",
            "SEARCH_UNAVAILABLE",
        ),
        "INTERNAL_ERROR",
    ),
    "PROVIDER_ERROR": "API_ERROR",
    "PROVIDER_TIMEOUT": "NETWORK_ERROR",
}
_PAUSE_S = 5
_DEFAULT_PAUSES = {
    **dict.fromkeys(("SERVICE_UNAVAILABLE", "PROVIDER_ERROR", "PROVIDER_TIMEOUT"), _PAUSE_S),
    "REQUEST_IN_PROGRESS": 1,
    "REFRESH_IN_PROGRESS": 1,
}


class Rendered:
    """A failure ready to be sent."""

    __slots__ = ("body", "code", "headers", "status")

    def __init__(self, status: int, code: str, headers: Headers, body: bytes) -> None:
        self.status = status
        self.code = code
        self.headers = headers
        self.body = body


def status_of(problem: errors.BooksTrackError) -> int:
    """Return the HTTP status of one of our errors."""
    return next(_STATUS[kind] for kind in type(problem).__mro__ if kind in _STATUS)


def ours(problem: BaseException, *, request_id: str) -> errors.BooksTrackError:
    """Return one of our errors for anything that was raised; the unknown is logged."""
    if isinstance(problem, errors.BooksTrackError):
        return problem
    if isinstance(problem, HTTPException) and problem.status_code < 500:
        return _framework(problem)
    if isinstance(problem, RecursionError):  # of the JSON decoder; nothing of ours recurses
        return errors.InvalidRequest("The body is nested too deeply")
    log.error("request_failed", requestId=request_id, exc_info=problem)
    return errors.BooksTrackError("Something went wrong on our side; it has been logged")


def _framework(problem: HTTPException) -> errors.BooksTrackError:
    if problem.status_code == 404:
        return errors.NotFound("There is nothing at this path")
    if problem.status_code == 413:
        return errors.TooLarge("The body is too large")
    extra: list[Any] = problem.extra if isinstance(problem.extra, list) else []
    problems = [_problem(item) for item in extra[:20]]
    if not problems:
        return errors.InvalidRequest("The request cannot be read")
    if problems[0] == _NO_BODY:
        return errors.InvalidRequest("A JSON body is required")
    message = f"{problems[0]['key']}: {problems[0]['message']}"
    return errors.InvalidRequest(message, details={"problems": problems})


def _problem(item: Mapping[str, Any]) -> dict[str, str]:
    """Return what the framework found wrong, with names as they stand in the request."""
    source = str(item.get("source", "body"))
    name = str(item.get("key", "data"))
    in_body = source == "body"
    return {
        "key": name if in_body else camel_name(name).rstrip("_"),
        "message": str(item.get("message", "")),
        "source": "body" if in_body else source.rpartition(".")[2].lower(),
    }


_NO_BODY = {"key": "data", "message": "'data'", "source": "body"}


def render(
    problem: errors.BooksTrackError,
    exchange: Exchange,
    envelope: Envelope,
    *,
    took_ms: int,
    warnings: tuple[Caution, ...] = (),
) -> Rendered:
    """Return status, headers and body of a failure; ``warnings`` go into its metadata."""
    status = status_of(problem)
    error = error_body(problem, exchange, status)
    lists = exchange.facts is not None and exchange.facts.group == "legacy_search"
    metadata = metadata_of(
        exchange.now, request_id=exchange.request_id, took_ms=took_ms, warnings=warnings
    )
    body = envelope.failure(error, metadata, items=lists and status >= 500)
    headers: Headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-error-code", error.code.encode()),
        (b"x-error-type", error.code.encode()),
        *_extra_headers(problem, error),
    ]
    return Rendered(status, error.code, headers, body)


def error_body(problem: errors.BooksTrackError, exchange: Exchange, status: int) -> ErrorBody:
    """Return the ``error`` object: both generations' names, times in every place one is read."""
    code = _legacy_code(problem, exchange)
    canonical = C3_NAMES.get(code)
    if canonical is not None and exchange.wants_c3_names:
        code, canonical = canonical, code
    pause = problem.retry_after
    if pause is None and problem.retryable:
        pause = _DEFAULT_PAUSES.get(problem.code)
    seconds = None if pause is None else max(1, math.ceil(pause))
    milliseconds = None if pause is None else max(1, round(pause * 1000))
    details = dict(problem.details)
    provider = None
    if isinstance(problem, errors.ProviderProblem):
        provider = breaker_name(problem.provider)
        details |= {"provider": provider, "retryAfterMs": milliseconds}
    if seconds is not None:
        details["retryAfter"] = seconds
    checked = details.get("providersChecked")
    return ErrorBody(
        code=code,
        canonical_code=canonical,
        message=problem.message,
        status_code=status,
        retryable=problem.retryable,
        retry_after=seconds,
        retry_after_ms=milliseconds,
        provider=provider,
        providers_checked=tuple(checked) if checked is not None else None,
        details=without_nulls(details) or None,
    )


def _legacy_code(problem: errors.BooksTrackError, exchange: Exchange) -> str:
    """Legacy routes spell one code differently."""
    legacy = exchange.facts is not None and exchange.facts.legacy
    return "MISSING_PARAM" if legacy and problem.code == "MISSING_PARAMETER" else problem.code


def _extra_headers(problem: errors.BooksTrackError, error: ErrorBody) -> Headers:
    headers: Headers = []
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if isinstance(problem, errors.MethodNotAllowed):
        headers.append((b"allow", str(problem.details.get("allow", "")).encode()))
    if isinstance(problem, errors.Unauthorized):
        headers.append((b"www-authenticate", b'Bearer realm="bookstrack"'))
    if isinstance(problem, errors.TooLarge):
        for name, key in (
            (b"x-max-size-mb", "maxMB"),
            (b"x-received-size-mb", "receivedMB"),
            (b"x-resource-type", "resourceType"),
        ):
            if key in problem.details:
                headers.append((name, str(problem.details[key]).encode()))
    return headers
