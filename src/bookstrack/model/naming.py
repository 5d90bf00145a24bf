"""How field names are written on the wire.

The contract spells ``coverImageURL``, ``goodreadsWorkIDs``, ``amazonASINs`` and
``lastISBNDBSync``; msgspec's own camel case would spoil them.
"""

from __future__ import annotations

_WHOLE = {"url": "URL", "id": "ID", "ids": "IDs", "asins": "ASINs", "isbndb": "ISBNDB"}


def dto_name(name: str) -> str:
    """Return the wire name of a work, edition or author field (``cover_image_url``…)."""
    first, *rest = name.split("_")
    return first + "".join(_WHOLE.get(part, part.capitalize()) for part in rest)


def camel_name(name: str) -> str:
    """Return the plain camel case that flat books and envelopes use (``coverUrl``)."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
