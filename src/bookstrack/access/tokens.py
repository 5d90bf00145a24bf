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
from bookstrack.storage.database.tokens import TokenStore

log = structlog.get_logger(__name__)

_FORM = re.compile(r"bt_([A-Za-z0-9]{8})_([A-Za-z0-9_-]{43})\Z")
_REMEMBER_S = 30.0


class ApiTokens:
    """Tells which token a caller holds; what was looked up is remembered for half a minute."""

    def __init__(self, store: TokenStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seen: LRUCache[str, tuple[float, str | None]] = LRUCache(1000)

    async def identity(self, token: str) -> str | None:
        """Return the id of a valid token, ``None`` for any other text or while unreadable."""
        form = _FORM.match(token)
        if form is None:
            return None
        digest = hashlib.sha256(form[2].encode()).hexdigest()
        now = self._clock.monotonic()
        until, known = self._seen.get(digest + form[1], (0.0, None))
        if now < until:
            return known
        try:
            found = form[1] if await self._valid(form[1], digest) else None
        except StorageProblem as problem:
            log.warning("token_unchecked", problem=problem.message)
            return None
        self._seen[digest + form[1]] = (now + _REMEMBER_S, found)
        return found

    async def _valid(self, token_id: str, digest: str) -> bool:
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
