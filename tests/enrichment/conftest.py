"""A catalogue over the fake providers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bookstrack.assembly import Assembly, open_assembly
from bookstrack.enrichment.enricher import Enricher, Lookups
from bookstrack.settings_loading import load_settings
from served import upstream

__all__ = ["upstream"]


@pytest.fixture
async def parts(upstream, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Assembly]:
    """The parts of a server without its transports."""
    environ = {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_DATABASE_URL": sqlite_url,
        "BOOKSTRACK_ENV": "test",
        "BOOKSTRACK_ENGINE_URL": "memory:",
        "BOOKSTRACK_PROVIDER_RETRIES": "1",
        **upstream.environment(),
    }
    async with open_assembly(load_settings(environ).settings) as opened:
        yield opened


@pytest.fixture
async def lookups(parts: Assembly) -> AsyncIterator[Lookups]:
    """The lookups of one job, which is given up at the end."""
    begun = Enricher(parts.catalogue).lookups()
    yield begun
    begun.drop()
