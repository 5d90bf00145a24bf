"""What every command does first and last: read the settings, say in words what is wrong."""

from __future__ import annotations

import os
import sys

from bookstrack.errors import BooksTrackError, StorageProblem
from bookstrack.settings import Settings
from bookstrack.settings_loading import load_settings


def read_settings(*, warn: bool = True) -> Settings:
    """Read the settings; warnings go to standard error.

    Raises:
        ConfigurationProblem: a value cannot be used.
    """
    loaded = load_settings(os.environ)
    if warn:
        for warning in loaded.warnings:
            tell(warning)
    return loaded.settings


def say(problem: BooksTrackError) -> None:
    """Print a problem to standard error as one line."""
    tell(in_words(problem))


def in_words(problem: BooksTrackError) -> str:
    """Return the message; the operator, unlike a caller, is also told what the store said."""
    cause = problem.__cause__
    if not isinstance(problem, StorageProblem) or cause is None:
        return problem.message
    said = str(getattr(cause, "orig", None) or cause).strip()
    return f"{problem.message}: {said.splitlines()[0]}" if said else problem.message


def tell(text: str) -> None:
    """Print a line to standard error that is no part of what the command was asked for."""
    sys.stderr.write(f"bookstrack: {text}\n")  # in one piece: several processes may say it
