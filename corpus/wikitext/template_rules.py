"""What templates show of their arguments: a rule for each way of it.

A rule is given the arguments by place and by name and returns a text, nothing where they hold none.
"""

import re
from collections.abc import Callable

from corpus.wikitext.marks import BREAK

Rule = Callable[[list[str], dict[str, str]], str]

_ROMAN = re.compile(r"[ivxlcdm]+")


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


def list_of_lines(places: list[str], names: dict[str, str]) -> str:
    """A list written as one; a number of columns may stand before it."""
    return f"{BREAK}\n{places[-1]}\n{BREAK}" if places and places[-1] else ""


def lines(places: list[str], names: dict[str, str]) -> str:
    return f"{BREAK}{BREAK.join(places)}{BREAK}" if any(places) else ""


def in_a_row(places: list[str], names: dict[str, str]) -> str:
    return " · ".join(place for place in places if place)


def text_or_space(places: list[str], names: dict[str, str]) -> str:
    return at(places, 0) or "\xa0"


def quotation(places: list[str], names: dict[str, str]) -> str:
    named = next((names[key] for key in ("text", "quote", "цитата", "texto") if key in names), "")
    quoted = named or at(places, 0)
    return f"{BREAK}{quoted}{BREAK}" if quoted else ""


def with_original(places: list[str], names: dict[str, str]) -> str:
    others = ", ".join(place for place in places[1:3] if place)
    return f"{at(places, 0)} ({others})" if others else at(places, 0)


def in_quotes(places: list[str], names: dict[str, str]) -> str:
    return f"„{at(places, 0)}“"


def in_guillemets(places: list[str], names: dict[str, str]) -> str:
    """A French quotation within a line; of an English source, which has no places, nothing."""
    return f"« {places[0]} »" if at(places, 0) else ""


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


def page_name(places: list[str], names: dict[str, str]) -> str:
    """A link whose title says in brackets what tells it from others."""
    return re.sub(r"\s*\([^()]*\)$", "", at(places, 0))


def small_capitals(places: list[str], names: dict[str, str]) -> str:
    """Small capitals are read as such in numbers, and as they are written in names."""
    text = at(places, 0)
    return text.upper() if _ROMAN.fullmatch(text) else text


def chapter_and_verse(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)} {','.join(places[1:3])}".strip()


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


def ship(prefix: str) -> Rule:
    """`{{HMS|Victory|1765}}`: the second tells it from others, a third may leave the prefix out."""

    def shown(places: list[str], names: dict[str, str]) -> str:
        bare = at(places, 2) in ("3", "5", "6")
        return at(places, 0) if bare or not at(places, 0) else f"{prefix} {places[0]}"

    return shown


def any_ship(places: list[str], names: dict[str, str]) -> str:
    return ship(at(places, 0))(places[1:], names).strip()


def ship_class(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)}-class {at(places, 1)}".strip() if at(places, 0) else ""


def french_twin(places: list[str], names: dict[str, str]) -> str:
    """A twin town: `{{Jumelage|Los Angeles|États-Unis|année=1967}}`."""
    land = f" ({places[1]})" if at(places, 1) else ""
    return f"{at(places, 0)}{land}{_after(' depuis ', names.get('année', ''))}"


def italian_twin(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 1)}{_after(', dal ', at(places, 2))}"


def czech_twin(places: list[str], names: dict[str, str]) -> str:
    return f"{at(places, 0)} ({names['rok']})" if names.get("rok") else at(places, 0)


def _after(words: str, text: str) -> str:
    return words + text if text else ""
