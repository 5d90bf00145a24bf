"""WebSocket connections at the level of frames: what they may cost, and how they end.

The limits themselves stand in ``OPTIONS``, for whoever configures a uvicorn server.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_QUIET = logging.getLogger("uvicorn.error.socket")  # below, addresses with tokens are logged
_QUIET.setLevel(logging.WARNING)

_GRACE_S = 10.0
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedSocket(WebSocketsSansIOProtocol):
    """A connection that ends when it is told to, also when its client does not read any more.

    After a close frame the client has ten seconds; then what it has not read is dropped.
    """

    grace_s = _GRACE_S

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = _QUIET
        self.conn.logger = _QUIET
        self.conn.debug = False
        self.close_timeout = self.grace_s
        self._last_call: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._last_call is not None:
            self._last_call.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; an upgrade request that cannot be read is refused."""
        try:
            super().data_received(data)
        except UnicodeError:  # of an address that is not ASCII
            self._misunderstood()
        else:
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                self._misunderstood()

    def _misunderstood(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_BAD_REQUEST)
            self.transport.close()

    def shutdown(self) -> None:
        """End with the server."""
        super().shutdown()
        self._drop_later()

    def keepalive_timeout(self) -> None:
        """End because no answer to a ping has come."""
        super().keepalive_timeout()
        self._drop_later()

    def handle_parser_exception(self) -> None:
        """End because of frames that break the protocol or a limit."""
        super().handle_parser_exception()
        self._drop_later()

    async def send(self, message: Any) -> None:
        """Take one ASGI message; a close does not wait for the client to read."""
        if message["type"] == "websocket.close":
            self.writable.set()
            self._drop_later()
        await super().send(message)
        if message["type"] == "websocket.accept":  # nobody asks any more, and thousands add up
            del self.request, self.response
        elif message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # it has ended; the parent would complain

    def _drop_later(self) -> None:
        if self._last_call is None:
            self._last_call = self.loop.call_later(self.grace_s, self.transport.abort)


OPTIONS: dict[str, Any] = {
    "ws": BoundedSocket,
    "ws_max_size": 64 * 1024,
    "ws_ping_interval": 30.0,
    "ws_ping_timeout": 30.0,
    "ws_per_message_deflate": False,
}
"""The socket part of a server's configuration."""
