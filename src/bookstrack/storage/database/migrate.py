"""Brings a database to the schema this version of the program needs.

The present revision is read first, without loading Alembic, so that a start with nothing to do
stays fast.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import URL, Connection

from bookstrack.errors import ConfigurationProblem
from bookstrack.storage.database.address import VARIABLE, driver_url, sqlite_file
from bookstrack.storage.database.engine import make_engine
from bookstrack.storage.database.failures import reachable

HEAD = "0010"
_FIRST = "0001"
_LOCK = 0x626F6F6B  # "book": whoever holds this advisory lock migrates


def migrate(url: str) -> None:
    """Run every missing migration; safe to call from several processes at once.

    Not for use inside a running event loop.

    Raises:
        ConfigurationProblem: the address is wrong, or the database is not one of this version
            or an older one.
        StorageUnavailable: the database cannot be reached.
    """
    address = driver_url(url)
    if asyncio.run(_is_pending(address)):
        asyncio.run(_migrate(address))


def pending(url: str) -> bool:
    """Tell whether migrations are missing; raises as ``migrate`` does."""
    return asyncio.run(_is_pending(driver_url(url)))


async def _is_pending(address: URL) -> bool:
    if address.drivername.startswith("sqlite") and not sqlite_file(address).exists():
        return True
    engine = make_engine(address)
    try:
        with reachable():
            async with engine.connect() as connection:
                return await connection.run_sync(_revision) != HEAD
    finally:
        await engine.dispose()


async def _migrate(address: URL) -> None:
    engine = make_engine(address, command_s=None)
    try:
        with reachable():
            writes = engine.execution_options(begin="BEGIN IMMEDIATE")
            async with writes.begin() as connection:
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    revision = _revision(connection)
    if revision == HEAD:  # another process was faster
        return
    if revision is None and inspect(connection).has_table("Books"):
        raise ConfigurationProblem(VARIABLE, "this database has tables BooksTrack did not make")
    _run_alembic(connection)


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is not None and not _FIRST <= revision <= HEAD:
        raise ConfigurationProblem(
            VARIABLE,
            f"this database has schema {revision}; this version of BooksTrack knows {_FIRST} to "
            f"{HEAD}. Install the version that wrote it, or use another database",
        )
    return revision
