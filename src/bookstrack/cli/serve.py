"""``bookstrack serve``: run the HTTP server."""

from __future__ import annotations

import socket
import sys
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from bookstrack.cli.database import refuse_unmigrated
from bookstrack.cli.surroundings import read_settings
from bookstrack.errors import ConfigurationProblem
from bookstrack.settings import ServerSettings, Settings
from bookstrack.telemetry.logging import configure_logging
from bookstrack.web.listening import open_socket


def serve(
    *,
    host: Annotated[str | None, Parameter(help="Listen address (BOOKSTRACK_HOST).")] = None,
    port: Annotated[int | None, Parameter(help="Listen port, 0 = any (BOOKSTRACK_PORT).")] = None,
    workers: Annotated[int | None, Parameter(help="Server processes (BOOKSTRACK_WORKERS).")] = None,
    listener: Annotated[int | None, Parameter(show=False)] = None,
) -> int:
    """Run the HTTP server until SIGTERM or Ctrl-C.

    Parameters
    ----------
    listener
        Descriptor of a listening socket that a supervising process hands down.
    """
    settings = read_settings(warn=listener is None)
    settings = replace(
        settings, server=_server(settings.server, host=host, port=port, workers=workers)
    )
    configure_logging(settings.telemetry)
    if listener is not None:
        _run(settings, socket.socket(fileno=listener), supervised=True)
        return 0
    server = settings.server
    bound = open_socket(server.host, server.port)
    if server.workers == 1:
        _run(settings, bound, supervised=False)
        return 0
    from bookstrack.web.supervisor import supervise

    worker = [sys.executable, "-P", "-m", "bookstrack", "serve", "--workers", str(server.workers)]
    return supervise(
        bound,
        server.workers,
        command=[*worker, "--listener"],
        grace_s=server.shutdown_grace_s,
    )


def _server(
    settings: ServerSettings, *, host: str | None, port: int | None, workers: int | None
) -> ServerSettings:
    given = {"host": host, "port": port, "workers": workers}
    server = replace(settings, **{key: value for key, value in given.items() if value is not None})
    if not 0 <= server.port <= 65_535:
        raise ConfigurationProblem("--port", "must be between 0 and 65535")
    if not 1 <= server.workers <= 256:
        raise ConfigurationProblem("--workers", "must be between 1 and 256")
    return server


def _run(settings: Settings, listener: socket.socket, *, supervised: bool) -> None:
    from bookstrack.web.server import run  # loads everything; the supervisor does without

    refuse_unmigrated(settings)
    run(settings, listener, supervised=supervised)
