"""``bookstrack openapi``: print the OpenAPI document."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from typing import Annotated, Literal

from cyclopts import Parameter

from bookstrack.assembly import open_assembly
from bookstrack.settings import Settings, StorageSettings
from bookstrack.web.app import Application
from bookstrack.web.routes.system import Documents


def openapi(
    *, form: Annotated[Literal["json", "yaml"], Parameter(help="json or yaml.")] = "json"
) -> int:
    """Print the OpenAPI 3.1 document of this version."""
    document = asyncio.run(_document())
    sys.stdout.buffer.write((document.json if form == "json" else document.yaml) + b"\n")
    return 0


async def _document() -> Documents:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(storage=StorageSettings(data_dir=folder))
        async with open_assembly(settings) as parts:
            return Application(parts).documents()
