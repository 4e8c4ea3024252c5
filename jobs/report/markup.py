"""HTML written by hand, safely: text is escaped unless it is already `Html`, and numbers line up.

Documents come from the web and may hold anything: tags, terminal codes, marks that turn the reading
direction. All of it must show as text and change nothing around it.
"""

import html
import re
from collections.abc import Iterable, Sequence
from importlib import resources

# What HTML forbids even as a character reference, or does not show: it would be lost unseen.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def visible(text: str) -> str:
    """A text whose control characters and direction overrides show as U+FFFD."""
    return _CONTROL.sub("\ufffd", text)


def escape(value: object) -> Html:
    """The markup of a value: itself where it is `Html`, else its text, escaped."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(visible(str(value))))


def element(tag: str, *children: object, **attributes: object) -> Html:
    """An element with escaped children; `class_` is `class`, and `_` in other names is `-`."""
    written = "".join(
        f' {"class" if name == "class_" else name.replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{written}>{''.join(map(escape, children))}</{tag}>")


def document(title: str, body: object) -> str:
    """A whole self-contained page in the report's style."""
    style = resources.files("jobs.report").joinpath("style.css").read_text(encoding="utf-8")
    head = join(
        [
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<link rel="icon" href="data:,">'),  # or a browser asks the server for one
            element("title", title),
            Html(f"<style>\n{style}</style>"),
        ],
        "\n",
    )
    whole = Html(f"\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n")
    return f"<!doctype html>\n{element('html', whole, lang='en')}\n"


def join(parts: Iterable[object], separator: str = "") -> Html:
    return Html(separator.join(escape(part) for part in parts))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], align: str) -> Html:
    """A table; `align` has one letter a column, l for text and r for numbers."""
    assert all(len(row) == len(align) for row in (headers, *rows)), headers
    kinds = ["number" if letter == "r" else None for letter in align]
    head = element("tr", *(_cell("th", *cell) for cell in zip(headers, kinds, strict=True)))
    body = [
        element("tr", *(_cell("td", *cell) for cell in zip(row, kinds, strict=True)))
        for row in rows
    ]
    inner = element("table", element("thead", head), element("tbody", *body))
    return element("div", inner, class_="scroll", tabindex="0")


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """A list of names and their values."""
    rows = [element("div", element("dt", name), element("dd", value)) for name, value in pairs]
    return element("dl", *rows, class_="facts")


def cards(figures: Iterable[tuple[str, str]]) -> Html:
    """A few large figures, each with what it is."""
    shown = [element("div", element("b", a), element("span", b), class_="card") for a, b in figures]
    return element("div", *shown, class_="cards")


def absent(why: str) -> Html:
    """The one line of a section that has nothing to show yet."""
    return element("p", why, class_="absent")


def count(number: float) -> str:
    return f"{number:,.0f}"


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: float) -> str:
    """Bytes in decimal units with three digits that mean something."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= scale:
            digits = 2 if number < 10 * scale else 1
            return f"{number / scale:,.{digits}f} {unit}"
    return f"{number:,.0f} B"


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _cell(tag: str, value: object, kind: str | None) -> Html:
    return element(tag, value, class_=kind)
