"""A bus over a server: one connection that is made again whenever it breaks."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import structlog

from bookstrack.background import Background
from bookstrack.clock import Clock
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.bus.base import Listener, Listeners, Outbox, texts_of

log = structlog.get_logger(__name__)

_MOST = 1000
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_SIGN_OF_LIFE_S = 15.0


class Link(Protocol):
    """An open connection that receives; every method raises StorageUnavailable when it is gone."""

    async def send(self, message: str) -> None:
        """Send one message to everybody on the bus."""
        ...

    async def check(self) -> None:
        """Ask the server for a sign of life."""
        ...

    async def broken(self) -> None:
        """Wait until the connection is gone."""
        ...


Dial = Callable[[Callable[[str], None]], AbstractAsyncContextManager[Link]]
"""Connects; what arrives is handed to the function. Raises StorageUnavailable."""


class RemoteBus:
    """A bus whose other listeners are in other processes; ``dial`` knows how to get there."""

    def __init__(self, dial: Dial, clock: Clock) -> None:
        self._dial = dial
        self._clock = clock
        self._listeners = Listeners()
        self._outbox = Outbox(_MOST)
        self._origin = secrets.token_hex(8)
        self._loop = Background()
        self.connected = asyncio.Event()
        """Set while there is a connection."""

    @property
    def dropped(self) -> int:
        """Return how many texts were not sent to the other processes."""
        return self._outbox.dropped

    def start(self) -> None:
        """Begin to connect, for ever."""
        self._loop.start(self._forever(), "bus")

    async def publish(self, text: str) -> None:
        """Hand a text to the listeners here at once and to other processes soon."""
        self._listeners.hand(text)
        self._outbox.put(text)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call a function with every text until the returned function is called."""
        return self._listeners.add(listener)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._loop.close()

    async def _forever(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                async with self._dial(self._received) as link:
                    if pause > _FIRST_PAUSE_S:
                        log.info("bus_connected")
                    pause = _FIRST_PAUSE_S
                    self.connected.set()
                    await _first_failure(link.broken(), self._send(link), self._check(link))
            except StorageUnavailable as problem:
                if pause == _FIRST_PAUSE_S:
                    log.warning("bus_disconnected", problem=str(problem.__cause__ or problem))
            finally:
                self.connected.clear()
            await self._clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _send(self, link: Link) -> None:
        while True:
            await self._outbox.filled()
            message = self._outbox.take()
            try:
                await link.send(f"{self._origin}\n{message}")
            except BaseException:
                self._outbox.lost(message)
                raise

    async def _check(self, link: Link) -> None:
        while True:
            await self._clock.sleep(_SIGN_OF_LIFE_S)
            await link.check()

    def _received(self, message: str) -> None:
        origin, *texts = texts_of(message)
        if origin != self._origin:  # our own were handed out when they were published
            for text in texts:
                self._listeners.hand(text)


async def _first_failure(*endless: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends or fails; then end the others and raise what it raised."""
    tasks = [asyncio.ensure_future(work) for work in endless]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
