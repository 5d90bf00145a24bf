"""The secret job tokens are derived from: a setting, or made once and kept in the data folder."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from bookstrack.errors import ConfigurationProblem
from bookstrack.settings import Secret

_FILE = "secret_key"
_VARIABLE = "BOOKSTRACK_SECRET_KEY"


def job_secret(given: Secret, *, data_dir: str) -> bytes:
    """Return the secret that is set, else the one in ``data_dir``, which is made at first use.

    Several processes may start at the same time: all of them get the same one.

    Raises:
        ConfigurationProblem: nothing is set and the file can neither be read nor made.
    """
    if given:
        return given.reveal().encode()
    file = Path(data_dir) / _FILE
    try:
        if not file.exists():
            _make(file)
        found = file.read_bytes().strip()
    except OSError as error:
        raise ConfigurationProblem(
            _VARIABLE, f"is not set, and {file} cannot be read or made"
        ) from error
    if not found:
        raise ConfigurationProblem(_VARIABLE, f"is not set, and {file} is empty")
    return found


def _make(file: Path) -> None:
    """Write a file only its owner can read; whoever comes second keeps what is there.

    A link appears with its content or not at all, so nobody reads half a secret.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = mkstemp(prefix=f".{_FILE}-", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as draft:
            draft.write(secrets.token_hex(32).encode() + b"\n")
            draft.flush()
            os.fsync(draft.fileno())
        with suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink(missing_ok=True)
