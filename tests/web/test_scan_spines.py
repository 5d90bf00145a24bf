"""The piece of the photo that shows a book: cut out, served to the token, gone with the photo."""

from __future__ import annotations

from io import BytesIO

import msgspec
import pytest
from PIL import Image

from bookstrack.pipelines.scan_spines import MOST, spine_path
from photos import ID, drawn, ended, said, scan, seen, status, stored, until

TOP, BOTTOM = [0, 0, 400, 500], [600, 500, 1000, 1000]  # boxes, y first, in thousandths


def shelf() -> bytes:
    """A white photo with a red book at the top left and a blue one at the bottom right."""
    page = Image.new("RGB", (1000, 1000), "white")
    page.paste((220, 0, 0), (0, 0, 500, 400))
    page.paste((0, 0, 220), (500, 600, 1000, 1000))
    held = BytesIO()
    page.save(held, "PNG")
    return held.getvalue()


BOOKS = (
    seen("Qwv Red", confidence=0.5, box_2d=TOP),
    seen("Qwv Blue", confidence=0.9, box_2d=BOTTOM),
    seen("Qwv Nowhere", box_2d=[]),
)


@pytest.fixture
async def api(start):
    return await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", PROVIDER_RETRIES="1")


async def read(api, *photos: bytes, books=BOOKS) -> tuple[str, list[dict]]:
    """Scan photos to the end; return the token and the books."""
    api.upstream.gemini.otherwise = said(*books)
    answer = await scan(api, *(photos or (shelf(),)), job_id=ID)
    assert (await ended(api, ID))["status"] == "completed"
    found = (await api.get(f"/v1/scan/results/{ID}")).json["data"]
    return answer.json["token"], found["books"]


