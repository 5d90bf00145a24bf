"""API tokens of users: minted once, stored as a hash, recognised in constant time (http-api §2.5).

A token is ``bt_`` + 8 characters of id + ``_`` + 43 characters of secret (256 bit).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable

import structlog
from cachebox import LRUCache

from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.limits.limiter import MemoryCounters
from bookstrack.storage.database.tokens import TokenStore

log = structlog.get_logger(__name__)

_FORM = re.compile(r"bt_([A-Za-z0-9]{8})_([A-Za-z0-9_-]{43})\Z")
_REMEMBER_S = 30.0
_REMEMBERED = 1000
_FAILURES = 10  # as many as failed logins of the admin API (operations §5.1)
_WINDOW_S = 60


class ApiTokens:
    """Tells which token a caller holds; what was looked up is remembered for half a minute.

    Made-up tokens cost little: a caller may fail ten times a minute, then only tokens that were
    valid before are looked up for it, and what failed does not displace what is valid.
    """

    def __init__(self, store: TokenStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._valid: LRUCache[str, float] = LRUCache(_REMEMBERED)
        self._wrong: LRUCache[str, float] = LRUCache(_REMEMBERED)
        self._failures = MemoryCounters()

    async def identity(self, token: str, *, caller: str) -> str | None:
        """Return the id of a valid token, ``None`` for any other text or while unreadable.

        ``caller`` is the rate identity of the address that shows it.
        """
        form = _FORM.match(token)
        if form is None:
            return None
        digest = hashlib.sha256(form[2].encode()).hexdigest()
        key = digest + form[1]
        now = self._clock.monotonic()
        until = self._valid.get(key, 0.0)
        known = until > 0
        if now < until:
            return form[1]
        if now < self._wrong.get(key, 0.0) or not (known or self._may_try(caller)):
            return None
        try:
            valid = await self._check(form[1], digest)
        except StorageProblem as problem:
            if not known:
                self._failures.take_back(caller)
            log.warning("token_unchecked", problem=problem.message)
            return None
        if not valid:
            self._valid.pop(key, None)
            self._wrong[key] = now + _REMEMBER_S
            return None
        if not known:
            self._failures.take_back(caller)
        self._valid[key] = now + _REMEMBER_S
        return form[1]

    def _may_try(self, caller: str) -> bool:
        """Count a look-up as a failure until it turns out not to be one."""
        now = self._clock.time()
        hit = self._failures.hit_now(caller, limit=_FAILURES, window_s=_WINDOW_S, now=now)
        return hit.allowed

    async def _check(self, token_id: str, digest: str) -> bool:
        kept = await self._store.find(token_id)
        if kept is None or kept.revoked_at is not None:
            return False
        if kept.expires_at is not None and kept.expires_at <= self._clock.time():
            return False
        return hmac.compare_digest(kept.digest, digest)


def mint(randomness: Callable[[int], bytes]) -> tuple[str, str, str]:
    """Return a new token, its id and the hash to store. ``randomness`` gives n random bytes."""
    token_id = base64.b32encode(randomness(5)).decode().lower()
    secret = base64.urlsafe_b64encode(randomness(32)).decode().rstrip("=")
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return f"bt_{token_id}_{secret}", token_id, digest
