from __future__ import annotations

import random
import struct
import subprocess
import sys
import tracemalloc
import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bookstrack.covers.pictures import CoverSize, describe, pack, resize
from bookstrack.errors import ProviderFailed

EXIF = Image.Exif()
EXIF[0x010E] = "A secret place"


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A smooth picture with some detail, the same on every run."""
    small = Image.frombytes("RGB", (16, 24), random.Random(7).randbytes(16 * 24 * 3))
    return small.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind: str, **how) -> bytes:
    out = BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def one_colour_png(width: int, height: int) -> bytes:
    """A grey PNG written by hand, so that making it needs no memory either."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("small", "small"),
        ("medium", "medium"),
        ("large", "large"),
        ("", "medium"),
        (None, "medium"),
        ("huge", "medium"),
        ("SMALL", "medium"),
    ],
)
def test_sizes_are_read_and_unknown_ones_are_medium(text: str | None, size: str) -> None:
    assert CoverSize.read(text) == size


@pytest.mark.parametrize(
    ("size", "given_size", "expected"),
    [
        ("small", (600, 900), (128, 192)),
        ("medium", (600, 900), (256, 384)),
        ("large", (600, 900), (512, 768)),
        ("medium", (900, 600), (256, 171)),
        ("medium", (300, 3000), (38, 384)),
        ("medium", (100, 150), (100, 150)),
        ("large", (512, 100), (512, 100)),
        ("small", (1, 1000), (1, 192)),
    ],
)
def test_a_picture_is_fitted_and_never_enlarged(size, given_size, expected) -> None:
    picture = resize(encoded(noise(*given_size), "JPEG"), size=CoverSize(size))
    assert (picture.width, picture.height) == expected
    assert opened(picture.body).size == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("work", [lambda data: resize(data, size=CoverSize.MEDIUM), pack])
