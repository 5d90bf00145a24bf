"""One request on its way through the server: what every layer wants to know about it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Protocol

from bookstrack.limits.limiter import Verdict
from bookstrack.web.contract import RouteFacts

Headers = list[tuple[bytes, bytes]]

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,100}\Z")
_STATE_KEY = "exchange"
_REMEMBERED = 10_000


class Streaming(Protocol):
    """An answer that takes longer than a request may; a handler leaves it to the front."""

    headers: Headers
    """Those of its own; the front adds what all answers carry."""

    def enter(self) -> None:
        """Take the caller's place, which ``run`` gives back.

        Raises:
            RateLimited: the caller has as many open as is allowed.
        """
        ...

    def run(self, receive: Any, send: Any, headers: Headers) -> Awaitable[bool]:
        """Send everything; return whether the connection must be cut."""
        ...


class Exchange:
    """Request facts and the headers that the answer must carry whatever it is.

    ``started`` is monotonic seconds, ``now`` epoch seconds at arrival.
    """

    __slots__ = (
        "cache_status",
        "client",
        "error_code",
        "facts",
        "headers",
        "identity",
        "method",
        "now",
        "path",
        "provider",
        "query",
        "request_id",
        "response_headers",
        "started",
        "status",
        "stream",
        "token_id",
        "verdict",
    )

    def __init__(
        self, scope: Mapping[str, Any], *, now: float, started: float, fallback_id: str
    ) -> None:
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.now = now
        self.started = started
        given = self.headers.get(b"x-request-id", b"")
        self.request_id = given.decode("ascii") if _REQUEST_ID.match(given) else fallback_id
        self.facts: RouteFacts | None = None
        self.response_headers: Headers = []
        self.client = ""
        self.identity = ""
        self.token_id: str | None = None
        self.verdict: Verdict | None = None
        self.status = 0
        self.stream: Streaming | None = None
        self.error_code: str | None = None
        self.cache_status: str | None = None
        self.provider: str | None = None

    def header(self, name: bytes) -> str:
        """Return a request header as text, empty where it is absent."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def wants_c3_names(self) -> bool:
        """Tell whether the caller speaks API version 3, whose error names differ."""
        return self.headers.get(b"x-api-version", b"").split(b".")[0] == b"3"


def attach(scope: Mapping[str, Any], exchange: Exchange) -> None:
    """Let the handlers behind the framework find the exchange."""
    scope["state"][_STATE_KEY] = exchange


def exchange_of(scope: Mapping[str, Any]) -> Exchange:
    """Return the exchange of a framework scope."""
    return scope["state"][_STATE_KEY]


class Networks:
    """Networks in CIDR notation; ``address in networks`` is parsed once per address."""

    def __init__(self, cidrs: tuple[str, ...]) -> None:
        self._networks = tuple(ip_network(cidr, strict=False) for cidr in cidrs)
        self._seen: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        known = self._seen.get(address)
        if known is None:
            parsed = _parse(address)
            known = parsed is not None and any(parsed in network for network in self._networks)
            if len(self._seen) < _REMEMBERED:
                self._seen[address] = known
        return known


class Addresses:
    """Tells the address that a request really came from (operations §5.2).

    A trusted proxy may name it in ``X-Forwarded-For``, whose right-most entry that is no trusted
    proxy counts, or in ``CF-Connecting-IP``. Where both are there and disagree, the former wins:
    every proxy appends to it what it has seen, while most pass the latter on as the caller made
    it up.
    """

    def __init__(self, trusted: Networks) -> None:
        self._trusted = trusted

    def client(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """Return the caller's address: the peer, or what a trusted proxy says of it."""
        if not peer:
            return "unknown"
        if peer not in self._trusted:
            return peer
        forwarded = headers.get(b"x-forwarded-for")
        if not forwarded:
            cloudflare = headers.get(b"cf-connecting-ip", b"")
            return _address(cloudflare.decode("latin-1")) or peer
        for part in reversed(forwarded.decode("latin-1").split(",")):
            address = _address(part.strip())
            if address is None:
                break
            if address not in self._trusted:
                return address
        return peer


def identity_of(address: str) -> str:
    """Return the rate identity of an address: IPv6 callers own a /64."""
    if ":" not in address:
        return address
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((parsed, 64), strict=False).network_address) + "/64"
    return str(parsed.ipv4_mapped) if isinstance(parsed, IPv6Address) else address


def anonymised(address: str) -> str:
    """Return an address for the log: IPv4 without its last octet, IPv6 cut to 48 bits."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, IPv4Address):
        return str(parsed).rpartition(".")[0] + ".0"
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), 48), strict=False).network_address)
    return "unknown"


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _address(text: str) -> str | None:
    """Return a forwarded address without port and brackets."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return text if _parse(text) else None
