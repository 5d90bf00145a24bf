"""Cover addresses: safe to show, one identity per picture (data-model §6.2)."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.images import cover_url, https_url, image_key

GOOGLE = "https://books.google.com/books/content"


@pytest.mark.parametrize(
    ("url", "https"),
    [
        (
            "https://covers.openlibrary.org/b/id/1-L.jpg",
            "https://covers.openlibrary.org/b/id/1-L.jpg",
        ),
        ("http://images.isbndb.com/a.jpg", "https://images.isbndb.com/a.jpg"),
        ("Https://Images.ISBNdb.com/Covers/A.jpg", "https://images.isbndb.com/Covers/A.jpg"),
        ("  https://a.com/x  ", "https://a.com/x"),
        ("https://a.com", "https://a.com/"),
        ("https://a.com/x#part", "https://a.com/x"),
        ("http://a.com:80/x", "https://a.com/x"),
        ("https://a.com:443/x", "https://a.com/x"),
        ("https://a.com:8443/x", "https://a.com:8443/x"),
        ("https://a.com./x", "https://a.com/x"),
        ("https://a.com/a b.jpg", "https://a.com/a%20b.jpg"),
        ("https://a.com/ü?q=é&r=%C3", "https://a.com/%C3%BC?q=%C3%A9&r=%C3"),
        ("https://a.com/100%", "https://a.com/100%25"),
        ("https://a.com/a%20b", "https://a.com/a%20b"),
        ('https://a.com/"<x>', "https://a.com/%22%3Cx%3E"),
        ("https://münchen.de/x", "https://xn--mnchen-3ya.de/x"),
        ("https://192.0.2.7/x", "https://192.0.2.7/x"),
        ("https://my_bucket.example.com/x", "https://my_bucket.example.com/x"),
        ("//a.com/x", None),
        ("/x.jpg", None),
        ("a.com/x", None),
        ("ftp://a.com/x", None),
        ("javascript:alert(1)", None),
        ("data:image/png;base64,AAAA", None),
        ("https://user:secret@a.com/x", None),
        ("https://user@a.com/x", None),
        ("https://localhost/x", None),
        ("https:///x", None),
        ("https://[::1]/x", None),
        ("https://[bad/x", None),
        ("https://a.com:port/x", None),
        ("https://a.com:99999/x", None),
        ("https://a..com/x", None),
        ("https://-a.com/x", None),
        ("https://a b.com/x", None),
        ("https://300.1.1.1/x", None),
        ("https://1.2.3/x", None),
        (f"https://{'ä' * 70}.de/x", None),
        ("https://a.com/x\ny", None),
        ("https://a.com/" + "x" * 2_000, None),
        ("", None),
        (None, None),
    ],
)
def test_https_url(url: str | None, https: str | None) -> None:
    assert https_url(url) == https


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "http://books.google.com/books/content?id=a&printsec=frontcover&img=1&zoom=1"
            "&edge=curl&source=gbs_api&imgtk=T&dq=x&hl=en&cd=2",
            GOOGLE + "?id=a&printsec=frontcover&img=1&zoom=1&imgtk=T",
        ),
        (
            "http://bks1.books.google.com/books?id=a&img=1&edge=curl",
            "https://bks1.books.google.com/books?id=a&img=1",
        ),
        (
            "https://books.google.co.uk/books/content?id=a&hl=en",
            "https://books.google.co.uk/books/content?id=a",
        ),
        ("https://books.google.com/other?edge=curl", "https://books.google.com/other?edge=curl"),
        ("https://evil.com/books/content?edge=curl", "https://evil.com/books/content?edge=curl"),
        ("https://a.com/x?b=1&a=2", "https://a.com/x?b=1&a=2"),
        ("not an address", None),
        (None, None),
    ],
)
def test_cover_url(url: str | None, shown: str | None) -> None:
    assert cover_url(url) == shown


def test_one_picture_has_one_key() -> None:
    key = "books.google.com/books/content?id=a&img=1&zoom=1"
    assert image_key(GOOGLE + "?id=a&img=1&zoom=1&edge=curl&imgtk=OLD") == key
    assert image_key("http://BOOKS.google.com/books/content?zoom=1&img=1&id=a&imgtk=NEW") == key
    assert image_key("https://a.com/x.jpg") == "a.com/x.jpg"
    assert image_key("https://a.com/x.jpg?b=2&a=1&imgtk=T") == "a.com/x.jpg?a=1&b=2&imgtk=T"
    assert image_key(" no address ") == "no address"


@pytest.mark.parametrize(
    "picture",
    [
        "covers.openlibrary.org/b/id/1-L.jpg",
        "images.isbndb.com/covers/1.jpg",
        "images-na.ssl-images-amazon.com/images/I/1.jpg",
        "m.media-amazon.com/images/I/1.jpg",
    ],
)
def test_a_query_the_host_ignores_makes_no_other_key(picture: str) -> None:
    assert {image_key(f"https://{picture}{query}") for query in ("", "?x=1", "?x=2&y=3")} == {
        picture
    }


def test_hosts_that_only_look_alike_keep_their_queries_apart() -> None:
    for host in ("notisbndb.com", "covers.openlibrary.org.example.com", "xmedia-amazon.com"):
        assert image_key(f"https://{host}/a?x=1") != image_key(f"https://{host}/a?x=2")


def test_an_endless_address_is_none() -> None:
    assert https_url("https://a.com/" + "x" * 50_000) is None


VALUES = st.text(st.characters(codec="utf-8"), max_size=8)


@given(st.tuples(VALUES, VALUES, VALUES), st.tuples(VALUES, VALUES, VALUES))
def test_two_google_covers_never_share_a_key(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    addresses = [
        f"{GOOGLE}?{urlencode(dict(zip(('id', 'img', 'zoom'), values, strict=True)))}"
        for values in (one, other)
    ]
    keys = {image_key(address) for address in addresses}
    assert len(keys) == len(set(addresses))


def test_undecodable_bytes_keep_covers_apart() -> None:
    assert image_key(GOOGLE + "?id=%FF") != image_key(GOOGLE + "?id=%FE")


ADDRESSES = st.text(max_size=40) | st.builds(
    "{}://{}/{}?{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["a.com", "Books.Google.com", "ä.de", "a.com:81"]),
    st.sampled_from(["books/content", "a b", "%zz", "ü"]) | st.text(max_size=10),
    st.text(max_size=20),
)


@given(ADDRESSES)
def test_normalising_an_address_twice_is_once(url: str) -> None:
    https, shown = https_url(url), cover_url(url)
    assert https_url(https) == https
    assert cover_url(shown) == shown
    if shown is not None:
        assert image_key(shown) == image_key(url)


@given(ADDRESSES)
def test_an_accepted_address_is_https_and_ascii(url: str) -> None:
    https = https_url(url)
    if https is not None:
        parts = urlsplit(https)
        assert parts.scheme == "https"
        assert parts.hostname
        assert parts.username is None
        assert https.isascii()
        assert https.isprintable()
        assert " " not in https
