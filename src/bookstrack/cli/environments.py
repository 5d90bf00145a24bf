"""Which storage two environments would share: each must have its own (operations §2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bookstrack.cli.database import database_url
from bookstrack.settings import Settings, StorageSettings
from bookstrack.settings_loading import load_settings


def settings_of(file: Path) -> Settings:
    """Read the settings that a configuration file alone makes.

    Raises:
        ConfigurationProblem: it cannot be read, or a value in it cannot be used.
    """
    return load_settings({"BOOKSTRACK_CONFIG": str(file)}).settings


def shared_stores(one: StorageSettings, other: StorageSettings) -> Iterator[str]:
    """Yield what both use, in words; who logs in with which key makes no difference."""
    places = _places(other)
    for name, url in _places(one).items():
        if url == places[name]:
            yield name


def without_secrets(url: str) -> str:
    """Return an address without user, password and options."""
    parts = urlsplit(url)
    if not parts.netloc:
        return url.partition("?")[0]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _places(storage: StorageSettings) -> dict[str, str]:
    database = _place(database_url(storage))
    return {
        "database": database,
        "shared cache tier": _place(storage.kv_url) if storage.kv_url else database,
        "object store": _place(storage.object_store or f"file://{storage.data_dir}/objects"),
    }


def _place(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] == "sqlite":
        return f"sqlite://{Path(rest.removeprefix('/')).absolute()}"
    if scheme == "file":
        return f"file://{Path(rest).absolute()}"
    kind = {"postgres": "postgresql", "rediss": "redis"}.get(scheme, scheme)
    endpoint = parse_qs(urlsplit(url).query).get("endpoint", [""])[0]
    return f"{kind}{without_secrets(url).removeprefix(scheme)}{endpoint}"
