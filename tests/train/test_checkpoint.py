"""What a checkpoint is taken for: whole or not there; of this model or refused."""

import dataclasses
import json
import math
import shutil
from pathlib import Path

import pytest

from corpus.errors import CheckpointError, ConfigError, DataError
from tokenizer.encode import Encoder
from train import checkpoint, loop, parallel
from train.config import ModelConfig, OptimConfig
from train.export import export
from train.generate import generate
from train.mixture import WeightsFrom


@pytest.fixture
def copy_of_run(tp1_run, tmp_path):
    shutil.copytree(tp1_run.output, tmp_path / "run")
    return dataclasses.replace(tp1_run, output=str(tmp_path / "run"))


def test_nothing_yet(tmp_path):
    assert checkpoint.latest(tmp_path) is None


def test_the_last_complete_one_is_found(tp1_run):
    step, folder = checkpoint.latest(tp1_run.checkpoints)
    assert (step, folder.name) == (40, "step-00000040")


def test_a_half_written_one_is_not_taken_and_is_written_anew(copy_of_run):
    checkpoints = copy_of_run.checkpoints
    half = checkpoints / "step-00000040"
    for name in (".metadata", "run.json", "common.pt"):
        (half / name).unlink()
    (half / "left_by_a_killed_save.distcp").write_bytes(b"x")
    pointer = {"step": 20, "folder": "step-00000020"}
    (checkpoints / "latest.json").write_text(json.dumps(pointer))
    assert checkpoint.latest(checkpoints)[0] == 20
    assert loop.train(copy_of_run) == 0
    assert checkpoint.latest(checkpoints)[0] == 40
    assert not (half / "left_by_a_killed_save.distcp").exists()


@pytest.mark.parametrize("keep", [2, 5])
def test_only_as_many_are_kept_as_asked_for(copy_of_run, keep):
    config = dataclasses.replace(copy_of_run, save_interval=5, keep_checkpoints=keep)
    shutil.rmtree(config.checkpoints)
    assert loop.train(config) == 0
    kept = sorted(path.name for path in config.checkpoints.glob("step-*"))
    assert kept == [f"step-{step:08d}" for step in range(5, 45, 5)][-keep:]


def test_every_so_many_are_kept_for_ever(copy_of_run):
    config = dataclasses.replace(
        copy_of_run, save_interval=5, keep_checkpoints=1, keep_every=20, async_save=False
    )
    shutil.rmtree(config.checkpoints)
    (config.checkpoints / "step-00000003").mkdir(parents=True)  # of a killed save
    assert loop.train(dataclasses.replace(config, steps=35, optim=OptimConfig(warmup_steps=8))) == 0
    kept = sorted(path.name for path in config.checkpoints.glob("step-*"))
    assert kept == ["step-00000020", "step-00000035"]


def test_a_pointer_to_what_is_not_whole_is_an_error(copy_of_run):
    (copy_of_run.checkpoints / "step-00000040/run.json").unlink()
    with pytest.raises(CheckpointError, match="names step-00000040, which is not whole"):
        checkpoint.latest(copy_of_run.checkpoints)


