"""Photos are checked by content before they are decoded, and come out upright, small and plain."""

from __future__ import annotations

import io
import itertools
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from bookstrack.scans import picture
from bookstrack.scans.picture import inspect, prepare, prepared
from bookstrack.scans.refusals import (
    DamagedPicture,
    PictureRefused,
    PictureTooLarge,
    PictureTooSmall,
    UnsupportedPicture,
)

EXIF_ORIENTATION = 0x0112
EXIF_GPS = 0x8825
CAMERA = "Sesame-9000"


def corners(width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    """A picture whose four corners have four colours."""
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    half = (width // 2, height // 2)
    pen.rectangle((0, 0, half[0], half[1]), fill="red")
    pen.rectangle((half[0], 0, width, half[1]), fill="green")
    pen.rectangle((0, half[1], half[0], height), fill="blue")
    return image.convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format=kind, **options)
    return out.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def one_colour_png(width: int, height: int) -> bytes:
    """A whole, valid PNG of one bit a pixel, packed row by row."""
    packer = zlib.compressobj(9)
    row = b"\x00" * (1 + (width + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    start = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def refusal(data: bytes) -> PictureRefused:
    with pytest.raises(PictureRefused) as refused:
        prepare(data)
    assert refused.value.details["reason"] == refused.value.reason
    return refused.value


# --- what is taken --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_taken_kinds_become_plain_jpegs(kind):
    made = prepare(encoded(corners(), kind))

    image = Image.open(io.BytesIO(made.body))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (320, 240))
    assert (made.kind, made.original, made.width, made.height) == (
        kind.lower(),
        (320, 240),
        320,
        240,
    )
    assert len(made.sha256) == 64


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "I;16", "1"])
def test_every_mode_becomes_rgb(mode):
    kind = {"CMYK": "JPEG"}.get(mode, "PNG")
    image = corners().convert("L").convert("I;16") if mode == "I;16" else corners(mode=mode)
    if mode == "I;16":
        image = image.point(lambda value: value * 256)

    made = prepare(encoded(image, kind)).opened()

    assert made.mode == "RGB"
    quarters = made.resize((2, 2), Image.Resampling.BOX)  # evens out the dots of black and white
    assert min(quarters.getpixel((1, 1))) > 240  # the white corner stays white
    assert max(quarters.getpixel((0, 1))[:2]) < 120  # the blue one stays dark in red and green


def test_transparent_pixels_lie_on_white():
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))

    assert min(prepare(encoded(image, "PNG")).opened().getpixel((150, 100))) == 255


@pytest.mark.parametrize(
    ("size", "expected"),
    [((3072, 2304), (3072, 2304)), ((4000, 3000), (3072, 2304)), ((600, 7000), (263, 3072))],
)
def test_the_long_side_is_bounded(size, expected):
    made = prepare(encoded(Image.new("RGB", size, "grey")))

    assert (made.width, made.height) == expected
    assert made.original == size


def test_strips_meet_without_a_seam():
    image = Image.linear_gradient("L").resize((6500, 6500)).convert("RGB")

    made = prepare(encoded(image, "PNG", compress_level=1)).opened().convert("L")

    column = [made.getpixel((1000, row)) for row in range(made.height)]
    steps = [later - earlier for earlier, later in itertools.pairwise(column)]
    assert made.size == (3072, 3072)
    assert max(map(abs, steps)) <= 3


def test_a_photo_with_a_second_picture_inside_is_no_animation():
    """Phones put a second picture (depth, brightness) behind the JPEG that everybody sees."""
    photo = encoded(corners(), "MPO", save_all=True, append_images=[corners(64, 48)])

    assert (inspect(photo).width, prepare(photo).width) == (320, 320)


# --- orientation and metadata ---------------------------------------------------------------


def as_camera_writes(orientation: int, kind: str) -> bytes:
    """The same scene, stored turned the way that the flag undoes."""
    undone = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    exif[0x0110] = CAMERA
    exif.get_ifd(EXIF_GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    stored = corners() if undone is None else corners().transpose(undone)
    return encoded(stored, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_same_upright_picture(orientation, kind):
    made = prepare(as_camera_writes(orientation, kind))

    image = made.opened()
    assert image.size == (320, 240)
    seen = [image.getpixel(at) for at in ((40, 40), (280, 40), (40, 200), (280, 200))]
    named = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255,) * 3}
    for found, expected in zip(seen, named.values(), strict=True):
        assert all(abs(one - other) < 25 for one, other in zip(found, expected, strict=True))


def test_no_metadata_survives():
    photo = as_camera_writes(6, "JPEG")
    assert CAMERA.encode() in photo

    made = prepare(photo)

    assert CAMERA.encode() not in made.body
    assert b"Exif" not in made.body
    image = Image.open(io.BytesIO(made.body))
    assert dict(image.getexif()) == {}
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_comments_and_profiles_of_png_do_not_survive():
    texts = PngInfo()
    texts.add_text("Comment", "my address")
    photo = encoded(corners(), "PNG", pnginfo=texts, icc_profile=b"not a profile " * 9)

    assert b"my address" not in prepare(photo).body


# --- what is refused ------------------------------------------------------------------------


