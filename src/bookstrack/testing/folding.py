"""How the fake providers compare texts: loosely, like search engines do, in any script."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"\w+")


def folded(text: str) -> str:
    """Drop case and diacritics."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


@lru_cache(maxsize=8192)
def words(text: str) -> tuple[str, ...]:
    """Split into folded words; apostrophes and signs separate."""
    return tuple(_WORD.findall(folded(text)))
