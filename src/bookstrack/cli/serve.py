"""``bookstrack serve``: run the HTTP server."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from bookstrack.settings_loading import load_settings
from bookstrack.telemetry.logging import configure_logging


def serve(
    *,
    host: Annotated[str | None, Parameter(help="Listen address.")] = None,
    port: Annotated[int | None, Parameter(help="Listen port.")] = None,
    workers: Annotated[int | None, Parameter(help="Server processes.")] = None,
) -> int:
    """Run the HTTP server until SIGTERM or Ctrl-C."""
    loaded = load_settings(os.environ)
    given = {"host": host, "port": port, "workers": workers}
    server = replace(
        loaded.settings.server, **{key: value for key, value in given.items() if value is not None}
    )
    settings = replace(loaded.settings, server=server)
    configure_logging(settings.telemetry)
    for warning in loaded.warnings:
        print(f"bookstrack: {warning}", file=sys.stderr)
    from bookstrack.web.server import open_socket, run

    run(settings, open_socket(server.host, server.port))
    return 0
