"""The exception tree. An error carries a machine code and facts, never an HTTP status.

::

    BooksTrackError              code, message, details, retryable, retry_after
      RequestProblem             the caller asked for something that cannot be done
        InvalidRequest           INVALID_REQUEST
          MissingParameter       MISSING_PARAMETER
          InvalidParameter       INVALID_PARAM (legacy author search)
          EmptyBatch             EMPTY_BATCH
          BatchTooLarge          BATCH_TOO_LARGE
          UrlTooLong             INVALID_REQUEST
          HeadersTooLarge        INVALID_REQUEST
        InvalidIsbn              INVALID_ISBN
        InvalidQuery             INVALID_QUERY
        NotFound                 NOT_FOUND
        MethodNotAllowed         METHOD_NOT_ALLOWED
        Unauthorized             UNAUTHORIZED
        Forbidden                FORBIDDEN
        OriginBlocked            CORS_BLOCKED
        TooLarge                 FILE_TOO_LARGE
        UnsupportedMedia         UNSUPPORTED_FILE_TYPE
        RateLimited              RATE_LIMIT_EXCEEDED
        IdempotencyConflict      IDEMPOTENCY_CONFLICT
        RequestInProgress        REQUEST_IN_PROGRESS
        JobExists                JOB_EXISTS
        RefreshTooEarly          REFRESH_TOO_EARLY
        RefreshInProgress        REFRESH_IN_PROGRESS
        NotAcceptable            NOT_ACCEPTABLE
        UpgradeRequired          UPGRADE_REQUIRED
        Gone                     GONE
        ClientGone               CLIENT_DISCONNECTED: nobody waits for an answer
        FeatureDisabled          FEATURE_DISABLED
          ScannerNotConfigured   SCANNER_NOT_CONFIGURED: nothing here reads photos
      ProviderProblem            an outside source could not be used; has ``provider``
        ProviderTimeout          time-out or network failure
        ProviderFailed           5xx, unreadable or mistyped body
          ProviderUnavailable    503
        ProviderBusy             short-term 429
        QuotaExhausted           daily quota used up
        ProviderRefused          our query (``bad_query``) or our key (``auth``) was refused
        CircuitOpen              CIRCUIT_OPEN: the breaker lets no call through
      JobProblem                 inside a running job
        JobCanceled              JOB_CANCELED: somebody asked the job to stop
        JobFailed                the job as a whole cannot go on; has ``fault``
        LeaseLost                somebody else runs the job now, or it has ended
      StorageProblem
        StorageUnavailable       SERVICE_UNAVAILABLE: the database cannot be reached
      Draining                   SERVICE_UNAVAILABLE: starting up or shutting down
      RequestTimedOut            PROVIDER_TIMEOUT: the whole request took too long
      SearchUnavailable          SEARCH_UNAVAILABLE: no embedding backend or index
      ConfigurationProblem       a setting is wrong; names the variable
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class BooksTrackError(Exception):
    """Root of everything BooksTrack raises on purpose.

    ``message`` is safe to show to a caller; ``details`` holds JSON values without nulls;
    ``retry_after`` is in seconds.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    retryable: bool = True

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})
        self.retry_after = retry_after


class RequestProblem(BooksTrackError):
    """The request itself cannot be served; repeating it unchanged does not help."""

    code = "INVALID_REQUEST"
    retryable = False


class InvalidRequest(RequestProblem):
    """A malformed body, a wrong content type or a bad value."""


class MissingParameter(InvalidRequest):
    """A required parameter or file is absent."""

    code = "MISSING_PARAMETER"


class InvalidParameter(InvalidRequest):
    """A number out of range on the legacy author search."""

    code = "INVALID_PARAM"


class EmptyBatch(InvalidRequest):
    """A list that must have items is empty."""

    code = "EMPTY_BATCH"


class BatchTooLarge(InvalidRequest):
    """A list is longer than its limit."""

    code = "BATCH_TOO_LARGE"


class UrlTooLong(InvalidRequest):
    """A request line above 8 KiB."""


class HeadersTooLarge(InvalidRequest):
    """Request headers above 32 KiB."""


class InvalidIsbn(RequestProblem):
    """A text that does not have the shape of an ISBN."""

    code = "INVALID_ISBN"


class InvalidQuery(RequestProblem):
    """Search text that is missing or too short."""

    code = "INVALID_QUERY"


class NotFound(RequestProblem):
    """Nothing is known under this name, path or number."""

    code = "NOT_FOUND"


class MethodNotAllowed(RequestProblem):
    """The path exists, but not for this method; ``details['allow']`` names those it has."""

    code = "METHOD_NOT_ALLOWED"


class Unauthorized(RequestProblem):
    """A credential is missing, wrong or expired."""

    code = "UNAUTHORIZED"


class Forbidden(RequestProblem):
    """Known caller or address, but not allowed."""

    code = "FORBIDDEN"


class OriginBlocked(RequestProblem):
    """A browser origin outside the allow-list."""

    code = "CORS_BLOCKED"


class TooLarge(RequestProblem):
    """A body, file or image above its limit in bytes."""

    code = "FILE_TOO_LARGE"


class UnsupportedMedia(RequestProblem):
    """Image bytes of a type the server cannot read."""

    code = "UNSUPPORTED_FILE_TYPE"


