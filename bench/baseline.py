"""What our numbers are compared with: ``python -m bench.baseline bare|echo PORT`` (body on stdin).

``bare`` is one handler of the same framework on the same server with the same settings; ``echo``
writes canned bytes without reading the request, which shows what the load generator can do.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
import uvloop
from litestar import Litestar, Response, get


def bare(port: int, body: bytes) -> None:
    """Answer ``/v1/search/isbn`` with the same bytes whatever is asked."""

    @get("/v1/search/isbn")
    async def search(isbn: str) -> Response[bytes]:
        return Response(body, media_type="application/json; charset=utf-8")

    uvicorn.run(
        Litestar([search], openapi_config=None),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


class _Echo(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer)


async def echo(port: int, body: bytes) -> None:
    """Answer every piece that arrives with a canned answer."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Echo(head + body), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    kind, port, body = sys.argv[1], int(sys.argv[2]), sys.stdin.buffer.read()
    if kind == "bare":
        bare(port, body)
    else:
        uvloop.run(echo(port, body))


if __name__ == "__main__":
    main()
