"""What a JPEG says of itself: its sides, read without decoding and without trusting its length."""

from __future__ import annotations

import re

from bookstrack.scans.kinds import Header, corrupt

MOST_SCANS = 100
"""Passes over the picture that a progressive JPEG may have; encoders make about ten.

Each costs the decoder a walk over all pixels, be it as short as a few bytes.
"""

MOST_SEGMENTS = 2_000
"""Segments before and between the scans; a large colour profile and notes take some 300."""

_MARKER = re.compile(rb"(?:\xff\x00?){0,63}\xff([^\x00\xff])")
_AFTER_PIXELS = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_START_OF_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def jpeg_header(data: bytes) -> Header:
    """Return the sides of the first picture in a JPEG, having looked at its structure to the end.

    Raises:
        DamagedPicture: the structure is broken before the sides are known, or there are more
            scans or segments than a decoder should be made to walk through.
    """
    at, scans, segments = 2, 0, 0
    found: Header | None = None
    while (marker := _MARKER.match(data, at)) and (code := marker[1][0]) != _END:
        at = marker.end()
        segments += 1
        if code == _START_OF_SCAN:
            scans += 1
            at = _end_of_scan(data, at)
        elif code not in _WITHOUT_LENGTH:
            if code in _FRAMES and found is None:
                found = _sides(data, at)
            at += max(2, int.from_bytes(data[at : at + 2]))
        if scans > MOST_SCANS or segments > MOST_SEGMENTS:
            raise corrupt()
    if found is None or not scans:
        raise corrupt()
    return found


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the marker behind a scan is; the end of the data where there is none."""
    after = _AFTER_PIXELS.search(data, at + int.from_bytes(data[at : at + 2]))
    return after.start() if after else len(data)


def _sides(data: bytes, at: int) -> Header:
    """Read the sides in a frame header, whose length stands at ``at``."""
    height, width = (int.from_bytes(data[at + n : at + n + 2]) for n in (3, 5))
    return Header(width=width, height=height)
