"""Shelf photos read by a model: what is kept of its answers, and how they may be wrong."""

from __future__ import annotations

import base64
import json
from io import BytesIO

import pytest
from PIL import Image

from bookstrack.readers import shelf_prompt
from bookstrack.readers.shelf import GeminiShelf, PhotoUnread
from bookstrack.scans.detection import BookFormat, Box, Orientation
from bookstrack.scans.picture import prepare
from bookstrack.testing.upstream import Said
from pins import words_hash


@pytest.fixture
def shelf(gemini, clock) -> GeminiShelf:
    return GeminiShelf(gemini, clock, model="m")


@pytest.fixture(scope="module")
def photo():
    held = BytesIO()
    Image.new("RGB", (400, 300), "white").save(held, "JPEG")
    return prepare(held.getvalue())


def seen(title: str, **more: object) -> dict[str, object]:
    return {"title": title, "confidence": 0.9, "box_2d": [100, 200, 300, 400], **more}


def test_words_and_version_of_the_prompt_belong_together():
    known = {"s1": "15a8f3086d3c0025"}
    words = (shelf_prompt.SYSTEM, shelf_prompt.TEXT, shelf_prompt.SCHEMA)
    assert known[shelf_prompt.VERSION] == words_hash(*words), "change VERSION with the words"


async def test_books_come_with_their_places(shelf, upstream, keep, photo):
    answer = [
        seen("  The   Ferry ", author="Ana  Lund", isbn="978-1-64410-037-0", format="paperback"),
        seen("Garden", orientation="vertical_up", partiallyVisible=True, isbn="9781644100371"),
    ]
    upstream.say(Said(text=json.dumps(answer)))
    found = await shelf.read(photo, keep=keep)
    ferry, garden = found.detections
    assert (ferry.title, ferry.author, ferry.isbn) == ("The Ferry", "Ana Lund", "9781644100370")
    assert ferry.format is BookFormat.PAPERBACK
    assert ferry.box == Box.between(0.2, 0.1, 0.4, 0.3)
    assert (garden.isbn, garden.orientation) == (None, Orientation.VERTICAL_UP)
    assert garden.partially_visible
    assert (found.model, found.tokens.total) == ("m", 120)


@pytest.mark.parametrize(
    ("item", "confidence", "box"),
    [
        ({"title": "A"}, 0.5, Box()),
        (seen("A", confidence=7), 1.0, Box.between(0.2, 0.1, 0.4, 0.3)),
        (seen("A", confidence=-1), 0.0, Box.between(0.2, 0.1, 0.4, 0.3)),
        (seen("A", box_2d=[-50, 0, 2000, 500]), 0.9, Box.between(0, 0, 0.5, 1)),
        (seen("A", box_2d=[300, 400, 100, 200]), 0.9, Box.between(0.2, 0.1, 0.4, 0.3)),
        (seen("A", box_2d=[1, 2, 3]), 0.9, Box()),
        (seen("A", box_2d=[5, 5, 5, 5]), 0.9, Box()),
    ],
)
async def test_numbers_out_of_range(shelf, upstream, keep, photo, item, confidence, box):
    upstream.say(Said(text=json.dumps([item])))
    (found,) = (await shelf.read(photo, keep=keep)).detections
    assert (found.confidence, found.box) == (confidence, box)


async def test_what_is_no_title_is_dropped(shelf, upstream, keep, photo):
    answer = [seen(""), seen("123"), seen("!!"), {"title": 5}, "book", None, seen("Emma")]
    upstream.say(Said(text=json.dumps(answer)))
    found = await shelf.read(photo, keep=keep)
    assert [book.title for book in found.detections] == ["Emma"]


async def test_a_refusal_is_no_empty_shelf(shelf, upstream, keep, photo):
    upstream.say(Said(blocked=True))
    with pytest.raises(PhotoUnread) as raised:
        await shelf.read(photo, keep=keep)
    assert raised.value.photo_code == "E_SCAN_AI_REFUSED"
    assert keep.answers == {}


async def test_nonsense_is_asked_again_once_without_chance(shelf, upstream, keep, photo):
    upstream.say(Said(text="Here are the books:"), Said(text=json.dumps([seen("Emma")])))
    found = await shelf.read(photo, keep=keep)
    assert [book.title for book in found.detections] == ["Emma"]
    hot, cold = (json.loads(asked.body)["generationConfig"] for asked in upstream.asked("gemini"))
    assert (hot["temperature"], cold["temperature"]) == (0.4, 0.0)


async def test_nonsense_twice_is_a_fault_of_the_photo(shelf, upstream, keep, photo):
    upstream.gemini.otherwise = Said(text='{"books": []}')
    with pytest.raises(PhotoUnread) as raised:
        await shelf.read(photo, keep=keep)
    assert raised.value.photo_code == "E_SCAN_AI_INVALID"
    assert upstream.count("gemini") == 2


async def test_a_cut_answer_is_completed_from_the_halves(shelf, upstream, keep, photo):
    left = [seen("Emma", box_2d=[0, 0, 1000, 500]), seen("Left", box_2d=[0, 500, 1000, 1000])]
    right = [seen("Emma", box_2d=[0, 900, 1000, 1000]), seen("Right", confidence=0.8)]
    upstream.say(
        Said(
            text='[{"title":"Emma","confidence":0.7,"box_2d":[0,0,1000,280]},{"ti',
            finish="MAX_TOKENS",
        ),
        Said(text=json.dumps(left)),
        Said(text=json.dumps(right)),
    )
    found = await shelf.read(photo, keep=keep)
    assert sorted(book.title for book in found.detections) == ["Emma", "Emma", "Left", "Right"]
    by_title = {book.title: book for book in found.detections if book.title != "Emma"}
    assert by_title["Left"].box == Box.between(0.28, 0, 0.56, 1)
    assert found.tokens.total == 360
    sizes = [_width(asked) for asked in upstream.asked("gemini")]
    assert sizes == [400, 224, 224]


async def test_a_photo_is_paid_for_once(shelf, upstream, keep, photo):
    upstream.gemini.otherwise = Said(text=json.dumps([seen("Emma")]))
    first = await shelf.read(photo, keep=keep)
    again = await shelf.read(photo, keep=keep)
    assert first.detections == again.detections
    assert upstream.count("gemini") == 1


async def test_the_fixture_of_a_shelf_is_understood(shelf, upstream, keep, photo, fixtures_dir):
    body = json.loads(
        (fixtures_dir / "providers/gemini/constructed_bookshelf-scan.json").read_bytes()
    )
    upstream.say(Said(text=body["candidates"][0]["content"]["parts"][0]["text"]))
    found = await shelf.read(photo, keep=keep)
    assert len(found.detections) == 3
    assert all(0 <= book.confidence <= 1 for book in found.detections)


def _width(asked) -> int:
    part = json.loads(asked.body)["contents"][0]["parts"][0]
    return Image.open(BytesIO(base64.b64decode(part["inline_data"]["data"]))).width
