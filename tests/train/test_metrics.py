"""Each step is in the metrics once, whatever was killed when."""

import json

from train.metrics import MetricsLog, events, read


def write(path, steps):
    path.write_text("".join(json.dumps({"step": s, "loss": s / 2}) + "\n" for s in steps))


def test_resuming_drops_what_comes_after_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, [1, 2, 3, 4])
    log = MetricsLog(path, resumed_step=2)
    log.write({"step": 3, "loss": 9.0})
    log.close()
    assert [(row["step"], row["loss"]) for row in read(path)] == [(1, 0.5), (2, 1.0), (3, 9.0)]


def test_a_new_run_starts_empty(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    MetricsLog(path, resumed_step=0).close()
    assert read(path) == []


def test_a_row_cut_off_by_a_kill_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, [1, 2])
    path.write_text(path.read_text() + '{"step": 3, "lo')
    assert [row["step"] for row in read(path)] == [1, 2]
    MetricsLog(path, resumed_step=3).close()
    assert [row["step"] for row in read(path)] == [1, 2]


def test_a_row_is_there_for_others_as_soon_as_it_is_written(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl", resumed_step=0)
    log.write({"step": 1})
    assert read(tmp_path / "metrics.jsonl") == [{"step": 1}]
    log.close()


def test_events_are_dropped_with_the_steps_they_belong_to(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, resumed_step=0)
    for row in (
        {"step": 1},
        {"event": "save", "step": 1},
        {"step": 2},
        {"event": "skip", "step": 2},
    ):
        log.write(row)
    log.close()
    MetricsLog(path, resumed_step=1).close()
    assert read(path) == [{"step": 1}]
    assert events(path) == [{"event": "save", "step": 1}]


def test_events_of_batches_that_are_left_out_stay(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, resumed_step=0)
    one, other = ({"event": "skip", "step": n, "left_out": [n, n + 1]} for n in (3, 5))
    for row in ({"step": 1}, {"step": 2}, one, {"step": 3}, other):
        log.write(row)
    log.close()
    MetricsLog(path, resumed_step=1, skipped=[2, 3, 4]).close()
    assert [row["step"] for row in read(path)] == [1]
    assert [event for event in events(path) if event["event"] == "skip"] == [one]


def test_a_line_that_a_power_cut_spoilt_is_left_out_and_told(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rows = [{"step": step, "loss": 1.0} for step in (1, 2)]
    first, second = (json.dumps(row).encode() + b"\n" for row in rows)
    path.write_bytes(first + b"\0" * 40 + b"\n" + second + b"\xff{\n5\n")
    assert read(path) == rows
    log = MetricsLog(path, resumed_step=2)
    log.close()
    assert log.damaged == [2, 4, 5]
    assert path.read_bytes() == first + second