def bearer(token: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


async def test_each_book_with_a_place_has_its_picture(api):
    token, (red, blue, nowhere) = await read(api)
    assert "spineUrl" not in nowhere
    assert red["spineUrl"] == f"/api/v2/scans/{ID}/spines/0-0.jpg"
    assert blue["spineUrl"] == f"/api/v2/scans/{ID}/spines/0-1.jpg"
    assert (red["approved"], blue["approved"]) == (False, True)
    for book, colour in ((red, (220, 0, 0)), (blue, (0, 0, 220))):
        answer = await api.get(book["spineUrl"], **bearer(token))
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        piece = Image.open(BytesIO(answer.body))
        assert (piece.format, piece.size) == ("JPEG", (510, 410))
        middle = piece.getpixel((255, 205))
        assert middle == pytest.approx(colour, abs=12)
        assert not piece.getexif()
    names = {path.rpartition("/")[2] for path in await stored(api)}
    assert names == {"photo-0.jpg", "spine-0-0.jpg", "spine-0-1.jpg"}
    assert set(await stored(api)) >= {spine_path(ID, 0, 0), spine_path(ID, 0, 1)}
    assert spine_path(ID, 0, 1) == f"bookshelf-scans/{ID}/spine-0-1.jpg"


async def test_a_caller_that_has_it_is_told_so(api):
    token, (red, *_) = await read(api)
    first = await api.get(red["spineUrl"], **bearer(token))
    headers = {"Authorization": f"Bearer {token}", "If-None-Match": first.headers["ETag"]}
    again = await api.get(red["spineUrl"], headers=headers)
    assert (again.status, again.body) == (304, b"")


async def test_every_carrier_of_the_token_is_taken(api):
    token, (red, *_) = await read(api)
    url = red["spineUrl"]
    for options in (bearer(token), {"headers": {"X-Auth-Token": token}}):
        assert (await api.get(url, **options)).status == 200
    assert (await api.get(f"{url}?token={token}")).status == 200


async def test_nobody_else_sees_it(api):
    token, (red, *_) = await read(api)
    url = red["spineUrl"]

    def told(answer):
        error = answer.json["error"]
        return answer.status, error["code"], error["details"].get("reason")

    assert told(await api.get(url)) == (401, "UNAUTHORIZED", "missing_token")
    wrong = await api.get(url, **bearer(token[:-1] + ("0" if token[-1] != "0" else "1")))
    assert told(wrong) == (401, "UNAUTHORIZED", "invalid_token")
    other = (await scan(api, drawn())).json["token"]
    assert told(await api.get(url, **bearer(other)))[:2] == (401, "UNAUTHORIZED")
    unknown = await api.get("/api/v2/scans/nobody-knows-this/spines/0-0.jpg", **bearer(token))
    assert told(unknown)[:2] == (404, "NOT_FOUND")
    assert told(await api.get("/api/v2/scans/nobody-knows-this/spines/0-0.jpg"))[0] == 401


async def over(api, clock) -> None:
    """Wait for the end of a scan where time stands still by itself."""

    async def is_over() -> bool:
        await clock.advance(0.2)
        return (await status(api, ID))["status"] == "completed"

    await until(is_over)


async def test_an_expired_token_opens_nothing(start, clock):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", clock=clock)
    api.upstream.gemini.otherwise = said(*BOOKS)
    token = (await scan(api, shelf(), job_id=ID)).json["token"]
    await over(api, clock)
    await clock.advance(7201)
    answer = await api.get(f"/api/v2/scans/{ID}/spines/0-0.jpg", **bearer(token))
    assert (answer.status, answer.json["error"]["details"]["reason"]) == (401, "expired")


@pytest.mark.parametrize(
    "name",
    ["0-2.jpg", "1-0.jpg", "0-99.jpg", "x", "0-0.png", "..%2Fphoto-0.jpg", "0-0", "-1-0.jpg"],
)
async def test_other_names_are_unknown(api, name):
    token, _ = await read(api)
    answer = await api.get(f"/api/v2/scans/{ID}/spines/{name}", **bearer(token))
    assert (answer.status, answer.json["error"]["code"]) == (404, "NOT_FOUND")


async def test_a_job_that_is_no_scan_has_none(api):
    begun = await api.post("/v1/enrichment/batch", json={"jobId": ID, "books": [{"title": "A"}]})
    answer = await api.get(f"/api/v2/scans/{ID}/spines/0-0.jpg", **bearer(begun.json["token"]))
    assert answer.status == 404


async def test_the_surest_sight_is_shown(api):
    one = said(seen("Qwv Zab", author="A Kuang", confidence=0.6, box_2d=TOP))
    other = said(seen("Qwv Zab", author="A Kuang", confidence=0.8, box_2d=BOTTOM))
    api.upstream.say(one, other)
    answer = await scan(api, shelf(), drawn(), job_id=ID)
    await ended(api, ID)
    (book,) = (await api.get(f"/v1/scan/results/{ID}")).json["data"]["books"]
    assert book["spineUrl"] == f"/api/v2/scans/{ID}/spines/{book['photoIndex']}-0.jpg"
    assert (await api.get(book["spineUrl"], **bearer(answer.json["token"]))).status == 200


async def test_their_number_and_size_are_bounded(api):
    books = [
        seen(
            f"Qwv {n:03}x",
            author=f"Zyx Q{n:03}",
            confidence=0.3 + n / 1000,
            box_2d=[0, 0, 1000, 1000],
        )
        for n in range(MOST + 5)
    ]
    wide = drawn(size=(3000, 300))
    _, found = await read(api, wide, books=books)
    assert len(found) == MOST + 5
    assert ["spineUrl" in book for book in found] == [True] * MOST + [False] * 5  # the unsurest
    pieces = {path: body for path, body in (await stored(api)).items() if "spine-" in path}
    assert len(pieces) == MOST
    assert {Image.open(BytesIO(body)).size for body in pieces.values()} == {(1024, 102)}


async def test_a_cancel_takes_and_counts_them(api):
    token, _ = await read(api)
    gone = await api.request("DELETE", f"/v1/jobs/{ID}", **bearer(token))
    assert gone.json["data"]["cleanup"]["r2ObjectsDeleted"] == 3
    assert await stored(api) == {}
    answer = await api.get(f"/api/v2/scans/{ID}/spines/0-0.jpg", **bearer(token))
    assert answer.status == 404


async def test_a_cancel_on_the_way_leaves_no_address_behind(api):
    api.upstream.gemini.otherwise = said(*BOOKS)
    for name in ("google", "openlibrary", "isbndb"):
        api.upstream.delay(name, 20)
    await scan(api, shelf(), job_id=ID)

    async def detected():
        return "Detected" in (await status(api, ID))["message"]

    await until(detected)
    assert len(await stored(api)) == 3
    await api.post("/api/scan-bookshelf/cancel", json={"jobId": ID})
    results = (await api.get(f"/v1/jobs/{ID}/results")).json["data"]
    assert len(results["books"]) == 3
    assert not [book for book in results["books"] if "spineUrl" in book]
    assert await stored(api) == {}


async def test_the_broom_takes_them(start, clock):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", clock=clock)
    api.upstream.gemini.otherwise = said(*BOOKS)
    await scan(api, shelf(), job_id=ID)
    await over(api, clock)
    assert len(await stored(api)) == 3
    await clock.advance(86_400)

    async def swept():
        await clock.advance(600)
        return await stored(api) == {}

    await until(swept)


async def test_who_keeps_no_photos_keeps_no_pieces(start):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", KEEP_SCAN_PHOTOS="false")
    _, books = await read(api)
    assert len(books) == 3
    assert not [book for book in books if "spineUrl" in book]
    assert await stored(api) == {}


async def test_the_document_tells_of_them(api):
    document = msgspec.json.decode((await api.get("/doc/openapi.json")).body)
    (path,) = (path for path in document["paths"] if path.endswith("/spines/{name}"))
    answers = document["paths"][path]["get"]["responses"]
    assert list(answers["200"]["content"]) == ["image/jpeg"]
    assert {"401", "404", "429"} <= set(answers)
    assert document["components"]["schemas"]["ScannedBook"]["properties"]["spineUrl"] == {
        "type": "string"
    }
