"""Lines of text are grouped into the spines they stand on, whatever way those lie."""

from __future__ import annotations

from PIL import Image, ImageDraw

from bookstrack.scans.detection import Orientation
from bookstrack.scans.ocr import TextLine
from bookstrack.scans.spines import find_spines, spine_of
from scans.shelves import across, down, up

SIZE = (3000, 2000)


def shelf(*books: tuple[int, int, int, int, str]) -> Image.Image:
    """A dark shelf with books on it: corners and colour of each."""
    image = Image.new("RGB", SIZE, (40, 30, 25))
    pen = ImageDraw.Draw(image)
    for left, top, right, bottom, colour in books:
        pen.rectangle((left, top, right, bottom), fill=colour)
    return image


def texts(lines: list[TextLine], image: Image.Image) -> list[list[str]]:
    return [[line.text for line in spine.lines] for spine in find_spines(lines, image)]


def turned(line: TextLine) -> TextLine:
    """The same piece of text on its head."""
    first, second, third, fourth = line.corners
    return TextLine(text=line.text, confidence=0.9, corners=(third, fourth, first, second))


ONE_BOOK = shelf((600, 50, 800, 1900, "ivory"))


def test_two_pieces_of_one_line():
    lines = [down("BABEL", x=750, y=100), down("R. F. KUANG", x=752, y=380)]

    assert texts(lines, ONE_BOOK) == [["BABEL", "R. F. KUANG"]]


def test_lines_side_by_side_in_reading_order():
    """Text that reads downward goes on at the left, text that reads upward at the right."""
    downward = [down("SECOND PART", x=690), down("THE FIRST PART", x=760)]
    upward = [up("SECOND PART", x=700), up("THE FIRST PART", x=630)]

    assert texts(downward, ONE_BOOK) == [["THE FIRST PART", "SECOND PART"]]
    assert texts(upward, ONE_BOOK) == [["THE FIRST PART", "SECOND PART"]]


def test_neighbours_with_an_edge_between():
    image = shelf((600, 50, 700, 1900, "ivory"), (702, 50, 800, 1900, "crimson"))
    lines = [down("THE LUMINARIES", x=690), down("THE SELLOUT", x=770)]

    assert texts(lines, image) == [["THE LUMINARIES"], ["THE SELLOUT"]]


def test_neighbours_in_the_dark():
    image = shelf((600, 50, 700, 1900, "ivory"), (702, 50, 800, 1900, "crimson"))
    dark = image.point(lambda value: value // 6)
    lines = [down("THE LUMINARIES", x=690), down("THE SELLOUT", x=770)]

    assert len(texts(lines, dark)) == 2


def test_an_edge_that_leans():
    image = Image.new("RGB", SIZE, "ivory")
    ImageDraw.Draw(image).polygon([(695, 0), (1400, 0), (1400, 2000), (735, 2000)], fill="navy")
    lines = [down("THE LUMINARIES", x=690), down("THE SELLOUT", x=785)]

    assert len(texts(lines, image)) == 2


def test_a_line_across_the_spine():
    lines = [
        down("FOSSE", x=760, y=100, height=120),
        across("WASSON", x=640, y=560, height=30),
        across("MARINER", x=900, y=560, height=30),
    ]

    assert texts(lines, ONE_BOOK) == [["WASSON", "FOSSE"], ["MARINER"]]


def test_a_stack():
    image = shelf((100, 500, 1500, 600, "ivory"), (100, 604, 1500, 700, "teal"))
    lines = [
        across("THE LUMINARIES", x=150, y=520),
        across("ELEANOR CATTON", x=700, y=522),
        across("THE SELLOUT", x=150, y=625),
    ]

    assert texts(lines, image) == [["THE LUMINARIES", "ELEANOR CATTON"], ["THE SELLOUT"]]


def test_a_book_on_its_head():
    lines = [turned(across("SABINE THIESLER", x=150, y=590)), turned(across("X Y", x=150, y=520))]

    (spine,) = find_spines(lines, shelf((100, 500, 1500, 660, "black")))

    assert spine.orientation is Orientation.UPSIDE_DOWN
    assert spine.text == "SABINE THIESLER\nX Y"


def test_orientation_box_and_edge():
    spine = spine_of([up("DIE ZIMTGÄRTEN", x=0, y=200)], SIZE)

    assert spine.orientation is Orientation.VERTICAL_UP
    assert spine.partially_visible
    assert (spine.box.x1, spine.box.y1) == (0, 0.1)
    assert spine.box.x2 == 60 / 3000
    assert not spine_of([up("DIE ZIMTGÄRTEN", x=100, y=200)], SIZE).partially_visible


def test_ornaments_and_slanting_text_are_on_no_spine():
    slanting = TextLine(
        text="WE CAN RULE", confidence=1, corners=((0, 0), (200, 200), (170, 230), (-30, 30))
    )

    assert texts([across("敏", x=650, y=100), slanting], ONE_BOOK) == []
    assert texts([down("火花 又吉直樹", x=750)], ONE_BOOK) == [["火花 又吉直樹"]]
