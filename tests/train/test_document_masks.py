"""Masks between packed documents: what they say, and that the model keeps to them."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from train import documents, forward, loop, parallel, setup
from train.config import DataConfig, ParallelConfig
from train.launch import launch
from train.metrics import read

BEGIN = 1
SAMPLE = torch.tensor([[7, 8, 1, 5, 2, 1, 1, 9], [1, 5, 6, 7, 8, 9, 3, 2]])


def test_documents_are_numbered_and_placed_from_their_begin_token():
    assert documents.document_of(SAMPLE, BEGIN).tolist() == [
        [0, 0, 1, 1, 1, 2, 3, 3],
        [1] * 8,
    ]
    assert documents.positions(SAMPLE, BEGIN).tolist() == [
        [0, 1, 0, 1, 2, 0, 0, 1],
        [0, 1, 2, 3, 4, 5, 6, 7],
    ]


@settings(max_examples=50, deadline=None)
@given(tokens=st.lists(st.lists(st.integers(1, 4), min_size=9, max_size=9), min_size=1, max_size=3))
def test_the_mask_leaves_the_past_of_the_own_document(tokens):
    mask = documents.attention_mask(torch.tensor(tokens), BEGIN)
    assert mask.shape == (len(tokens), 1, 9, 9)
    for b, sample in enumerate(tokens):
        for s in range(9):
            for t in range(9):
                seen = t <= s and BEGIN not in sample[t + 1 : s + 1]
                assert bool(mask[b, 0, s, t]) is not seen


def losses_of(config, windows: torch.Tensor, begin: int | None) -> torch.Tensor:
    """The model's loss at each place of each window, [N, S]."""
    with parallel.joined(config):
        training = setup.build(config)
        for part in training.model:
            part.eval()

        def kept(losses_BS):
            return losses_BS.sum(), losses_BS.detach().clone()

        with torch.no_grad():
            parts = forward.run(training.model, windows, 2, kept, forward_only=True, begin=begin)
    return torch.cat(parts)


@pytest.mark.parametrize("begin", [BEGIN, None], ids=["masked", "packed"])
def test_a_document_is_not_changed_by_what_stands_before_it(tiny_config, tmp_path, begin):
    config = tiny_config(tmp_path)
    length, at = config.shape.seq_length + 1, 14
    random = torch.Generator().manual_seed(0)
    windows = torch.randint(3, config.shape.vocab, (4, length), generator=random)
    windows[:, at] = BEGIN
    windows[1:3, at:] = windows[0, at:]  # other text before the same document
    # The same document at the head of a sample; rotary positions round otherwise there.
    windows[3, : length - at] = windows[0, at:]
    losses = losses_of(config, windows, begin)
    moved = (losses[3, : length - at - 1] - losses[0, at:]).abs().max()
    if begin is None:
        assert (losses[1, at:] - losses[0, at:]).abs().max() > 1e-3
        assert moved > 1e-3
    else:
        assert torch.equal(losses[1, at:], losses[0, at:])
        assert torch.equal(losses[2, at:], losses[0, at:])
        assert moved < 1e-5
    assert (losses[1, :at] - losses[0, :at]).abs().max() > 1e-3


def test_a_masked_run_goes_on_alike_on_two_pipeline_stages_and_is_not_the_packed_one(
    tiny_config, tp1_run, tmp_path
):
    data, optim = DataConfig(document_mask=True), tp1_run.optim
    changes = {"data": data, "optim": optim, "unigram_baseline": False, "save_interval": 5}
    one = tiny_config(tmp_path / "one", steps=10, **changes)
    assert loop.train(one) == 0
    shutil.copytree(one.checkpoints / "step-00000005", tmp_path / "two/checkpoints/step-00000005")
    pointer = {"step": 5, "folder": "step-00000005"}
    (tmp_path / "two/checkpoints/latest.json").write_text(json.dumps(pointer))
    stages = ParallelConfig(processes=2, pp=2)
    assert launch(tiny_config(tmp_path / "two", steps=10, parallel=stages, **changes)) == 0
    masked, staged, packed = (
        [row["loss"] for row in read(Path(output) / "metrics.jsonl")][:10]
        for output in (one.output, tmp_path / "two", tp1_run.output)
    )
    assert staged == pytest.approx(masked[5:], abs=2e-5)
    assert abs(packed[0] - masked[0]) > 1e-5  # of the same weights and samples
