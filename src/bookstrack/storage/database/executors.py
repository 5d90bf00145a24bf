"""Who runs jobs: one row per process, by which others tell whether it still lives [P5].

A process is known by host, number and start; the start tells it from a later process that got
the same number.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection, RowMapping

from bookstrack.storage.database.job_tables import executors, jobs
from bookstrack.storage.database.upsert import insert

_KEPT_S = 3600
"""A silent executor says nothing after its leases have ended; its row goes an hour later."""

_PROC = Path("/proc")
_CONTAINER = re.compile(r"[0-9a-f]{12}")
_GONE = {"Z", "X"}  # a zombie is dead, its parent has not noticed


class Executor(Struct, frozen=True, kw_only=True):
    """One process that runs jobs. Times are epoch seconds, ``id`` is new with every start.

    Process numbers mean the same within one ``host``; an empty ``process`` says nothing.
    """

    id: str
    host: str
    pid: int
    process: str
    started_at: float
    seen_at: float


def this_executor(now: float) -> Executor:
    """Return this process as a new executor."""
    pid = os.getpid()
    return Executor(
        id=str(uuid4()),
        host=this_host(),
        pid=pid,
        process=_birth(pid) or "",
        started_at=now,
        seen_at=now,
    )


def this_host() -> str:
    """Return a name that two processes share only if they see each other's numbers.

    Containers may borrow the name of their host and still number processes on their own. A name
    that a container runtime made up belongs to one container, which keeps it when restarted.
    """
    name = platform.node()
    if _CONTAINER.fullmatch(name):
        return name
    try:
        return f"{name}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:  # no such thing here
        return name


def is_gone(executor: Executor) -> bool:
    """Tell whether a process of this host is known to have ended; no when nothing is known."""
    if executor.host != this_host():
        return False
    if not executor.process:
        return _has_left(executor.pid)
    return _birth(executor.pid) != executor.process


def _birth(pid: int) -> str | None:
    """Return what tells a process from others of its number: boot and start; None: not there."""
    try:
        status = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return None
    # proc(5): the name in brackets may hold anything; state is field 3, start time field 22
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in _GONE else f"{boot}:{fields[19]}"


def _has_left(pid: int) -> bool:
    if sys.platform == "win32":  # there, signal 0 is Ctrl-C
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def register(connection: Connection, executor: Executor) -> None:
    """Add an executor; again, after the answer to the first time was lost, it adds nothing."""
    row = {
        "id": executor.id,
        "host": executor.host,
        "pid": executor.pid,
        "process": executor.process,
        "started_at": executor.started_at,
        "heartbeat_at": executor.seen_at,
    }
    dialect = "sqlite" if connection.dialect.name == "sqlite" else "postgresql"
    connection.execute(insert(executors, dialect).on_conflict_do_nothing(), row)


def read_executor(connection: Connection, executor_id: str) -> Executor | None:
    """Return one executor, None if it is not known (any more)."""
    statement = select(executors).where(executors.c.id == executor_id)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else _executor_of(row)


def speaking(connection: Connection, *, since: float) -> list[Executor]:
    """Return the executors that were heard of after a moment."""
    statement = select(executors).where(executors.c.heartbeat_at > since)
    return [_executor_of(row) for row in connection.execute(statement).mappings()]


def _executor_of(row: RowMapping) -> Executor:
    return Executor(
        id=row["id"],
        host=row["host"],
        pid=row["pid"],
        process=row["process"],
        started_at=row["started_at"],
        seen_at=row["heartbeat_at"],
    )


def beat(connection: Connection, executor_id: str, *, now: float) -> None:
    """Note that an executor lives."""
    statement = update(executors).where(executors.c.id == executor_id).values(heartbeat_at=now)
    connection.execute(statement)


def forget(connection: Connection, executor_id: str) -> None:
    """Remove one executor."""
    connection.execute(delete(executors).where(executors.c.id == executor_id))


def forget_silent(connection: Connection, *, now: float) -> None:
    """Remove the executors that have been silent for long and hold nothing."""
    holds = select(jobs.c.id).where(jobs.c.owner == executors.c.id, jobs.c.finished_at.is_(None))
    connection.execute(
        delete(executors).where(executors.c.heartbeat_at <= now - _KEPT_S, ~holds.exists())
    )
