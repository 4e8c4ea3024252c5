"""What templates show of their arguments: a rule for each way of it.

A rule is given the arguments by place and by name and returns a text, nothing where they hold none.
"""

import re
from calendar import month_name
from collections.abc import Callable

from corpus.wikitext.marks import BREAK

Rule = Callable[[list[str], dict[str, str]], str]

_ROMAN = re.compile(r"[ivxlcdm]+")
_MONTH_NUMBERS = [f"{month:0{width}d}" for month in range(1, 13) for width in (1, 2)]
_RANGES = ("-", "–", "to", "and", "or", "by", "x", "×", "to(-)")


def at(places: list[str], index: int) -> str:
    return places[index] if len(places) > index else ""


def first(places: list[str], names: dict[str, str]) -> str:
    return at(places, 0)


def second(places: list[str], names: dict[str, str]) -> str:
    return at(places, 1) or names.get("text", "")


def last(places: list[str], names: dict[str, str]) -> str:
    return places[-1] if places else ""


def spaced(places: list[str], names: dict[str, str]) -> str:
    return " ".join(place for place in places if place)


def red_link(places: list[str], names: dict[str, str]) -> str:
    return names.get("lt") or at(places, 0)


def red_link_text(places: list[str], names: dict[str, str]) -> str:
    return at(places, 1) or at(places, 0)


def quotation(places: list[str], names: dict[str, str]) -> str:
    named = next((names[key] for key in ("text", "quote", "цитата", "texto") if key in names), "")
    quoted = named or at(places, 0)
    return f"{BREAK}{quoted}{BREAK}" if quoted else ""


def measure(places: list[str], names: dict[str, str]) -> str:
    """The number and the unit it is given in, of ranges both ends; not what it is turned into."""
    shown = 2
    while at(places, shown - 1).lower() in _RANGES:
        shown += 2
    return " ".join(places[:shown])


def fraction(places: list[str], names: dict[str, str]) -> str:
    whole, parts = places[:-2], places[-2:]
    return " ".join([*whole, "/".join(parts if len(parts) == 2 else ["1", *parts])])


def with_original(places: list[str], names: dict[str, str]) -> str:
    others = ", ".join(place for place in places[1:3] if place)
    return f"{at(places, 0)} ({others})" if others else at(places, 0)


def quantity(places: list[str], names: dict[str, str]) -> str:
    """A number and its unit, which is given by name or as a prefix and a symbol."""
    named = next((names[key] for key in ("u", "ul", "um", "unit") if key in names), "")
    return f"{at(places, 0)} {''.join(places[1:3]) or named}".strip()


def day(places: list[str], names: dict[str, str]) -> str:
    day = places[:3]
    return (".".join if all(part.isdecimal() for part in day) else " ".join)(day)


def in_quotes(places: list[str], names: dict[str, str]) -> str:
    return f"„{at(places, 0)}“"


def in_guillemets(places: list[str], names: dict[str, str]) -> str:
    """A French quotation within a line; of an English source, which has no places, nothing."""
    return f"« {places[0]} »" if at(places, 0) else ""


def height(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)} m"


def century(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)}{at(places, 1)} siècle"


def century_or_text(places: list[str], names: dict[str, str]) -> str:
    """`{{s|XIX|e}}` in French; elsewhere a text that is struck or kept on one line."""
    return (century if at(places, 1) in ("e", "er") else first)(places, names)


def joined(places: list[str], names: dict[str, str]) -> str:
    return "".join(places)


def label(places: list[str], names: dict[str, str]) -> str:
    """What stands for an address; an address is no text."""
    text = at(places, 1)
    return "" if "://" in text or text.startswith("www.") else text


def third(places: list[str], names: dict[str, str]) -> str:
    return at(places, 2)


def third_or_first(places: list[str], names: dict[str, str]) -> str:
    return at(places, 2) or at(places, 0)


def span(places: list[str], names: dict[str, str]) -> str:
    return "–".join(place for place in places[:2] if place)


def raised(places: list[str], names: dict[str, str]) -> str:
    return f"<sup>{at(places, 0)}</sup>" if at(places, 0) else ""


def power_of_ten(places: list[str], names: dict[str, str]) -> str:
    """`{{e|6}}`; alone it is the end of a French ordinal."""
    return f"×10<sup>{places[0]}</sup>" if at(places, 0) else "e"


def french_unit(places: list[str], names: dict[str, str]) -> str:
    """A number, then units with a power each: `{{unité|5|km||h|-1}}`."""
    units = (
        f"{unit}<sup>{power}</sup>" if power else unit
        for unit, power in zip(places[1::2], [*places[2::2], ""], strict=False)
        if unit
    )
    return " ".join([at(places, 0), *units]).strip()


def page_name(places: list[str], names: dict[str, str]) -> str:
    """A link whose title says in brackets what tells it from others."""
    return re.sub(r"\s*\([^()]*\)$", "", at(places, 0))


def as_of(places: list[str], names: dict[str, str]) -> str:
    if "alt" in names:
        return names["alt"]
    start = "since" if "since" in names else "as of"
    year, month, days = places[:1], places[1:2], places[2:3]
    if month and month[0] in _MONTH_NUMBERS:
        month = [month_name[int(month[0])]]
    return f"{start if 'lc' in names else start.capitalize()} {' '.join([*days, *month, *year])}"


def small_capitals(places: list[str], names: dict[str, str]) -> str:
    """Small capitals are read as such in numbers, and as they are written in names."""
    text = at(places, 0)
    return text.upper() if _ROMAN.fullmatch(text) else text


def spanish_century(places: list[str], names: dict[str, str]) -> str:
    """`{{siglo|V|a|s}}`: the number, whether it is before Christ, whether the word is written."""
    word = {"s": "siglo ", "S": "Siglo "}.get(at(places, 2), "")
    era = {"a": " a. C.", "d": " d. C."}.get(at(places, 1).lower(), "")
    return f"{word}{at(places, 0)}{era}" if places else ""


def chapter_and_verse(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)} {','.join(places[1:3])}".strip()


def life(places: list[str], names: dict[str, str]) -> str:
    """Chinese `{{bd|1901年|1月2日|1990年|3月4日}}`."""
    born, died = "".join(places[:2]), "".join(places[2:4])
    return f"（{born}－{died}）" if born or died else ""


def reading(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)}（{places[1]}）" if at(places, 1) else at(places, 0)


def any_script(places: list[str], names: dict[str, str]) -> str:
    """A Chinese or Korean word in the first of the scripts that are given."""
    found = (names[key] for key in ("c", "t", "s", "hangul", "hanja", "p") if names.get(key))
    return next(found, with_original(places, names))


def accidental(places: list[str], names: dict[str, str]) -> str:
    signs = {"flat": "♭", "b": "♭", "sharp": "♯", "#": "♯", "natural": "♮"}
    return signs.get(at(places, 0).lower(), "")


def before(text: str) -> Rule:
    return lambda places, names: f"{text}{at(places, 0)}"


def in_arabic(language: str) -> Rule:
    """A foreign word, with its language as Arabic templates add it."""
    return lambda places, names: f"(بال{language}: {places[0]})" if at(places, 0) else ""


def itself(name: str) -> Rule:
    """An abbreviation or ordinal, which the template's name is."""
    return lambda places, names: f"{name} {at(places, 0)}".strip()
