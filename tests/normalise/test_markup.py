"""Plain text out of HTML and Markdown descriptions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.markup import plain_text, without_footnotes


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("<p>One</p><p>Two<br/>three</p>", "One\nTwo\nthree"),
        ("One<BR>two", "One\ntwo"),
        ("<b>Bold</b> &amp; <i>fine</i>&nbsp;text", "Bold & fine text"),
        ("It&#39;s &quot;good&quot;", 'It\'s "good"'),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("&lt;p&gt;twice&lt;/p&gt;", "twice"),
        ("a<script>alert(1)</script>b<!-- c -->d<style>x</style>", "abd"),
        ("<ul><li>x</li><li>y</li></ul>", "x\ny"),
        ("line\r\nbreak\rs", "line\nbreak\ns"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("  spaced \t out  ", "spaced out"),
        ("bell\x07\x00", "bell"),
        ("*Markdown* _stays_", "*Markdown* _stays_"),
        ("<p> </p>", None),
        ("", None),
        ("   ", None),
        (None, None),
    ],
)
def test_plain_text(markup: str | None, plain: str | None) -> None:
    assert plain_text(markup) == plain


def test_long_texts_are_cut_at_a_word() -> None:
    assert plain_text("one two three four " * 5, at_most=48) == (
        "one two three four one two three four one two"
    )
    assert plain_text("x" * 30, at_most=20) == "x" * 20
    assert plain_text("ab " + "x" * 30, at_most=20) == "ab " + "x" * 17
    assert len(plain_text("word " * 5_000) or "") <= 10_000


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["<p>", "&lt;", "&amp;", "b>", "a", " ", "\n", "<"])).map("".join)
)
def test_plain_text_of_plain_text_is_itself(text: str) -> None:
    plain = plain_text(text)
    assert plain_text(plain) == plain


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("A story. ([source][1])\r\n\r\n[1]: http://example.org/y", "A story."),
        ("A story. [source][1]\n\n  [1]: https://example.org", "A story."),
        ("A story ([Wikipedia](https://en.wikipedia.org/wiki/X))", "A story"),
        ("See [the site](https://example.org) now", "See the site now"),
        ("See [the site][2] now\n\n[2]: https://example.org", "See the site now"),
        ("A story.\n\n----------\nAlso contained in:\n- [Box](https://x.org)", "A story."),
        ("A story.\n----\n", "A story."),
        ("Brackets [sic] stay (really)", "Brackets [sic] stay (really)"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_without_footnotes(markdown: str, text: str) -> None:
    assert without_footnotes(markdown) == text


def test_text_that_is_encoded_over_and_over_is_read_a_few_times_and_then_left():
    often = "&" + "amp;" * 40 + "lt;b&" + "amp;" * 40 + "gt;bold"
    found = plain_text(often)
    assert found is not None
    assert found.endswith("bold")
    assert found.startswith("&amp;")
