"""What commands that run a job share: the files they read, the bar they show, their settings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bookstrack.cli.database import refuse_unmigrated
from bookstrack.cli.surroundings import read_settings
from bookstrack.errors import InvalidRequest
from bookstrack.settings import Settings
from bookstrack.telemetry.logging import configure_logging

Show = Callable[[float, str], None]
"""Told of the progress, 0 to 1, and what is being done."""


def read_file(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        InvalidRequest: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as problem:
        raise InvalidRequest(f"{path} cannot be read: {problem.strerror}") from problem


@contextmanager
def bar(first: str) -> Generator[Show]:
    """Show a bar on standard error, so that standard output holds the results alone."""
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} % {task.description}"))
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as shown:
        task = shown.add_task(first, total=1.0)

        def show(progress: float, message: str) -> None:
            shown.update(task, completed=progress, description=message.replace("[", r"\["))

        yield show


def settings_here() -> Settings:
    """Return the settings of a job that this process runs at once, with an engine in memory.

    Raises:
        ConfigurationProblem: a value cannot be used, or migrations are pending.
    """
    settings = read_settings()
    configure_logging(replace(settings.telemetry, log_level="ERROR"))
    refuse_unmigrated(settings)
    # Such a job needs no memory of its own: nobody goes on with it.
    return replace(settings, storage=replace(settings.storage, engine_url="memory:"))
