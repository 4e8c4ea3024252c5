"""Charts as inline SVG: lines, horizontal bars and a histogram, coloured by the page's style sheet.

No library and no script: a page opens the same in ten years, in the dark and on paper. Each shape
has a `<title>`, which browsers show where the pointer rests and screen readers read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean

from jobs.report.axes import Axis, spanning, tick_label, tick_labels
from jobs.report.markup import Html, count, element, join

WIDTH, HEIGHT = 760, 300  # units of the view box, which are pixels at full width
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 20, 14, 46
_LABEL = 130  # room for the text of a mark
_ROW = 24  # of a bar chart
_NAME = 22  # characters of a bar's name
_MOST_POINTS = 600  # of a line: more than there are pixels to tell them apart


@dataclass(frozen=True)
class Series:
    """One line; `tone` is its colour's number in the style sheet (1 to 8)."""

    name: str
    points: Sequence[tuple[float, float]]
    tone: int
    look: str = ""  # "faint", "dashed" or "dots"


@dataclass(frozen=True)
class Bar:
    """One bar of a bar chart, with the text at its end."""

    name: str
    value: float
    note: str
    tone: int = 1


@dataclass(frozen=True)
class Bin:
    """One bar of a histogram over [low, high); `tone` as in Series."""

    low: float
    high: float
    value: float
    tone: int


@dataclass(frozen=True)
class Mark:
    """A vertical line across a histogram, with its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Event:
    """Something that happened at a place of the x axis, said where the pointer rests on it.

    `height` is that of its mark in parts of the chart's: 1 crosses it, less is a tick at its foot.
    """

    at: float
    name: str
    said: str
    tone: int
    height: float


def line_chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    title: str,
    log_y: bool = False,
    events: Sequence[Event] = (),
) -> Html:
    """Lines over a shared pair of axes; every series has one point or more, above 0 if `log_y`."""
    points = [point for line in series for point in line.points]
    x = spanning([p[0] for p in points], _LEFT, WIDTH - _RIGHT, pad=0.01)
    values = [p[1] for p in points]
    y = spanning(values, HEIGHT - _BOTTOM, _TOP)
    if log_y:
        y = Axis(min(values) / 1.1, max(values) * 1.1, HEIGHT - _BOTTOM, _TOP, log=True)
    drawn = [_grid(x, y, x_label, y_label), *_event_marks(events, x, y)]
    drawn += [_line(line, x, y) for line in series]
    keys = [swatch(line.tone, line.name, line.look) for line in series]
    return element("figure", _svg(HEIGHT, title, *drawn), _legend([*keys, *_event_keys(events)]))


def stacked_chart(
    parts: Sequence[Series], ends: Sequence[float], x_label: str, y_label: str, title: str
) -> Html:
    """Shares in percent that fill the chart, each constant between two of the N + 1 `ends`.

    A part's points are (anything, share from 0 to 100), N of them; the first part lies lowest.
    """
    x = Axis(min(ends), max(ends), _LEFT, WIDTH - _RIGHT)
    y = Axis(0, 100, HEIGHT - _BOTTOM, _TOP)
    below = [0.0] * (len(ends) - 1)
    areas = []
    for part in parts:
        above = [low + share for low, (_, share) in zip(below, part.points, strict=True)]
        edge = list(_steps(above, ends, x, y)) + list(_steps(below, ends, x, y))[::-1]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in edge)
        look = f"area tone-{part.tone}"
        areas.append(element("polygon", element("title", part.name), points=path, class_=look))
        below = above
    keys = [swatch(part.tone, part.name, "block") for part in reversed(parts)]
    drawn = _svg(HEIGHT, title, *areas, _grid(x, y, x_label, y_label))
    return element("figure", drawn, _legend(keys))


def bar_chart(bars: Sequence[Bar], title: str) -> Html:
    """Horizontal bars from zero, each with its name before it and its note behind it."""
    longest = max(len(bar.name) for bar in bars)
    left, notes = 24 + 8 * min(longest, _NAME), 190
    height = _ROW * len(bars) + 8
    x = Axis(0, max(bar.value for bar in bars) or 1, left, WIDTH - notes)
    rows = []
    for index, bar in enumerate(bars):
        top = 4 + index * _ROW
        width = max(x.place(bar.value) - left, 1)
        middle = top + _ROW / 2
        rows += [
            _text(left - 8, middle, _shortened(bar.name, _NAME), "end"),
            _rect(left, top + 4, width, _ROW - 8, bar.tone, f"{bar.name}: {bar.note}"),
            _text(left + width + 8, middle, bar.note, "start", "quiet"),
        ]
    return element("figure", _svg(height, title, *rows))


def histogram(
    bins: Sequence[Bin], marks: Sequence[Mark], x_label: str, y_label: str, title: str
) -> Html:
    """Bars over a logarithmic axis, with lines where something is decided."""
    edges = [edge for b in bins for edge in (b.low, b.high)] + [mark.at for mark in marks]
    x = Axis(min(edges), max(edges), _LEFT, WIDTH - _RIGHT, log=True)
    y = spanning([b.value for b in bins], HEIGHT - _BOTTOM, _TOP + 30, from_zero=True)
    rows = [_grid(x, y, x_label, y_label)]
    for b in bins:
        left, right, top = x.place(b.low), x.place(b.high), y.place(b.value)
        said = f"{tick_label(round(b.low, 1))} to {tick_label(round(b.high, 1))}: {count(b.value)}"
        rows.append(_rect(left + 0.5, top, max(right - left - 1, 0.5), y.start - top, b.tone, said))
    for index, mark in enumerate(marks):
        at = x.place(mark.at)
        # The first label lies left of its line and the others right, where there is room.
        leftwards = at > _LEFT + _LABEL if index == 0 else at > WIDTH - _RIGHT - _LABEL
        anchor, shift = ("end", -6) if leftwards else ("start", 6)
        level = _TOP + 3 + 15 * (index if leftwards == (index > 0) else 0)
        rows.append(_stroke(at, _TOP - 6, at, y.start, "mark"))
        rows.append(_text(at + shift, level, mark.text, anchor, "label"))
    return element("figure", _svg(HEIGHT, title, *rows))


def thinned(
    points: Sequence[tuple[float, float]],
    most: int = _MOST_POINTS,
    of: Callable[[Sequence[float]], float] = fmean,
) -> list[tuple[float, float]]:
    """At most `most` points: of runs of equal length the mean, or what `of` makes of the values."""
    step = -(-len(points) // most)
    runs = [points[start : start + step] for start in range(0, len(points), step)]
    return [(fmean([p[0] for p in run]), of([p[1] for p in run])) for run in runs]


def smoothed(points: Sequence[tuple[float, float]], half: int) -> list[tuple[float, float]]:
    """Each value replaced by the mean of it and up to `half` values on either side."""
    sums = [0.0, *accumulate(y for _, y in points)]
    result = []
    for index, (x, _) in enumerate(points):
        low, high = max(index - half, 0), min(index + half + 1, len(points))
        result.append((x, (sums[high] - sums[low]) / (high - low)))
    return result


def swatch(tone: int, name: str, look: str = "") -> Html:
    """A legend's entry."""
    mark = element("span", class_=f"swatch tone-{tone} {look}".strip())
    return element("span", mark, name, class_="key")


