"""Batches made ahead: the loader's own, in order; its errors; an end that leaves no thread."""

import threading
import time

import numpy as np
import pytest
import torch
from made_shards import write_manifest
from torch.utils.data import DataLoader

from corpus.errors import ShardError
from train import loop
from train.config import DataConfig
from train.data import Loader
from train.metrics import read
from train.prefetch import Prefetch
from train.torch_dataset import StepBatches

ROWS = slice(2, 6)


@pytest.fixture
def loader(tmp_path) -> Loader:
    sizes = {("web", "train"): [300, 400], ("code", "train"): [200]}
    return Loader(write_manifest(tmp_path, sizes), {"web": 2, "code": 1}, 16, 8, seed=1)


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("prefetch")]


@pytest.mark.parametrize("ahead", [1, 2, 7])
def test_batches_are_the_loaders_in_order(loader, ahead):
    with Prefetch(loader, ROWS, first=3, stop=9, ahead=ahead) as batches:
        for step in range(3, 9):
            batch = batches.take()
            assert batch.dtype == torch.int64
            assert np.array_equal(batch.numpy(), loader.batch(step, ROWS))
            assert batches.waited_s >= 0
    assert not threads()


def test_so_many_are_made_before_they_are_asked_for(loader):
    made = []
    make = loader.batch
    loader.batch = lambda step, rows: made.append(step) or make(step, rows)
    with Prefetch(loader, ROWS, first=0, stop=6, ahead=3) as batches:
        wait_for(lambda: made == [0, 1, 2])
        batches.take()
        wait_for(lambda: made == [0, 1, 2, 3])
    assert made == [0, 1, 2, 3]


def test_a_step_does_not_wait_for_its_batch(tmp_path):
    manifest = write_manifest(tmp_path, {("web", "train"): [30_000] * 4})
    waits = []
    with Prefetch(Loader(manifest, {"web": 1}, 2048, 16, 1), slice(None), 0, 20, ahead=2) as ahead:
        for _ in range(20):
            ahead.take()
            waits.append(ahead.waited_s)
            time.sleep(0.05)
    assert sorted(waits)[10] < 0.01 * 0.05


@pytest.mark.parametrize("start", ["none", "fork", "spawn"])
def test_a_dataloader_gives_the_same_batches(loader, start):
    dataset = StepBatches(loader, ROWS, first=3, stop=9)
    workers = {"num_workers": 2, "multiprocessing_context": start} if start != "none" else {}
    found = list(DataLoader(dataset, batch_size=None, **workers))
    assert len(found) == len(dataset) == 6
    for step, batch in enumerate(found, start=3):
        assert np.array_equal(batch.numpy(), loader.batch(step, ROWS))


def test_a_batch_is_put_where_the_loader_is_told(loader):
    out = np.zeros((4, 17), dtype=np.int64)
    assert loader.batch(5, ROWS, out=out) is out
    assert np.array_equal(out, loader.batch(5, ROWS))


def test_an_error_of_the_loader_comes_at_its_step(loader, tmp_path):
    (tmp_path / "code-train-00000.arrow").unlink()
    with Prefetch(loader, slice(0, 1), first=0, stop=8, ahead=2) as batches:
        assert batches.take()[0, 0] < 50_000  # web is first
        with pytest.raises(ShardError, match=r"code-train-00000.arrow is missing; restore it"):
            [batches.take() for _ in range(7)]
    assert not threads()


def test_a_run_ends_by_the_loaders_error_and_leaves_no_thread(tiny_config, tmp_path, monkeypatch):
    config = tiny_config(tmp_path / "run", data=DataConfig(prefetch=3), save_interval=2)
    batch = Loader.batch

    def rotten_from_step_5(self, step, rows):
        if step == 5:
            raise ShardError("web-train.arrow is damaged at offset 4096; restore it")
        return batch(self, step, rows)

    monkeypatch.setattr(Loader, "batch", rotten_from_step_5)
    with pytest.raises(ShardError, match="damaged at offset 4096"):
        loop.train(config)
    rows = read(tmp_path / "run/metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert all(row["data_wait_s"] >= 0 for row in rows)
    assert not threads()


def wait_for(condition, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)
