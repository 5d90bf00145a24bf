"""The listening socket, bound before anything else starts."""

from __future__ import annotations

import socket

from bookstrack.errors import ConfigurationProblem

_BACKLOG = 2048


def open_socket(host: str, port: int) -> socket.socket:
    """Bind the listening address, so that a port in use is noticed at once; port 0 takes any.

    Raises:
        ConfigurationProblem: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as problem:
        listener.close()
        raise ConfigurationProblem(
            "BOOKSTRACK_PORT", f"cannot listen on {host}:{port}: {problem.strerror}"
        ) from None
    return listener
