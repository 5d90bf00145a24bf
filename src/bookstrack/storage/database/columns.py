"""Column types and defaults that mean the same on SQLite and PostgreSQL.

Tables and migrations both build on them; a change here would rewrite history, so add, never edit.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import BigInteger, Column, Double, Integer
from sqlalchemy.dialects.sqlite import REAL
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeEngine

WHOLE = BigInteger().with_variant(Integer(), "sqlite")
FRACTION = cast("TypeEngine[float]", Double().with_variant(REAL(), "sqlite"))


class EpochNow(FunctionElement[int]):
    """The server's present time in whole Unix seconds, as SQL."""

    inherit_cache = True
    type = BigInteger()


@compiles(EpochNow, "sqlite")
def _sqlite(_element: EpochNow, _compiler: Any, **_options: Any) -> str:
    return "(unixepoch())"


@compiles(EpochNow, "postgresql")
def _postgresql(_element: EpochNow, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from now())::bigint"


def moment(name: str) -> Column[int]:
    """Return a NOT NULL column of Unix seconds that is filled with the present time."""
    return Column(name, WHOLE, nullable=False, server_default=EpochNow())


def number() -> Column[int]:
    """Return the ``id`` column of a table whose rows the database numbers."""
    return Column("id", WHOLE, primary_key=True, autoincrement=True)
