"""What a bus must do, and what all of them share: listeners, and texts that wait to be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

Listener = Callable[[str], None]

LARGEST = 7000
"""Most bytes of one message on the wire; PostgreSQL refuses 8000 and more."""


class Bus(Protocol):
    """Short texts to every process on the same bus, this one included, at most once each.

    Texts are one line: a word and its arguments, such as ``job <id> <seq>``. They are hints:
    losing one loses no data, because whoever waits also looks by himself from time to time.
    """

    @property
    def dropped(self) -> int:
        """Return how many texts were not sent to the other processes."""
        ...

    async def publish(self, text: str) -> None:
        """Hand a text to the listeners here at once and to other processes soon.

        Never waits and never fails: what cannot be sent is counted and dropped.
        """
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call a function with every text until the returned function is called."""
        ...

    async def close(self) -> None:
        """Let go of connections; later texts reach this process only."""
        ...


class Listeners:
    """The subscribers of this process."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}

    def add(self, listener: Listener) -> Callable[[], None]:
        """Add one; the returned function removes it, however often it is called."""
        key = object()
        self._listeners[key] = listener
        return lambda: _discard(self._listeners, key)

    def hand(self, text: str) -> None:
        """Call everybody; the failure of one is logged and does not reach the others."""
        for listener in list(self._listeners.values()):
            try:
                listener(text)
            except Exception:
                log.exception("bus_listener_failed", text=text.partition(" ")[0])


def _discard(listeners: dict[object, Listener], key: object) -> None:
    listeners.pop(key, None)


class Outbox:
    """Texts on their way to other processes, at most ``most``; of each job only the newest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._texts: dict[str, str] = {}
        self._filled = asyncio.Event()
        self.dropped = 0

    def put(self, text: str) -> None:
        """Add a text, unless there are too many or it cannot be sent at all."""
        key = _key(text)
        if "\n" in text or len(text.encode()) > LARGEST:
            self.dropped += 1
        elif key in self._texts or len(self._texts) < self._most:
            self._texts[key] = text
            self._filled.set()
        else:
            self.dropped += 1

    async def filled(self) -> None:
        """Wait until there is something to send."""
        await self._filled.wait()

    def take(self) -> str:
        """Remove as many texts as one message holds; they are separated by line feeds."""
        taken: list[str] = []
        size = 0
        while self._texts:
            key, text = next(iter(self._texts.items()))
            size += len(text.encode()) + 1
            if size > LARGEST and taken:
                break
            del self._texts[key]
            taken.append(text)
        if not self._texts:
            self._filled.clear()
        return "\n".join(taken)

    def lost(self, message: str) -> None:
        """Count the texts of a message that could not be sent."""
        self.dropped += len(message.splitlines())


def _key(text: str) -> str:
    """Return what a later text replaces: the news about a job, whatever their numbers."""
    return text.rpartition(" ")[0] if text.startswith("job ") else text


def texts_of(message: str) -> Iterable[str]:
    """Take a received message apart."""
    return message.split("\n")
