"""Language codes: what providers send, as ISO 639-1 where the language has one."""

from __future__ import annotations

import re

from bookstrack.normalise.folding import fold

_NO_LANGUAGE = frozenset({"", "und", "mul", "zxx", "mis", "unknown", "undetermined", "n/a", "none"})
# ISO 639-1 | ISO 639-2 (terminology and bibliographic, MARC) | English and own names.
_LANGUAGES = """
af|afr|afrikaans
am|amh|amharic
ar|ara|arabic,العربية
az|aze|azerbaijani
be|bel|belarusian
bg|bul|bulgarian,български
bn|ben|bengali,bangla
bo|bod,tib|tibetan
bs|bos|bosnian
ca|cat|catalan,valencian,catala
cs|ces,cze|czech,cestina
cy|cym,wel|welsh,cymraeg
da|dan|danish,dansk
de|deu,ger|german,deutsch
el|ell,gre|greek,modern greek,ελληνικα
en|eng|english
eo|epo|esperanto
es|spa|spanish,castilian,espanol
et|est|estonian,eesti
eu|eus,baq|basque,euskara
fa|fas,per|persian,farsi
fi|fin|finnish,suomi
fo|fao|faroese
fr|fra,fre|french,francais
fy|fry|western frisian,frisian
ga|gle|irish,gaeilge
gd|gla|scottish gaelic
gl|glg|galician,galego
gu|guj|gujarati
he|heb|hebrew,עברית
hi|hin|hindi
hr|hrv,scr|croatian,hrvatski
hu|hun|hungarian,magyar
hy|hye,arm|armenian
id|ind|indonesian,bahasa indonesia
is|isl,ice|icelandic,islenska
it|ita|italian,italiano
ja|jpn|japanese,日本語
ka|kat,geo|georgian
kk|kaz|kazakh
km|khm|khmer
kn|kan|kannada
ko|kor|korean,한국어
ku|kur|kurdish
ky|kir|kyrgyz
la|lat|latin
lb|ltz|luxembourgish
lo|lao|lao
lt|lit|lithuanian,lietuviu
lv|lav|latvian,latviesu
mi|mri,mao|maori
mk|mkd,mac|macedonian
ml|mal|malayalam
mn|mon|mongolian
mr|mar|marathi
ms|msa,may|malay
mt|mlt|maltese
my|mya,bur|burmese
nb|nob|norwegian bokmal,bokmal
ne|nep|nepali
nl|nld,dut|dutch,flemish,nederlands
nn|nno|norwegian nynorsk,nynorsk
no|nor|norwegian,norsk
oc|oci|occitan
pa|pan|punjabi,panjabi
pl|pol|polish,polski
ps|pus|pashto
pt|por|portuguese,portugues
ro|ron,rum,mol|romanian,moldavian,romana
ru|rus|russian,русский
sa|san|sanskrit
sd|snd|sindhi
si|sin|sinhala,sinhalese
sk|slk,slo|slovak,slovencina
sl|slv|slovenian,slovene
so|som|somali
sq|sqi,alb|albanian,shqip
sr|srp,scc|serbian
sv|swe|swedish,svenska
sw|swa|swahili
ta|tam|tamil
te|tel|telugu
tg|tgk|tajik
th|tha|thai
tk|tuk|turkmen
tl|tgl|tagalog,filipino
tr|tur|turkish,turkce
ug|uig|uighur,uyghur
uk|ukr|ukrainian,українська
ur|urd|urdu
uz|uzb|uzbek
vi|vie|vietnamese,tieng viet
xh|xho|xhosa
yi|yid|yiddish
yo|yor|yoruba
zh|zho,chi|chinese,mandarin,中文
zu|zul|zulu
"""
_WITHDRAWN = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "cmn": "zh"}


def _table() -> dict[str, str]:
    table = dict(_WITHDRAWN)
    for line in _LANGUAGES.split("\n")[1:-1]:
        code, codes, names = line.split("|")
        table |= {fold(spelling): code for spelling in (code, *codes.split(","), *names.split(","))}
    return table


_CODES = _table()
_REGION = re.compile(r"^([a-z]{2,3})[-_][a-z0-9]{2,8}(?:[-_][a-z0-9]+)*$")


def language_code(value: str | None) -> str | None:
    """Return the ISO 639-1 code of ``eng``, ``/languages/eng``, ``en-US`` or ``English``.

    An unknown code comes back in lower case; "undetermined" and "several" give ``None``.
    """
    name = " ".join(fold((value or "").rsplit("/", 1)[-1]).split())
    region = _REGION.match(name)
    code = region[1] if region is not None else name
    if code in _NO_LANGUAGE or not any(map(str.isalpha, code)):
        return None
    return _CODES.get(code, code)
