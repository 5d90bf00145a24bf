"""The words of spines and titles, folded; and those that name a publisher or say nothing."""

from __future__ import annotations

import re
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from bookstrack.normalise.folding import fold

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile(r"['’‘ʼʻ`´′]")
_CAMEL = re.compile(r"(?<=[a-zà-öø-ÿ]{2})(?=[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ])")
_NUMBERED = re.compile(r"(?<=[A-Za-zÀ-ÿ]{3})(?=\d)|(?<=\d\d)(?=[A-Za-zÀ-ÿ]{3})")

_LEADING_ZEROS = re.compile(r"^0+(?=\d{1,2}$)")

_LEAST_MISREAD = 6
_MISREAD = 0.82

_SHARED = """
the a an of and to in on at for with from by is it or as my his her our your its be not no
der die das den dem des ein eine einer eines einem und von vom zu zum zur im am auf mit fur aus
bei ist nicht
le la les l un une des du de d et en au aux dans sur pour par
el los las y del al con por para una que
il lo gli i e di da della dei delle nel con per che
het een van voor met op och att det som av
"""
FUNCTION_WORDS = frozenset(_SHARED.split())
"""Words that most titles share; they tell little about which book it is."""

_PUBLISHERS = """
penguin puffin pelican picador knopf harpercollins harperperennial harper collins vintage
doubleday bantam ballantine signet plume dutton viking putnam berkley gollancz granta faber hodder
headline hachette macmillan wiley pearson springer elsevier oreilly routledge oxford cambridge
norton scribner scribners schuster atria touchstone hogarth riverhead tarcher perigee mariner
houghton mifflin harcourt farrar straus giroux fsg abacus virago corgi transworld chatto windus
bloomsbury canongate quercus hutchinson scholastic usborne walker egmont ladybird nyrb everyman
voyager perennial anchor orbit tor dell ace
classics books press publishing publishers publications verlag taschenbuch bestseller
goldmann piper fischer heyne ullstein rowohlt rororo suhrkamp insel btb blanvalet knaur droemer
bastei lubbe luebbe econ diogenes dtv reclam hanser kiepenheuer witsch kiwi luchterhand aufbau
eichborn hoffmann campe hueber klett cornelsen langenscheidt duden carlsen arena oetinger beltz
kruger scherz limes manesse anaconda ravensburger loewe cbj cbt penhaligon kosmos franckh
galiani kindler tropen dumont zsolnay
bodley sceptre mantle minotaur avon crown pocket kensington harlequin vermilion ebury tinder
atlantic grove soho catapult graywolf tachyon baen daw razorbill delacorte yearling aladdin hamish
secker warburg heinemann fontana pushkin peirene europa gestalten taschen phaidon mcmeel marvel viz
kodansha vertigo folio edition editions
gallimard flammarion grasset seuil laffont plon fayard actes
mondadori einaudi feltrinelli adelphi rizzoli bompiani garzanti
planeta anagrama alfaguara tusquets debolsillo
krimi roman thriller novel
"""
_IMPRINTS = frozenset(_PUBLISHERS.split())
_IMPRINT_PHRASES = re.compile(
    r"\b(random house|little brown|jonathan cape|simon schuster|henry holt|modern library|"
    r"mcgraw hill|alfred a knopf|hill and wang|new directions|st martins|kein aber|michael joseph|"
    r"oxford worlds classics|melville house|text publishing|del rey|two roads|dark horse|"
    r"jo fletcher|fourth estate|head of zeus|pan books|little a|top shelf|andrews mcmeel|"
    r"editions du seuil|livre de poche|editorial planeta|circulo de lectores|seix barral)\b"
)


@lru_cache(maxsize=8_192)
def words_of(text: str) -> tuple[str, ...]:
    """Return the folded words of a title, a name or a line of a spine.

    Words that a reader ran together are parted where capitals or digits show it
    (``SlowHorses``, ``BAND2``). Numbers lose leading zeros (``Vol. 01``).
    """
    parted = _NUMBERED.sub(" ", _CAMEL.sub(" ", _APOSTROPHES.sub("", text)))
    return tuple(_LEADING_ZEROS.sub("", word) for word in _WORD.findall(fold(parted)))


def is_imprint(words: tuple[str, ...]) -> bool:
    """Tell whether folded words are a publisher's name, a genre or a number and nothing else."""
    rest = _IMPRINT_PHRASES.sub("", " ".join(words)).split()
    return all(word.isdigit() or names_publisher(word) for word in rest)


@lru_cache(maxsize=8_192)
def names_publisher(word: str) -> bool:
    """Tell whether a word is a known publisher, be it misread, or says that it is one."""
    if word in _IMPRINTS or (word.endswith("verlag") and len(word) > 6):
        return True
    return len(word) >= _LEAST_MISREAD and any(
        Levenshtein.normalized_similarity(word, known, score_cutoff=_MISREAD) for known in _IMPRINTS
    )


def tells(word: str) -> bool:
    """Tell whether a folded word can help to find a book: no number, no imprint, no article."""
    return len(word) > 2 and not word.isdigit() and word not in FUNCTION_WORDS


def weight(word: str) -> float:
    """Return how much a word of a title says about which title it is."""
    return 0.6 if word in FUNCTION_WORDS else float(min(8, max(2, len(word))))
