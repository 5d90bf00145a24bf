"""Every object store behaves alike."""

from __future__ import annotations

import asyncio

import obstore
import pytest

from bookstrack.errors import ConfigurationProblem, StorageUnavailable
from bookstrack.storage.blobs import open_blobs


@pytest.fixture(params=["memory", "folder", "s3"])
def blobs(request, tmp_path):
    if request.param == "memory":
        return open_blobs("memory:")
    if request.param == "folder":
        return open_blobs(f"file://{tmp_path / 'objects of mine'}")
    return open_blobs(request.getfixturevalue("s3_url"))


async def test_put_and_get(blobs):
    data = bytes(range(256)) * 5000
    await blobs.put("covers/9780000000002", data, content_type="image/jpeg")
    assert await blobs.get("covers/9780000000002", at_most=len(data)) == data


async def test_absent_is_none(blobs):
    assert await blobs.get("covers/none", at_most=10) is None


async def test_too_large_is_none(blobs):
    await blobs.put("a", b"12345")
    assert await blobs.get("a", at_most=4) is None
    assert await blobs.get("a", at_most=5) == b"12345"


async def test_put_replaces(blobs):
    await blobs.put("a", b"old")
    await blobs.put("a", b"new")
    assert await blobs.get("a", at_most=10) == b"new"


async def test_put_new_keeps_the_first(blobs):
    assert await blobs.put_new("a", b"first", content_type="text/plain") is True
    assert await blobs.put_new("a", b"second") is False
    assert await blobs.get("a", at_most=10) == b"first"


async def test_one_of_many_writers_wins(blobs):
    won = await asyncio.gather(*(blobs.put_new("a", str(n).encode()) for n in range(20)))
    assert won.count(True) == 1
    assert await blobs.get("a", at_most=10) == str(won.index(True)).encode()


async def test_delete_twice(blobs):
    await blobs.put("a", b"1")
    await blobs.delete("a")
    await blobs.delete("a")
    assert await blobs.get("a", at_most=10) is None


async def test_list_is_by_folder(blobs):
    for path in ("cold/2026/b", "cold/2026/a", "colder/x", "top"):
        await blobs.put(path, b"1")
    assert await blobs.list("cold") == ["cold/2026/a", "cold/2026/b"]
    assert await blobs.list("none") == []
    assert await blobs.list("") == ["cold/2026/a", "cold/2026/b", "colder/x", "top"]


async def test_probe_leaves_nothing(blobs):
    await blobs.probe()
    assert await blobs.list("") == []


@pytest.mark.parametrize("path", ["../a", "/a", "a/../b", "a//b", "", "a/", "./a", "a\\b", "a\0b"])
async def test_paths_stay_inside(blobs, path):
    with pytest.raises(ValueError, match="not a path inside"):
        await blobs.put(path, b"1")
    with pytest.raises(ValueError, match="not a path inside"):
        await blobs.get(path, at_most=10)


async def test_content_type_is_kept_where_there_is_a_place_for_it(s3_url):
    blobs = open_blobs(s3_url)
    await blobs.put("a", b"1", content_type="image/webp")
    found = await obstore.get_async(blobs._store, "a")
    assert found.attributes["Content-Type"] == "image/webp"


async def test_unreachable_bucket(unused_tcp_port):
    address = f"http://127.0.0.1:{unused_tcp_port}"
    blobs = open_blobs(f"s3://b?endpoint={address}&access_key_id=a&secret_access_key=b")
    for operation in (
        blobs.put("a", b"1"),
        blobs.put_new("a", b"1"),
        blobs.get("a", at_most=1),
        blobs.delete("a"),
        blobs.list(""),
        blobs.probe(),
    ):
        with pytest.raises(StorageUnavailable):
            await operation


async def test_bucket_that_is_not_there(s3_url):
    blobs = open_blobs(s3_url.replace("s3://b-", "s3://none-"))
    for operation in (blobs.put("a", b"1"), blobs.put_new("a", b"1"), blobs.probe()):
        with pytest.raises(StorageUnavailable):
            await operation


async def test_folder_that_went_away(tmp_path):
    folder = tmp_path / "objects"
    blobs = open_blobs(f"file://{folder}")
    folder.rmdir()
    folder.write_text("a file in its place")
    with pytest.raises(StorageUnavailable):
        await blobs.probe()


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationProblem, match="cannot be made"):
        open_blobs(f"file://{tmp_path}/file/objects")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/x", "'ftp' is not supported"),
        ("s3://?endpoint=http://x", "needs the name of a bucket"),
        ("s3://b?endpont=http://x", "unknown option endpont"),
    ],
)
def test_wrong_addresses(url, said):
    with pytest.raises(ConfigurationProblem, match=said) as caught:
        open_blobs(url)
    assert caught.value.variable == "BOOKSTRACK_OBJECT_STORE"
