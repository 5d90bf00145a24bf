"""Feature flags: what is switched on, for whom and for how many (operations §3). Pure."""

from __future__ import annotations

import hashlib

from msgspec import Struct

BUCKETS = 10_000
"""Users fall into so many equal parts; one percent of a rollout is a hundred of them."""


class Flag(Struct, frozen=True, kw_only=True):
    """One switch. ``rollout`` is percent of users, ``updated_at`` epoch seconds.

    ``allow`` and ``deny`` are user ids for whom it is on or off whatever else is said. An empty
    ``salt`` means the name; flags of one salt are on for the same users.
    """

    name: str
    enabled: bool = True
    rollout: int = 100
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    salt: str = ""
    updated_at: float = 0.0
    updated_by: str | None = None
    reason: str | None = None

    def bucket(self, user_id: str) -> int:
        """Return the part of all users, 0 to 9999, that somebody belongs to for this flag.

        It depends on the texts alone, so it is the same in every process and after every start.
        """
        return bucket(self.salt or self.name, user_id)

    def on(self, user_id: str | None = None, *, isbn: str | None = None) -> bool:
        """Tell whether it is on for a user; without one an ``isbn`` may decide the bucket."""
        if user_id is not None and user_id in self.deny:
            return False
        if user_id is not None and user_id in self.allow:
            return True
        if not self.enabled or self.rollout <= 0:
            return False
        if self.rollout >= 100:
            return True
        whose = isbn if user_id is None else user_id
        return whose is not None and self.bucket(whose) < self.rollout * (BUCKETS // 100)


def bucket(salt: str, user_id: str) -> int:
    """Return the bucket of a user under a salt, 0 to 9999."""
    digest = hashlib.sha256(f"{salt}:{user_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS
