from __future__ import annotations

import re
import socket
import string
from ipaddress import ip_address, ip_network

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bookstrack.errors import Forbidden, InvalidRequest
from bookstrack.upstream.guard import GuardedResolver, HostRules, check_url, is_public

RULES = HostRules.of(
    ["books.google.com", "covers.openlibrary.org", "*.us.archive.org"],
    origins=["http://127.0.0.1:9100/prefix", "https://mirror.lan", "http://[fd00::5]:8080"],
)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://books.google.com/books/content?id=a&img=1", None),
        (
            "http://covers.openlibrary.org/b/id/1-L.jpg",
            "https://covers.openlibrary.org/b/id/1-L.jpg",
        ),
        ("  HTTPS://Books.Google.COM/x ", "https://books.google.com/x"),
        ("http://books.google.com:80/x", "https://books.google.com/x"),
        ("https://books.google.com:443/x", "https://books.google.com/x"),
        ("https://books.google.com/x#frag", "https://books.google.com/x"),
        ("https://books.google.com?q=1", "https://books.google.com/?q=1"),
        ("https://ia800100.us.archive.org/a.jpg", None),
        ("https://a.b.us.archive.org/a.jpg", None),
        ("http://127.0.0.1:9100/b/1.jpg", "http://127.0.0.1:9100/b/1.jpg"),
        ("https://127.0.0.1:9100/b/1.jpg", "http://127.0.0.1:9100/b/1.jpg"),
        ("http://mirror.lan/1.jpg", "https://mirror.lan/1.jpg"),
        ("http://[fd00::5]:8080/1.jpg", "http://[fd00::5]:8080/1.jpg"),
        ("https://books.google.com/a%20b%2Fc?x=%26", "https://books.google.com/a%20b%2Fc?x=%26"),
        ("https://books.google.com/@127.0.0.1/", "https://books.google.com/@127.0.0.1/"),
    ],
)
def test_listed_hosts_pass_and_http_is_upgraded(url: str, target: str | None) -> None:
    assert str(check_url(url, hosts=RULES)) == (target or url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8787",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1%25eth0]",
        "169.254.169.254",
        "metadata.google.internal",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "93.184.216.34",  # public, but an address is never a listed name
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "evil.example",
        "books.google.com.",
        "books.google.com..",
        "books.google.com.evil.example",
        "evilbooks.google.com",
        "books.google.com:8443",
        "books.google.com:80",  # of https: not the default
        "books.google.com:",
        "user@books.google.com",
        "user:secret@books.google.com",
        "books.google.com@127.0.0.1",
        "books.google.com%00.evil.example",
        "books.google.com%2f@evil.example",
        "%62ooks.google.com",
        "ｂooks.google.com",
        "bооks.google.com",  # with Cyrillic o
        "boo\u212as.google.com",  # with the Kelvin sign
        "books。google。com",
        "books.google\u00ad.com",
        "us.archive.org",
        ".us.archive.org",
        "-.us.archive.org",
        "a..us.archive.org",
        "a_b.us.archive.org",
        "127.0.0.1:9101",
        "[fd00::5]",
    ],
)
def test_no_other_spelling_of_a_host_passes(host: str) -> None:
    with pytest.raises(Forbidden) as caught:
        check_url(f"https://{host}/a.jpg", hosts=RULES)
    assert caught.value.details["host"] == host.lower().rpartition("@")[2] or not host.isascii()
    assert "secret" not in str(caught.value.details)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "books.google.com/a.jpg",
        "//books.google.com/a.jpg",
        "https:books.google.com/a.jpg",
        "https:///a.jpg",
        "ftp://books.google.com/a.jpg",
        "file:///etc/passwd",
        "gopher://books.google.com/",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "https://books.google.com\\@127.0.0.1/",
        "https://books.google.com\\.evil.example/",
        "https://books.google.com/a\r\nHost: evil.example",
        "https://books.google.com/\x00",
        "ht\ntps://books.google.com/",
        "https://books.google.com/\ud800",
    ],
)
def test_what_is_no_web_address_is_invalid(url: str) -> None:
    with pytest.raises(InvalidRequest):
        check_url(url, hosts=RULES)


