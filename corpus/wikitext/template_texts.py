"""The templates whose arguments are text of the page, by what they show of them.

A few dozen names stand for most of the words that would be lost if all templates were dropped:
foreign words, quotations, units, red links, dashes. All others, such as infoboxes, notes and
navigation, show no running text.
"""

import re
from collections.abc import Callable

from corpus.wikitext.marks import BREAK

Rule = Callable[[list[str], dict[str, str]], str]

_LANGUAGES = ("lang-", "link-", "јез-", "језик-", "jez-", "jezik-", "لغة-")
_FRENCH_CENTURY = re.compile(r"([ivxl]{1,6})e siècle")


def text_of(name: str, title: str) -> Rule | str | None:
    """What a template shows: a text, a rule for its arguments, or None for nothing."""
    name = name.replace("_", " ").lower()
    if (text := _TEXTS.get(name)) is not None:
        return text
    if (rule := _RULES.get(name)) is not None:
        return rule
    if name in ("pagename", "fullpagename", "subjectpagename"):
        return title
    function, colon, argument = name.partition(":")
    if colon:
        return argument.strip() if function in ("formatnum", "lc") else None
    if name.startswith(_LANGUAGES):
        return _first
    return f"{century[1].upper()}e siècle" if (century := _FRENCH_CENTURY.fullmatch(name)) else None


def _at(places: list[str], index: int) -> str:
    return places[index] if len(places) > index else ""


def _first(places: list[str], names: dict[str, str]) -> str:
    return _at(places, 0)


def _second(places: list[str], names: dict[str, str]) -> str:
    return _at(places, 1) or names.get("text", "")


def _last(places: list[str], names: dict[str, str]) -> str:
    return places[-1] if places else ""


def _all(places: list[str], names: dict[str, str]) -> str:
    return " ".join(place for place in places if place)


def _red_link(places: list[str], names: dict[str, str]) -> str:
    return names.get("lt") or _at(places, 0)


def _red_link_text(places: list[str], names: dict[str, str]) -> str:
    return _at(places, 1) or _at(places, 0)


def _quotation(places: list[str], names: dict[str, str]) -> str:
    named = next((names[key] for key in ("text", "quote", "цитата", "texto") if key in names), "")
    quoted = named or _at(places, 0)
    return f"{BREAK}{quoted}{BREAK}" if quoted else ""


def _measure(places: list[str], names: dict[str, str]) -> str:
    """The number and the unit it is given in, of ranges both ends; not what it is turned into."""
    shown = 2
    while _at(places, shown - 1).lower() in ("-", "–", "to", "and", "or", "by", "x", "×", "to(-)"):
        shown += 2
    return " ".join(places[:shown])


def _fraction(places: list[str], names: dict[str, str]) -> str:
    whole, parts = places[:-2], places[-2:]
    return " ".join([*whole, "/".join(parts if len(parts) == 2 else ["1", *parts])])


def _with_original(places: list[str], names: dict[str, str]) -> str:
    others = ", ".join(place for place in places[1:3] if place)
    return f"{_at(places, 0)} ({others})" if others else _at(places, 0)


def _quantity(places: list[str], names: dict[str, str]) -> str:
    """A number and its unit, which is given by name or as a prefix and a symbol."""
    named = next((names[key] for key in ("u", "ul", "um", "unit") if key in names), "")
    return f"{_at(places, 0)} {''.join(places[1:3]) or named}".strip()


def _day(places: list[str], names: dict[str, str]) -> str:
    day = places[:3]
    return (".".join if all(part.isdecimal() for part in day) else " ".join)(day)


def _in_quotes(places: list[str], names: dict[str, str]) -> str:
    return f"„{_at(places, 0)}“"


def _height(places: list[str], names: dict[str, str]) -> str:
    return f"{_at(places, 0)} m"


def _century(places: list[str], names: dict[str, str]) -> str:
    return f"{_at(places, 0)}{_at(places, 1)} siècle"


def _before(text: str) -> Rule:
    return lambda places, names: f"{text}{_at(places, 0)}"


_NAMES: dict[Rule, str] = {
    _first: """nowrap nobr nobreak nowrapit esd nw small smaller big larger center centre em strong
        smallcaps sc var mvar math abbr abr abbrlink tooltip comment explain hint sup sub num nts
        formatnum number число s nomobile ta currency latin grec incise citation
        fakt senza_fonte chiarire référence_insuffisante référence_nécessaire refnec
        citation_needed_span clarify_span нет_аи_2 要出典範囲 nospam script unicode transl-ar ipac
        ens frs las its ess rus pls css hus ars els grcs jas trs nls pts das svs ros hrs srs bgs
        uks chs kos fis nos lang3 仮リンク iast noitalic nobold italic bold underline strike
        highlight tt code kbd samp key mono visible anchor vanchor zh-hans zh-hant""",
    _second: """lang langx langi lng cizojazyčně språk sprog jezik língua langue jazyk cjazyk
        язык text-lang""",
    _last: "transl transliteration translit color colored farbe font",
    _all: """date date- unité unit unidad unidade nombre nb tmp température heure sortname dts
        date_de_naissance date_de_décès date_naissance date_mort""",
    _quantity: "m val",
    _day: "дн дн2 дс дс2 oldstyledate",
    _in_quotes: '"',
    _height: "höhe",
    _measure: "convert cvt conv ct",
    _fraction: "frac sfrac fraction",
    _red_link: "ill interlanguage_link illm red_link lien redlink",
    _red_link_text: """нп нп2 нп3 нп4 нп5 не_перекладено не_переведено не_переведено_2
        не_переведено_3 не_переведено_5 iw iw2""",
    _quotation: """quote cquote blockquote quotation bquote poemquote verse quote_box quotebox
        rquote цитата zitat citation_bloc cita cita_destacada citazione citat cytat citação citát
        idézet citaat""",
    _with_original: "nihongo nihongo2 korean",
    _century: "s- sp-",
}
_RULES: dict[str, Rule] = {
    name.replace("_", " "): rule for rule, names in _NAMES.items() for name in names.split()
} | {
    "circa": _before("c. "),
    "c.": _before("c. "),
    "floruit": _before("fl. "),
    "fl.": _before("fl. "),
    "as of": _before("As of "),
    "us$": _before("US$"),
    "usd": _before("US$"),
    "gbp": _before("£"),
    "£": _before("£"),
    "€": _before("€"),
    "euro": _before("€"),
}
_TEXTS = {
    "!": "|",
    "=": "=",
    "(!": "{|",
    "!)": "|}",
    "'": "'",
    "'s": "'s",
    "nbsp": " ",
    "spaces": " ",
    "thinsp": " ",
    "hair space": " ",
    "snd": " – ",
    "spnd": " – ",
    "spaced ndash": " – ",
    "spaced en dash": " – ",
    "ndash": "–",
    "en dash": "–",
    "mdash": "—",
    "em dash": "—",
    "dash": " – ",
    "•": " • ",
    "bull": " • ",
    "·": " · ",
    "middot": " · ",
    "dot": " · ",
    "×": "×",
    "e": "e",
    "er": "er",
    "ier": "er",
    ",": ",",
    "re": "re",
    "ère": "ère",
    "n°": "nº",
    "dagger": "†",
    "градус цельсія": "°C",
    "°": "°",
}
