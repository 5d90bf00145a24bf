"""The bus of a process that is alone: nothing leaves it."""

from __future__ import annotations

from collections.abc import Callable

from bookstrack.storage.bus.base import Listener, Listeners


class MemoryBus:
    """Hands every text to the listeners of this process."""

    dropped = 0

    def __init__(self) -> None:
        self._listeners = Listeners()

    async def publish(self, text: str) -> None:
        """Hand a text to everybody here."""
        self._listeners.hand(text)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call a function with every text until the returned function is called."""
        return self._listeners.add(listener)

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
