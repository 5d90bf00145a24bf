"""Open streams and sockets of this process: how many each caller has, and their common end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from bookstrack.errors import RateLimited

_PAUSE_S = 30


class OpenStreams:
    """Counts what is open, per rate identity, and tells everybody when the server leaves."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()
        self.closing = asyncio.Event()
        """Set when the server shuts down: every stream ends soon [P11]."""
        self._ending: asyncio.Future[None] | None = None

    @property
    def total(self) -> int:
        """Return how many are open now."""
        return self._open.total()

    @contextmanager
    def enter(self, identity: str) -> Generator[None]:
        """Hold one of the caller's places.

        Raises:
            RateLimited: the caller has as many streams open as is allowed.
        """
        if self._open[identity] >= self._limit:
            raise RateLimited(
                f"Too many open streams; {self._limit} are allowed",
                retry_after=_PAUSE_S,
                details={"limit": self._limit, "open": self._open[identity], "class": "streams"},
            )
        self._open[identity] += 1
        try:
            yield
        finally:
            self._open[identity] -= 1
            if not self._open[identity]:
                del self._open[identity]

    def ending(self) -> asyncio.Future[None]:
        """Return what is done as soon as the server shuts down; it is the same for everybody."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_future()
            if self.closing.is_set():
                self._ending.set_result(None)
        return self._ending

    def close(self) -> None:
        """Ask every open stream to end."""
        self.closing.set()
        if self._ending is not None and not self._ending.done():
            self._ending.set_result(None)
