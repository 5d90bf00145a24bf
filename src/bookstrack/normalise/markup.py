"""Plain text out of HTML descriptions and Open Library's Markdown."""

from __future__ import annotations

import html
import re

_AT_MOST = 10_000
_LINE_BREAK = re.compile(r"<\s*(?:br\s*/?|/\s*(?:p|div|li|h[1-6]|tr|blockquote))\s*>", re.I)
_HIDDEN = re.compile(r"<(script|style)\b[^>]*>.*?</\1\s*>|<!--.*?-->", re.I | re.S)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def plain_text(text: str | None, *, at_most: int = _AT_MOST) -> str | None:
    """Return the text without tags and entities, line breaks kept, or ``None`` if none is left.

    ``at_most`` is a number of characters; a longer text is cut at a word where one ends near.
    """
    if not text:
        return None
    bare = _lines(text)
    while (barer := _lines(html.unescape(_without_tags(bare)))) != bare:
        bare = barer
    return _cut(bare, at_most) or None


def _without_tags(text: str) -> str:
    return _TAG.sub("", _LINE_BREAK.sub("\n", _HIDDEN.sub("", text)))


def _lines(text: str) -> str:
    one_break = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = "\n".join(line.strip() for line in _SPACES.sub(" ", one_break).split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip()


def _cut(text: str, at_most: int) -> str:
    if len(text) <= at_most:
        return text
    head = text[:at_most]
    space = head.rfind(" ")
    return (head[:space] if space > at_most * 0.9 else head).strip()


_SOURCE_NOTE = re.compile(
    r"\(?\s*\[\s*(?:source|sources|wikipedia|\d+|ref)[^\]]*\]\s*(?:\[[^\]]*\]|\(https?:[^)]*\))\s*\)?",
    re.I,
)
_DEFINITION = re.compile(r"^[ \t]*\[[^\]]+\]:\s*\S+.*$", re.M)
_RULE_TAIL = re.compile(r"\n\s*(?:-{4,}|\*{4,}|_{4,})\s*(?:\n.*)?\Z", re.S)
_LINK = re.compile(r"\[([^\]]+)\](?:\[[^\]]*\]|\(https?:[^)]*\))")
_ALSO_IN = re.compile(
    r"\n\s*(?:\*\*)?(?:also contained in|contained in|see also):?(?:\*\*)?.*\Z", re.I | re.S
)


def without_footnotes(text: str) -> str:
    """Return an Open Library description without its source notes and link definitions."""
    body = _RULE_TAIL.sub("", text.replace("\r\n", "\n"))
    body = _SOURCE_NOTE.sub("", _DEFINITION.sub("", body))
    return _LINK.sub(r"\1", body).strip()
