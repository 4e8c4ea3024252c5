"""What templates show of numbers: measures, dates and centuries, each a rule for its arguments."""

import re
from calendar import month_name
from decimal import Decimal

from corpus.wikitext.template_rules import at, first

_ROMAN = re.compile(r"[IVXL]+")
_NUMBER = re.compile(r"[\d.,/+⁄]+")
_SCALED = re.compile(r"\d+(?:\.\d+)?e1?\d")
_POWER = re.compile(r"(?<=[a-z])([23])$")  # of km2
_MONTH_NUMBERS = [f"{month:0{width}d}" for month in range(1, 13) for width in (1, 2)]
_RANGES = ("-", "–", "to", "and", "or", "by", "x", "×", "to(-)")


def measure(places: list[str], names: dict[str, str]) -> str:
    """The number and the unit it is given in, not what it is turned into.

    Of a range both ends, of 5 ft 6 in both parts.
    """
    shown = 2
    while at(places, shown - 1).lower() in _RANGES:
        shown += 2
    while _NUMBER.fullmatch(at(places, shown)) and at(places, shown + 1)[:1].isalpha():
        shown += 2
    return " ".join(
        f"{Decimal(place):f}" if _SCALED.fullmatch(place) else _raised_end(place)
        for place in places[:shown]
    )


def value(places: list[str], names: dict[str, str]) -> str:
    """`{{val|5.2|0.1|e=3|u=kg|up=m3}}`: a number or a range, its error, power of ten and unit."""
    number, power = at(places, 0), names.get("e", "")
    if at(places, 1) in _RANGES:
        number = " ".join(places)
    elif error := "".join(_signed(place) for place in places[1:3] if place):
        number = f"({number}{error})" if power else f"{number}{error}"
    unit = names.get("u") or names.get("ul") or ""
    per = names.get("up") or names.get("upl") or ""
    unit = _raised_end(unit) + (f"/{_raised_end(per)}" if per else "")
    number += f"{'×' * bool(number)}10<sup>{power}</sup>" if power else ""
    return f"{names.get('p', '')}{number} {unit}".strip() + names.get("s", "")


def quantity(places: list[str], names: dict[str, str]) -> str:
    """A number and its unit, which is given by name or as a prefix and a symbol."""
    named = next((names[key] for key in ("u", "ul", "um", "unit") if key in names), "")
    return f"{at(places, 0)} {''.join(places[1:3]) or named}".strip()


def fraction(places: list[str], names: dict[str, str]) -> str:
    whole, parts = places[:-2], places[-2:]
    return " ".join([*whole, "/".join(parts if len(parts) == 2 else ["1", *parts])])


def height(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)} m"


def hour(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)} h {at(places, 1)}".strip() if at(places, 0) else ""


def temperature(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)} {at(places, 1) or '°C'}" if at(places, 0) else ""


def french_unit(places: list[str], names: dict[str, str]) -> str:
    """A number, then units with a power each: `{{unité|5|km||h|-1}}`."""
    units = (
        f"{unit}<sup>{power}</sup>" if power else unit
        for unit, power in zip(places[1::2], [*places[2::2], ""], strict=False)
        if unit
    )
    return " ".join([at(places, 0), *units]).strip()


def raised(places: list[str], names: dict[str, str]) -> str:
    return f"<sup>{at(places, 0)}</sup>" if at(places, 0) else ""


def power_of_ten(places: list[str], names: dict[str, str]) -> str:
    """`{{e|6}}`; alone it is the end of a French ordinal."""
    return f"×10<sup>{places[0]}</sup>" if at(places, 0) else "e"


def day(places: list[str], names: dict[str, str]) -> str:
    day = places[:3]
    return (".".join if all(part.isdecimal() for part in day) else " ".join)(day)


def english_date(places: list[str], names: dict[str, str]) -> str:
    """A year, month and day; or a text that holds them."""
    year, month, day = ([*places, "", "", ""])[:3]
    month = month_name[int(month)] if month in _MONTH_NUMBERS else month
    day = day.lstrip("0")
    if names.get("df") or names.get("mf") == "no":
        return " ".join(filter(None, [day, month, year]))
    return f"{month} {day}, {year}" if day else f"{month} {year}".strip()


def as_of(places: list[str], names: dict[str, str]) -> str:
    if "alt" in names:
        return names["alt"]
    start = "since" if "since" in names else "as of"
    year, month, days = places[:1], places[1:2], places[2:3]
    if month and month[0] in _MONTH_NUMBERS:
        month = [month_name[int(month[0])]]
    return f"{start if 'lc' in names else start.capitalize()} {' '.join([*days, *month, *year])}"


def span(places: list[str], names: dict[str, str]) -> str:
    return "–".join(place for place in places[:2] if place)


def life(places: list[str], names: dict[str, str]) -> str:
    """Chinese `{{bd|1901年|1月2日|1990年|3月4日}}`."""
    born, died = "".join(places[:2]), "".join(places[2:4])
    return f"（{born}－{died}）" if born or died else ""


def century(places: list[str], names: dict[str, str]) -> str:
    """`{{s-|XVIII|e}}`, `{{sp|XVI|e|au|XVII|e}}`, `{{s2|XII|e|XIII|e}}`, a last `s` for several."""
    words: list[str] = []
    several = places[-1:] == ["s"]
    follows = False
    for place in filter(None, places[: len(places) - several]):
        if _ROMAN.fullmatch(place):
            words += ["et"] * follows + [place + ("er" if place == "I" else "e")]
            several, follows = several or follows, True
        elif place not in ("e", "er"):
            words.append(place)
            follows = False
    return f"{' '.join(words)} siècle{'s' * several}" if words else ""


def century_before_christ(places: list[str], names: dict[str, str]) -> str:
    shown = century(places, names)
    return f"{shown} av. J.-C." if shown else ""


def century_or_text(places: list[str], names: dict[str, str]) -> str:
    """`{{s|XIX|e}}` in French; elsewhere a text that is struck or kept on one line."""
    return (century if _ROMAN.fullmatch(at(places, 0)) else first)(places, names)


def spanish_century(places: list[str], names: dict[str, str]) -> str:
    """`{{siglo|V|a|s}}`: the number, whether it is before Christ, whether the word is written."""
    word = {"s": "siglo ", "S": "Siglo "}.get(at(places, 2), "")
    era = {"a": " a. C.", "d": " d. C."}.get(at(places, 1).lower(), "")
    return f"{word}{at(places, 0)}{era}" if places else ""


def _signed(error: str) -> str:
    return f" {error}" if error[0] in "+-−" else f"±{error}"


def _raised_end(unit: str) -> str:
    return _POWER.sub(r"<sup>\1</sup>", unit)
