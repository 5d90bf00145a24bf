"""What is not scanned: bad requests and hostile pictures, each with its code (§2.2, §2.3)."""

from __future__ import annotations

import base64
import random
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from photos import ID, as_json, drawn, form, images, scan, stored

ONE, BATCH, SEVERAL = "/api/scan-bookshelf", "/api/scan-bookshelf/batch", "/api/batch-scan"
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k", JOB_WORKERS="0")


def error(answer) -> tuple[int, str, dict]:
    found = answer.json["error"]
    return answer.status, found["code"], found.get("details", {})


GOOD = base64.b64encode(drawn()).decode()
BODIES = [
    {},
    {"images": images(drawn())},
    {"jobId": ID},
    {"jobId": ID, "images": {}},
    {"jobId": ID, "images": []},
    {"jobId": ID, "images": ["x"]},
    {"jobId": ID, "images": [{"data": GOOD}]},
    {"jobId": ID, "images": [{"index": "0", "data": GOOD}]},
    {"jobId": ID, "images": [{"index": True, "data": GOOD}]},
    {"jobId": ID, "images": [{"index": -1, "data": GOOD}]},
    {"jobId": ID, "images": [{"index": 0}]},
    {"jobId": ID, "images": [{"index": 0, "data": 5}]},
    {"jobId": ID, "images": [{"index": 0, "data": "!!!"}]},
    {"jobId": ID, "images": [{"index": 0, "data": GOOD}, {"index": 0, "data": GOOD}]},
    {"jobId": "a b", "images": images(drawn())},
    {"jobId": ID, "images": images(drawn()), "confidenceThreshold": 0.39},
    {"jobId": ID, "images": images(drawn()), "confidenceThreshold": "much"},
    {"jobId": ID, "images": images(drawn()), "confidenceThreshold": True},
]


async def test_bodies_that_say_too_little(api):
    for body in BODIES:
        answer = await api.post(BATCH, json=body)
        assert error(answer)[:2] == (400, "INVALID_REQUEST"), body
    for data in (b"", b"{", b"[]", b"\xff\xfe"):
        answer = await api.post(BATCH, data=data, headers={"Content-Type": "application/json"})
        assert error(answer)[:2] == (400, "INVALID_REQUEST")
    bad = {"jobId": ID, "images": [*images(drawn()), {"index": 4, "data": "a*"}]}
    assert error(await api.post(BATCH, json=bad))[2]["index"] == 4
    assert await stored(api) == {}


async def test_a_photo_under_a_foreign_name_is_told_the_right_ones(api):
    answer = await api.post(SEVERAL, data=form(b"x" * 9_000, name="shelf"))
    status, code, details = error(answer)
    assert (status, code, details) == (400, "INVALID_REQUEST", {"parameter": "shelf"})
    assert "photos" in answer.json["error"]["message"]


async def test_forms_that_are_none(api):
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    for data, headers in [
        (b"", boundary),
        (b"--x\r\n", boundary),
        (b"--x\r\nContent-Disposition: form-data; name=photos\r\n\r\n\xff\xd8", boundary),
        (b"nothing", {"Content-Type": "multipart/form-data"}),
        (form(drawn(), name="file"), {}),
        (form(jobId=ID), {}),
        (form(drawn(), jobId="x" * 2000), {}),
        (b"x", {"Content-Type": "text/plain"}),
        (drawn(), JPEG),
    ]:
        answer = await api.post(SEVERAL, data=data, headers=headers)
        assert error(answer)[:2] == (400, "INVALID_REQUEST")


async def test_the_route_for_one_photo_wants_a_picture(api):
    for data, kind in [(b"", "image/jpeg"), (drawn(), "application/json"), (drawn(), "")]:
        answer = await api.post(ONE, data=data, headers={"Content-Type": kind})
        assert error(answer)[:2] == (400, "INVALID_REQUEST")
    wrong = await api.post(f"{ONE}?jobId=a%20b", data=drawn(), headers=JPEG)
    assert error(wrong) == (400, "INVALID_REQUEST", {"parameter": "jobId"})


async def test_no_more_than_five(api):
    five = [drawn(shade=shade) for shade in range(5)]
    assert (await api.post(SEVERAL, data=form(*five))).status == 202
    six = [*five, drawn(shade=9)]
    for answer in (
        await api.post(SEVERAL, data=form(*six)),
        await api.post(BATCH, json={"jobId": ID, "images": images(*six)}),
    ):
        assert error(answer) == (400, "BATCH_TOO_LARGE", {"max": 5, "received": 6})


