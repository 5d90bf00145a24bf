"""What every command does first: read the settings and say what is odd about them."""

from __future__ import annotations

import os
import sys

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
            print(f"bookstrack: {warning}", file=sys.stderr)
    return loaded.settings
