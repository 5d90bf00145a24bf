"""Which addresses may be fetched on a caller's word: listed hosts, and public networks only.

Two gates. ``check_url`` lets a text pass only where its host is written exactly as listed, which
leaves no room for other spellings. ``GuardedResolver`` looks at what a name resolves to, inside
the connection that uses the answer, so that a second lookup cannot give another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AddressFamily

from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct, field
from yarl import URL

from bookstrack.errors import Forbidden, InvalidRequest

_PARTS = re.compile(r"(https?)://([^/?#\\]+)((?:[/?#].*)?)", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # and halves of characters
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NAME = re.compile(rf"(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")  # no address ends so
_DEFAULT_PORT = {"http": 80, "https": 443}

# IANA's registries of special-purpose addresses, RFC 6890; read on 2026-11-21. The standard
# library's ``is_global`` is not used: what it says of several blocks depends on the patch release.
_NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform address, the one metadata address outside the rest
        "169.254.0.0/16",  # link-local; the usual metadata address
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # everything else in IPv6 is special
_NAT64 = IPv6Network("64:ff9b::/96")


class HostRules(Struct, frozen=True, kw_only=True):
    """The hosts that may be fetched; made by ``of``.

    ``suffixes`` begin with a dot. ``origins`` maps ``host[:port]`` to the scheme spoken there:
    addresses the operator named, which may be private, on any port and without encryption.
    """

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, names: Iterable[str], *, origins: Iterable[str] = ()) -> HostRules:
        """Read host names, ``*.suffix`` for subdomains, and base URLs of the operator's own.

        An origin that a name already covers stays under the stricter rule of names.

        Raises:
            ValueError: a name that is an address or no name, or an origin that is no http(s) URL.
        """
        exact: set[str] = set()
        suffixes: list[str] = []
        for name in (given.strip().lower() for given in names):
            bare = name.removeprefix("*.")
            if not _NAME.fullmatch(bare):
                raise ValueError(f"{name!r} is not a host name")
            if bare == name:
                exact.add(name)
            else:
                suffixes.append(f".{bare}")
        listed = cls(names=frozenset(exact), suffixes=tuple(suffixes))
        own = {
            authority: scheme
            for authority, scheme in map(_origin, origins)
            if not listed.names_host(authority)
        }
        return cls(names=listed.names, suffixes=listed.suffixes, origins=own)

    def names_host(self, host: str) -> bool:
        """Tell whether a lower-case host is one of the names or below one of the suffixes."""
        return host in self.names or any(
            host.endswith(suffix) and _SUBDOMAIN.fullmatch(host.removesuffix(suffix))
            for suffix in self.suffixes
        )

    def is_own(self, url: URL) -> bool:
        """Tell whether a checked URL lies at one of the operator's own origins."""
        return self.origins.get(_authority(url)) == url.scheme

    @property
    def private(self) -> frozenset[str]:
        """Return the ``host:port`` pairs that need not be public."""
        bases = (URL(f"{scheme}://{authority}") for authority, scheme in self.origins.items())
        return frozenset(f"{base.raw_host}:{base.port}" for base in bases)


def _origin(base: str) -> tuple[str, str]:
    url = URL(base)
    if url.scheme not in _DEFAULT_PORT or not url.host or url.user is not None:
        raise ValueError(f"{base!r} is not the address of a web server")
    return _authority(url), url.scheme


def _authority(url: URL) -> str:
    """Return ``host`` or ``host:port``, the latter where the port is not the scheme's default."""
    host = url.host_subcomponent or ""
    return host if url.port == _DEFAULT_PORT.get(url.scheme) else f"{host}:{url.port}"


def check_url(url: str, *, hosts: HostRules) -> URL:
    """Return the URL to fetch: https, or the scheme of an origin of the operator's own.

    ``http`` is upgraded, the fragment dropped. The host must be written as listed, in ASCII,
    without user name, trailing dot or port, which shuts out every spelling of an address.

    Raises:
        InvalidRequest: this is not an http(s) URL.
        Forbidden: the host is not listed; ``details['host']`` repeats it.
    """
    match = _PARTS.fullmatch(url.strip())
    if match is None or _CONTROL.search(match[0]):
        raise InvalidRequest("This is not an absolute http or https URL")
    authority = _bare_authority(match[1].lower(), match[2])
    scheme = hosts.origins.get(authority, "https")
    if authority not in hosts.origins and not hosts.names_host(authority):
        host = authority.rpartition("@")[2]  # never repeat a password
        raise Forbidden("Pictures are not fetched from this host", details={"host": host[:253]})
    try:
        return URL(f"{scheme}://{authority}{match[3]}").with_fragment(None)
    except ValueError as error:
        raise InvalidRequest("This is not a valid URL") from error


def _bare_authority(scheme: str, text: str) -> str:
    """Lower-case an authority and drop the default port; what is not ASCII stays as it is.

    Lower-casing could turn other letters into ASCII ones (the Kelvin sign into k).
    """
    return text.lower().removesuffix(f":{_DEFAULT_PORT[scheme]}") if text.isascii() else text


def is_public(address: str | IPv4Address | IPv6Address) -> bool:
    """Tell whether an address lies in the public internet.

    IPv4 inside IPv6 is judged by the IPv4 address for mapped and NAT64 addresses (IPv6-only
    networks reach IPv4 so); 6to4 and Teredo are refused. A text that is no address is not public.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(ip.ipv4_mapped)
        if ip in _NAT64:
            return is_public(IPv4Address(int(ip) & 0xFFFF_FFFF))
        if ip not in _GLOBAL_UNICAST:
            return False
    return not any(ip in block for block in _NOT_PUBLIC if block.version == ip.version)


class GuardedResolver(AbstractResolver):
    """Gives a connection the addresses of a name, and nothing unless every one is public.

    ``allow_private`` holds ``host:port`` pairs that may be anywhere.
    """

    def __init__(
        self, lower: AbstractResolver, *, allow_private: frozenset[str] = frozenset()
    ) -> None:
        self._lower = lower
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            Forbidden: one of its addresses is not public (which one is not told).
            OSError: the name has no address.
        """
        found = await self._lower.resolve(host, port, family)
        if f"{host}:{port}" in self._allow_private or all(is_public(a["host"]) for a in found):
            return found
        raise Forbidden("This host is not in the public internet", details={"host": host})

    async def close(self) -> None:
        """Release the lower resolver."""
        await self._lower.close()
