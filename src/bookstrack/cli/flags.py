"""``bookstrack flags``: see and change which features are on, for whom, without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, TypeVar

from cyclopts import Parameter
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bookstrack.access.flags import Flags
from bookstrack.assembly import open_assembly
from bookstrack.cli.database import refuse_unmigrated
from bookstrack.cli.surroundings import read_settings
from bookstrack.clock import timestamp
from bookstrack.errors import InvalidRequest
from bookstrack.model.flag import Flag
from bookstrack.settings import Settings
from bookstrack.telemetry.logging import configure_logging

T = TypeVar("T")
_BY = "bookstrack flags"


def flags(
    action: Annotated[Literal["list", "set", "rollout"], Parameter(help="What to do.")] = "list",
    name: Annotated[str, Parameter(help="A flag, as the list spells it.")] = "",
    value: Annotated[
        str,
        Parameter(
            help="set: on, off, or default to forget what was set. rollout: 0 to 100 percent."
        ),
    ] = "",
    *,
    user: Annotated[str | None, Parameter(help="List what holds for this user.")] = None,
    reason: Annotated[str | None, Parameter(help="Why; shown in the list.")] = None,
) -> int:
    """See and change which features are on."""
    match action, value:
        case "list", _:
            _show(_with(lambda known: known.every()), user)
        case "set", "default":
            _with(lambda known: _forget(known, name))
        case "set", "on" | "off":
            _with(lambda known: _change(known, name, enabled=value == "on", reason=reason))
        case "rollout", _ if value.isascii() and value.isdigit():
            _with(lambda known: _change(known, name, rollout=int(value), reason=reason))
        case _:
            raise InvalidRequest("A flag is set to on, off or default, or rolled out to 0 to 100")
    return 0


async def _change(
    known: Flags,
    name: str,
    *,
    enabled: bool | None = None,
    rollout: int | None = None,
    reason: str | None,
) -> Flag:
    await _refuse_unknown(known, name)
    return await known.change(name, enabled=enabled, rollout=rollout, by=_BY, reason=reason)


async def _forget(known: Flags, name: str) -> None:
    await _refuse_unknown(known, name)
    await known.remove(name)


async def _refuse_unknown(known: Flags, name: str) -> None:
    every = await known.every()
    if name not in every:
        raise InvalidRequest(f"There is no flag {name}; there are {', '.join(sorted(every))}")


def _with(work: Callable[[Flags], Awaitable[T]]) -> T:
    """Do something with the flags of this machine's database."""
    settings = read_settings()
    configure_logging(replace(settings.telemetry, log_level="ERROR"))
    refuse_unmigrated(settings)
    return asyncio.run(_opened(settings, work))


async def _opened(settings: Settings, work: Callable[[Flags], Awaitable[T]]) -> T:
    async with open_assembly(settings) as parts:
        return await work(parts.flags)


def _show(every: dict[str, Flag], user: str | None) -> None:
    table = Table("Flag", "On", "Rollout", "Changed", "Reason")
    for name, flag in sorted(every.items()):
        changed = timestamp(flag.updated_at) if flag.updated_at else ""
        on = "yes" if flag.on(user) else "no"
        table.add_row(name, on, f"{flag.rollout} %", changed, flag.reason or "")
    Console().print(table)
