"""The tables of data-model §6.5; every key is in lower case."""

from __future__ import annotations

_GENRES = """
Science Fiction: sci-fi, scifi, sf, sci fi
Fantasy: fantasie
Mystery: detective, whodunit, mysteries
Thriller: thrillers, suspense
Romance: love story, love stories
Horror: scary
Literary Fiction: literary, literature
Historical Fiction: historical novel, historical novels
Biography: memoir, memoirs, autobiography, autobiographies, biographies
History: historical
Science: popular science
Philosophy: philosophical
Self-Help: self improvement, self help, self-improvement, personal development
Business: economics, entrepreneurship
True Crime: crime
Young Adult: ya, teen
Children's: children, kids, juvenile, childrens, children's literature, juvenile literature
Middle Grade: mg
Classics: classic, classical
Contemporary: modern
Graphic Novels: graphic novel, comics, manga
Poetry: poems, verse
Dystopian: dystopia
Fiction:
"""


def _variations() -> dict[str, str]:
    table: dict[str, str] = {}
    for line in _GENRES.split("\n")[1:-1]:
        name, _, words = line.partition(":")
        spellings = (name, *(word.strip() for word in words.split(",") if word.strip()))
        table |= {spelling.casefold(): name for spelling in spellings}
    return table


VARIATIONS = _variations()
CANONICAL = {name: name.casefold() for name in VARIATIONS.values()}
"""Name of each genre, and the form it is compared in."""

EXACT: dict[str, tuple[str, ...]] = {
    # BISAC headings (Google, and ISBNdb's pairs)
    "juvenile fiction": ("Children's", "Fiction"),
    "juvenile nonfiction": ("Children's",),
    "young adult fiction": ("Young Adult", "Fiction"),
    "young adult nonfiction": ("Young Adult",),
    "children's fiction": ("Children's", "Fiction"),
    "biography & autobiography": ("Biography",),
    "business & economics": ("Business",),
    "comics & graphic novels": ("Graphic Novels",),
    "mystery & detective": ("Mystery",),
    "general": (),
    # Open Library
    "dystopian fiction": ("Dystopian", "Science Fiction"),
    "fantasy fiction": ("Fantasy",),
    "crime fiction": ("Mystery",),
    "detective and mystery stories": ("Mystery",),
    "classic literature": ("Classics", "Literary Fiction"),
    "comic books, strips, etc": ("Graphic Novels",),
    # words of the scanning model
    "sci-fi dystopia": ("Science Fiction", "Dystopian"),
    "post-apocalyptic fiction": ("Science Fiction", "Dystopian"),
    "epic fantasy": ("Fantasy",),
}

IN_FICTION: dict[str, tuple[str, ...]] = {
    "historical": ("Historical Fiction",),
    "history": ("Historical Fiction",),
    "crime": ("Mystery",),
    "epic": (),
    "fantasy & magic": ("Fantasy",),
    "mysteries & detective stories": ("Mystery",),
}
"""Levels below Fiction whose words mean something else elsewhere."""

NOISE = frozenset(
    {
        "",
        "accessible book",
        "protected daisy",
        "in library",
        "lending library",
        "internet archive wishlist",
        "internet archive books",
        "large type books",
        "open library staff picks",
        "popular print disabled books",
        "self service",
        "custom stores",
    }
)
NOISE_PREFIXES = ("nyt:", "collectionid:", "series:", "award:")

UNLIKE_GENRES = frozenset({"friction", "diction", "mastery"})
"""Words of their own, though one letter away from a genre."""
