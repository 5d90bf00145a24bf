"""What the cache needs of the tiers below memory; which stores they are is not known here."""

from __future__ import annotations

from typing import Protocol


class SharedTier(Protocol):
    """A key-value store; every method may raise StorageProblem."""

    @property
    def reads_inline(self) -> bool:
        """Tell whether ``get_now`` answers without waiting."""
        ...

    def get_now(self, key: str) -> bytes | None:
        """Read at once, ahead of ``get``: where accesses are counted, a miss is counted there."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Read."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: int) -> None:
        """Write with a lifetime in seconds."""
        ...


class ColdTier(Protocol):
    """Where rarely used answers rest: slow, but not lost. Both methods may raise StorageProblem."""

    async def get(self, key: str) -> bytes | None:
        """Read the stored form of an entry."""
        ...

    async def forget(self, key: str) -> None:
        """Remove the copy of an entry that lives in a faster tier again."""
        ...
