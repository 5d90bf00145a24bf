"""What all processes together know about providers: calls per day, breakers, outgoing pace."""

from __future__ import annotations

from sqlalchemy import case, select

from bookstrack.clock import Clock
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.tables import provider_state, provider_usage
from bookstrack.storage.database.upsert import insert
from bookstrack.upstream.breaker import BreakerState, Circuit


class DatabaseLedger:
    """The ``Ledger`` of upstream/quota.py; every method may raise StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spend(self, provider: str, *, day: str, limit: int) -> int | None:
        """Count one call; return the day's calls with it, None (not counted) when used up."""
        if limit < 1:
            return None
        calls = provider_usage.c.calls
        statement = (
            insert(provider_usage, self._database.dialect)
            .values(provider=provider, day=day, calls=1)
            .on_conflict_do_update(
                index_elements=[provider_usage.c.provider, provider_usage.c.day],
                set_={"calls": calls + 1},
                where=calls < limit,
            )
            .returning(calls)
        )
        async with self._database.begin("quota_spend") as connection:
            return (await connection.execute(statement)).scalar_one_or_none()

    async def spent(self, provider: str, *, day: str) -> int:
        """Return the calls counted on a day."""
        table = provider_usage.c
        statement = select(table.calls).where(table.provider == provider, table.day == day)
        async with self._database.connect("quota_spent") as connection:
            return (await connection.execute(statement)).scalar_one_or_none() or 0

    async def save_breaker(self, provider: str, state: BreakerState) -> None:
        """Remember a breaker."""
        values = {
            "breaker_state": state.circuit.value,
            "failures": state.failures,
            "successes": state.successes,
            "opened_at": state.opened_at,
            "quota_reset_at": state.quota_reset_at,
        }
        statement = (
            insert(provider_state, self._database.dialect)
            .values(provider=provider, **values)
            .on_conflict_do_update(index_elements=[provider_state.c.provider], set_=values)
        )
        async with self._database.begin("breaker_save") as connection:
            await connection.execute(statement)

    async def load_breaker(self, provider: str) -> BreakerState | None:
        """Return the remembered breaker, None when there is none.

        A provider of which only the pace is known has a closed one.
        """
        statement = select(provider_state).where(provider_state.c.provider == provider)
        async with self._database.connect("breaker_load") as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            return None
        return BreakerState(
            circuit=Circuit(row.breaker_state),
            failures=row.failures,
            successes=row.successes,
            opened_at=row.opened_at,
            quota_reset_at=row.quota_reset_at,
        )


class DatabaseSlots:
    """The ``Slots`` of upstream/pacing.py, shared by every process on the wall clock.

    ``next_slot_at`` is when the bucket will be full again, as in the generic cell rate algorithm.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def reserve(self, name: str, *, interval_s: float, burst: int) -> float:
        """Take the next slot in one atomic statement; return the seconds until it is due.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        now = self._clock.time()
        column = provider_state.c.next_slot_at
        statement = (
            insert(provider_state, self._database.dialect)
            .values(provider=name, next_slot_at=now + interval_s)
            .on_conflict_do_update(
                index_elements=[provider_state.c.provider],
                set_={
                    "next_slot_at": case(
                        (column > now, column + interval_s), else_=now + interval_s
                    )
                },
            )
            .returning(column)
        )
        async with self._database.begin("slot_reserve") as connection:
            filled_at = (await connection.execute(statement)).scalar_one()
        return max(0.0, filled_at - burst * interval_s - now)