def _legend(keys: Sequence[Html]) -> Html:
    return element("figcaption", *keys)


def _event_marks(events: Sequence[Event], x: Axis, y: Axis) -> list[Html]:
    marks = []
    for event in events:
        if x.low <= event.at <= x.high:
            at, top = x.place(event.at), y.start + event.height * (y.end - y.start)
            mark = _stroke(at, y.start, at, top, f"{_mark_look(event)} tone-{event.tone}")
            marks.append(element("g", element("title", event.said), mark))
    return marks


def _event_keys(events: Sequence[Event]) -> list[Html]:
    # One of each kind, in the order of first coming.
    kinds = {event.name: event for event in reversed(events)}
    return [swatch(kind.tone, name, _mark_look(kind)) for name, kind in reversed(kinds.items())]


def _mark_look(event: Event) -> str:
    return "event" if event.height == 1 else "tick"


def _steps(
    levels: Sequence[float], ends: Sequence[float], x: Axis, y: Axis
) -> Iterator[tuple[float, float]]:
    for level, (begin, end) in zip(levels, pairwise(ends), strict=True):
        yield x.place(begin), y.place(level)
        yield x.place(end), y.place(level)


def _line(line: Series, x: Axis, y: Axis) -> Html:
    places = [(x.place(px), y.place(py)) for px, py in line.points]
    look = f"line tone-{line.tone} {line.look}".strip()
    title = element("title", line.name)
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
    parts = [element("polyline", title, points=path, class_=look)]
    if line.look == "dots" or len(places) == 1:
        for (px, py), (step, value) in zip(places, line.points, strict=True):
            said = element("title", f"{line.name}: {value:.3f} at {tick_label(step)}")
            tone = f"dot tone-{line.tone}"
            parts.append(
                element("circle", said, cx=f"{px:.1f}", cy=f"{py:.1f}", r=3.5, class_=tone)
            )
    return join(parts)


def _grid(x: Axis, y: Axis, x_label: str, y_label: str) -> Html:
    parts = []
    for tick, label in zip(y.ticks(), tick_labels(y.ticks()), strict=True):
        at = y.place(tick)
        parts += [
            _stroke(x.start, at, x.end, at, "grid"),
            _text(x.start - 8, at, label, "end", "quiet"),
        ]
    for tick, label in zip(x.ticks(8), tick_labels(x.ticks(8)), strict=True):
        at = x.place(tick)
        parts += [
            _stroke(at, y.start, at, y.start + 5, "axis"),
            _text(at, y.start + 16, label, "middle", "quiet"),
        ]
    middle = (y.start + y.end) / 2
    parts += [
        _stroke(x.start, y.start, x.end, y.start, "axis"),
        _text((x.start + x.end) / 2, y.start + 36, x_label, "middle"),
        element(
            "text",
            y_label,
            x=0,
            y=0,
            transform=f"translate(12 {middle:.1f}) rotate(-90)",
            text_anchor="middle",
            dominant_baseline="central",
        ),
    ]
    return join(parts)


def _svg(height: float, title: str, *parts: object) -> Html:
    box = f"0 0 {WIDTH} {height:g}"
    return element("svg", *parts, viewBox=box, role="img", aria_label=title)


def _text(x: float, y: float, text: str, anchor: str, look: str | None = None) -> Html:
    return element(
        "text",
        text,
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        text_anchor=anchor,
        dominant_baseline="central",
        class_=look,
    )


def _rect(x: float, y: float, width: float, height: float, tone: int, said: str) -> Html:
    box = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    return element("rect", element("title", said), class_=f"bar tone-{tone}", **box)


def _stroke(x1: float, y1: float, x2: float, y2: float, look: str) -> Html:
    ends = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    return element("line", class_=look, **ends)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
