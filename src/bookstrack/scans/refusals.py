"""Why a picture or a reader is refused: codes and facts, never a status.

::

    PictureRefused               has ``reason``, which is in ``details`` too
      UnsupportedPicture         UNSUPPORTED_FILE_TYPE: reasons ``not_a_picture``,
                                 ``unsupported_type``, ``decoder_missing``
      DamagedPicture             INVALID_FILE: reasons ``corrupt``, ``animated``, ``too_slow``
      PictureTooLarge            IMAGE_TOO_LARGE: reasons ``too_many_pixels``, ``side_too_long``
      PictureTooSmall            IMAGE_TOO_SMALL: reason ``side_too_short``
    ReaderMissing                FEATURE_DISABLED: an optional package is not installed
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookstrack.errors import FeatureDisabled, RequestProblem


class PictureRefused(RequestProblem):
    """A picture that cannot be scanned; ``reason`` is a word for machines."""

    code = "INVALID_FILE"

    def __init__(
        self, message: str, *, reason: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, details={"reason": reason, **(details or {})})
        self.reason = reason


class UnsupportedPicture(PictureRefused):
    """The bytes are no picture, or one of a type that is not taken."""

    code = "UNSUPPORTED_FILE_TYPE"


class DamagedPicture(PictureRefused):
    """A picture of the right type that is cut off, broken, moving, or endless to decode."""


class PictureTooLarge(PictureRefused):
    """More pixels, or a longer side, than may be decoded."""

    code = "IMAGE_TOO_LARGE"


class PictureTooSmall(PictureRefused):
    """A side too short for anything to be read."""

    code = "IMAGE_TOO_SMALL"


class ReaderMissing(FeatureDisabled):
    """The package that reads is not installed; the message names the extra that brings it."""

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}': pip install 'bookstrack[{extra}]'",
            details={"extra": extra},
        )
        self.extra = extra
