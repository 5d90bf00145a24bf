"""Which driver errors mean "the database cannot be reached", as opposed to a mistake of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bookstrack.errors import StorageUnavailable

# https://www.sqlite.org/rescode.html, primary codes
_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection exceptions, refused
# logins, missing databases, exhausted resources, shutdown by an operator, system errors
_SQLSTATES = ("08", "28", "3D", "53", "57P", "58")


@contextmanager
def reachable() -> Generator[None]:
    """Turn failures of connection kind inside the block into ``StorageUnavailable``."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        if not _is_outage(error):
            raise
        raise StorageUnavailable("The database cannot be reached") from error
    except (OSError, TimeoutError, PoolTimeout) as error:
        raise StorageUnavailable("The database cannot be reached") from error


def is_outage_state(sqlstate: str | None) -> bool:
    """Tell whether a PostgreSQL error code is of connection kind."""
    return bool(sqlstate) and sqlstate.startswith(_SQLSTATES)


def _is_outage(error: DBAPIError | sqlite3.Error) -> bool:
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code: int | None = getattr(cause, "sqlite_errorcode", None)
        return code is not None and (code & 0xFF) in _SQLITE
    sqlstate: str | None = getattr(cause, "sqlstate", None)
    if sqlstate:
        return is_outage_state(sqlstate)
    return isinstance(error, DBAPIError) and error.connection_invalidated
