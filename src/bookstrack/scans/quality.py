"""How good a photo is for reading, in numbers and as hints for the person who takes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct
from PIL import Image, ImageFilter, ImageStat

from bookstrack.model.naming import camel_name
from bookstrack.scans.detection import Detection, Orientation

_SIDE = 1024
_SATURATED = 250
_BLURRED = 60.0
_SHARP = 150.0
_DARK = 60.0
_DIM = 85.0
_GLARING = 0.04
_DAZZLING = 0.12
_FAR = 0.012
_UNSURE = 0.7
_RAW = 0.4
_ROW = 0.12
_LAPLACE = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)


class SuggestionType(StrEnum):
    """What can be bettered, in the words that clients know."""

    UNREADABLE_BOOKS = "unreadable_books"
    LOW_CONFIDENCE = "low_confidence"
    EDGE_CUTOFF = "edge_cutoff"
    BLURRY_IMAGE = "blurry_image"
    GLARE_DETECTED = "glare_detected"
    DISTANCE_TOO_FAR = "distance_too_far"
    MULTIPLE_SHELVES = "multiple_shelves"
    LIGHTING_ISSUES = "lighting_issues"
    ANGLE_ISSUES = "angle_issues"


class Severity(StrEnum):
    """How much it matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Suggestion(Struct, frozen=True, kw_only=True, rename=camel_name):
    """One hint; ``affected_count`` is the number of books it is about, 0 for the whole photo."""

    type: SuggestionType
    severity: Severity
    message: str
    affected_count: int = 0


class Quality(Struct, frozen=True, kw_only=True):
    """Measures of a photo.

    ``sharpness`` is the variance of the Laplacian at 1024 pixels, ``brightness`` the mean grey
    (0 to 255), ``glare`` the share of saturated pixels.
    """

    sharpness: float
    brightness: float
    glare: float


class ImageMetadata(Struct, frozen=True, kw_only=True, rename=camel_name):
    """What clients show about a photo.

    ``image_quality`` is ``good`` or ``fair``, and ``poor`` only where nothing at all was read:
    a client throws such a scan away.
    """

    image_quality: str
    lighting: str
    sharpness: str
    readable_count: int


def measure(image: Image.Image) -> Quality:
    """Measure an upright picture. Pure; some 20 ms."""
    grey = image.convert("L")
    grey.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    edges = grey.filter(_LAPLACE).crop((1, 1, grey.width - 1, grey.height - 1))
    saturated = sum(grey.histogram()[_SATURATED:])
    return Quality(
        sharpness=ImageStat.Stat(edges).var[0],
        brightness=ImageStat.Stat(grey).mean[0],
        glare=saturated / (grey.width * grey.height),
    )


def metadata(quality: Quality, detections: Sequence[Detection]) -> ImageMetadata:
    """Return the words for a photo on which these books were seen."""
    flaws = (quality.sharpness < _BLURRED, quality.brightness < _DARK, quality.glare > _DAZZLING)
    good = "fair" if any(flaws) else "good"
    return ImageMetadata(
        image_quality=good if detections else "poor",
        lighting="dark" if flaws[1] else "glare" if flaws[2] else "good",
        sharpness="blurry" if flaws[0] else "sharp" if quality.sharpness > _SHARP else "fair",
        readable_count=sum(found.confidence > _RAW for found in detections),
    )


def suggestions(quality: Quality, detections: Sequence[Detection]) -> list[Suggestion]:
    """Return hints for a photo, those about light and focus first."""
    return [*_about_picture(quality), *_about_books(detections)]


def _about_picture(quality: Quality) -> Iterable[Suggestion]:
    if quality.sharpness < _BLURRED:
        yield Suggestion(
            type=SuggestionType.BLURRY_IMAGE,
            severity=Severity.HIGH if quality.sharpness < _BLURRED / 2 else Severity.MEDIUM,
            message="The photo is blurred. Hold the camera still and let it focus on the spines.",
        )
    if quality.brightness < _DIM:
        yield Suggestion(
            type=SuggestionType.LIGHTING_ISSUES,
            severity=Severity.HIGH if quality.brightness < _DARK else Severity.LOW,
            message="The photo is dark. Turn on a light or move the camera so as not to shade it.",
        )
    if quality.glare > _GLARING:
        yield Suggestion(
            type=SuggestionType.GLARE_DETECTED,
            severity=Severity.MEDIUM if quality.glare > _DAZZLING else Severity.LOW,
            message="Light is reflected by the spines. Step aside a little, or turn off the flash.",
        )


def _about_books(detections: Sequence[Detection]) -> Iterable[Suggestion]:
    cut = sum(found.partially_visible for found in detections)
    unsure = sum(_RAW < found.confidence < _UNSURE for found in detections)
    unread = sum(found.confidence <= _RAW for found in detections)
    if cut:
        yield Suggestion(
            type=SuggestionType.EDGE_CUTOFF,
            severity=Severity.LOW,
            message="Books are cut off by the edge of the photo. Take the next one overlapping.",
            affected_count=cut,
        )
    if unread:
        yield Suggestion(
            type=SuggestionType.UNREADABLE_BOOKS,
            severity=Severity.MEDIUM if 2 * unread > len(detections) else Severity.LOW,
            message="Some spines could be read but not be recognised. Complete them by hand.",
            affected_count=unread,
        )
    if unsure:
        yield Suggestion(
            type=SuggestionType.LOW_CONFIDENCE,
            severity=Severity.LOW,
            message="Some books are not certain. Please look at them before they are added.",
            affected_count=unsure,
        )
    yield from _about_framing([found for found in detections if found.box.area])


def _about_framing(placed: Sequence[Detection]) -> Iterable[Suggestion]:
    small = sum(min(found.box.width, found.box.height) < _FAR for found in placed)
    if placed and 2 * small > len(placed):
        yield Suggestion(
            type=SuggestionType.DISTANCE_TOO_FAR,
            severity=Severity.MEDIUM,
            message="The spines are small on the photo. Step closer.",
            affected_count=small,
        )
    upright = sorted(
        found.box.y + found.box.height / 2
        for found in placed
        if found.orientation in (Orientation.VERTICAL_DOWN, Orientation.VERTICAL_UP)
    )
    rows = 1 + sum(later - earlier > _ROW for earlier, later in pairwise(upright))
    if len(upright) > 1 and rows > 1:
        yield Suggestion(
            type=SuggestionType.MULTIPLE_SHELVES,
            severity=Severity.LOW,
            message="Several shelves are on the photo. One shelf a photo is read best.",
            affected_count=len(placed),
        )
