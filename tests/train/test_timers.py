"""Time by name: each moment once, megatron-core's own places included."""

import json
import math
from pathlib import Path

import pytest

from train import timers as timers_module
from train.metrics import read
from train.timers import Timers

FIELDS = ("data_wait_s", "forward_s", "backward_s", "communication_s", "optimizer_s")


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test turns: `clock(3)` lets three seconds pass."""
    now = [100.0]
    monkeypatch.setattr(timers_module.time, "perf_counter", lambda: now[0])

    def turn(seconds: float) -> None:
        now[0] += seconds

    return turn


def test_what_is_timed_twice_is_added_up_until_it_is_taken(clock):
    timers = Timers()
    for seconds in (1, 2):
        with timers("optimizer"):
            clock(seconds)
        clock(10)
    with timers("data_wait"):
        clock(4)
    assert timers.take() == {"optimizer_s": 3, "data_wait_s": 4}
    assert timers.take() == {}


def test_what_is_timed_within_a_range_is_taken_out_of_it(clock):
    timers = Timers()
    with timers("optimizer"):
        clock(1)
        timers("optimizer-inner-step", log_level=1).start(barrier=True)  # nameless: the range's
        clock(2)
        timers("optimizer-inner-step").stop()
        timers("params-all-gather", log_level=1).start(barrier=False)
        clock(4)
        timers("params-all-gather").stop()
        clock(8)
    assert timers.take() == {"optimizer_s": 11, "communication_s": 4}


def test_passes_of_an_evaluation_are_its_own(clock):
    timers = Timers()
    with timers("evaluate"):
        timers("forward-compute", log_level=2).start()
        clock(1)
        timers("forward-recv").start()
        clock(2)
        timers("forward-recv").stop()
        timers("forward-compute").stop()
    timers("forward-compute").start()
    clock(4)
    timers("forward-compute").stop()
    assert timers.take() == {"evaluate_s": 3, "forward_s": 4}


def test_a_range_ends_with_the_error_that_leaves_it(clock):
    timers = Timers()

    def failing() -> None:
        with timers("save"):
            clock(1)
            raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"):
        failing()
    with timers("data_wait"):
        clock(2)
    assert timers.take() == {"save_s": 1, "data_wait_s": 2}


def test_every_step_of_a_run_has_its_times_and_they_add_up(tp2_run):
    rows = read(Path(tp2_run.output) / "metrics.jsonl")
    for row in rows:
        assert all(row[name] > 0 for name in FIELDS), row
        parts = [row.get(name, 0.0) for name in (*FIELDS, "other_s")]
        assert sum(parts) == pytest.approx(256 / row["tokens_per_s"], rel=1e-3)
    assert [row["step"] for row in rows if "evaluate_s" in row] == [20, 40]
    assert rows[20]["save_s"] > rows[10].get("save_s", 0.0), "that after step 20"
    assert math.isfinite(sum(rows[-1]["memory"].values()))
    assert rows[-1]["memory"]["resident_peak"] >= rows[-1]["memory"]["resident"] > 1e8
    assert "mfu" not in rows[0], "a CPU's peak is not known"
    json.dumps(rows)


def test_with_cuda_the_marks_are_events_and_only_the_last_is_waited_for(monkeypatch, clock):
    waited = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.at = timers_module.time.perf_counter()

        def elapsed_time(self, end):
            assert waited, "an event is read before it was reached"
            return 1000 * (end.at - self.at)

        def synchronize(self):
            waited.append(self.at)

    monkeypatch.setattr(timers_module.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(timers_module.torch.cuda, "Event", Event)
    timers = Timers()
    with timers("optimizer"):
        clock(1)
        with timers("params-all-gather"):
            clock(2)
    assert timers.take() == {"optimizer_s": 1, "communication_s": 2}
    assert waited == [103]
    assert timers.take() == {}