def test_every_common_kind_becomes_webp(kind: str, work) -> None:
    data = encoded(noise(700, 1000), kind, **({"quality": 100} if kind != "PNG" else {}))
    picture = work(data)
    assert picture.content_type == "image/webp"
    assert opened(picture.body).format == "WEBP"
    assert len(picture.body) < len(data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_can_be_read(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    picture = resize(encoded(noise(300, 450, mode), kind), size=CoverSize.SMALL)
    assert (picture.width, picture.height) == (128, 192)
    expected = noise(300, 450, mode).convert("RGB").resize((1, 1), Image.Resampling.BOX)
    found = opened(picture.body).convert("RGB").resize((1, 1), Image.Resampling.BOX)
    pairs = zip(found.getpixel((0, 0)), expected.getpixel((0, 0)), strict=True)
    assert max(abs(ours - theirs) for ours, theirs in pairs) <= 4


def test_sixteen_bits_become_eight() -> None:
    image = Image.frombytes("I;16", (300, 450), b"\x00\x80" * 300 * 450)
    picture = resize(encoded(image, "PNG"), size=CoverSize.SMALL)
    found = opened(picture.body).convert("RGB").getpixel((64, 96))
    assert max(abs(value - 128) for value in found) <= 2


def test_transparency_survives() -> None:
    image = Image.new("RGBA", (300, 300), (200, 10, 10, 0))
    picture = resize(encoded(image, "PNG"), size=CoverSize.SMALL)
    assert opened(picture.body).convert("RGBA").getpixel((5, 5))[3] == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_orientation_is_applied(orientation: int) -> None:
    upright = Image.new("RGB", (200, 300), "white")
    upright.paste("red", (0, 0, 100, 150))  # top left
    turned = {
        1: lambda image: image,
        2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
        4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(turned, "JPEG", exif=exif, quality=95)
    assert (pack(data).width, pack(data).height) == (200, 300)
    assert resize(data, size=CoverSize.SMALL).height == 192
    for picture in (resize(data, size=CoverSize.SMALL), pack(data)):
        result = opened(picture.body).convert("RGB")
        assert (result.width, result.height) == (picture.width, picture.height)
        red, green, _ = result.getpixel((result.width // 4, result.height // 4))
        assert (red > 240, green < 20) == (True, True)
        assert min(result.getpixel((result.width * 3 // 4, result.height // 4))) > 240
        assert min(result.getpixel((result.width // 4, result.height * 3 // 4))) > 240
        assert not result.getexif()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_metadata_is_dropped(kind: str) -> None:
    profile = b"profile" * 100
    how = {"exif": EXIF, "icc_profile": profile} if kind != "AVIF" else {"exif": EXIF}
    data = encoded(noise(700, 1000), kind, **how)
    assert b"A secret place" in data
    picture = resize(data, size=CoverSize.LARGE)
    result = opened(picture.body)
    assert b"A secret place" not in picture.body
    assert (dict(result.getexif()), result.info.get("icc_profile")) == ({}, None)


def test_a_small_picture_keeps_its_kind_where_webp_is_no_smaller() -> None:
    image = Image.new("1", (64, 64))
    image.putdata([(x + x // 64) % 2 for x in range(64 * 64)])  # a checkerboard
    data = encoded(image, "PNG", optimize=True, icc_profile=b"profile" * 9)
    assert len(data) < len(encoded(image, "WEBP", quality=85))
    picture = resize(data, size=CoverSize.SMALL)
    assert picture.content_type == "image/png"
    assert "icc_profile" not in opened(picture.body).info
    packed = pack(data)
    assert (packed.body, packed.content_type, packed.width, packed.height) == (
        data, "image/png", 64, 64,
    )  # fmt: skip


def test_a_large_original_is_checked_but_kept_as_it_came() -> None:
    data = encoded(Image.new("RGB", (5000, 3300), "white"), "JPEG", quality=95)
    packed = pack(data)
    assert (packed.body, packed.width, packed.height) == (data, 5000, 3300)
    with pytest.raises(ProviderFailed, match="not an image"):
        pack(data[: len(data) // 2])


def test_a_bomb_is_refused_without_decoding() -> None:
    bomb = one_colour_png(20_000, 20_000)
    assert len(bomb) < 500_000
    for work in (pack, describe, lambda data: resize(data, size=CoverSize.SMALL)):
        tracemalloc.start()
        try:
            with pytest.raises(ProviderFailed, match="too many pixels") as caught:
                work(bomb)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 4_000_000
        assert caught.value.details == {"maxPixels": 50_000_000, "maxSide": 12_000}


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [(4000, 4000, True), (4001, 4000, False), (12_000, 100, True), (12_001, 1, False),
     (1, 12_001, False), (9500, 9500, False), (2**31 - 1, 2**31 - 1, False)],
)  # fmt: skip
def test_the_bounds_are_read_from_the_header(width: int, height: int, fits: bool) -> None:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    if fits:
        assert (describe(data).width, describe(data).height) == (width, height)
    else:
        with pytest.raises(ProviderFailed, match="too many pixels"):
            describe(data)


def test_a_large_jpeg_is_decoded_at_a_fraction() -> None:
    data = encoded(Image.new("RGB", (6000, 8000), "white"), "JPEG", quality=30)
    picture = resize(data, size=CoverSize.SMALL)
    assert (picture.width, picture.height) == (128, 171)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_only_the_first_of_many_frames_is_used(kind: str) -> None:
    frames = [Image.new("RGB", (200, 300), (n * 97 % 256, 255 - n, n)) for n in range(200)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=20)
    assert opened(data).n_frames == 200
    for picture in (resize(data, size=CoverSize.SMALL), pack(data)):
        result = opened(picture.body)
        assert getattr(result, "n_frames", 1) == 1
        red, green, blue = result.convert("RGB").getpixel((50, 50))
        assert (red < 12, green > 240, blue < 12) == (True, True, True)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"<!doctype html><title>404</title>", SVG, b'<?xml version="1.0"?>' + SVG,
     b"%PDF-1.7", b"II*\0\x08\0\0\0", b"BM" + bytes(60), b"\xff\xd8\xff\xe0", b"GIF89a",
     b"RIFF\x20\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n", b"P6 1 1 255 abc",
     b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\0\0\0 ftypavif" + bytes(99)],
)  # fmt: skip
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    for work in (pack, describe, lambda data: resize(data, size=CoverSize.SMALL)):
        with pytest.raises(ProviderFailed, match="not an image") as caught:
            work(data)
        assert caught.value.provider == "covers"


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "ICO", "TGA", "PPM"])
def test_other_kinds_are_not_read(kind: str) -> None:
    with pytest.raises(ProviderFailed, match="not an image"):
        resize(encoded(noise(64, 64), kind), size=CoverSize.SMALL)


SAMPLES = {
    kind: encoded(noise(160, 240), kind, **({} if kind == "GIF" else {"exif": EXIF}))
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
}
SAMPLES["progressive"] = encoded(noise(160, 240), "JPEG", progressive=True, exif=EXIF)
SAMPLES["animation"] = encoded(
    noise(60, 90), "GIF", save_all=True, append_images=[noise(60, 80), noise(50, 90)]
)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "progressive"])
def test_a_truncated_picture_is_refused(kind: str) -> None:
    data = SAMPLES[kind][: len(SAMPLES[kind]) // 2]
    for work in (pack, lambda data: resize(data, size=CoverSize.SMALL)):
        with pytest.raises(ProviderFailed, match="not an image"):
            work(data)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged EXIF data
@settings(deadline=None)
@given(
    kind=st.sampled_from(sorted(SAMPLES)),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12),
    head=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=6),
    length=st.floats(0.1, 1),
)
def test_damage_is_noticed_or_survived(kind, cuts, head, length) -> None:
    data = bytearray(SAMPLES[kind])
    for where, value in cuts:
        data[int(where * (len(data) - 1))] = value
    for place, value in head:
        data[place] = value
    damaged = bytes(data[: max(20, int(length * len(data)))])
    for work in (pack, describe, lambda data: resize(data, size=CoverSize.SMALL)):
        try:
            picture = work(damaged)
        except ProviderFailed:
            continue
        assert 0 < picture.width <= 12_000
        assert 0 < picture.height <= 12_000


def one_colour_jpeg(side: int, **how) -> bytes:
    return encoded(Image.new("L", (side, side), 90), "JPEG", **how)


def test_only_a_jpeg_that_is_decoded_row_by_row_may_be_huge() -> None:
    assert describe(one_colour_jpeg(4100)).width == 4100
    with pytest.raises(ProviderFailed, match="too many pixels"):
        describe(one_colour_jpeg(4100, progressive=True))


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_formats_whose_decoders_hold_several_frames_are_bound_earlier(kind: str) -> None:
    how = {"speed": 10} if kind == "AVIF" else {"method": 0}
    small, large = (encoded(Image.new("RGB", (side, 2000)), kind, **how) for side in (2000, 2001))
    assert describe(small).width == 2000
    with pytest.raises(ProviderFailed, match="too many pixels") as caught:
        describe(large)
    assert caught.value.details["maxPixels"] == 4_000_000


def test_a_jpeg_whose_scans_come_one_colour_at_a_time_is_held_whole() -> None:
    data = bytearray(encoded(Image.new("RGB", (64, 64)), "JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", 4100, 4100)
    assert describe(bytes(data)).width == 4100
    data[data.index(b"\xff\xda") + 4] = 1
    with pytest.raises(ProviderFailed, match="too many pixels"):
        describe(bytes(data))


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "L", "1", "I;16", "RGB"])
def test_strip_by_strip_looks_like_at_once(mode: str) -> None:
    image = noise(2100, 3150, "L" if mode == "I;16" else mode)
    image = image.convert("I").point(lambda v: v * 256).convert("I;16") if mode == "I;16" else image
    shown = opened(resize(encoded(image, "PNG"), size=CoverSize.SMALL).body).convert("RGB")
    plain = noise(2100, 3150, "L" if mode == "I;16" else mode).convert("RGB").resize((128, 192))
    assert shown.size == (128, 192)
    pairs = zip(shown.tobytes(), plain.tobytes(), strict=True)
    assert sum(abs(one - other) for one, other in pairs) / len(plain.tobytes()) < 6


HOSTILE = """
import sys
from PIL import Image
from bookstrack.covers.pictures import CoverSize, pack, resize
from bookstrack.errors import ProviderFailed
from bookstrack.testing.memory import peak_megabytes
Image.init()
data = sys.stdin.buffer.read()
idle = peak_megabytes()
for work in (pack, lambda data: resize(data, size=CoverSize.LARGE)):
    try:
        work(data)
    except ProviderFailed as refused:
        print("refused", refused.message)
print(int(peak_megabytes() - idle))
"""


def texts_png() -> bytes:
    """A small picture with 63 comments of one megabyte each."""
    png, comment = one_colour_png(100, 100), zlib.compress(bytes(2**20))
    at = png.index(b"IDAT") - 4
    comments = (chunk(b"zTXt", b"k%d\0\0" % n + comment) for n in range(63))
    return png[:at] + b"".join(comments) + png[at:]


def rough(width: int, height: int) -> Image.Image:
    """A picture that no encoder can make small."""
    return Image.frombytes("RGBA", (width, height), random.Random(1).randbytes(width * height * 4))


def hostile() -> dict[str, bytes]:
    progressive = encoded(Image.new("CMYK", (3100, 3200)), "JPEG", progressive=True)
    return {
        "a bomb": encoded(Image.new("RGBA", (7000, 7100), (1, 2, 3, 9)), "PNG"),
        "transparent": encoded(Image.new("RGBA", (4000, 4000), (1, 2, 3, 9)), "PNG"),
        "palette": encoded(Image.new("P", (4000, 4000)), "PNG", transparency=0),
        "gif": encoded(Image.new("P", (4000, 4000)), "GIF"),
        "wide": encoded(Image.new("RGBA", (12_000, 1333)), "PNG"),
        "jpeg": encoded(Image.new("RGB", (7000, 7000)), "JPEG"),
        "wide jpeg": encoded(Image.new("RGB", (12_000, 3071)), "JPEG"),
        "progressive": progressive,
        "rough": encoded(rough(1000, 1500), "PNG", compress_level=1),
        "rough webp": encoded(rough(1000, 1500), "WEBP", method=0),
        "texts": texts_png(),
        "webp": encoded(Image.new("RGBA", (2000, 2000), (1, 2, 3, 9)), "WEBP", method=0),
        "avif": encoded(Image.new("RGBA", (2000, 2000), (1, 2, 3, 9)), "AVIF", speed=10),
    }


def test_no_picture_costs_much_memory() -> None:
    costs: dict[str, int] = {}
    for name, data in hostile().items():
        done = subprocess.run(
            [sys.executable, "-c", HOSTILE], input=data, capture_output=True, check=True
        )
        costs[name] = int(done.stdout.split()[-1])
    assert {name: cost for name, cost in costs.items() if cost >= 115} == {}, costs
    assert costs["texts"] < 20


def test_a_small_picture_costs_little_memory_beside_a_large_one() -> None:
    data = encoded(rough(800, 1000), "PNG", compress_level=1)
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], input=data, capture_output=True, check=True
    )
    assert int(done.stdout.split()[-1]) < 60
