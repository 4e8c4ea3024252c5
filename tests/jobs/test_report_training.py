"""The report's sections on a training, from rows of metrics as the trainer writes them."""

import re

from jobs.report import training_events, training_sections, training_speed
from jobs.report.charts import Event, Series, line_chart, stacked_chart
from jobs.report.data import Run, Training


def step_row(step, **more):
    return {
        "step": step,
        "loss": 8.0 / step,
        "grad_norm": 1.0,
        "learning_rate": 3e-4,
        "tokens": 100 * step,
        "tokens_per_s": 50.0,
        "tokens_per_s_per_device": 25.0,
        "data_wait_s": 0.5,
        "forward_s": 0.5,
        "backward_s": 1.0,
        "other_s": 0.0,
        "memory": {"resident": 1_500_000_000, "resident_peak": 2_500_000_000},
        **more,
    }


def run_of(rows, events=()):
    training = Training(rows, {}, None, None, list(events))
    return Run("f", {}, [], None, None, None, None, [], [], training)


ROWS = [
    step_row(1),
    step_row(2, validation_bits_per_byte={"web": 2.0}, evaluate_s=2.0),
    step_row(3, save_s=4.0),
    step_row(4),
]
EVENTS = [
    {"event": "save", "step": 2, "save_s": 4.0},
    {"event": "weights", "step": 2, "weights": {"web": 0.25, "code": 1}},
    {"event": "resume", "step": 2, "line": "resuming at step 2 of 4", "tp": 1},
    {"event": "frozen", "step": 3, "minutes": 2.0},
]


def test_marks_are_of_each_kind_with_what_is_said_of_it():
    marks = training_events.marks(run_of(ROWS, EVENTS))
    assert [(mark.name, mark.at, mark.said) for mark in marks] == [
        ("resume", 2, "resume after step 2: resuming at step 2 of 4"),
        ("change of weights", 2, "change of weights after step 2: web 0.25, code 1"),
        ("save", 2, "save after step 2: save_s 4"),
        ("evaluation", 2, "evaluation after step 2"),
        ("frozen", 3, "frozen after step 3: minutes 2"),
    ]
    assert [mark.name for mark in training_events.marks(run_of(ROWS, EVENTS), "save")] == ["save"]


def test_the_loss_told_of_a_step_is_the_one_that_step_had():
    assert "From 8.000 at step 1 to 2.000 at step 4.<" in training_sections.loss(run_of(ROWS))
    many = [step_row(step) for step in range(1, 81)]
    said = training_sections.loss(run_of(many))
    # 8 / 80, and the mean of 8 / 79 and 8 / 80.
    assert "to 0.100 at step 80; the mean of the last 2 steps is 0.101.<" in said


def test_the_table_of_events_sums_up_the_saves():
    said = training_events.events(run_of(ROWS, EVENTS))
    assert said.count("<tr>") == 1 + 3
    assert "<td>resuming at step 2 of 4</td>" in said
    assert "1 checkpoint saved, the last after step 2; training stood still 4.0 s" in said
    assert "Nothing but its steps" in training_events.events(run_of(ROWS))
    assert "Not trained yet" in training_events.events(run_of([]))


def test_the_time_is_shared_out_in_full():
    """14 seconds in all: 4 steps of 2, an evaluation of 2 and a save of 4."""
    said = training_speed.time_spent(run_of(ROWS))
    for name, whole, part, mean in (
        ("backward", "4.0 s", "28.6 %", "1,000.0"),
        ("saving", "4.0 s", "28.6 %", "1,000.0"),
        ("evaluation", "2.0 s", "14.3 %", "500.0"),
        ("wait for data", "2.0 s", "14.3 %", "500.0"),
    ):
        cells = "".join(f'<td class="number">{cell}</td>' for cell in (whole, part, mean))
        assert f"<td>{name}</td>{cells}" in said
    assert "everything else" not in said, "none of it"
    assert "14.0 s in 4 steps" in said
    assert "No times were written" in training_speed.time_spent(run_of([{"step": 1}]))


def test_the_pace_has_mfu_where_there_is_a_peak():
    said = training_speed.pace(run_of(ROWS))
    assert "<b>50</b><span>tokens/s, median" in said
    assert "<b>25</b><span>tokens/s a device" in said
    assert "<b>2.5 GB</b>" in said
    assert "<b>12.5 %</b><span>of the time waited for data" in said
    assert "No MFU" in said
    mfu = {"six_n": 0.4, "causal": 0.512, "full": 0.6}
    said = training_speed.pace(run_of([step_row(n, mfu=mfu) for n in (1, 2, 3)]))
    assert "<b>51.2 %</b><span>MFU, causal attention" in said
    assert "No MFU" not in said
    assert all(name in said for name in ("6N + 12·L·d·s", "causal attention", ">6N<"))
    assert "Not trained yet" in training_speed.pace(run_of([]))


def test_losses_by_source_gradients_and_the_rate_are_drawn():
    rows = [step_row(n, loss_by_source={"web": 2.0, "code": 1.0}) for n in range(1, 5)]
    said = training_sections.loss(run_of(rows))
    assert "By source" in said
    assert said.count("<svg") == 2
    assert "By source" not in training_sections.loss(run_of(ROWS))
    said = training_sections.gradients(run_of(rows, EVENTS))
    assert "learning rate, in 1e-4" in said
    assert "change of weights" in said
    assert "Not trained yet" in training_sections.gradients(run_of([]))


def test_an_event_outside_the_chart_is_not_drawn():
    events = [Event(5, "skip", "said", 2, 1.0), Event(99, "skip", "far", 2, 1.0)]
    chart = line_chart([Series("a", [(0, 1.0), (10, 2.0)], 1)], "x", "y", "t", events=events)
    assert chart.count('class="event tone-2"') == 1
    assert "far" not in chart
    assert chart.count(">skip</span>") == 1, "one key of a kind"


def test_a_stack_fills_its_chart():
    parts = [Series("low", [(0, 25.0), (0, 50.0)], 1), Series("rest", [(0, 75.0), (0, 50.0)], 2)]
    chart = stacked_chart(parts, [0.0, 1.0, 2.0], "x", "y", "t")
    low, rest = (
        [tuple(map(float, point.split(","))) for point in points.split()]
        for points in re.findall(r'points="([^"]*)"', chart)
    )
    floor, top = max(y for _, y in low), min(y for _, y in rest)
    height = floor - top
    assert [(floor - y) / height for _, y in low[:4]] == [0.25, 0.25, 0.5, 0.5]
    assert low[:4] == rest[:3:-1], "the one begins where the other ends"
    assert [(floor - y) / height for _, y in rest[:4]] == [1.0] * 4
