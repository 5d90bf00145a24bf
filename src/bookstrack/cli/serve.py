"""``bookstrack serve``: run the HTTP server."""

from __future__ import annotations

import socket
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from bookstrack.cli.surroundings import read_settings
from bookstrack.errors import ConfigurationProblem
from bookstrack.telemetry.logging import configure_logging


def serve(
    *,
    host: Annotated[str | None, Parameter(help="Listen address.")] = None,
    port: Annotated[int | None, Parameter(help="Listen port.")] = None,
    workers: Annotated[int | None, Parameter(help="Server processes.")] = None,
    listener: Annotated[int | None, Parameter(show=False)] = None,
) -> int:
    """Run the HTTP server until SIGTERM or Ctrl-C.

    Parameters
    ----------
    listener
        Descriptor of a listening socket that a supervising process hands down.
    """
    settings = read_settings().settings
    given = {"host": host, "port": port, "workers": workers}
    server = replace(
        settings.server, **{key: value for key, value in given.items() if value is not None}
    )
    if not (1 <= server.workers <= 256 and 0 <= server.port <= 65_535):
        raise ConfigurationProblem("serve", "port or number of workers is out of range")
    settings = replace(settings, server=server)
    configure_logging(settings.telemetry)
    from bookstrack.web.server import open_socket, run
    from bookstrack.web.supervisor import supervise

    if listener is not None:
        run(settings, socket.socket(fileno=listener))
        return 0
    bound = open_socket(server.host, server.port)
    if server.workers > 1:
        return supervise(bound, server.workers, grace_s=server.shutdown_grace_s)
    run(settings, bound)
    return 0
