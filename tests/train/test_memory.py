"""The estimate of a run's memory, against what is measured and against figures done by hand."""

import dataclasses
import threading

import psutil
import pytest
import torch
from allocated import Allocated

from corpus.errors import ConfigError
from train import forward, loop, memory, memory_check, parallel, saver, setup, writing
from train.config import ModelConfig, ParallelConfig, TrainConfig
from train.memory import GB


def _config(preset="7b", layout=None, **fields):
    return TrainConfig(
        shards="none",
        tokenizer="none",
        output="none",
        weights={"web": 1.0},
        model=ModelConfig(preset),
        parallel=ParallelConfig(**(layout or {})),
        **fields,
    )


def test_65b_on_2048_gpus():
    layout = {"processes": 2048, "tp": 8, "sequence_parallel": True}
    found = memory.estimate(_config("65b", layout), 2048)
    assert (found.weights + found.gradients + found.optimizer) / GB == pytest.approx(49.3, abs=0.1)
    kept = found.activations + found.logits + found.working
    assert kept / GB == pytest.approx(5.7, rel=0.1)


def test_static_parts_of_7b_on_one_gpu():
    found = memory.estimate(_config(batch_sequences=8, precision="bf16"), 1)
    parameters = 6_738_415_616
    assert found.weights == 2 * parameters
    assert found.gradients == 4 * parameters
    assert found.optimizer == 12 * parameters
    # A token and layer: 8 of width 4,096 and 3 of 11,008 in bf16, 2 + 32 sums of rows in fp32.
    layer = 2 * (8 * 4096 + 3 * 11008) + 4 * (2 + 32)
    assert found.activations == 2048 * (32 * layer + 2 * 2 * 4096)


def test_fp32_has_no_master_weights_and_zero1_divides_the_state():
    found = memory.estimate(_config(precision="fp32", batch_sequences=8), 4)
    assert found.weights == 4 * 6_738_415_616
    assert found.optimizer == 8 * 6_738_415_616 / 4


def test_first_stage_holds_as_many_micro_batches_as_there_are_stages():
    whole = memory.estimate(_config(batch_sequences=64), 1)
    staged = memory.estimate(_config(layout={"processes": 4, "pp": 4}, batch_sequences=64), 4)
    few = memory.estimate(_config(layout={"processes": 4, "pp": 4}, batch_sequences=2), 4)
    assert staged.activations == pytest.approx(whole.activations, rel=0.01)
    assert few.activations == pytest.approx(whole.activations / 2, rel=0.01)


def test_interleaving_holds_more_under_way():
    layout = {"processes": 4, "pp": 4}
    once = memory.estimate(_config(layout=layout, batch_sequences=64), 4)
    twice = memory.estimate(_config(layout={**layout, "vpp": 2}, batch_sequences=64), 4)
    # arXiv:2104.04473: by a factor 1 + (pp - 1) / (pp * vpp), on the first stage.
    assert twice.activations == pytest.approx(once.activations * (1 + 3 / 8), rel=0.01)


@pytest.mark.parametrize("wide_vocabulary", [False, True])
@pytest.mark.parametrize("recompute", ["none", "selective", "full"])
def test_measured_peak_is_within_a_tenth_of_it(tiny_config, tmp_path, recompute, wide_vocabulary):
    layers, vocab = (2, 4096) if wide_vocabulary else (6, 640)
    config = tiny_config(
        tmp_path,
        model=ModelConfig(
            dim=64, num_heads=4, num_layers=layers, ffn=160, vocab=vocab, seq_length=128
        ),
        parallel=ParallelConfig(recompute=recompute),
        micro_batch=8,
    )
    expected = memory.estimate(config, 1, on_gpu=False)
    with parallel.joined(config):
        training = setup.build(config)
        buffers = [buffer for part in training.model for buffer in part.buffers]
        known = [p for part in training.model for p in part.parameters()]
        known += [b.grad_data for b in buffers]
        static = sum(b.grad_data.nbytes for b in buffers)
        assert static == pytest.approx(expected.gradients, rel=0.01)
        assert sum(p.nbytes for p in known[: -len(buffers)]) == expected.weights
        windows = torch.randint(vocab, (8, 129))
        run = (training.model, windows, 8, forward.mean_loss)
        forward.run(*run, forward_only=False)  # makes the angles of rotary positions
        with Allocated([*known, windows]) as measured:
            forward.run(*run, forward_only=False)
    found = expected.activations + expected.logits + expected.working
    assert found == pytest.approx(measured.peak, rel=0.1)


