"""What a resumed run proves before it goes on, and that it goes on to the bit."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from corpus.errors import CheckpointError
from train import checkpoint, identity, loop, proof, weights
from train.data import Loader
from train.metrics import events, read
from train.mixture import WeightsFrom

STEP = "step-00000020"


@pytest.fixture
def resumable(tp1_run, tmp_path):
    """A finished run whose pointer was put back to step 20."""
    shutil.copytree(tp1_run.output, tmp_path / "run")
    config = dataclasses.replace(tp1_run, output=str(tmp_path / "run"), steps=22)
    pointer = {"step": 20, "folder": STEP}
    (config.checkpoints / "latest.json").write_text(json.dumps(pointer))
    return config


def tampered(config, change):
    path = config.checkpoints / STEP / "run.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


def curve(config, first):
    rows = read(Path(config.output) / "metrics.jsonl")
    return [(r["step"], r["loss"], r["grad_norm"]) for r in rows if r["step"] >= first]


def test_what_a_checkpoint_holds(tp1_run):
    facts = checkpoint.facts(tp1_run.checkpoints / STEP)
    assert facts["config"]["batch_sequences"] == 8
    assert facts["made_by"].keys() == {"code", "python", "torch", "megatron-core", "numpy"}
    assert facts["skipped"] == []
    assert facts["losses"][-1] == read(Path(tp1_run.output) / "metrics.jsonl")[19]["loss"]
    assert len(facts["proof"]["batches"]) == 4
    loader = Loader(tp1_run.manifest, tp1_run.weights, 32, 8, tp1_run.seed)
    assert facts["proof"]["batches"] == [proof._hash(loader, batch) for batch in range(20, 24)]
    assert set(facts["files"]) == {
        path.name for path in (tp1_run.checkpoints / STEP).iterdir() if path.name != "run.json"
    }


def test_it_goes_on_where_all_is_as_it_was(resumable, tp1_run):
    assert loop.train(resumable) == 0
    # The rate ends earlier, so only the next step is the same; its gradient is of the same weights.
    assert curve(resumable, 21)[0] == curve(tp1_run, 21)[0]
    told = events(Path(resumable.output) / "metrics.jsonl")
    assert ("resume", 20) in [(event["event"], event["step"]) for event in told]


def test_another_order_of_the_data_is_refused(resumable):
    def change(facts):
        facts["proof"]["batches"][2] = "0" * 32

    tampered(resumable, change)
    with pytest.raises(CheckpointError, match=f"{STEP}: the order of the data .*: batch 23 has"):
        loop.train(resumable)


def test_a_loader_that_was_changed_is_refused(resumable, monkeypatch):
    places = Loader._places
    monkeypatch.setattr(Loader, "_places", lambda self, step, rows: places(self, step + 1, rows))
    with pytest.raises(CheckpointError, match="the order of the data is not what it was: batch 21"):
        loop.train(resumable)


def test_weights_that_did_not_arrive_are_refused(resumable, monkeypatch):
    load = checkpoint.load

    def load_but_one(training, *rest):
        step = load(training, *rest)
        [model] = training.model
        name, weight = list(model.named_parameters())[3]
        assert weight.ndim == 2, name
        weight.data[0] += 0.01
        return step

    monkeypatch.setattr(checkpoint, "load", load_but_one)
    with pytest.raises(CheckpointError, match="weights are not those that were saved: the probe's"):
        loop.train(resumable)


@pytest.mark.parametrize("what", ["masters", "exp_avg", "exp_avg_sq"])
def test_other_masters_and_moments_are_refused(resumable, what):
    def change(facts):
        facts["proof"]["norms"][what] *= 1 + 3e-9

    tampered(resumable, change)
    with pytest.raises(CheckpointError, match=f"the optimizer's {what} are not those that were"):
        loop.train(resumable)


def test_norms_are_the_same_in_any_layout(tp1_run, tp2_run, tmp_path):
    """A checkpoint of two processes, each of which has the gains of norms, goes on in one."""
    shutil.copytree(tp2_run.output, tmp_path / "run")
    config = dataclasses.replace(tp1_run, output=str(tmp_path / "run"), steps=42)
    proved = checkpoint.facts(config.checkpoints / "step-00000040")["proof"]
    assert proved["layout"]["world_size"] == 2
    assert min(proved["norms"].values()) > 0
    assert loop.train(config) == 0


def test_only_the_main_process_reads_what_comes_next(tp1_run, monkeypatch):
    monkeypatch.setattr(proof, "is_main", lambda: False)
    with loop.parallel.joined(tp1_run):
        training = loop.setup.build(tp1_run)
        loader = Loader(tp1_run.manifest, tp1_run.weights, 32, 8, tp1_run.seed)
        prover = proof.Prover(tp1_run, loader, training, None)
        assert proof.settled(prover.make(20, []))["batches"] == []
        prover.close()


def test_another_loss_of_the_probe_is_refused_beyond_rounding(resumable):
    def change(by):
        def inner(facts):
            facts["proof"]["losses"][1] *= by

        return inner

    tampered(resumable, change(1 + 3e-7))
    assert loop.train(resumable) == 0
    tampered(resumable, change(1 + 3e-6))
    pointer = {"step": 20, "folder": STEP}
    (resumable.checkpoints / "latest.json").write_text(json.dumps(pointer))
    with pytest.raises(CheckpointError, match=r"probe's loss is 3.*allowed: 1e-06"):
        loop.train(resumable)


def test_later_weights_may_change_and_the_proof_is_by_those_of_then(resumable):
    changed = (WeightsFrom(0, {"code": 1.0, "web": 2.0}), WeightsFrom(20, {"web": 1.0}))
    assert loop.train(dataclasses.replace(resumable, weights=changed)) == 0


def test_one_from_before_there_were_proofs_is_taken(resumable):
    def change(facts):
        for key in ("proof", "config", "skipped", "losses", "made_by"):
            del facts[key]

    tampered(resumable, change)
    assert loop.train(resumable) == 0


def test_it_goes_back_once_and_from_there_on(tp1_run, tmp_path):
    shutil.copytree(tp1_run.output, tmp_path / "run")
    config = dataclasses.replace(tp1_run, output=str(tmp_path / "run"), resume_from=20)
    before = dict(weights.read(config.checkpoints / "step-00000040"))
    stopped = dataclasses.replace(config, save_interval=5, keep_checkpoints=9)
    with pytest.MonkeyPatch.context() as patch:
        asked = iter([False] * 7)
        patch.setattr(loop.stop, "wanted", lambda limit: next(asked, True))
        assert loop.train(stopped) == loop.stop.REQUEUE
    assert (config.checkpoints / "abandoned-step-00000040").exists()
    assert checkpoint.latest(config.checkpoints)[0] == 27
    assert loop.train(stopped) == 0  # not from 20 again
    rows = read(Path(config.output) / "metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(1, 41))
    told = events(Path(config.output) / "metrics.jsonl")
    assert [event["step"] for event in told if event["event"] == "resume"] == [20, 27]
    assert not list(config.checkpoints.glob("abandoned-*"))  # the run has come past it
    after = dict(weights.read(config.checkpoints / "step-00000040"))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_steps_below_the_one_it_has_reached_are_refused_and_change_nothing(tp1_run, tmp_path):
    shutil.copytree(tp1_run.output, tmp_path / "run")
    config = dataclasses.replace(tp1_run, output=str(tmp_path / "run"), steps=30)
    files = [path for path in Path(config.output).rglob("*") if path.is_file()]
    before = [path.read_bytes() for path in files]
    told = r"step-00000040 is trained beyond steps=30, to step 40; choose 40 steps or more, .*"
    with pytest.raises(CheckpointError, match=told + r"\(train\.steps, train\.output, "):
        loop.train(config)
    assert [path.read_bytes() for path in files] == before
    assert loop.train(dataclasses.replace(config, steps=40)) == 0
    assert loop.train(dataclasses.replace(config, resume_from=20)) == 0
    assert checkpoint.latest(config.checkpoints)[0] == 30


def test_a_step_that_is_not_there_is_refused_with_those_that_are(resumable):
    with pytest.raises(CheckpointError, match=r"resume_from=25: .* choose 20 or 40 \(train"):
        loop.train(dataclasses.replace(resumable, resume_from=25))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_resumed_in_the_same_layout_it_ends_to_the_bit(tiny_config, tmp_path, precision):
    """bf16: the fp32 masters are stored, not what they round to."""
    whole = tiny_config(
        tmp_path / "whole", steps=12, save_interval=5, keep_checkpoints=9, precision=precision
    )
    assert loop.train(whole) == 0
    part = dataclasses.replace(whole, output=str(tmp_path / "part"))
    shutil.copytree(whole.checkpoints / "step-00000005", part.checkpoints / "step-00000005")
    (part.checkpoints / "latest.json").write_text('{"step": 5, "folder": "step-00000005"}')
    assert loop.train(part) == 0
    assert curve(part, 6) == curve(whole, 6)
    ends = [dict(weights.read(run.checkpoints / "step-00000012")) for run in (whole, part)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_before_the_first_step_it_can_be_saved_and_loaded(tiny_config, tmp_path):
    """Trap 1 of torch's AdamW in megatron-core: there is no state to save yet."""
    config = tiny_config(tmp_path / "run", steps=8)
    with loop.parallel.joined(config):
        training = loop.setup.build(config)
        for part in training.optimizer.chained_optimizers:
            part.state_dict()
        state = checkpoint.state(training)
        assert state["optimizer"]


def test_each_parameter_counts_its_own_steps_after_a_load(resumable):
    """Trap 2: one counter for all of them would run ahead and the bias correction with it."""
    with loop.parallel.joined(resumable):
        training = loop.setup.build(resumable)
        run_facts = checkpoint.facts(resumable.checkpoints / STEP)
        who = identity.Identity(
            resumable.shape, resumable.seed, run_facts["data"], run_facts["tokenizer"]
        )
        assert checkpoint.load(training, who, resumable) == 20
        counters = [
            state["step"]
            for part in training.optimizer.chained_optimizers
            for state in part.optimizer.state.values()
        ]
        assert {float(counter) for counter in counters} == {20.0}
        assert len({counter.data_ptr() for counter in counters}) == len(counters) > 1
