"""Answers remembered under idempotency keys: the first request runs, its repeats are replayed."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bookstrack.clock import Clock
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.tables import idempotency
from bookstrack.storage.database.upsert import insert

ABANDONED_AFTER_S = 60
"""No request lives that long (operations §1.1): an older "running" lost its process."""

_columns = idempotency.c


class ClaimState(StrEnum):
    """What became of asking for a key."""

    FRESH = "fresh"
    REPLAY = "replay"
    RUNNING = "running"
    CONFLICT = "conflict"


class StoredAnswer(Struct, frozen=True, kw_only=True):
    """The first answer, ready to be sent again."""

    status: int
    headers: dict[str, str]
    body: bytes


class Claim(Struct, frozen=True):
    """FRESH: run, then ``finish`` or ``release``. REPLAY: send ``answer``. CONFLICT: other hash."""

    state: ClaimState
    answer: StoredAnswer | None = None


class Idempotency:
    """Keys lie in scopes (an identity and a route); every method may raise StorageUnavailable."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, scope: str, key: str, *, request_hash: str, ttl_s: int) -> Claim:
        """Take the key for this request, or say what it stands for; atomic between processes."""
        while True:
            async with self._database.begin("idempotency_claim") as connection:
                if await self._take(connection, scope, key, request_hash, ttl_s):
                    return Claim(ClaimState.FRESH)
                found = await connection.execute(
                    select(
                        _columns.request_hash,
                        _columns.state,
                        _columns.status,
                        _columns.headers,
                        _columns.body,
                    ).where(_columns.scope == scope, _columns.key == key)
                )
                row = found.one_or_none()
            if row is not None:  # else it was released in between
                return _read(row.request_hash == request_hash, row.state, *row[2:])

    async def finish(
        self, scope: str, key: str, *, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        """Remember the answer of a claimed request until the claim's lifetime ends."""
        statement = (
            update(idempotency)
            .where(_running(scope, key))
            .values(
                state="done",
                status=status,
                headers=msgspec.json.encode(headers).decode(),
                body=body,
            )
        )
        async with self._database.begin("idempotency_finish") as connection:
            await connection.execute(statement)

    async def release(self, scope: str, key: str) -> None:
        """Give a claimed key back: the answer is not worth keeping."""
        async with self._database.begin("idempotency_release") as connection:
            await connection.execute(delete(idempotency).where(_running(scope, key)))

    async def sweep(self, limit: int) -> int:
        """Delete up to ``limit`` expired keys; return how many went."""
        over = _columns.expires_at <= int(self._clock.time())
        rows = select(_columns.scope, _columns.key).where(over).limit(limit).subquery()
        statement = delete(idempotency).where(
            over,
            select(rows).where(rows.c.scope == _columns.scope, rows.c.key == _columns.key).exists(),
        )
        async with self._database.begin("idempotency_sweep") as connection:
            return (await connection.execute(statement)).rowcount

    async def _take(
        self, connection: AsyncConnection, scope: str, key: str, request_hash: str, ttl_s: int
    ) -> bool:
        now = int(self._clock.time())
        claim = {
            "request_hash": request_hash,
            "state": "running",
            "status": None,
            "headers": None,
            "body": None,
            "created_at": now,
            "expires_at": now + ttl_s,
        }
        abandoned = and_(
            _columns.state == "running", _columns.created_at <= now - ABANDONED_AFTER_S
        )
        statement = (
            insert(idempotency, self._database.dialect)
            .values(scope=scope, key=key, **claim)
            .on_conflict_do_update(
                index_elements=[_columns.scope, _columns.key],
                set_=claim,
                where=or_(_columns.expires_at <= now, abandoned),
            )
            .returning(_columns.key)
        )
        return (await connection.execute(statement)).first() is not None


def _running(scope: str, key: str):
    return and_(_columns.scope == scope, _columns.key == key, _columns.state == "running")


def _read(same: bool, state: str, status: int, headers: str, body: bytes) -> Claim:
    if not same:
        return Claim(ClaimState.CONFLICT)
    if state == "running":
        return Claim(ClaimState.RUNNING)
    kept = msgspec.json.decode(headers, type=dict[str, str])
    return Claim(ClaimState.REPLAY, StoredAnswer(status=status, headers=kept, body=body))