def test_a_damaged_pointer_is_an_error(copy_of_run):
    (copy_of_run.checkpoints / "latest.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"latest\.json is damaged"):
        checkpoint.latest(copy_of_run.checkpoints)


def test_a_pointer_that_contradicts_itself_is_an_error(copy_of_run):
    pointer = {"step": 36, "folder": "step-00000040"}
    (copy_of_run.checkpoints / "latest.json").write_text(json.dumps(pointer))
    told = r"latest\.json .*step 36 is not that of its folder step-00000040.*: 20 or 40 \(train.res"
    with pytest.raises(CheckpointError, match=told):
        checkpoint.chosen(copy_of_run)


@pytest.mark.parametrize("content", [None, b"", b'{"step": 4', b"\0\0", b"[]"])
def test_a_damaged_description_is_named_with_the_way_out(copy_of_run, content):
    folder = copy_of_run.checkpoints / "step-00000040"
    name = "run.json" if content is not None else ".metadata"
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    told = f"{folder / name} is (missing|damaged).*resume from step 20, which is sound: resume_fr"
    with pytest.raises(CheckpointError, match=told), parallel.joined(copy_of_run):
        checkpoint.load(None, None, copy_of_run)


@pytest.mark.parametrize(
    "content", [b'"resume_from": 20}', b'{"resume_from": 20}', b"[20]", b"\xff\xfe", b""]
)
def test_a_step_is_gone_back_to_where_the_pointer_is_damaged(copy_of_run, content):
    (copy_of_run.checkpoints / "latest.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"damaged .* by its step: 20 or 40 \(train"):
        checkpoint.chosen(copy_of_run)
    asked = dataclasses.replace(copy_of_run, resume_from=20)
    assert checkpoint.chosen(asked)[0] == 20
    checkpoint.go_back(asked, 20)
    assert checkpoint.latest(asked.checkpoints)[0] == 20
    assert (asked.checkpoints / "abandoned-step-00000040").exists()


@pytest.mark.parametrize(
    ("resume_from", "name"), [(20, ".metadata"), (None, ".metadata"), (20, "optimizer-*.bin")]
)
def test_a_run_that_went_back_already_is_told_how_it_goes_back_again(
    copy_of_run, resume_from, name
):
    asked = dataclasses.replace(copy_of_run, resume_from=20)
    folder = asked.checkpoints / "step-00000040"
    checkpoint.point_at(asked, 40, folder)
    assert checkpoint.chosen(asked)[0] == 40
    next(folder.glob(name)).unlink()
    told = r"sound: resume_from=20, once latest\.json, .*, is deleted \(train"
    with pytest.raises(CheckpointError, match=told):
        loop.train(dataclasses.replace(asked, resume_from=resume_from))
    (asked.checkpoints / "latest.json").unlink()
    assert checkpoint.chosen(asked)[0] == 20


def test_weights_that_are_saved_and_evaluate_to_no_number_need_an_older_one(
    copy_of_run, monkeypatch
):
    """The run came back for its last evaluation alone: started again it would do the same."""
    (Path(copy_of_run.output) / "evaluation.json").unlink()
    monkeypatch.setattr(loop.evaluate, "bits_per_byte", lambda *_: {"web": math.nan})
    told = r"evaluation of \S*step-00000040 is no .*; lower .* older one: resume_from=20 \(train"
    with pytest.raises(DataError, match=told):
        loop.train(copy_of_run)
    shutil.rmtree(copy_of_run.checkpoints / "step-00000020")
    fault, way_out = checkpoint.spoilt(copy_of_run, 40)
    assert "not saved" not in fault + way_out
    assert f"delete {copy_of_run.checkpoints} to start anew" in way_out


@pytest.mark.parametrize("content", ["", "[]", '{"skipped": ["x"]}'])
def test_damaged_batches_left_out_are_named(copy_of_run, content):
    path = copy_of_run.checkpoints / "left_out.json"
    path.write_text(content)
    with pytest.raises(CheckpointError, match=f"{path} is damaged .*; restore it, or delete it"):
        checkpoint.left_out(copy_of_run, 0)


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ("cut", "*.distcp"),
        ("bit", "optimizer-00000.bin"),
        ("cut", "optimizer-00000.bin"),
        ("gone", "optimizer-00000.bin"),
        ("gone", "optimizer.json"),
    ],
)
def test_a_damaged_file_is_named_before_it_is_loaded(copy_of_run, damage, name):
    path = min((copy_of_run.checkpoints / "step-00000040").glob(name))
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-1])
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    told = {"cut": "damaged: [0-9]+ bytes", "bit": "damaged: its", "gone": "missing"}[damage]
    with pytest.raises(CheckpointError, match=f"{path.name} is {told}.*step 20, which is sound"):
        loop.train(copy_of_run)
    older = copy_of_run.checkpoints / "step-00000020/common.pt"
    older.write_bytes(older.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="no older one is sound"):
        loop.train(copy_of_run)