def test_a_huge_png_is_refused_without_decoding():
    bomb = one_colour_png(20_000, 20_000)
    assert len(bomb) < 100_000

    tracemalloc.start()
    found = refusal(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(found, PictureTooLarge)
    assert (found.code, found.reason) == ("IMAGE_TOO_LARGE", "side_too_long")
    assert (found.details["width"], found.details["maxSide"]) == (20_000, 12_000)
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((12_001, 300), "side_too_long"),
        ((7_200, 7_000), "too_many_pixels"),
        ((11_000, 11_000), "too_many_pixels"),
        ((11_999, 11_999), "too_many_pixels"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pixel_limits(size, reason, kind, monkeypatch):
    if kind == "PNG":
        data = one_colour_png(*size)
    else:
        small = bytearray(encoded(corners()))
        frame = small.index(b"\xff\xc0")  # its height and width stand 5 bytes further on
        small[frame + 5 : frame + 9] = struct.pack(">HH", size[1], size[0])
        data = bytes(small)

    assert refusal(data).reason == reason


def test_the_largest_that_is_taken():
    assert inspect(one_colour_png(10_000, 5_000)).width == 10_000


@pytest.mark.parametrize("size", [(199, 400), (400, 199), (1, 1)])
def test_too_small(size):
    found = refusal(encoded(Image.new("RGB", size)))

    assert isinstance(found, PictureTooSmall)
    assert (found.code, found.reason) == ("IMAGE_TOO_SMALL", "side_too_short")


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900"/>'
HTML = b"\n<!DOCTYPE html><html><body><img src=x onerror=alert(1)></body></html>"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encoded(corners(), "GIF"), "gif"),
        (encoded(corners(), "TIFF"), "tiff"),
        (encoded(corners(), "BMP"), "bmp"),
        (SVG, "svg"),
        (b"<!-- made by hand --><svg/>", "svg"),
        (HTML, "html"),
        (b"%PDF-1.7\n", "pdf"),
    ],
)
def test_other_kinds_by_content(data, kind):
    found = refusal(data)

    assert isinstance(found, UnsupportedPicture)
    assert (found.code, found.reason) == ("UNSUPPORTED_FILE_TYPE", "unsupported_type")
    assert found.details["type"] == kind


@pytest.mark.parametrize("data", [b"", b"photo.jpg", b"\x00" * 5000, b"RIFF\x00\x00\x00\x00WAVE"])
def test_no_picture_at_all(data):
    assert refusal(data).reason == "not_a_picture"


def ftyp(major: bytes, *others: bytes) -> bytes:
    body = b"ftyp" + major + b"\x00\x00\x00\x00" + b"".join(others)
    return struct.pack(">I", 4 + len(body)) + body + b"\x00" * 64


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (ftyp(b"heic", b"mif1", b"heic"), "heic"),
        (ftyp(b"mif1", b"heic"), "heic"),
        (ftyp(b"avif", b"mif1"), "avif"),
        (ftyp(b"mif1", b"avif"), "avif"),
    ],
)
def test_kinds_without_a_decoder_are_refused_with_a_hint(data, kind, monkeypatch):
    monkeypatch.setattr(picture, "_has_decoder", lambda _: False)

    found = refusal(data)

    assert (found.reason, found.details["type"]) == ("decoder_missing", kind)
    assert "JPEG" in found.message


def test_films_are_no_pictures():
    assert refusal(ftyp(b"isom", b"mp42")).reason == "not_a_picture"


@pytest.mark.skipif(not picture._has_decoder(picture.Kind.AVIF), reason="no AVIF in this Pillow")
def test_avif_with_its_decoder():
    made = prepare(encoded(corners(), "AVIF"))

    assert (made.kind, made.width) == ("avif", 320)
    assert refusal(ftyp(b"avif", b"mif1")).reason == "corrupt"
    moving = encoded(corners(), "AVIF", save_all=True, append_images=[corners().rotate(180)])
    assert refusal(moving).reason == "animated"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.95, 0.5, 0.1])
def test_cut_off(kind, share):
    whole = encoded(Image.effect_noise((400, 300), 90).convert("RGB"), kind)

    found = refusal(whole[: int(len(whole) * share)])

    assert isinstance(found, DamagedPicture)
    assert (found.code, found.reason) == ("INVALID_FILE", "corrupt")


@pytest.mark.parametrize("start", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF1234WEBPVP8 "])
def test_only_the_first_bytes_are_right(start):
    assert refusal(start + b"nothing of the kind" * 20).reason == "corrupt"


def test_a_moving_webp_of_200_frames():
    frames = [Image.new("RGB", (240, 240), (number, 90, 90)) for number in range(200)]
    moving = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=40)

    assert refusal(moving).reason == "animated"


def test_a_moving_png():
    moving = encoded(corners(), "PNG", save_all=True, append_images=[corners().rotate(180)])

    assert refusal(moving).reason == "animated"


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_dimensions_stand_in_three_kinds_of_header(lossless):
    plain = encoded(corners(311, 222), "WEBP", lossless=lossless)
    exif = b"Exif\x00\x00"
    extended = encoded(corners(311, 222).convert("RGBA"), "WEBP", exif=exif, lossless=lossless)

    for data in (plain, extended):
        found = inspect(data)
        assert (found.width, found.height) == (311, 222)


# --- in a thread ----------------------------------------------------------------------------


async def test_prepared_aside():
    assert await prepared(encoded(corners())) == prepare(encoded(corners()))


async def test_too_slow():
    with pytest.raises(DamagedPicture) as refused:
        await prepared(encoded(Image.new("RGB", (4000, 3000))), seconds=0.0)

    assert refused.value.reason == "too_slow"