@pytest.mark.parametrize("name", ["", "10.0.0.1", "2130706433", "a b", "*", "*.", "a/b", "[::1]"])
def test_only_host_names_can_be_listed(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        HostRules.of([name])


@pytest.mark.parametrize("base", ["", "mirror.lan", "ftp://mirror.lan", "http://u:p@mirror.lan"])
def test_only_web_servers_can_be_origins(base: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a web server"):
        HostRules.of([], origins=[base])


def test_an_origin_that_is_listed_stays_public_and_encrypted() -> None:
    rules = HostRules.of(["covers.openlibrary.org"], origins=["http://covers.openlibrary.org"])
    assert rules.private == frozenset()
    url = check_url("http://covers.openlibrary.org/1", hosts=rules)
    assert str(url) == "https://covers.openlibrary.org/1"
    assert not rules.is_own(url)


def test_origins_are_the_only_ones_that_may_be_private() -> None:
    assert RULES.private == {"127.0.0.1:9100", "mirror.lan:443", "fd00::5:8080"}
    assert RULES.is_own(check_url("http://127.0.0.1:9100/x", hosts=RULES))
    assert RULES.is_own(check_url("https://mirror.lan/x", hosts=RULES))
    assert not RULES.is_own(check_url("https://books.google.com/x", hosts=RULES))


WORDS = """
    http https :// : / // \\ @ ? # . .. % %2e [ ] ::1 ::ffff: 0x7f :443 :80 :9100 xn-- ｂ 。
    books.google.com us.archive.org a.us.archive.org 127.0.0.1 2130706433
"""
PIECES = st.sampled_from([*WORDS.split(), "\t", "\n", " "])
URLS = st.one_of(
    st.text(),
    st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=12).map("".join),
    st.tuples(
        st.sampled_from(["http://", "https://"]), st.lists(PIECES, max_size=8).map("".join)
    ).map("".join),
    st.ip_addresses().map(lambda ip: f"http://{ip}/" if ip.version == 4 else f"http://[{ip}]/"),
    st.integers(0, 2**33).map(lambda number: f"http://{number}/"),
)


@settings(deadline=None)
@given(URLS)
@example("https://a.us.archive.org:80/x")
@example("https://books.google.com/%")
def test_whatever_is_given_is_refused_or_listed(url: str) -> None:
    try:
        target = check_url(url, hosts=RULES)
    except (InvalidRequest, Forbidden):
        return
    again = check_url(str(target), hosts=RULES)
    assert again == target
    assert target.user is None
    assert target.fragment == ""
    if RULES.is_own(target):
        assert f"{target.raw_host}:{target.port}" in RULES.private
        return
    assert (target.scheme, target.port) == ("https", 443)
    assert RULES.names_host(target.raw_host or "")
    assert set(target.raw_host or "") <= set(string.ascii_lowercase + string.digits + ".-")
    assert not re.fullmatch(r"[0-9a-fx.]+", target.raw_host or "")


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1",
     "2a00:1450:4001:830::200e", "::ffff:8.8.8.8", "64:ff9b::808:808", "192.0.1.1"],
)  # fmt: skip
def test_public_addresses(address: str) -> None:
    assert is_public(address)
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3",  # noqa: S104 nothing is bound
     "10.0.0.1", "10.255.255.255",
     "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "169.254.0.1",
     "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.192", "168.63.129.16",
     "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1",
     "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
     "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
     "2001:db8::1", "3fff::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
     "2002:7f00:1::", "2002:a00:1::", "2002:808:808::", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
     "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
     "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "5f00::1", "4000::1",
     "", "localhost", "127.1", "0177.0.0.1", "2130706433"],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@settings(deadline=None)
@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_not_public(ip) -> None:
    special = ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast
    if special or ip.is_reserved or ip.is_unspecified:
        wraps = ip.version == 6 and (ip.ipv4_mapped or ip in ip_network("64:ff9b::/96"))
        assert wraps or not is_public(ip)


class Names(AbstractResolver):
    """Answers every lookup with the next list of addresses; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []
        self.closed = False

    async def resolve(self, host, port=0, family=socket.AF_INET) -> list[ResolveResult]:
        self.asked.append((host, port))
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in found
        ]

    async def close(self) -> None:
        self.closed = True


async def test_the_resolver_gives_public_addresses() -> None:
    guard = GuardedResolver(Names(["93.184.216.34", "2606:2800:220:1::1"]))
    found = await guard.resolve("books.google.com", 443)
    assert [a["host"] for a in found] == ["93.184.216.34", "2606:2800:220:1::1"]


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:192.168.1.1"], ["169.254.169.254"]],
)
async def test_one_address_that_is_not_public_spoils_the_name(addresses: list[str]) -> None:
    guard = GuardedResolver(Names(addresses))
    with pytest.raises(Forbidden) as caught:
        await guard.resolve("books.google.com", 443)
    assert caught.value.details == {"host": "books.google.com"}


async def test_a_name_that_changes_is_judged_at_every_lookup() -> None:
    guard = GuardedResolver(Names(["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34"]))
    assert len(await guard.resolve("books.google.com", 443)) == 1
    with pytest.raises(Forbidden):
        await guard.resolve("books.google.com", 443)
    assert len(await guard.resolve("books.google.com", 443)) == 1


async def test_a_private_mirror_is_allowed_on_its_own_port_only() -> None:
    names = Names(["10.0.0.1"])
    guard = GuardedResolver(names, allow_private=frozenset({"mirror.lan:8080"}))
    assert [a["host"] for a in await guard.resolve("mirror.lan", 8080)] == ["10.0.0.1"]
    for host, port in (("mirror.lan", 443), ("other.lan", 8080)):
        with pytest.raises(Forbidden):
            await guard.resolve(host, port)
    await guard.close()
    assert names.closed
