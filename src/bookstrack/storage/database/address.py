"""Database addresses: what a user writes, and what the driver wants."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bookstrack.errors import ConfigurationProblem

VARIABLE = "BOOKSTRACK_DATABASE_URL"
_POSTGRESQL = {"postgres", "postgresql", "postgresql+asyncpg"}
_SQLITE = {"sqlite", "sqlite+aiosqlite"}


def driver_url(url: str) -> URL:
    """Return the address with our driver in it: ``sqlite+aiosqlite`` or ``postgresql+asyncpg``.

    Accepts ``sqlite:///relative.db``, ``sqlite:////absolute.db`` and ``postgresql://…`` (libpq's
    ``sslmode`` included).

    Raises:
        ConfigurationProblem: another database, no file, or asyncpg is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationProblem(VARIABLE, "this is not a database URL") from None
    if parsed.drivername in _SQLITE:
        return _sqlite(parsed)
    if parsed.drivername in _POSTGRESQL:
        return _postgresql(parsed)
    raise ConfigurationProblem(
        VARIABLE, f"'{parsed.drivername}' is not supported; use sqlite:///path or postgresql://…"
    )


def sqlite_file(url: URL) -> Path:
    """Return the absolute path of an SQLite address."""
    return Path(url.database or "").absolute()


def ensure_folder(url: URL) -> None:
    """Create the folder of an SQLite file.

    Raises:
        ConfigurationProblem: it cannot be created.
    """
    folder = sqlite_file(url).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationProblem(
            VARIABLE, f"the folder {folder} cannot be created: {error.strerror}"
        ) from error


def _sqlite(url: URL) -> URL:
    if url.database in (None, "", ":memory:"):
        raise ConfigurationProblem(VARIABLE, "SQLite needs a file: sqlite:///path/to/file.db")
    return url.set(drivername="sqlite+aiosqlite", database=str(sqlite_file(url)))


def _postgresql(url: URL) -> URL:
    if importlib.util.find_spec("asyncpg") is None:
        raise ConfigurationProblem(
            VARIABLE, "PostgreSQL needs the driver asyncpg: pip install 'bookstrack[postgres]'"
        )
    query = dict(url.query)
    if "sslmode" in query:  # libpq's name for what asyncpg calls ssl
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername="postgresql+asyncpg", query=query)
