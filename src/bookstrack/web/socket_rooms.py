"""The sockets of each job in this process, and the messages they share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

import msgspec
from msgspec import Raw

from bookstrack.clock import Clock
from bookstrack.errors import NotFound
from bookstrack.model.event import Event
from bookstrack.model.job import Job
from bookstrack.web.socket_board import Board, Standing
from bookstrack.web.socket_dialect import Dialect
from bookstrack.web.socket_facts import Results

_KEPT = 32
_LARGE = 256 * 1024
_FRESH_S = 1.0


class Member(Protocol):
    """One socket."""

    def end(self, code: int, reason: str) -> None:
        """Ask the socket to close."""
        ...


class Room:
    """The sockets of one job. What is rendered for one of them serves the others too."""

    def __init__(self, job: Job, board: Board, clock: Clock) -> None:
        self.job = job
        self.members: list[Member] = []
        self._board = board
        self._clock = clock
        self._rendered: dict[tuple[int, int, Dialect], tuple[str, ...]] = {}
        self._standing: tuple[float, Standing] | None = None

    async def render(self, event: Event, dialect: Dialect) -> tuple[str, ...]:
        """Return the messages of an event in a dialect.

        Raises:
            StorageUnavailable: it needs results that cannot be read now.
        """
        key = (event.seq, event.at, dialect)
        found = self._rendered.get(key)
        if found is None:
            found = await self._render(event, dialect)
            self._rendered[key] = found
            while len(self._rendered) > _KEPT:
                self._rendered.pop(next(iter(self._rendered)), None)
        return found

    async def standing(self) -> Standing:
        """Return where the job stands, at most a second old: many may ask at once.

        Raises:
            NotFound: the job was swept away meanwhile.
            StorageUnavailable: it cannot be read now.
        """
        now = self._clock.monotonic()
        if self._standing is None or now - self._standing[0] > _FRESH_S:
            self._standing = (now, await self._board.status(self.job.id))
        return self._standing[1]

    async def _render(self, event: Event, dialect: Dialect) -> tuple[str, ...]:
        if not dialect.reads_results(self.job, event):
            return dialect.event(self.job, event, None)
        body = await self._results()
        if len(body) < _LARGE:
            return dialect.event(self.job, event, _parts(body))
        return await asyncio.to_thread(
            lambda: dialect.event(self.job, event, _parts(body))
        )  # large texts would hold up everybody else

    async def _results(self) -> bytes:
        try:
            return (await self._board.results(self.job.id)).body
        except NotFound:  # expired or deleted: the message says where they were
            return b"{}"


def _parts(body: bytes) -> Results:
    return msgspec.json.decode(body, type=dict[str, Raw])


class Rooms:
    """Finds the room of a job; empty rooms are given up."""

    def __init__(self, board: Board, clock: Clock, *, most: int) -> None:
        self._board = board
        self._clock = clock
        self._most = most
        self._rooms: dict[str, Room] = {}

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    def connected(self, job_id: str) -> int:
        """Return how many sockets a job has here."""
        room = self._rooms.get(job_id)
        return len(room.members) if room else 0

    def room(self, job: Job) -> Room:
        """Return the room of a job."""
        room = self._rooms.get(job.id)
        return room or Room(job, self._board, self._clock)

    def enter(self, room: Room, member: Member, *, replace: bool) -> bool:
        """Let a socket in; ``False`` when the job has as many as it may have [W4].

        With ``replace`` the oldest one makes place.
        """
        if len(room.members) >= self._most:
            if not replace:
                return False
            room.members.pop(0).end(1000, "Client reconnecting")
        self._rooms[room.job.id] = room
        room.members.append(member)
        return True

    def leave(self, room: Room, member: Member) -> None:
        """Let a socket go."""
        if member in room.members:
            room.members.remove(member)
        if not room.members and self._rooms.get(room.job.id) is room:
            del self._rooms[room.job.id]
