"""`altiplano export`: what it writes over, what it refuses to, and when it has nothing to do."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_hf import VOCAB, small_hf
from transformers import LlamaForCausalLM

from corpus.errors import CheckpointError, ConfigError
from jobs import cli
from jobs import export as export_verb
from jobs.config import load_run
from jobs.evaluation.evaluate import find
from jobs.training import KEY
from train.import_hf import import_hf

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The config of a finished training of a small model, and its export; tests copy it."""
    place = tmp_path_factory.mktemp("export")
    run = place / "run"
    hf = small_hf(place / "hf")
    import_hf(str(hf), str(run / "train"))
    (run / "tokenizer").mkdir()
    shutil.copyfile(hf / "tokenizer.model", run / "tokenizer/tokenizer.model")
    (run / "train" / KEY).write_text('{"key": "k", "code": "c", "finished": true}')
    sets = [f"output={run}", f"tokenizer.vocab_size={VOCAB}"]
    config = load_run(ROOT / "jobs/configs/demo.yaml", sets)
    return config, Path(export_verb.export(config, None))


@pytest.fixture
def mine(exported, tmp_path):
    return exported[0], Path(shutil.copytree(exported[1], tmp_path / "mine"))


def _exported_anew(config, to, monkeypatch, size=export_verb.MAX_SHARD_SIZE) -> bool:
    """Whether an export into `to` does its work, which here ends where the files would come."""

    def begin(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("train.export.export", begin)
    try:
        export_verb.export(config, str(to), max_shard_size=size)
    except KeyboardInterrupt:
        return True
    return False


def test_a_whole_export_is_skipped_and_one_of_another_training_is_not(mine, monkeypatch):
    config, folder = mine
    before = (folder / KEY).read_bytes()
    (folder / "README.md").write_text("a person's own card")
    assert not _exported_anew(config, folder, monkeypatch)
    state = json.loads(before)
    (folder / KEY).write_text(json.dumps({**state, "trained": {"key": "another"}}))
    assert _exported_anew(config, folder, monkeypatch)


def test_a_broken_export_is_written_anew_and_the_file_is_named(mine, monkeypatch, capsys):
    config, folder = mine
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    assert _exported_anew(config, folder, monkeypatch)
    assert "model.safetensors is not as it was written" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "README.md"])
def test_a_file_that_is_gone_is_found(mine, monkeypatch, name):
    config, folder = mine
    (folder / name).unlink()
    assert _exported_anew(config, folder, monkeypatch)


def test_what_a_killed_export_left_is_no_finished_one_and_is_written_over(mine, monkeypatch):
    config, folder = mine
    (folder / "config.json").unlink()
    assert _exported_anew(config, folder, monkeypatch)
    state = json.loads((folder / KEY).read_text())
    assert state == {"finished": False, "files": {}}, "said before anything is deleted"
    for path in folder.iterdir():
        if path.name != KEY:
            path.unlink()
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        find(str(folder))
    (folder / "model-00001.safetensors.partial").touch()
    assert _exported_anew(config, folder, monkeypatch)
    monkeypatch.undo()
    export_verb.export(config, str(folder))
    assert not list(folder.glob("*.partial"))
    assert not _exported_anew(config, folder, monkeypatch)


def test_a_small_shard_size_gives_several_files_that_load_equal(mine, tmp_path, monkeypatch):
    config, folder = mine
    cut = Path(export_verb.export(config, str(tmp_path / "cut"), max_shard_size="20KB"))
    files = sorted(path.name for path in cut.glob("*.safetensors"))
    count = len(files)
    assert files == [f"model-{n:05d}-of-{count:05d}.safetensors" for n in range(1, count + 1)]
    index = json.loads((cut / "model.safetensors.index.json").read_text())
    held = {name: load_file(cut / name) for name in files}
    assert index["weight_map"] == {name: file for file in held for name in held[file]}
    sizes = {file: sum(t.nbytes for t in tensors.values()) for file, tensors in held.items()}
    assert index["metadata"]["total_size"] == sum(sizes.values())
    assert 2 < count < len(index["weight_map"]), "files of several tensors, too"
    assert all(sizes[file] <= 20_000 or len(held[file]) == 1 for file in files), sizes
    ours, whole = (LlamaForCausalLM.from_pretrained(each).state_dict() for each in (cut, folder))
    assert ours.keys() == whole.keys()
    assert all(torch.equal(ours[name], whole[name]) for name in ours)
    assert not _exported_anew(config, cut, monkeypatch, "0.02MB")
    assert _exported_anew(config, cut, monkeypatch), "of the default size"


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("5", 5 * 10**9),
        ("5GB", 5 * 10**9),
        ("0.5", 5 * 10**8),
        ("5 GiB", 5 << 30),
        ("500MB", 5 * 10**8),
        (cli._parser().parse_args(["export", "CONFIG"]).max_shard_size, 5 << 30),
        (export_verb.MAX_SHARD_SIZE, 5 << 30),
    ],
)
def test_a_size_is_of_gb_where_it_has_no_unit(size, count):
    assert export_verb.bytes_of(size) == count


@pytest.mark.parametrize("size", ["0", "-1", "0.0GB", "five", "nan", "inf", "5Gb", "9" * 400, ""])
def test_no_size_is_refused_in_one_line(tmp_path, capsys, size):
    arguments = ["jobs/configs/demo.yaml", "--set", f"output={tmp_path}"]
    assert cli.main(["export", *arguments, "--max-shard-size", size]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: max_shard_size='{size}' is no size above 0; give a number of")
    assert not list(tmp_path.iterdir())


def test_hashes_are_kept_within_a_limit_and_sizes_of_all(exported, monkeypatch):
    _, folder = exported
    weights = (folder / "model.safetensors").stat().st_size
    monkeypatch.setattr(export_verb, "MAX_HASHED_BYTES", weights)
    names = ["model.safetensors", "config.json"]
    sums = export_verb._sums(folder, names)
    assert list(sums["model.safetensors"]) == ["bytes"]
    assert list(sums["config.json"]) == ["bytes", "sha256"]


def test_what_is_no_export_of_ours_is_left_as_it_is(exported, tmp_path):
    config, _ = exported
    foreign = small_hf(tmp_path / "foreign")
    kept = {path.name: path.read_bytes() for path in foreign.iterdir()}
    with pytest.raises(ConfigError, match=r"foreign holds config\.json, .* is no export of ours"):
        export_verb.export(config, str(foreign))
    assert kept == {path.name: path.read_bytes() for path in foreign.iterdir()}
    with pytest.raises(ConfigError, match=r"train holds .* choose a new or empty folder"):
        export_verb.export(config, config.training().output)


def test_a_file_for_a_folder_is_one_line(exported, tmp_path):
    (tmp_path / "file").touch()
    for to in ("file", "file/below"):
        with pytest.raises(ConfigError, match=r"(is no folder|cannot be written)"):
            export_verb.export(exported[0], str(tmp_path / to))
