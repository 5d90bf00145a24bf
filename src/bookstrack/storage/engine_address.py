"""Where durable execution keeps its records: the PostgreSQL of the database, or a file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bookstrack.errors import ConfigurationProblem, StorageUnavailable
from bookstrack.settings import StorageSettings
from bookstrack.storage.libpq import libpq_url

VARIABLE = "BOOKSTRACK_ENGINE_URL"
MEMORY = "memory:"


def engine_address(settings: StorageSettings) -> str:
    """Return ``memory:``, ``sqlite:////absolute/path`` or ``postgresql://…`` (libpq's form).

    Raises:
        ConfigurationProblem: the setting is none of them.
    """
    url = settings.engine_url
    if not url and settings.database_url.startswith("postgres"):
        url = settings.database_url
    url = url or f"sqlite:///{settings.data_dir}/engine.db"
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return MEMORY
    if scheme.startswith("postgres"):
        return libpq_url(url)
    if scheme == "sqlite":
        return f"sqlite:///{_file(url)}"
    raise ConfigurationProblem(
        VARIABLE, f"'{scheme}' is not supported; use sqlite:///path, postgresql://… or memory:"
    )


def _file(url: str) -> Path:
    try:
        name = make_url(url).database
    except ArgumentError:
        raise ConfigurationProblem(VARIABLE, "this is not a database URL") from None
    if name in (None, "", ":memory:"):
        raise ConfigurationProblem(VARIABLE, "SQLite needs a file: sqlite:///path/to/file.db")
    return Path(str(name)).absolute()


def prepare_engine(address: str) -> None:
    """Make an SQLite file ready for several writers; the engine itself would not.

    Raises:
        StorageUnavailable: the file cannot be made or written.
    """
    if not address.startswith("sqlite:"):
        return
    file = Path(address.removeprefix("sqlite:///"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file, timeout=5)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except (OSError, sqlite3.Error) as error:
        raise StorageUnavailable(f"{file} cannot be used") from error
