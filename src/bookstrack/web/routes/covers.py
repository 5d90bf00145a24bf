"""Pictures of covers (http-api §7.J)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from bookstrack.assembly import Assembly
from bookstrack.covers.pictures import CoverSize
from bookstrack.covers.proxy import Served
from bookstrack.errors import MissingParameter, NotFound
from bookstrack.model.isbn import Isbn
from bookstrack.web import parameters
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import PROVIDERS, read

_TAG = "Images"
_Size = Annotated[str | None, QueryParameter(description="small, medium or large")]


@read(
    "/images/proxy",
    answer=bytes,
    tag=_TAG,
    failures=(304, 404, *PROVIDERS),
    limit="images",
    legacy=True,
    media_type="image/webp",
)
async def proxy(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    url: Annotated[str | None, QueryParameter(description="https address of a cover")] = None,
    size: _Size = None,
) -> Response[Any]:
    """Return a cover of a known host, scaled down."""
    if url is None or not url.strip():
        raise MissingParameter("url is required", details={"parameter": "url"})
    return _picture(reply, await parts.images.get(url.strip(), CoverSize.read(size)))


@read(
    "/images/covers/{isbn:str}",
    answer=bytes,
    tag=_TAG,
    failures=(304, 404, *PROVIDERS),
    limit="images",
    media_type="image/webp",
)
async def cover(
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    isbn: Annotated[str, PathParameter(description="ISBN-10 or ISBN-13")],
    size: _Size = None,
) -> Response[Any]:
    """Return the stored cover of a book, scaled down."""
    number: Isbn = parameters.isbn(isbn)
    served = await parts.images.cover(number.canonical, CoverSize.read(size))
    if served is None:
        raise NotFound("There is no cover of this book", details={"isbn": number.canonical})
    return _picture(reply, served)


def _picture(reply: Reply, served: Served) -> Response[Any]:
    headers = {
        "etag": served.etag,
        "cache-control": f"public, max-age={served.max_age}, immutable",
        "x-cache": "HIT" if served.hit else "MISS",
        "x-cache-status": "HIT" if served.hit else "MISS",
        "cross-origin-resource-policy": "cross-origin",
    }
    asked = reply.exchange.header(b"if-none-match")
    if asked == "*" or served.etag in [tag.strip().removeprefix("W/") for tag in asked.split(",")]:
        return Response(b"", status_code=304, media_type=served.content_type, headers=headers)
    return Response(served.body, media_type=served.content_type, headers=headers)


HANDLERS = (proxy, cover)
