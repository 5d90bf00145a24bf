"""The structure of a JPEG is looked at before anybody decodes it."""

from __future__ import annotations

import io
import time

import pytest
from PIL import Image

from bookstrack.scans.jpeg import MOST_SCANS, jpeg_header
from bookstrack.scans.picture import inspect, prepare
from bookstrack.scans.refusals import DamagedPicture


def encoded(size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(out, format="JPEG", **options)
    return out.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


def with_front(*parts: bytes) -> bytes:
    """A whole picture with something between its first marker and its own segments."""
    whole = encoded()
    return whole[:2] + b"".join(parts) + whole[2:]


def last_scan(data: bytes) -> bytes:
    return data[data.rindex(b"\xff\xda") : -2]


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 1}],
)
def test_sides(options):
    found = jpeg_header(encoded((641, 479), **options))

    assert (found.width, found.height) == (641, 479)


def test_a_picture_inside_the_notes_is_not_the_picture():
    thumbnail = encoded((160, 120), progressive=True)

    found = jpeg_header(with_front(segment(0xE1, b"Exif\0\0" + thumbnail)))

    assert (found.width, found.height) == (640, 480)


def test_what_lies_behind_the_picture_does_not_count():
    behind = b"PK\3\4" + b"\xff\xda\0\2" * 5_000

    assert inspect(encoded() + behind).width == 640


def test_padding_between_markers():
    assert jpeg_header(with_front(b"\xff" * 40, b"\xff\x00" * 3)).width == 640


def test_large_notes_are_no_hindrance():
    notes = [segment(0xE2, b"ICC_PROFILE\0" + bytes(60_000)) for _ in range(150)]

    assert prepare(with_front(*notes)).width == 640


def test_endless_scans_are_refused():
    """Each scan of a few bytes would cost the decoder a walk over all the pixels."""
    photo = encoded((7000, 7000), progressive=True, quality=10)
    bomb = photo[:-2] + MOST_SCANS * last_scan(photo) + photo[-2:]
    began = time.process_time()

    with pytest.raises(DamagedPicture) as refused:
        prepare(bomb)

    assert refused.value.reason == "corrupt"
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "filling",
    [b"\xff" * 9_000_000, segment(0xFE, b"") * 2_000_000, b"\xff\xd0" * 4_000_000],
    ids=["padding", "comments", "restarts"],
)
def test_what_keeps_a_reader_busy_is_refused(filling):
    began = time.process_time()

    with pytest.raises(DamagedPicture) as refused:
        inspect(with_front(filling))

    assert refused.value.reason == "corrupt"
    assert time.process_time() - began < 1


@pytest.mark.parametrize("cut", [3, 20, 150])
def test_no_sides_before_the_end(cut):
    with pytest.raises(DamagedPicture):
        jpeg_header(encoded()[:cut])
