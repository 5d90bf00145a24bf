"""``bookstrack doctor``: look at settings, storage and providers; say in words what is wrong."""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from bookstrack.assembly import Assembly, open_assembly
from bookstrack.cli.database import database_url
from bookstrack.errors import BooksTrackError, ConfigurationProblem
from bookstrack.health import try_provider
from bookstrack.model.provider_names import breaker_name
from bookstrack.settings import Settings
from bookstrack.settings_loading import Loaded, load_settings
from bookstrack.telemetry.logging import configure_logging

_SHARED = ("database_url", "kv_url", "object_store", "data_dir")


class _Findings:
    """Collects lines; an error makes the exit code 1, a warning does not."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.failed = False

    def good(self, text: str) -> None:
        self._console.print(f"[green]ok[/]       {text}")

    def warn(self, text: str) -> None:
        self._console.print(f"[yellow]warning[/]  {text}")

    def bad(self, text: str) -> None:
        self.failed = True
        self._console.print(f"[red]problem[/]  {text}")


def doctor(
    *,
    against: Annotated[
        list[Path] | None,
        Parameter(help="Settings files of other environments; warn where storage is shared."),
    ] = None,
    network: Annotated[bool, Parameter(help="Ask each provider one question.")] = True,
) -> int:
    """Check settings, storage and providers. Exit code 1 when something does not work."""
    found = _Findings(Console(soft_wrap=True))
    loaded = load_settings(os.environ)
    configure_logging(loaded.settings.telemetry)
    _settings(found, loaded)
    for path in against or []:
        _against(found, loaded.settings, path)
    asyncio.run(_parts(found, loaded.settings, network=network))
    return 1 if found.failed else 0


def _settings(found: _Findings, loaded: Loaded) -> None:
    settings = loaded.settings
    count = len(loaded.sources)
    found.good(f"settings can be read; {count} differ from the defaults by source:")
    for name, source in sorted(loaded.sources.items()):
        found.good(f"  {name} from the {source}")
    for warning in loaded.warnings:
        found.warn(warning)
    if settings.providers.offline:
        found.warn("BOOKSTRACK_OFFLINE is on: no provider will be asked")
    if not settings.providers.google.api_key and not settings.providers.google.anonymous:
        found.warn("no Google Books key: Open Library leads (BOOKSTRACK_GOOGLE_BOOKS_API_KEY)")
    if not settings.providers.isbndb.api_key:
        found.warn("no ISBNdb key: that provider is not used (BOOKSTRACK_ISBNDB_API_KEY)")
    if not settings.providers.contact_email and not settings.server.public_url:
        found.warn("no BOOKSTRACK_CONTACT_EMAIL: providers treat anonymous agents worse")


def _against(found: _Findings, settings: Settings, path: Path) -> None:
    shared = list(_shared_stores(settings, path))
    for name in shared:
        found.warn(
            f"{name} is the same in {path}: two environments that share storage overwrite "
            "each other's data"
        )
    if not shared:
        found.good(f"shares no storage with {path}")


def _shared_stores(settings: Settings, path: Path) -> Iterator[str]:
    try:
        other = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ConfigurationProblem("--against", f"cannot read {path}: {problem}") from None
    defaults = Settings().storage
    for name in _SHARED:
        mine = getattr(settings.storage, name)
        theirs = str(other.get(name, getattr(defaults, name)))
        if mine and mine == theirs:
            yield name


async def _parts(found: _Findings, settings: Settings, *, network: bool) -> None:
    try:
        async with open_assembly(settings) as parts:
            await _storage(found, parts)
            if network:
                await _providers(found, parts)
    except BooksTrackError as problem:
        found.bad(problem.message)


async def _storage(found: _Findings, parts: Assembly) -> None:
    state = await parts.health.readiness()
    names = {
        "database": state.database,
        "shared cache tier": state.cache,
        "object store": state.object_store,
    }
    for name, check in names.items():
        if check.ok:
            found.good(f"{name} answers in {check.latency_ms} ms")
        else:
            found.bad(f"{name}: {check.problem}")
    marker = await parts.environment_marker()
    mine = parts.settings.server.environment
    if marker is not None and marker != mine:
        found.warn(
            f"the database was last served as {marker}, this is {mine}: two environments share "
            "storage"
        )
    found.good(
        f"{await parts.store.count()} books in the catalogue at "
        f"{_without_password(database_url(parts.settings))}"
    )


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


async def _providers(found: _Findings, parts: Assembly) -> None:
    roster = parts.catalogue.roster
    for name in roster.names:
        provider = roster.get(name)
        assert provider is not None, name  # noqa: S101 the roster named it
        check = await try_provider(provider, parts.clock)
        if check.ok:
            found.good(f"{breaker_name(name)} answers in {check.latency_ms} ms")
        else:
            found.bad(f"{breaker_name(name)}: {check.problem}")