def test_a_save_takes_as_much_of_the_host_as_is_said_and_gives_it_back(
    tiny_config, tmp_path, monkeypatch
):
    written, write = threading.Event(), writing.Part._write

    def write_when_measured(part, *rest):
        assert written.wait(60)
        write(part, *rest)

    def grown(model):
        config = tiny_config(tmp_path, model=model)
        process, growth = psutil.Process(), []
        with parallel.joined(config):
            training, one = setup.build(config), saver.Saver(config, lambda row: None)
            before = process.memory_info().rss
            one.begin(training, 1, {"proof": {}})
            growth.append(process.memory_info().rss - before)
            written.set()
            one.finish()
            growth.append(process.memory_info().rss - before)
        written.clear()
        return config, growth

    monkeypatch.setattr(writing.Part, "_write", write_when_measured)
    small = tiny_config(tmp_path).model
    grown(small)  # imports what a save needs
    config, (during, after) = grown(dataclasses.replace(small, dim=512, vocab=16384))
    copies = memory.copies_of_save(config, 1, on_gpu=False)
    # By the process's growth, of which what it had free already is no part.
    assert 0.8 * copies < during < 1.1 * copies
    assert after < 0.3 * copies  # the weights' copies go with the part


def test_a_saves_copies_of_7b_on_a_node_of_eight_are_of_the_state_once():
    parameters = 6_738_415_616
    fields = {"precision": "bf16", "batch_sequences": 64}
    for layout in ({}, {"tp": 8}, {"pp": 2}, {"cp": 4, "tp": 2}):
        config = _config(layout={"processes": 8, **layout}, **fields)
        node = 8 * memory.copies_of_save(config, 8)
        assert node == pytest.approx((12 + 2 * 2) * parameters, rel=0.01)
    with pytest.raises(ConfigError, match=r"copies 108 GB to .* of 8 .*, which has 100 GB left"):
        memory_check.require_save_fits(config, 8, 8, 100 * GB, on_gpu=True)
    memory_check.require_save_fits(config, 8, 8, 110 * GB, on_gpu=True)


def test_what_cannot_fit_is_refused_with_a_change_that_can():
    config = _config(layout={"processes": 8}, batch_sequences=64, micro_batch=8)
    needed = memory.estimate(config, 8)
    with pytest.raises(ConfigError, match=r"needs about 127\.\d GB and has 85\.0 GB of an H100; "):
        memory_check.require_fits(config, 8, 85 * GB, "an H100")
    with pytest.raises(ConfigError) as refused:
        memory_check.require_fits(config, 8, 85 * GB, "an H100")
    assert "recompute=" in str(refused.value)
    assert "train.memory_limit_gb" in str(refused.value)
    assert memory_check.require_fits(config, 8, needed.total, "an H100") == needed
    with pytest.raises(ConfigError, match="take more or larger"):
        memory_check.require_fits(config, 8, 1 * GB, "an H100")


def test_the_change_it_names_does_fit():
    config = _config(layout={"processes": 8}, batch_sequences=64, micro_batch=8)
    changes = list(memory_check._changes(config))
    assert changes[1][0] == "recompute=selective"
    sizes = [memory.estimate(changed, 8).total for _, changed in changes]
    limit = sorted(sizes)[len(sizes) // 2]
    first = next(words for (words, _), size in zip(changes, sizes, strict=True) if size <= limit)
    with pytest.raises(ConfigError) as refused:
        memory_check.require_fits(dataclasses.replace(config, micro_batch=8), 8, limit, "an H100")
    assert f"; {first} would take" in str(refused.value)


def test_a_run_says_what_it_takes_and_is_refused_what_it_cannot_have(tiny_config, tmp_path, capsys):
    config = tiny_config(tmp_path, memory_limit_gb=0.01)
    with pytest.raises(ConfigError, match=r"and has 0\.0 GB of CPU memory"):
        loop.train(config)
    assert loop.train(tiny_config(tmp_path, steps=8)) == 0
    assert "memory a process, GB: weights" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"train\.memory_limit_gb"):
        tiny_config(tmp_path, memory_limit_gb=-1)
