"""The report's parts without a run: markup, axes, charts, and finding rows in Parquet files."""

import re
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.report.axes import Axis, spanning, tick_labels
from jobs.report.charts import (
    Bar,
    Bin,
    Mark,
    Series,
    bar_chart,
    histogram,
    line_chart,
    smoothed,
    thinned,
)
from jobs.report.lookup import find_rows, read_rows
from jobs.report.markup import Html, duration, element, escape, size, table, visible


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def read(markup: str) -> _Reader:
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader


@given(st.text())
def test_any_text_is_shown_as_itself_and_adds_no_tag(text):
    reader = read(element("p", text, title=text))
    assert reader.tags == ["p"]
    assert reader.text == visible(text)
    assert reader.attributes == [("title", visible(text))]


def test_control_characters_are_shown_not_obeyed():
    assert visible("a\x1b[2Jb\u202ec\nd\te") == "a\ufffd[2Jb\ufffdc\nd\te"


def test_only_html_goes_unescaped():
    assert escape(Html("<b>") + "<i>") == "&lt;b&gt;&lt;i&gt;", "a sum with text is text"
    assert table(("a", "b"), [("<", Html("<i></i>"))], "lr").count("<i>") == 1


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_345_678, "12.3 MB"), (5e12, "5,000.0 GB")],
)
def test_size(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.14, "3.1 s"), (75, "1 min 15 s"), (3725, "1 h 02 min")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@given(
    st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 12), st.sampled_from([True, False])
)
def test_ticks_are_few_round_and_inside(low, width, wanted, log):
    if log:
        low = abs(low) + 1e-3
    axis = Axis(low, low + width, 0, 100, log)
    ticks = axis.ticks(wanted)
    assert ticks == sorted(set(ticks))
    if not log:
        assert len(ticks) <= wanted + 1
    for tick in ticks:
        assert -0.1 <= axis.place(tick) <= 100.1
    assert len(set(tick_labels(ticks))) == len(ticks)


def test_tick_labels_have_equal_decimals():
    assert tick_labels([5.5, 5.75, 6.0]) == ["5.50", "5.75", "6.00"]
    assert tick_labels([0, 1000, 2000]) == ["0", "1,000", "2,000"]


def test_an_axis_spans_equal_values():
    axis = spanning([3.0, 3.0], 0, 100)
    assert axis.low < 3 < axis.high
    assert axis.place(3.0) == pytest.approx(50)


def test_a_line_goes_through_its_points():
    points = [(0, 0.0), (10, 1.0)]
    chart = line_chart([Series("a <b>", points, 1)], "x", "y", "A title")
    (path,) = [value for name, value in read(chart).attributes if name == "points"]
    (x0, y0), (x1, y1) = [map(float, pair.split(",")) for pair in path.split()]
    assert x0 < x1
    assert y0 > y1, "SVG counts down"
    assert "a &lt;b&gt;" in chart


def test_one_point_is_drawn():
    chart = line_chart([Series("s", [(1, 2.0)], 1)], "x", "y", "t")
    assert "circle" in read(chart).tags


def test_bars_are_in_proportion():
    chart = bar_chart([Bar("a", 10, "ten"), Bar("b", 5, "five")], "t")
    first, second = (float(v) for n, v in read(chart).attributes if n == "width")
    assert second == pytest.approx(first / 2, abs=0.2)


def test_the_marks_of_a_histogram_stand_where_their_values_are():
    marks = [Mark(99.0, "head < 99"), Mark(101.0, "middle < 101")]
    bins = [Bin(10, 100, 5, 3), Bin(100, 1000, 7, 6)]
    chart = histogram(bins, marks, "x", "documents", "t")
    lines = re.findall(r'<line class="mark" x1="([\d.]+)"', chart)
    bars = re.findall(r'<rect class="bar tone-\d" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', chart)
    border = float(bars[0][0]) + float(bars[0][1]) + 0.5
    assert float(lines[0]) < border < float(lines[1]), "values just below and above the border"
    assert [float(line) for line in lines] == pytest.approx([border] * 2, abs=4)
    assert 'text-anchor="end" dominant-baseline="central" class="label">head &lt; 99' in chart
    assert 'text-anchor="start" dominant-baseline="central" class="label">middle &lt; 101' in chart


def test_thinning_keeps_the_mean_and_smoothing_the_length():
    points = [(i, float(i % 7)) for i in range(6000)]
    thin = thinned(points, 600)
    assert len(thin) == 600
    mean = sum(y for _, y in points) / 6000
    assert sum(y for _, y in thin) / 600 == pytest.approx(mean)
    assert smoothed([(1, 2.0), (2, 4.0), (3, 9.0)], 1) == [(1, 3.0), (2, 5.0), (3, 6.5)]


def test_rows_are_found_and_read_over_row_groups(tmp_path):
    high = 1 << 63  # ids fill 64 bits without a sign
    ids = np.random.Generator(np.random.PCG64(1)).permutation(100).astype(np.uint64)
    ids[ids > 50] += np.uint64(high)
    names = pa.array([f"url-{i % 40}" for i in ids])
    path = str(tmp_path / "t.parquet")
    pq.write_table(pa.table({"doc_id": ids, "url": names}), path, row_group_size=7)
    wanted = [3, high + 97, 41, 1000, high]
    found = find_rows(path, "doc_id", wanted)
    assert sorted(found.values()) == [3, 41, high + 97]
    assert all(ids[row] == value for row, value in found.items())
    assert sorted(find_rows(path, "url", ["url-5"])) == sorted(np.flatnonzero(ids % 40 == 5))
    rows = [99, 0, 50]
    read = read_rows(path, rows, ["doc_id", "absent"])
    assert read == [{"doc_id": int(ids[row])} for row in rows]
