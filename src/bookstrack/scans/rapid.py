"""Reading with rapidocr on onnxruntime (optional extra ``ocr``): offline, on the processor alone.

Text is looked for in the picture as it stands and turned by a quarter, coarsely and finely, since
the detector misses long lines that stand upright; every piece found is read in both directions.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from PIL import Image
from rapidfuzz import fuzz

from bookstrack.scans import quads
from bookstrack.scans.ocr import TextLine
from bookstrack.scans.refusals import ReaderMissing

if TYPE_CHECKING:
    from bookstrack.scans.quads import Pixels, Quad

LONG_SIDES = (1000, 1800)
"""Long sides in pixels at which text is looked for: large lettering and small."""

_BOX_THRESHOLD = 0.4
_SAME = 0.6
_INSIDE = 0.5
_WHOLLY_INSIDE = 0.8
_ALIKE = 65
_SQUARISH = 1.6
_LEAST_SIDE = 8.0
_LEAST_LENGTH = 36.0
_MOST_BOXES = 400
_AT_A_TIME = 24
_MOST_TWINS = 2
_SURE = 0.95
_BETTER = 1.05  # how much: some words read as words on their head too
_SURE_LETTERS = 5
_LEAST_CONFIDENCE = 0.5
_LEAST_OF_ONE_SIGN = 0.97  # corners and ornaments are read as single letters and digits
_BATCH = 6
_READ_HEIGHT = 48
_LEAST_WIDTH = 160
_MOST_WIDTH_AT_ONCE = 9_600  # pixels at the height of reading; what is read is paid for by width
_MOST_WIDTH = 90_000  # of one picture: three full shelves


class _Place(Struct, kw_only=True):
    """A place with text as one pass of the detector drew it, and how other passes drew it."""

    quad: Any
    fine: bool
    twins: list[Any] = []


class _Reading(Struct, frozen=True, kw_only=True):
    """One way to read a place: turned so many quarters against the clock before reading."""

    text: str
    confidence: float
    turns: int

    @property
    def weight(self) -> float:
        """Return how much was read how surely."""
        return self.confidence**3 * sum(map(str.isalnum, self.text))


class _Readable(Struct, frozen=True):
    """A numbered place, cut out and turned as it is to be read."""

    number: int
    crop: Any
    turns: int

    @property
    def width(self) -> float:
        """Return the width in pixels at the height of reading."""
        height, width = self.crop.shape[:2]
        return max(_LEAST_WIDTH, _READ_HEIGHT * width / height)


_NOTHING = _Reading(text="", confidence=0.0, turns=0)


class RapidReader:
    """The default engine. Loads its models at the first call; one picture is read at a time.

    A photo costs about 0.9 GB of memory while it is read.
    """

    def __init__(self, *, threads: int = 2) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._engine: Any = None

    @property
    def name(self) -> str:
        """Return ``ocr:rapidocr-`` and its version, without patch level."""
        try:
            version = importlib.metadata.version("rapidocr")
        except importlib.metadata.PackageNotFoundError:
            return "ocr:rapidocr"
        return "ocr:rapidocr-" + ".".join(version.split(".")[:2])

    def read(self, image: Image.Image) -> Sequence[TextLine]:
        """Return the text on an upright RGB picture, the surest and longest first.

        Raises:
            ReaderMissing: rapidocr or onnxruntime is not installed.
        """
        with self._lock:
            if self._engine is None:
                self._engine = _load(self._threads)
            return _read(self._engine, image)


def is_installed() -> bool:
    """Tell whether the packages of the extra ``ocr`` are there, without loading them."""
    return all(map(_has, ("rapidocr", "onnxruntime")))


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _load(threads: int) -> Any:
    try:
        import rapidocr
    except ImportError as error:
        raise ReaderMissing("Reading spines without AI", extra="ocr") from error
    # The models are named by path, so that nothing is ever looked up in the network.
    models = Path(rapidocr.__file__).parent / "models"
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Global.use_preprocess_img": False,
            "Global.use_vertical_padding": False,
            "Det.model_path": str(next(models.glob("*det*.onnx"))),
            "Det.limit_type": "max",
            "Det.limit_side_len": 2 * max(LONG_SIDES),
            "Det.box_thresh": _BOX_THRESHOLD,
            "Rec.model_path": str(next(models.glob("*rec*.onnx"))),
            "Rec.rec_batch_num": _BATCH,
            "Rec.rec_img_shape": [3, _READ_HEIGHT, _LEAST_WIDTH],
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )


def _read(engine: Any, image: Image.Image) -> list[TextLine]:
    import numpy as np

    pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])  # the models want BGR
    places = _without_twins(list(_find(engine, pixels)))[:_MOST_BOXES]
    readings = _read_places(engine, pixels, places)
    lines = [
        (reading, place)
        for place, reading in zip(places, readings, strict=True)
        if _is_legible(reading)
    ]
    lines.sort(key=lambda line: -line[0].weight)
    kept: list[tuple[_Reading, _Place]] = []
    for line in lines:
        if not any(_repeats(line, other) for other in kept):
            kept.append(line)
    return [_line(reading, place) for reading, place in kept]


def _find(engine: Any, pixels: Pixels) -> Iterator[_Place]:
    """Yield every place where the detector sees text, fine passes first."""
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    for side in sorted(LONG_SIDES, reverse=True):
        share = min(1.0, side / max(height, width))
        small = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        for lying in (False, True):
            seen = cv2.rotate(small, cv2.ROTATE_90_CLOCKWISE) if lying else small
            found = engine(seen, use_det=True, use_cls=False, use_rec=False)
            if found.boxes is None:
                continue
            for corners in found.boxes:
                quad = np.asarray(corners, dtype=np.float64) / share
                if lying:
                    quad = np.stack([quad[:, 1], height - 1 - quad[:, 0]], axis=1)
                yield _Place(quad=quads.clockwise(quad), fine=side == max(LONG_SIDES))


def _repeats(line: tuple[_Reading, _Place], better: tuple[_Reading, _Place]) -> bool:
    """Tell whether a line is a part, or a worse reading, of another."""
    covered = quads.covered(line[1].quad, better[1].quad)
    if covered < _INSIDE:
        return False
    alike = fuzz.partial_ratio(line[0].text.lower(), better[0].text.lower())
    return covered >= _WHOLLY_INSIDE or alike >= _ALIKE


def _without_twins(found: list[_Place]) -> list[_Place]:
    """Keep one of several quads around the same piece of text, the longest of the fine ones."""
    kept: list[_Place] = []
    around = quads.Surroundings(len(found))
    for place in sorted(found, key=lambda place: (-place.fine, -max(quads.sides(place.quad)))):
        sides = quads.sides(place.quad)
        if min(sides) < _LEAST_SIDE or max(sides) < _LEAST_LENGTH:
            continue
        near = (kept[number] for number in around.touched(place.quad))
        other = next((other for other in near if _are_twins(place.quad, other.quad)), None)
        if other is not None:
            other.twins.append(place.quad)
        else:
            kept.append(place)
            around.add(place.quad)
    return kept


def _are_twins(one: Quad, other: Quad) -> bool:
    shared = quads.shared(one, other)
    return shared > _SAME * (quads.area(one) + quads.area(other) - shared)


def _read_places(engine: Any, pixels: Pixels, places: list[_Place]) -> list[_Reading]:
    """Read places, some at a time, first the way round in which others were legible.

    Of a picture that is all text, only the longest lines are read.
    """
    reader = _Reader(engine, len(places))
    for start in range(0, len(places), _AT_A_TIME):
        some = range(start, min(start + _AT_A_TIME, len(places)))
        _read_ways(reader, {number: quads.cut_out(pixels, places[number].quad) for number in some})
        _read_twins(reader, pixels, {number: places[number].twins for number in some})
    return reader.best


def _read_ways(reader: _Reader, crops: dict[int, Pixels]) -> None:
    """Read crops in one direction, and the other ways round where that was not sure."""
    usual = Counter(reading.turns for reading in reader.best if _is_sure(reading))
    ways = {number: _ways(crop, usual) for number, crop in crops.items()}
    for attempt in range(4):
        reader.read(
            _Readable(number, quads.turned(crop, turns[attempt]), turns[attempt])
            for number, crop in crops.items()
            if attempt < len(turns := ways[number]) and not _is_sure(reader.best[number])
        )


def _read_twins(reader: _Reader, pixels: Pixels, twins: dict[int, list[Quad]]) -> None:
    """Read what is still not sure once more, as another pass of the detector drew it."""
    best = reader.best
    for attempt in range(_MOST_TWINS):
        reader.read(
            _Readable(number, quads.turned(crop, best[number].turns), best[number].turns)
            for number, drawn in twins.items()
            if attempt < len(drawn) and best[number].weight and not _is_sure(best[number])
            for crop in [quads.cut_out(pixels, drawn[attempt])]
        )


class _Reader:
    """Reads crops until it has read as much as one picture may have; keeps the best readings."""

    def __init__(self, engine: Any, places: int) -> None:
        self._engine = engine
        self._left = float(_MOST_WIDTH)
        self.best = [_NOTHING] * places

    def read(self, crops: Iterable[_Readable]) -> None:
        """Read crops; better readings replace the best."""
        for batch in _batches(list(self._afforded(crops))):
            found = self._engine.recognize_txt([one.crop for one in batch])
            for one, text, confidence in zip(batch, found.txts, found.scores, strict=True):
                reading = _Reading(
                    text=str(text).strip(), confidence=float(confidence), turns=one.turns
                )
                if reading.weight > _BETTER * self.best[one.number].weight:
                    self.best[one.number] = reading

    def _afforded(self, crops: Iterable[_Readable]) -> Iterator[_Readable]:
        for one in crops:
            if one.width <= self._left:
                self._left -= one.width
                yield one


def _batches(crops: list[_Readable]) -> Iterator[list[_Readable]]:
    """Yield crops of about one width, so few at once that they need little memory."""
    batch: list[_Readable] = []
    for one in sorted(crops, key=lambda one: one.width):
        size = len(batch) + 1
        if batch and (size > _BATCH or size * one.width > _MOST_WIDTH_AT_ONCE):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _ways(crop: Pixels, usual: Counter[int]) -> tuple[int, ...]:
    """Return the quarter turns against the clock after which a crop may be legible.

    Those come first after which others ``usual``ly were.
    """
    height, width = crop.shape[:2]
    if max(height, width) < _SQUARISH * min(height, width):
        return 0, 1, 3, 2
    one, other = (0, 2) if width > height else (1, 3)
    return (one, other) if usual[one] >= usual[other] else (other, one)


def _is_legible(reading: _Reading) -> bool:
    signs = sum(map(str.isalnum, reading.text))
    least = _LEAST_OF_ONE_SIGN if signs == 1 else _LEAST_CONFIDENCE
    return signs > 0 and reading.confidence >= least


def _is_sure(reading: _Reading) -> bool:
    letters = sum(map(str.isalnum, reading.text))
    return reading.confidence >= _SURE and letters >= _SURE_LETTERS


def _line(reading: _Reading, place: _Place) -> TextLine:
    """Number the corners of a place from where its text begins."""
    quad = [(float(x), float(y)) for x, y in place.quad]
    start = reading.turns % 4
    ordered = quad[start:] + quad[:start]
    return TextLine(
        text=reading.text,
        confidence=min(1.0, reading.confidence),
        corners=(ordered[0], ordered[1], ordered[2], ordered[3]),
    )