class RateLimited(RequestProblem):
    """The caller used up a limit; ``retry_after`` says when the window ends."""

    code = "RATE_LIMIT_EXCEEDED"
    retryable = True


class IdempotencyConflict(RequestProblem):
    """An idempotency key was used before with another body."""

    code = "IDEMPOTENCY_CONFLICT"


class RequestInProgress(RequestProblem):
    """The first request with this idempotency key is still running."""

    code = "REQUEST_IN_PROGRESS"
    retryable = True


class JobExists(RequestProblem):
    """A job id chosen by a client is in use for another request."""

    code = "JOB_EXISTS"


class RefreshTooEarly(RequestProblem):
    """A job token may be renewed near its end only; ``retry_after`` says when."""

    code = "REFRESH_TOO_EARLY"
    retryable = True


class RefreshInProgress(RequestProblem):
    """Another renewal of the same job token is running."""

    code = "REFRESH_IN_PROGRESS"
    retryable = True


class NotAcceptable(RequestProblem):
    """A stream asked for in a form it does not have."""

    code = "NOT_ACCEPTABLE"


class UpgradeRequired(RequestProblem):
    """A socket asked for without an upgrade."""

    code = "UPGRADE_REQUIRED"


class Gone(RequestProblem):
    """A route past its sunset."""

    code = "GONE"


class ClientGone(RequestProblem):
    """The client went away while it was sending; this is only for the log."""

    code = "CLIENT_DISCONNECTED"
    retryable = True


class FeatureDisabled(RequestProblem):
    """A feature whose key or switch is off."""

    code = "FEATURE_DISABLED"


class ScannerNotConfigured(FeatureDisabled):
    """Neither a key for an AI nor an OCR engine: photos cannot be read."""

    code = "SCANNER_NOT_CONFIGURED"


class ProviderProblem(BooksTrackError):
    """An outside source could not be used. ``provider`` is its internal id (``google``…).

    ``message`` is for operators: it may name paths and statuses; ``told`` is for readers.
    """

    code = "PROVIDER_ERROR"
    counts_for_breaker: ClassVar[bool] = False
    happened: ClassVar[str] = "could not be asked"

    def __init__(
        self,
        provider: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, details=details, retry_after=retry_after)
        self.provider = provider

    @property
    def told(self) -> str:
        """Return what happened in words for people, without a full stop."""
        return f"{self.provider.capitalize()} {self.happened}"


class ProviderTimeout(ProviderProblem):
    """No answer in time, or the network failed."""

    code = "PROVIDER_TIMEOUT"
    happened = "did not answer in time"
    counts_for_breaker = True


class ProviderFailed(ProviderProblem):
    """A 5xx status, or a body that cannot be read as what the provider promises."""

    counts_for_breaker = True
    happened = "does not work right now"


class ProviderUnavailable(ProviderFailed):
    """Status 503: the provider knows that it is down."""


class ProviderBusy(ProviderProblem):
    """The provider asked us to slow down (short-term 429)."""

    happened = "is asked too much right now"


class QuotaExhausted(ProviderProblem):
    """The daily quota is used up; ``retry_after`` is the time until its reset."""

    happened = "may not be asked any more today"


class ProviderRefused(ProviderProblem):
    """The provider refuses the query (``reason='bad_query'``) or our key (``'auth'``)."""

    retryable = False
    happened = "refused to answer"

    def __init__(self, provider: str, message: str, *, reason: str = "bad_query") -> None:
        super().__init__(provider, message, details={"reason": reason})
        self.reason = reason


class CircuitOpen(ProviderProblem):
    """The breaker of this provider is open; ``retry_after`` is the rest of its cool-down."""

    code = "CIRCUIT_OPEN"
    happened = "has not been working and is left alone for a while"


class JobProblem(BooksTrackError):
    """Something that ends or moves a running job; never an answer to a request."""


class JobCanceled(JobProblem):
    """The job was asked to stop."""

    code = "JOB_CANCELED"
    retryable = False


class JobFailed(JobProblem):
    """The job as a whole cannot go on. ``job_code`` is its public error code (``E_...``)."""

    def __init__(
        self,
        job_code: str,
        message: str,
        *,
        retryable: bool,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, details=details)
        self.job_code = job_code
        self.retryable = retryable


class LeaseLost(JobProblem):
    """The job is run by somebody else now, or it has ended: what was to be written was not."""


class StorageProblem(BooksTrackError):
    """Something that remembers failed."""

    code = "SERVICE_UNAVAILABLE"


class StorageUnavailable(StorageProblem):
    """The database cannot be reached; it is tried again with the next request."""


class Draining(BooksTrackError):
    """The server is starting up or shutting down."""

    code = "SERVICE_UNAVAILABLE"


class RequestTimedOut(BooksTrackError):
    """The whole request took longer than its limit."""

    code = "PROVIDER_TIMEOUT"


class SearchUnavailable(BooksTrackError):
    """A kind of search for which this server has no backend."""

    code = "SEARCH_UNAVAILABLE"


class ConfigurationProblem(BooksTrackError):
    """A setting has a value that cannot be used; ``variable`` names it."""

    retryable = False

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(f"{variable}: {message}")
        self.variable = variable
