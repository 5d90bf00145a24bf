"""Plain text out of HTML descriptions and Open Library's Markdown."""

from __future__ import annotations

import html
import re

_AT_MOST = 10_000
_MOST_MARKUP = 5  # characters read for each one that may be shown
_ROUNDS = 8  # of markup that was itself escaped
_LINE_BREAK = re.compile(r"<\s?(?:br\s?(?:/\s?)?|/\s?(?:p|div|li|h[1-6]|tr|blockquote)\s?)>", re.I)
_HIDDEN = re.compile(r"<(script|style)\b[^<>]*>|<!--", re.I)
_END_OF_HIDDEN = {
    "script": re.compile(r"</script\s?>", re.I),
    "style": re.compile(r"</style\s?>", re.I),
    None: re.compile("-->"),
}
_LONG_ENTITY = re.compile(r"&#\d{8,};?")
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
    bare = _lines(text[: _MOST_MARKUP * at_most])
    for _ in range(_ROUNDS):
        barer = _lines(unescaped(_without_tags(bare)))
        if barer == bare:
            break
        bare = barer
    return _cut(bare, at_most) or None


def unescaped(text: str) -> str:
    """Return the text with its entities decoded; numbers that name no character become U+FFFD."""
    return html.unescape(_LONG_ENTITY.sub("\ufffd", text))


def _without_tags(text: str) -> str:
    return _TAG.sub("", _LINE_BREAK.sub("\n", _without_hidden(text)))


def _without_hidden(text: str) -> str:
    """Drop scripts, styles and comments; one that does not end stays, without its first tag."""
    kept: list[str] = []
    endless: set[str | None] = set()
    at = 0
    for start in _HIDDEN.finditer(text):
        kind = start[1].lower() if start[1] else None
        if start.start() < at or kind in endless:
            continue
        end = _END_OF_HIDDEN[kind].search(text, start.end())
        if end is None:
            endless.add(kind)
            continue
        kept.append(text[at : start.start()])
        at = end.end()
    return "".join((*kept, text[at:]))


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


# What may repeat is bounded, and no bracket is read across another one: else a text of opening
# brackets alone would be read from each of them to its end.
_SOURCE_NOTE = re.compile(
    r"(?:\(\s{0,3}|\s{1,3})?\[\s{0,3}(?:source|wikipedia|\d|ref)[^\[\]]{0,200}\]\s{0,3}"
    r"(?:\[[^\[\]]{0,200}\]|\(https?:[^()]{0,300}\))\s{0,3}\)?",
    re.I,
)
_DEFINITION = re.compile(r"^[ \t]*\[[^\[\]\n]{1,200}\]:\s{0,3}\S.*$", re.M)
_RULE_TAIL = re.compile(r"\n[^\S\n]{0,20}(?:-{4,}|\*{4,}|_{4,})[^\S\n]{0,20}(?:\n.*)?\Z", re.S)
_LINK = re.compile(r"\[([^\[\]]{1,300})\](?:\[[^\[\]]{0,200}\]|\(https?:[^()]{0,300}\))")


def without_footnotes(text: str) -> str:
    """Return an Open Library description without its source notes and link definitions."""
    body = _RULE_TAIL.sub("", text.replace("\r\n", "\n"))
    body = _SOURCE_NOTE.sub("", _DEFINITION.sub("", body))
    return _LINK.sub(r"\1", body).strip()