def test_one_from_before_hashes_were_kept_that_cannot_be_read(copy_of_run):
    run = json.loads(stated(copy_of_run).read_text())
    del run["files"]
    stated(copy_of_run).write_text(json.dumps(run))
    folder = copy_of_run.checkpoints / "step-00000040"
    optimizer = folder / "optimizer-00000.bin"
    optimizer.write_bytes(optimizer.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"optimizer-00000\.bin ends at byte"):
        loop.train(copy_of_run)
    for path in folder.glob("*.distcp"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="step-00000040 cannot be read"):
        loop.train(copy_of_run)


def test_one_of_the_form_before_is_refused_in_one_line(copy_of_run):
    run = json.loads(stated(copy_of_run).read_text())
    del run["files"]["optimizer.json"]
    stated(copy_of_run).write_text(json.dumps(run))
    (copy_of_run.checkpoints / "step-00000040/optimizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no optimizer\.json: it was written before"):
        loop.train(copy_of_run)


def test_another_models_is_refused(copy_of_run):
    model = ModelConfig(**{**vars(copy_of_run.model), "num_layers": 1})
    with pytest.raises(CheckpointError, match=r"is of shape=.*'num_layers': 2.*'num_layers': 1"):
        loop.train(dataclasses.replace(copy_of_run, model=model))


def test_another_seeds_is_refused(copy_of_run):
    with pytest.raises(CheckpointError, match="is of seed=1, the config says 2"):
        loop.train(dataclasses.replace(copy_of_run, seed=2))


def test_another_past_is_refused_and_another_future_is_not(copy_of_run):
    code, web = {"code": 1.0, "web": 2.0}, {"web": 1.0}

    def resumed(*segments, **changes):
        weights = tuple(WeightsFrom(*segment) for segment in segments)
        return loop.train(dataclasses.replace(copy_of_run, weights=weights, **changes))

    with pytest.raises(CheckpointError, match=r"from 0 \{code: 1/3, web: 2/3\} up to .* 40"):
        resumed((0, web))
    with pytest.raises(CheckpointError, match=r"says from 0 \{.*2/3\}, from 39 \{web: 1\}; give"):
        resumed((0, code), (39, web))
    with pytest.raises(
        CheckpointError, match=r"batch_sequences 8 up to its step 40, .* says 16; set it back"
    ):
        resumed((0, code), batch_sequences=16)
    assert resumed((0, code), (40, web), steps=42) == 0
    assert checkpoint.latest(copy_of_run.checkpoints)[0] == 42
    assert resumed((0, {"code": 0.1, "web": 0.2}), (40, web), (42, code), steps=43) == 0


def stated(config):
    return config.checkpoints / "step-00000040/run.json"


def test_it_states_its_tokenizer_and_another_is_refused(copy_of_run):
    path = stated(copy_of_run)
    run = json.loads(path.read_text())
    assert run["tokenizer"] == Encoder(copy_of_run.tokenizer).hash
    path.write_text(json.dumps({**run, "tokenizer": "0" * 64}))
    with pytest.raises(CheckpointError, match="is of tokenizer=0000"):
        loop.train(copy_of_run)


def test_an_older_one_that_states_no_tokenizer_still_loads(copy_of_run, small_tokenizer, tmp_path):
    run = json.loads(stated(copy_of_run).read_text())
    del run["tokenizer"]
    stated(copy_of_run).write_text(json.dumps(run))
    assert loop.train(copy_of_run) == 0
    export(copy_of_run.output, str(tmp_path / "hf"), copy_of_run.tokenizer)
    assert generate(copy_of_run.output, copy_of_run.tokenizer, max_tokens=1) is not None
    for use in (
        lambda: export(copy_of_run.output, str(tmp_path / "hf"), small_tokenizer),
        lambda: generate(copy_of_run.output, small_tokenizer),
    ):
        with pytest.raises(ConfigError, match="has 300 pieces, the model 320"):
            use()


def test_other_datas_is_refused(copy_of_run, tmp_path):
    shards = shutil.copytree(copy_of_run.shards, tmp_path / "shards")
    manifest = json.loads((shards / "manifest.json").read_text())
    manifest["files"][0]["sha256"] = "0" * 64
    (shards / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="is of data="):
        loop.train(dataclasses.replace(copy_of_run, shards=str(shards)))