def png(width: int, height: int) -> bytes:
    """A PNG of one colour, whose size costs its maker nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    packed = zlib.compressobj(9)
    row = b"\0" * (width // 8 + 1)
    pixels = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def moving(frames: int) -> bytes:
    held = BytesIO()
    pictures = [Image.new("RGB", (200, 200), (n, n, n)) for n in range(frames)]
    pictures[0].save(held, "WEBP", save_all=True, append_images=pictures[1:], duration=20)
    return held.getvalue()


HOSTILE = {
    "bomb": (lambda: png(20_000, 20_000), 422, "IMAGE_TOO_LARGE", "side_too_long"),
    "many pixels": (lambda: png(11_000, 11_000), 422, "IMAGE_TOO_LARGE", "too_many_pixels"),
    "small": (lambda: drawn(size=(199, 400)), 422, "IMAGE_TOO_SMALL", "side_too_short"),
    "truncated": (
        lambda: drawn(size=(900, 900))[:-2000],
        400,
        "INVALID_FILE",
        "corrupt",
    ),
    "only a header": (lambda: drawn()[:200], 400, "INVALID_FILE", "corrupt"),
    "moving": (lambda: moving(200), 400, "INVALID_FILE", "animated"),
    "html": (
        lambda: b"<!DOCTYPE html><html><body>Sorry</body></html>",
        415,
        "UNSUPPORTED_FILE_TYPE",
        "unsupported_type",
    ),
    "text": (lambda: b"Dear reader, " * 99, 415, "UNSUPPORTED_FILE_TYPE", "not_a_picture"),
    "gif": (lambda: drawn("GIF"), 415, "UNSUPPORTED_FILE_TYPE", "unsupported_type"),
    "svg": (
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        415,
        "UNSUPPORTED_FILE_TYPE",
        "unsupported_type",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_pictures(api, name):
    make, status, code, reason = HOSTILE[name]
    photo = make()
    found = error(await scan(api, photo))
    assert (found[0], found[1], found[2]["reason"], found[2]["index"]) == (status, code, reason, 0)
    as_form = error(await api.post(SEVERAL, data=form(drawn(), photo)))
    as_json = error(await api.post(BATCH, json={"jobId": ID, "images": images(drawn(), photo)}))
    for found in (as_form, as_json):
        assert found[:2] == (status, code)
        assert (found[2]["reason"], found[2]["index"]) == (reason, 1)
    assert await stored(api) == {}


def heavy(size: int) -> bytes:
    """A picture with so many bytes, most of them after its end."""
    photo = drawn()
    return photo + random.Random(1).randbytes(size - len(photo))


async def test_what_is_too_heavy(api):
    most, more = heavy(10_000_000), heavy(10_000_001)
    assert (await scan(api, most)).status == 202
    for answer in (
        await scan(api, more),
        await api.post(SEVERAL, data=form(drawn(), more)),
        await api.post(BATCH, **as_json(jobId=ID, images=images(drawn(), more))),
    ):
        status, code, details = error(answer)
        assert (status, code, details["resourceType"]) == (413, "FILE_TOO_LARGE", "image")
        assert details["index"] in (0, 1)
        assert (details["maxBytes"], details["maxMB"]) == (10_000_000, 10)
        assert details["receivedBytes"] > 10_000_000
        assert answer.headers["X-Max-Size-MB"] == "10.0"
        assert answer.headers["X-Resource-Type"] == "image"


async def test_what_is_too_heavy_together(start):
    api = await start(GEMINI_API_KEY="k", JOB_WORKERS="0", SCAN_BATCH_MAX_MB="1")
    photos = [heavy(340_000)] * 3
    for answer in (
        await api.post(SEVERAL, data=form(*photos)),
        await api.post(BATCH, **as_json(jobId=ID, images=images(*photos))),
    ):
        status, code, details = error(answer)
        assert (status, code, details["resourceType"]) == (413, "FILE_TOO_LARGE", "batch")
        assert (details["index"], details["maxBytes"]) == (2, 1_000_000)


async def test_forty_nine_megabytes_pass_and_seventy_do_not(api):
    photos = [heavy(9_800_000)] * 5
    assert (await api.post(SEVERAL, data=form(*photos))).status == 202
    answer = await api.post(BATCH, **as_json(jobId=ID, images=images(*photos)))
    assert answer.status == 202
    whole = await api.post(
        BATCH, data=BytesIO(b" " * 70_000_001), headers={"Content-Type": "application/json"}
    )
    assert error(whole)[:2] == (413, "FILE_TOO_LARGE")


async def test_larger_settings_are_not_capped_in_silence(start):
    bounds = {"SCAN_IMAGE_MAX_MB": "80", "SCAN_BATCH_MAX_MB": "80", "SCAN_MAX_PHOTOS": "6"}
    api = await start(GEMINI_API_KEY="k", JOB_WORKERS="0", **bounds)
    photo = heavy(71_000_000)
    assert (await scan(api, photo)).status == 202
    answer = await api.post(BATCH, **as_json(jobId=ID, images=images(photo)))
    assert answer.status == 202
    assert (await api.post(SEVERAL, data=form(*[drawn()] * 6))).status == 202
    assert error(await api.post(SEVERAL, data=form(*[drawn()] * 7)))[1] == "BATCH_TOO_LARGE"


async def test_a_long_body_without_a_length_is_cut_short(start):
    api = await start(GEMINI_API_KEY="k", JOB_WORKERS="0", SCAN_BATCH_MAX_MB="1")

    async def endless():
        for _ in range(40):
            yield b" " * 100_000

    answer = await api.post(BATCH, data=endless(), headers={"Content-Type": "application/json"})
    status, code, details = error(answer)
    assert (status, code, details["resourceType"]) == (413, "FILE_TOO_LARGE", "batch")
    assert 1_400_000 < details["receivedBytes"] < 3_000_000


async def test_no_place_is_kept_and_the_picture_is_upright(api):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (11.0, 34.0, 5.0)})
    exif[0x010F] = "MakerOfCameras"
    photo = drawn(size=(400, 300), exif=exif)
    assert b"MakerOfCameras" in photo
    assert (await scan(api, photo)).status == 202
    (kept,) = (await stored(api)).values()
    with Image.open(BytesIO(kept)) as image:
        assert (image.format, image.size) == ("JPEG", (300, 400))
        assert len(image.getexif()) == 0
        assert "exif" not in image.info
    assert b"MakerOfCameras" not in kept
    assert b"Exif" not in kept
