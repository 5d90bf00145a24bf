"""``bookstrack doctor``: look at settings, storage and providers; say in words what is wrong."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from bookstrack.assembly import Assembly, open_assembly
from bookstrack.cli.database import database_url, refuse_unmigrated
from bookstrack.cli.environments import settings_of, shared_stores, without_secrets
from bookstrack.cli.surroundings import in_words
from bookstrack.errors import BooksTrackError
from bookstrack.health import try_provider
from bookstrack.model.provider_names import breaker_name
from bookstrack.settings import Settings
from bookstrack.settings_loading import Loaded, load_settings
from bookstrack.telemetry.logging import configure_logging


class _Findings:
    """Collects lines; an error makes the exit code 1, a warning does not."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.failed = False

    def good(self, text: str) -> None:
        self._print("ok", "green", text)

    def warn(self, text: str) -> None:
        self._print("warning", "yellow", text)

    def bad(self, text: str) -> None:
        self.failed = True
        self._print("problem", "red", text)

    def _print(self, kind: str, colour: str, text: str) -> None:
        self._console.print(f"[{colour}]{kind:<9}[/]{escape(text)}", highlight=False)


def doctor(
    *,
    against: Annotated[
        list[Path] | None,
        Parameter(
            negative="",
            help="Settings file of another environment; warn where storage is shared. Repeatable.",
        ),
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
    try:
        refuse_unmigrated(loaded.settings)
        asyncio.run(_parts(found, loaded.settings, network=network))
    except BooksTrackError as problem:
        found.bad(in_words(problem))
    return 1 if found.failed else 0


def _settings(found: _Findings, loaded: Loaded) -> None:
    settings = loaded.settings
    count = len(loaded.sources)
    found.good(f"settings can be read; {count} of them set:")
    for name, source in sorted(loaded.sources.items()):
        found.good(f"  {name} by the {source}")
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
    shared = list(shared_stores(settings.storage, settings_of(path).storage))
    for name in shared:
        found.warn(
            f"the {name} is the same in {path}: two environments that share storage overwrite "
            "each other's data"
        )
    if not shared:
        found.good(f"shares no storage with {path}")


async def _parts(found: _Findings, settings: Settings, *, network: bool) -> None:
    async with open_assembly(settings) as parts:
        await _storage(found, parts)
        if network:
            await _providers(found, parts)


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
    if state.database.ok:
        await _catalogue(found, parts)


async def _catalogue(found: _Findings, parts: Assembly) -> None:
    marker = await parts.environment_marker()
    mine = parts.settings.server.environment
    if marker is not None and marker != mine:
        found.warn(
            f"the database was last served as {marker}, this is {mine}: two environments share "
            "storage"
        )
    place = without_secrets(database_url(parts.settings.storage))
    found.good(f"{await parts.store.count()} books in the catalogue at {place}")


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
