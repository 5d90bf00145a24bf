"""Who may see and steer a job: its token, checked and renewed ([T1]-[T5], [C5])."""

from __future__ import annotations

from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import RefreshInProgress, RefreshTooEarly, Unauthorized
from bookstrack.jobs.tokens import matches, mint
from bookstrack.model.job import Job
from bookstrack.settings import JobSettings
from bookstrack.storage.database.job_store import JobStore

_RETRY_S = 1.0


class Refreshed(Struct, frozen=True, kw_only=True):
    """A renewed token; ``expires_at`` is epoch seconds, ``expires_in`` whole seconds from now."""

    job_id: str
    token: str
    expires_at: float
    expires_in: int


class Gate:
    """The tokens of all jobs."""

    def __init__(
        self, store: JobStore, *, secret: bytes, clock: Clock, settings: JobSettings
    ) -> None:
        self._store = store
        self._secret = secret
        self._clock = clock
        self._settings = settings
        self._renewing: set[str] = set()

    def token(self, job: Job) -> str:
        """Return the valid token of a job."""
        return mint(self._secret, job.id, job.token_generation)

    def expires_at(self) -> float:
        """Return the epoch seconds until which a token made now is valid."""
        return self._clock.time() + self._settings.token_ttl_s

    def authorize(self, job: Job, token: str | None) -> None:
        """Let a token pass.

        Raises:
            Unauthorized: it is missing (no reason given), wrong or superseded
                (``details.reason`` ``invalid_token``), or its time is over (``expired``).
        """
        if not token:
            raise Unauthorized("A job token is required")
        if not matches(self._secret, job.id, job.token_generation, token):
            raise _invalid()
        if job.token_expires_at <= self._clock.time():
            raise Unauthorized("Token expired", details={"reason": "expired"})

    async def refresh(self, job_id: str, old: str) -> Refreshed:
        """Renew a token near its end; of several calls at once exactly one wins [T4].

        Raises:
            Unauthorized: unknown job, or a token that ``authorize`` would not let pass.
            RefreshTooEarly: it is valid for long yet; ``retry_after`` says for how long not.
            RefreshInProgress: another call is renewing it.
            StorageUnavailable: the database cannot be reached; the old token stays valid.
        """
        job = await self._store.get(job_id)
        if job is None:
            raise _invalid()
        self.authorize(job, old)
        now = self._clock.time()
        early = job.token_expires_at - self._settings.token_refresh_window_s - now
        if early > 0:
            raise _too_early(early)
        if job_id in self._renewing:
            raise _in_progress()
        self._renewing.add(job_id)
        try:
            return await self._renew(job, now)
        finally:
            self._renewing.discard(job_id)

    async def _renew(self, job: Job, now: float) -> Refreshed:
        expires_at = now + self._settings.token_ttl_s
        swapped = await self._store.swap_token(
            job.id, generation=job.token_generation, now=now, expires_at=expires_at
        )
        if not swapped:  # another process was faster a moment ago
            raise _in_progress()
        return Refreshed(
            job_id=job.id,
            token=mint(self._secret, job.id, job.token_generation + 1),
            expires_at=expires_at,
            expires_in=self._settings.token_ttl_s,
        )


def _invalid() -> Unauthorized:
    return Unauthorized("Invalid token", details={"reason": "invalid_token"})


def _too_early(seconds: float) -> RefreshTooEarly:
    allowed_in = -int(-seconds // 1)
    return RefreshTooEarly(
        "The token may be renewed near its end only",
        details={"refreshAllowedInSeconds": allowed_in},
        retry_after=allowed_in,
    )


def _in_progress() -> RefreshInProgress:
    return RefreshInProgress("Another refresh of this token is running", retry_after=_RETRY_S)
