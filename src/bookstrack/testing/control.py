"""Steering the fake upstream from another process: JSON under ``/_control``.

::

    POST /_control/fault  {"provider": "google", "kind": "status", "code": 503, "times": 3}
    POST /_control/say    {"text": "[]", "finish": "STOP", "otherwise": true}
    POST /_control/delay  {"provider": "all", "seconds": 0.15}
    POST /_control/heal   {"provider": "google"}
    POST /_control/reset
    GET  /_control/asked?provider=google
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web
from msgspec import Struct

from bookstrack.testing.exchange import Asked
from bookstrack.testing.faults import Fault
from bookstrack.testing.wire_gemini import GeminiWire, Said


class Steered(Protocol):
    """What can be steered."""

    gemini: GeminiWire

    def fault(
        self, provider: str, fault: Fault, *, times: int | None = None, where: str = ""
    ) -> None:
        """Let a provider fail."""
        ...

    def say(self, *said: Said) -> None:
        """Let Gemini give these answers next."""
        ...

    def delay(self, provider: str, seconds: float) -> None:
        """Let a provider be slow."""
        ...

    def heal(self, provider: str = "all") -> None:
        """End faults and delays."""
        ...

    def asked(self, provider: str = "all") -> list[Asked]:
        """Return what was asked."""
        ...

    def count(self, provider: str = "all") -> int:
        """Return how much was asked."""
        ...

    def reset(self) -> None:
        """Heal and forget."""
        ...


class _Order(Struct):
    provider: str = "all"
    seconds: float = 0.0
    times: int | None = None
    where: str = ""
    otherwise: bool = False


class Control:
    """Turns control requests into calls."""

    def __init__(self, upstream: Steered) -> None:
        self._upstream = upstream

    async def answer(self, request: web.BaseRequest, name: str) -> web.Response:
        """Obey one request: 200 with JSON, 400 for a bad order, 404 for an unknown one."""
        body = await request.read() or b"{}"
        try:
            result = self._obey(f"{request.method} {name}", body, request.query)
        except (msgspec.MsgspecError, ValueError) as error:
            return _json({"error": str(error)}, status=400)
        return _json({"error": "unknown order"}, status=404) if result is None else _json(result)

    def _obey(self, order: str, body: bytes, query: Mapping[str, str]) -> dict[str, Any] | None:
        to = msgspec.json.decode(body, type=_Order)
        match order:
            case "POST fault":
                # ``seconds`` means the same to both readers of this body.
                fault = msgspec.json.decode(body, type=Fault)
                self._upstream.fault(to.provider, fault, times=to.times, where=to.where)
            case "POST say":
                said = msgspec.json.decode(body, type=Said)
                if to.otherwise:
                    self._upstream.gemini.otherwise = said
                else:
                    self._upstream.say(said)
            case "POST delay":
                self._upstream.delay(to.provider, to.seconds)
            case "POST heal":
                self._upstream.heal(to.provider)
            case "POST reset":
                self._upstream.reset()
            case "GET asked":
                provider = query.get("provider", "all")
                asked = [
                    {"path": one.path, "query": one.query, "headers": one.headers}
                    for one in self._upstream.asked(provider)
                ]
                return {"count": self._upstream.count(provider), "asked": asked}
            case _:
                return None
        return {"ok": True}


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json"
    )
