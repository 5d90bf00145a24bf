"""``bookstrack flags``: see and change which features are on, for whom, without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from cyclopts import App, Parameter
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
_FAMILIAR = {"on": True, "off": False}

flags = App(name="flags", help=__doc__)
Name = Annotated[str, Parameter(help="A flag, as the list spells it.")]
Reason = Annotated[str | None, Parameter(help="Why; shown in the list.")]


@flags.command(name="list")
def list_flags(
    user: Annotated[str | None, Parameter(help="Show what holds for this user.")] = None,
) -> int:
    """Show every flag as it stands now."""
    _show(_with(lambda known: known.every()), user)
    return 0


@flags.command(name="set")
def set_flag(
    name: Name,
    state: Annotated[str, Parameter(help="on, off, or default to forget what was set.")],
    *,
    reason: Reason = None,
) -> int:
    """Switch a feature on or off; every process follows within ten seconds."""
    if state == "default":
        _with(lambda known: _forget(known, name))
        return 0
    if state not in _FAMILIAR:
        raise InvalidRequest("A flag is set to on, off or default")
    _with(lambda known: _change(known, name, enabled=_FAMILIAR[state], reason=reason))
    return 0


@flags.command
def rollout(
    name: Name,
    percent: Annotated[int, Parameter(help="0 to 100; raising it only adds users.")],
    *,
    reason: Reason = None,
) -> int:
    """Turn a feature on for a part of all users; every process follows within ten seconds."""
    _with(lambda known: _change(known, name, rollout=percent, reason=reason))
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
