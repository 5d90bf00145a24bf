"""What a shared key-value tier must do, and what counting against a limit answers."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class KeyValue(Protocol):
    """Bytes under text keys with a lifetime; expired entries are never returned.

    Every method may raise StorageUnavailable. ``reads_inline`` tells whether ``get_now`` works.
    """

    reads_inline: bool

    async def get(self, key: str) -> bytes | None:
        """Return the value, None when there is none or its time is over."""
        ...

    def get_now(self, key: str) -> bytes | None:
        """Do the same without waiting, in microseconds; only where ``reads_inline`` is true.

        Who finds nothing here asks again with ``get``: where accesses are counted, a miss is
        counted there.
        """
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: int) -> None:
        """Store a value for so many seconds, replacing what was there."""
        ...

    async def delete(self, *keys: str) -> None:
        """Remove entries; unknown keys are no mistake."""
        ...

    async def ping(self) -> None:
        """Ask for a sign of life."""
        ...

    async def close(self) -> None:
        """Write down what is still in memory and let go of connections."""
        ...


class Count(Struct, frozen=True):
    """One window after a hit; ``used`` counts allowed hits, ``resets_at`` is in epoch seconds."""

    allowed: bool
    used: int
    resets_at: float


class Counters(Protocol):
    """Counting that several processes share."""

    async def hit(self, key: str, *, limit: int, window_s: int, now: float) -> Count:
        """Count one hit unless the window is full; atomic between tasks, processes and hosts.

        A window begins with its first hit. ``now`` is in epoch seconds.

        Raises:
            StorageUnavailable: what the processes share cannot be reached.
        """
        ...
