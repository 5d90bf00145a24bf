"""What one connection may cost before it has asked anything: bytes, time and waiting requests.

uvicorn's protocol bounds none of them. What is within these bounds and still too much is refused
by the front, with an envelope.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from bookstrack.web.exchange import anonymised

log = structlog.get_logger(__name__)

_LOOSE_BYTES = 48 * 1024  # above the front's limits, so that those answer where they can
_URL_BYTES = 8 * 1024
_WAITING = 256
_HEAD_S = 15.0
ABORT = "bookstrack.abort"
"""Extension of the scope: ends the connection at once, whatever is not yet sent."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose connections hold little and end soon while they ask nothing.

    Loose bytes belong neither to a complete head nor to a body: an unfinished head, trailers,
    chunk extensions, blank lines. A request is waited for ``head_s`` seconds from its first byte,
    a first byte as long as between two requests.
    """

    head_s = _HEAD_S

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._loose = 0
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] as in the parent
        """Begin as between two requests."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, then look how much of it stands for nothing yet."""
        self._loose += len(data)
        super().data_received(data)
        if self.transport.get_protocol() is not self:  # a socket now, which has limits of its own
            self._in_time()
            return
        if self._loose > _LOOSE_BYTES or len(self.pipeline) > _WAITING:
            self._refuse()
        elif not self._asked():
            if self._late is None:
                self._late = self.loop.call_later(self.head_s, self._too_late)
        elif self._late is not None:
            self._in_time()

    def on_headers_complete(self) -> None:
        """Begin a request."""
        self._loose = 0
        self.scope["extensions"] = {ABORT: self.transport.abort}  # pyright: ignore[reportGeneralTypeIssues] as in the parent
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._loose = 0
        super().on_body(body)

    def _asked(self) -> bool:
        """Tell whether the last head is complete and its request still to be answered."""
        return self._in_head() is False and self._answers()

    def _in_head(self) -> bool | None:
        """Tell whether a head has begun and is not complete; ``None`` before the first byte."""
        return None if self.scope is None else "method" not in self.scope  # pyright: ignore[reportUnnecessaryComparison] none at first

    def _answers(self) -> bool:
        """Tell whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] none at first

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        """End a connection whose request does not come; one under way is answered first."""
        self._late = None
        if self.flow.read_paused:  # the rest may have come: it is we who do not look
            self._late = self.loop.call_later(self.head_s, self._too_late)
            return
        log.info("request_never_came", client=self._peer())
        self.shutdown()

    def _refuse(self) -> None:
        if self.transport.is_closing():
            return
        log.warning("connection_refused", client=self._peer(), waiting=len(self.pipeline))
        if not self._answers():
            long = self._in_head() and len(self.url) > _URL_BYTES
            head = STATUS_LINE[414 if long else 431] + b"content-length: 0\r\nconnection: close\r\n"
            self.transport.write(head + b"\r\n")
        self.transport.close()

    def _peer(self) -> str:
        return anonymised(self.client[0]) if self.client else "unknown"
