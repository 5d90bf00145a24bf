"""Where a request came from: proxies that are believed, and headers that callers make up."""

from __future__ import annotations

import pytest

from bookstrack.web.exchange import Addresses, Networks

CALLER, LIAR, EDGE = "203.0.113.5", "198.51.100.66", "192.0.2.10"
TRUSTED = ("127.0.0.1/32", "::1/128", "10.0.0.0/8")


def client(peer="127.0.0.1", *, forwarded=None, cloudflare=None, trusted=TRUSTED):
    headers = {b"x-forwarded-for": forwarded, b"cf-connecting-ip": cloudflare}
    given = {name: value.encode() for name, value in headers.items() if value is not None}
    return Addresses(Networks(trusted)).client(peer, given)


def test_nobody_else_is_believed():
    assert client(CALLER, forwarded=LIAR, cloudflare=LIAR) == CALLER
    assert client("", forwarded=LIAR) == "unknown"
    assert client("127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (CALLER, CALLER),
        (f"{LIAR}, {CALLER}", CALLER),
        (f"{LIAR}, {CALLER}, 10.1.2.3", CALLER),
        (f"{CALLER}:1234", CALLER),
        ("[2001:db8::1]:443", "2001:db8::1"),
        (f"{LIAR}, nonsense", "127.0.0.1"),
        ("10.1.1.1", "127.0.0.1"),
    ],
)
def test_the_last_entry_that_no_trusted_proxy_is(forwarded, address):
    assert client(forwarded=forwarded) == address


def test_cloudflare_alone_is_believed():
    assert client(cloudflare=CALLER) == CALLER
    assert client(cloudflare="nonsense") == "127.0.0.1"


def test_a_proxy_that_tells_the_caller_outweighs_a_header_that_it_passed_on():
    assert client(forwarded=CALLER, cloudflare=LIAR) == CALLER
    assert client(forwarded="nonsense", cloudflare=LIAR) == "127.0.0.1"
    # A proxy of our own behind Cloudflare, with and without Cloudflare's networks trusted.
    through = {"forwarded": f"{CALLER}, {EDGE}", "cloudflare": CALLER}
    assert client(**through, trusted=(*TRUSTED, "192.0.2.0/24")) == CALLER
    assert client(**through) == EDGE


def test_networks_hold_addresses():
    networks = Networks(("203.0.113.7/24", "2001:db8::/32"))
    held = ("203.0.113.255", "2001:db8:1::1", "203.0.114.1", "unknown", "")
    assert [address in networks for address in held * 2] == [True, True, False, False, False] * 2
    assert CALLER not in Networks(())


def test_what_is_remembered_of_addresses_is_bounded():
    networks = Networks(("10.0.0.0/8",))
    for number in range(12_000):
        assert f"10.0.{number // 250}.{number % 250}" in networks
    assert len(networks._seen) <= 10_000
