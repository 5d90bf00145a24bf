"""Photos are measured, and what could be better is said in words that clients know."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageFilter

from bookstrack.scans.detection import Box, Detection, Orientation
from bookstrack.scans.quality import Quality, measure, metadata, suggestions

GOOD = Quality(sharpness=700, brightness=120, glare=0.001)


def checks(light: int = 200, dark: int = 40) -> Image.Image:
    image = Image.effect_noise((600, 400), 60).point(lambda v: light if v > 128 else dark)
    return image.resize((1800, 1200), Image.Resampling.NEAREST).convert("RGB")


def book(**facts: Any) -> Detection:
    facts.setdefault("confidence", 0.9)
    facts.setdefault("box", Box.between(0.1, 0.1, 0.2, 0.9))
    return Detection(title="Babel", **facts)


def said(quality: Quality = GOOD, *books: Detection) -> dict[str, tuple[str, int]]:
    return {s.type.value: (s.severity.value, s.affected_count) for s in suggestions(quality, books)}


def test_a_good_photo():
    found = measure(checks())

    assert found.sharpness > 150
    assert 80 < found.brightness < 160
    assert found.glare == 0
    assert said(found, book()) == {}


def test_blur_darkness_and_glare_are_measured():
    blurred = measure(checks().filter(ImageFilter.GaussianBlur(12)))
    dark = measure(checks(light=60, dark=10))
    glaring = measure(checks(light=255))

    assert blurred.sharpness < 60
    assert dark.brightness < 60
    assert glaring.glare > 0.3


@pytest.mark.parametrize(
    ("quality", "hint"),
    [
        (Quality(sharpness=50, brightness=120, glare=0), {"blurry_image": ("medium", 0)}),
        (Quality(sharpness=5, brightness=120, glare=0), {"blurry_image": ("high", 0)}),
        (Quality(sharpness=700, brightness=70, glare=0), {"lighting_issues": ("low", 0)}),
        (Quality(sharpness=700, brightness=20, glare=0), {"lighting_issues": ("high", 0)}),
        (Quality(sharpness=700, brightness=120, glare=0.05), {"glare_detected": ("low", 0)}),
        (Quality(sharpness=700, brightness=120, glare=0.5), {"glare_detected": ("medium", 0)}),
    ],
)
def test_hints_about_the_picture(quality, hint):
    assert said(quality) == hint


def test_hints_about_books():
    books = [book(partially_visible=True), book(confidence=0.6), book(confidence=0.3)]

    assert said(GOOD, *books) == {
        "edge_cutoff": ("low", 1),
        "low_confidence": ("low", 1),
        "unreadable_books": ("low", 1),
    }


def test_mostly_unknown_books():
    assert said(GOOD, book(confidence=0.3))["unreadable_books"] == ("medium", 1)


def test_too_far_away():
    far = book(box=Box.between(0.1, 0.1, 0.105, 0.3))

    assert said(GOOD, far, far, book())["distance_too_far"] == ("medium", 2)


def test_several_shelves():
    up = Orientation.VERTICAL_UP
    upper = book(orientation=up, box=Box.between(0.1, 0.1, 0.2, 0.4))
    lower = book(orientation=up, box=Box.between(0.1, 0.6, 0.2, 0.9))

    assert said(GOOD, upper, lower)["multiple_shelves"] == ("low", 2)
    assert "multiple_shelves" not in said(GOOD, upper, upper)


@pytest.mark.parametrize(
    ("quality", "books", "words"),
    [
        (GOOD, 3, ("good", "good", "sharp", 3)),
        (Quality(sharpness=10, brightness=120, glare=0), 1, ("fair", "good", "blurry", 1)),
        (Quality(sharpness=100, brightness=20, glare=0), 1, ("fair", "dark", "fair", 1)),
        (Quality(sharpness=700, brightness=120, glare=0.4), 1, ("fair", "glare", "sharp", 1)),
        (Quality(sharpness=10, brightness=20, glare=0.4), 0, ("poor", "dark", "blurry", 0)),
        (GOOD, 0, ("poor", "good", "sharp", 0)),
    ],
)
def test_words_for_clients(quality, books, words):
    """``poor`` makes a client throw the scan away: only where nothing was read."""
    found = metadata(quality, [book()] * books)

    assert (found.image_quality, found.lighting, found.sharpness, found.readable_count) == words
