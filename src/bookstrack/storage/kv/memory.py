"""A key-value tier of one process that forgets with it; for tests and ``memory:``."""

from __future__ import annotations

from bookstrack.clock import Clock

_SWEEP_AT = 1024


class MemoryKeyValue:
    """KeyValue in a dict; expired entries are dropped whenever the dict has doubled."""

    reads_inline = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, tuple[float, bytes]] = {}
        self._sweep_at = _SWEEP_AT

    async def get(self, key: str) -> bytes | None:
        """Return the value, None when there is none or its time is over."""
        return self.get_now(key)

    def get_now(self, key: str) -> bytes | None:
        """Return the value, None when there is none or its time is over."""
        entry = self._entries.get(key)
        return entry[1] if entry and entry[0] > self._clock.time() else None

    async def set(self, key: str, value: bytes, *, ttl_s: int) -> None:
        """Store a value for so many seconds, replacing what was there."""
        now = self._clock.time()
        self._entries[key] = (now + ttl_s, value)
        if len(self._entries) >= self._sweep_at:
            self._entries = {k: entry for k, entry in self._entries.items() if entry[0] > now}
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._entries))

    async def delete(self, *keys: str) -> None:
        """Remove entries; unknown keys are no mistake."""
        for key in keys:
            self._entries.pop(key, None)

    async def ping(self) -> None:
        """Do nothing: memory is always there."""

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
