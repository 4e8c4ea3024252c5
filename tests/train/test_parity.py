"""The parity card: what it holds of a sound export, and that it finds what is not."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from corpus.errors import CheckpointError
from train import parity, weights
from train.export import export


@pytest.fixture
def exported(tp1_run, tmp_path):
    out = tmp_path / "hf"
    export(tp1_run.output, str(out), tp1_run.tokenizer)
    return out


def test_a_sound_export_is_equal_in_weights_logits_and_tokens(tp1_run, exported):
    card = parity.write_card(tp1_run.output, str(exported))
    assert card == json.loads((exported / "parity.json").read_text())
    assert card["checkpoint"] == {"folder": "step-00000040", "step": 40}
    assert card["weights"]["tensors"] == len(card["weights"]["sha256"]) == 3 + 9 * 2
    assert card["weights"]["different"] == []
    differences = card["logits"]["max_abs_difference"]
    assert differences.keys() == {"megatron-core", "transformers"}
    assert all(0 < difference < 1e-4 for difference in differences.values()), differences
    assert card["tokenizer"]["equal"] == {"transformers": True}
    assert card["tokenizer"]["ids"][-1] == [1]


def changed(exported, name, change):
    path = exported / "model.safetensors"
    tensors = load_file(path)
    tensors[name] = change(tensors[name].clone())
    save_file(tensors, path, metadata={"format": "pt"})


def test_one_bit_is_found(tp1_run, exported):
    def flip(tensor):
        tensor.view(-1)[0] *= 1 + 2**-22
        return tensor

    changed(exported, "model.layers.1.mlp.up_proj.weight", flip)
    with pytest.raises(CheckpointError, match=r"'model.layers.1.mlp.up_proj.weight' in .* bit for"):
        parity.write_card(tp1_run.output, str(exported))


def test_exchanged_projections_show_in_the_logits(tp1_run, exported, monkeypatch):
    tensors = load_file(exported / "model.safetensors")
    other = tensors["model.layers.0.mlp.gate_proj.weight"]
    changed(exported, "model.layers.0.mlp.up_proj.weight", lambda _: other)
    monkeypatch.setattr(parity, "_digest", lambda _: "the same")
    with pytest.raises(CheckpointError, match=r"differ by .* from megatron-core's"):
        parity.write_card(tp1_run.output, str(exported))


def test_another_tokenizer_json_is_found(tp1_run, exported):
    path = exported / "tokenizer.json"
    tree = json.loads(path.read_text())
    tree["normalizer"] = None
    path.write_text(json.dumps(tree))
    with pytest.raises(CheckpointError, match=r"token ids of .* by transformers are not"):
        parity.write_card(tp1_run.output, str(exported))


def test_without_transformers_there_is_still_a_card(tp1_run, exported, monkeypatch):
    monkeypatch.setattr(parity, "_others", list)
    card = parity.write_card(tp1_run.output, str(exported))
    assert card["logits"]["max_abs_difference"].keys() == {"megatron-core"}
    assert card["tokenizer"]["equal"] == {}


def test_in_a_process_group_the_reference_has_a_process_of_its_own(tp1_run, monkeypatch):
    folder = weights.resolve(Path(tp1_run.output))
    tokens = torch.arange(20).view(2, 10)
    here = parity.megatron_logits(folder, tokens)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    torch.testing.assert_close(parity.megatron_logits(folder, tokens), here, atol=1e-6, rtol=0)
    with pytest.raises(CheckpointError, match=r"logits of .* could not be computed"):
        parity.megatron_logits(folder.parent / "none", tokens)


def test_a_model_too_large_for_the_memory_is_said_to_be(tp1_run, exported, monkeypatch):
    class Nothing:
        available = 0

    monkeypatch.setattr(parity.psutil, "virtual_memory", Nothing)
    card = parity.write_card(tp1_run.output, str(exported))
    assert "GB of memory" in card["logits"]["max_abs_difference"]["megatron-core"]
