"""Speed a device, MFU and the time to finish, by hand."""

import pytest
import torch

from train import meter as meter_module
from train.meter import Meter, TimeToFinish


@pytest.fixture
def one_process():
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_a_row_is_completed(tiny_config, tmp_path, one_process, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(meter_module.time, "perf_counter", lambda: now[0])
    config = tiny_config(tmp_path, peak_tflops=0.5)
    meter = Meter(config)
    now[0] = 3.0
    row = meter.complete({"step": 1, "forward_s": 1.25, "save_s": 0.5, "evaluate_s": 0.5})
    assert row["other_s"] == 0.75
    rate = 8 * 32 / 2
    assert row["tokens_per_s"] == row["tokens_per_s_per_device"] == rate
    assert row["mfu"]["six_n"] == pytest.approx(6 * config.shape.num_parameters * rate / 0.5e12)
    now[0] = 10.0
    meter.restart()
    now[0] = 12.0
    assert meter.complete({"step": 2})["tokens_per_s"] == rate, "what lay between is no step's"
    assert row["mfu"]["six_n"] < row["mfu"]["causal"] < row["mfu"]["full"]


def test_the_time_to_finish_counts_evaluations_and_saves_to_come(tiny_config, tmp_path):
    config = tiny_config(tmp_path, steps=100, eval_interval=20, save_interval=50)
    left = TimeToFinish(config)
    assert left.after(1, 9.0, {}) == 99 * 9, "nothing better is known yet"
    for step in range(2, 20):
        assert left.after(step, 1.0, {}) == 100 - step, "the first step is no measure"
    # One of 3 s at 20, and 40, 60, 80 and 100 are to come.
    assert left.after(20, 4.0, {"evaluate_s": 3.0}) == 80 + 4 * 3
    # A save of 10 s at 50 is in the row of 51; the one at 100 is to come.
    assert left.after(51, 11.0, {"save_s": 10.0}) == 49 + 3 * 3 + 10
    assert left.after(52, 1.25, {"save_s": 0.25}) == 48 + 3 * 3 + 10, "it is looked after"
    assert left.after(99, 1.0, {}) == 1 + 3 + 10
    assert left.after(100, 1.0, {}) == 0


def test_without_intervals_there_is_one_of_each_at_the_end(tiny_config, tmp_path):
    config = tiny_config(tmp_path, steps=10, eval_interval=0, save_interval=0)
    left = TimeToFinish(config)
    left.after(1, 1.0, {"evaluate_s": 0.25, "save_s": 0.25})
    assert left.after(2, 1.0, {}) == 8 + 0.5
