"""Who may see and stop a job: its id is a capability, its token a stronger one (jobs §3)."""

from __future__ import annotations

import hmac
import re
from typing import Protocol
from urllib.parse import parse_qsl

from bookstrack.errors import InvalidRequest, NotFound, Unauthorized
from bookstrack.jobs.board import JobBoard
from bookstrack.jobs.snapshot import Snapshot
from bookstrack.model.job import Job, PipelineName
from bookstrack.settings import Settings
from bookstrack.web.exchange import Exchange

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_GUESSABLE = 16
_BEARER = "bearer "
_API_TOKEN = "bt_"  # noqa: S105 the beginning of every API token, no secret
_PREFIXES = ("job-results:", "scan-results:", "csv-results:")


class Keeps(Protocol):
    """Where jobs are known."""

    async def job(self, job_id: str) -> Job:
        """Return a job, or raise NotFound."""
        ...

    def authorize(self, job: Job, token: str) -> None:
        """Raise Unauthorized where this is not the job's token, or no longer."""
        ...


def unknown_job(job_id: str) -> NotFound:
    """Return the error for a job that nobody knows (any more)."""
    return NotFound("There is no job of this id", details={"jobId": job_id[:100]})


def path_id(text: str) -> str:
    """Return a job id that stands in a path.

    Raises:
        NotFound: no job can have such an id.
    """
    if not _ID.match(text):
        raise unknown_job(text)
    return text


def results_id(text: str) -> str:
    """Return the job id of a path or resource id such as ``job-results:<id>`` [R1].

    Raises:
        NotFound: no job can have such an id.
    """
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return path_id(text)


def chosen_id(value: object) -> str:
    """Return the job id that a client chose.

    Raises:
        InvalidRequest: it is not 1 to 64 letters, digits, ``_`` and ``-`` [J3].
    """
    if not isinstance(value, str) or not _ID.match(value):
        raise InvalidRequest(
            "jobId must be 1 to 64 letters, digits, underscores or hyphens",
            details={"parameter": "jobId"},
        )
    return value


def missing_token() -> Unauthorized:
    """Return the error of a request without the token it needs."""
    return Unauthorized("The token of this job is required", details={"reason": "missing_token"})


class JobAccess:
    """Checks tokens the way each route wants them checked."""

    def __init__(self, board: Keeps, settings: Settings) -> None:
        self._board = board
        self._admin = settings.api.admin_token
        self._sse_auth = settings.streams.sse_auth

    def token(self, exchange: Exchange, body_token: str | None = None) -> str | None:
        """Return the job token that a request carries, the first carrier that has one [T2].

        An API token or the admin token is none.
        """
        bearer = _bearer(exchange)
        if bearer and not bearer.startswith(_API_TOKEN) and not self._is_admin(bearer):
            return bearer
        header = exchange.header(b"x-auth-token").strip()
        return header or body_token or _query_token(exchange) or None

    def admin(self, exchange: Exchange) -> bool:
        """Tell whether the admin token comes with a request."""
        return self._is_admin(_bearer(exchange))

    async def _job(self, job_id: str) -> Job:
        job = await self._board.job(path_id(job_id))
        if not job.pipeline.is_told:
            raise unknown_job(job_id)
        return job

    def _is_admin(self, bearer: str) -> bool:
        if not self._admin or not bearer:
            return False
        return hmac.compare_digest(bearer.encode(), self._admin.reveal().encode())

    async def known(self, job_id: str, exchange: Exchange) -> Job:
        """Return a job for whoever knows its id; a token that is sent must be right.

        Raises:
            NotFound: no such job.
            Unauthorized: a wrong or expired token, or none for an id that can be guessed [J3].
        """
        return self.check(await self._job(job_id), exchange)

    def check(self, job: Job, exchange: Exchange) -> Job:
        """Check the token of a request that need not have one.

        Raises:
            Unauthorized: as in ``known``.
        """
        token = self.token(exchange)
        if token is not None:
            self._board.authorize(job, token)
        elif len(job.id) < _GUESSABLE:
            raise missing_token()
        return job

    async def owned(self, job_id: str, exchange: Exchange, *, admin: bool = False) -> Job:
        """Return a job to whoever has its token; ``admin`` accepts the admin token too.

        Raises:
            Unauthorized: no token; else, after the job was found, a wrong or expired one [C5].
            NotFound: no such job.
        """
        if admin and self.admin(exchange):
            return await self._job(job_id)
        token = self.token(exchange)
        if token is None:
            raise missing_token()
        job = await self._job(job_id)
        self._board.authorize(job, token)
        return job

    async def stoppable(
        self, job_id: str, exchange: Exchange, body_token: str | None, *, required: bool
    ) -> Job:
        """Return a job to a caller of the old cancel routes, who may have no token [C1].

        Raises:
            Unauthorized: a wrong or expired token, or none where one is ``required``.
            NotFound: no such job.
        """
        token = self.token(exchange, body_token)
        if token is None and required:
            raise missing_token()
        job = await self._job(job_id)
        if token is not None:
            self._board.authorize(job, token)
        return job

    def stream_path_needs_token(self, public: bool) -> bool:
        """Tell whether a stream needs a token by its path alone; ``public`` for imports [S1]."""
        return self._sse_auth == "required-all" or (self._sse_auth == "required" and not public)

    def streams_need_token(self, pipeline: PipelineName) -> bool:
        """Tell whether the streams of a pipeline are for holders of the token only [S1]."""
        if self._sse_auth == "required":
            return pipeline is not PipelineName.CSV_IMPORT
        return self._sse_auth == "required-all"


class JobDesk(JobAccess):
    """What the routes of jobs want: all jobs, and whom to let near them."""

    def __init__(self, board: JobBoard, settings: Settings) -> None:
        super().__init__(board, settings)
        self.board = board

    async def standing(self, job_id: str, exchange: Exchange) -> Snapshot:
        """Return how a job stands, as ``known`` returns a job.

        Raises:
            NotFound, Unauthorized: as there.
        """
        standing = await self.board.status(path_id(job_id))
        if not standing.job.pipeline.is_told:
            raise unknown_job(job_id)
        self.check(standing.job, exchange)
        return standing


def _bearer(exchange: Exchange) -> str:
    value = exchange.header(b"authorization").strip()
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else ""


def _query_token(exchange: Exchange) -> str | None:
    if b"token=" not in exchange.query:
        return None
    query = exchange.query.decode("latin-1")
    return next((value for name, value in parse_qsl(query) if name == "token"), None)
