"""Hugging Face folders in: to the bit and back, the same logits, and a line for what is refused."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from corpus.errors import CheckpointError, ConfigError
from tokenizer.encode import Encoder
from train import checkpoint, loop, parallel, setup, weights
from train import import_hf as import_module
from train.config import ModelConfig, ParallelConfig
from train.export import export
from train.generate import generate
from train.import_hf import import_hf
from train.launch import launch
from train.metrics import read
from train.presets import PRESETS, Shape

VOCAB = 320
# Heads of 128 and the feed-forward's ratio as in the paper's table 2, fewer heads and layers.
FAMILIES = {"7b": (16, 2), "13b": (8, 2), "33b": (4, 1), "65b": (16, 2)}
TINY = Shape(dim=64, num_heads=4, num_layers=2, ffn=96, vocab=VOCAB, seq_length=32)


def family(name):
    part, layers = FAMILIES[name]
    shape = PRESETS[name].shape
    assert shape.num_heads % part == shape.ffn % part == 0
    return Shape(
        shape.dim // part, shape.num_heads // part, layers, shape.ffn // part, VOCAB, seq_length=48
    )


def made_folder(folder, shape, tokenizer, dtype=torch.float32, **changes):
    """A Hugging Face folder as transformers writes it, of random weights."""
    torch.manual_seed(3)
    config = LlamaConfig(
        hidden_size=shape.dim,
        num_attention_heads=shape.num_heads,
        num_key_value_heads=shape.num_heads,
        num_hidden_layers=shape.num_layers,
        intermediate_size=shape.ffn,
        vocab_size=shape.vocab,
        max_position_embeddings=shape.seq_length,
        rms_norm_eps=1e-6,
        initializer_range=0.04,
    )
    model = LlamaForCausalLM(config)
    for name, weight in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(weight, 1.0, 0.1)
    model.to(dtype).save_pretrained(folder, **changes)
    shutil.copyfile(tokenizer, folder / "tokenizer.model")
    return folder


@pytest.fixture
def hf(tiny_data, tmp_path):
    return made_folder(tmp_path / "hf", TINY, tiny_data.tokenizer)


def tensors_of(folder):
    found = {}
    for path in folder.glob("*.safetensors"):
        found.update(load_file(path))
    return found


def assert_same_bits(found, wanted):
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_shapes_has_transformers_logits_and_comes_back_to_the_bit(
    name, tiny_data, tiny_config, tmp_path
):
    shape = family(name)
    assert shape.head_dim == 128
    hf = made_folder(tmp_path / "hf", shape, tiny_data.tokenizer, max_shard_size="2MB")
    import_hf(str(hf), str(tmp_path / "run"))
    tokens = torch.randint(0, VOCAB, (2, 48), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = LlamaForCausalLM.from_pretrained(hf, dtype=torch.float32)(tokens).logits
    model = ModelConfig(**dataclasses.asdict(shape))
    config = tiny_config(tmp_path / "run", model=model)
    assert wanted.std() > 0.1
    torch.testing.assert_close(megatron_logits(config, tokens), wanted, atol=1e-4, rtol=0)
    export(str(tmp_path / "run"), str(tmp_path / "back"), tiny_data.tokenizer)
    assert_same_bits(tensors_of(tmp_path / "back"), tensors_of(hf))


def megatron_logits(config, tokens):
    with parallel.joined(config):
        training = setup.build(config)
        identity = checkpoint.Identity(
            config.shape, config.seed, "other data", Encoder(config.tokenizer).hash
        )
        assert checkpoint.load(training, identity, config) == 0
        [model] = training.model
        model.eval()
        positions = torch.arange(tokens.shape[1]).expand_as(tokens)
        with torch.no_grad():
            return model(tokens, positions, None).float()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_bits_come_back_in_each_precision(dtype, tiny_data, tmp_path):
    hf = made_folder(tmp_path / "hf", TINY, tiny_data.tokenizer, dtype)
    import_hf(str(hf), str(tmp_path / "run"))
    export(str(tmp_path / "run"), str(tmp_path / "back"), tiny_data.tokenizer)
    assert_same_bits(tensors_of(tmp_path / "back"), tensors_of(hf))


def test_half_precision_comes_as_float32_of_the_same_values(tiny_data, tmp_path):
    hf = made_folder(tmp_path / "hf", TINY, tiny_data.tokenizer, torch.float16)
    import_hf(str(hf), str(tmp_path / "run"))
    found = dict(weights.read(weights.resolve(tmp_path / "run")))
    assert_same_bits(found, {name: t.float() for name, t in tensors_of(hf).items()})


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_exported_checkpoint_comes_back_to_the_bit(precision, tiny_config, tmp_path):
    config = tiny_config(tmp_path / "run", steps=10, precision=precision)
    assert loop.train(config) == 0
    export(config.output, str(tmp_path / "hf"), config.tokenizer)
    import_hf(str(tmp_path / "hf"), str(tmp_path / "again"))
    wanted, found = (
        dict(weights.read(weights.resolve(tmp_path / run))) for run in ("run", "again")
    )
    assert_same_bits(found, wanted)


def refused(hf, tmp_path, match, error=CheckpointError):
    with pytest.raises(error, match=match) as caught:
        import_hf(str(hf), str(tmp_path / "run"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run/checkpoints/latest.json").exists()


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        (
            {"model_type": "mistral"},
            'model_type="mistral"; the model here is LLaMA\'s with "llama"',
        ),
        ({"num_key_value_heads": 2}, "num_key_value_heads=2; .* with 4"),
        ({"head_dim": 32}, "head_dim=32; .* with 16"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings=true; .* with false"),
        ({"rms_norm_eps": 1e-5}, "rms_norm_eps=1e-05; .* with 1e-06"),
        ({"rope_parameters": {"rope_theta": 5e5}}, "rope_theta=500000.0; .* with 10000"),
        ({"rope_parameters": None, "rope_theta": 5e5}, "rope_theta=500000.0"),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, 'rope_scaling="linear"'),
        ({"attention_bias": True}, "attention_bias=true"),
        ({"hidden_act": "gelu"}, 'hidden_act="gelu"; .* with "silu"'),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"hidden_size": 64.5}, "hidden_size=64.5, which is no number"),
        (
            {"num_attention_heads": 5, "num_key_value_heads": 5, "head_dim": 12},
            "5 heads do not cut",
        ),
        ({"vocab_size": 322}, r"'lm_head.weight' in .* is \[320, 64\], by config.json \[322, 64\]"),
        ({"num_hidden_layers": 3}, "lacks 9 of 30 tensors, first 'model.layers.2.input"),
        ({"num_hidden_layers": 1}, "holds 'model.layers.1.*', which no LLaMA of its config"),
    ],
)
def test_what_is_no_such_llama_is_refused_in_one_line(hf, tmp_path, changed, match):
    path = hf / "config.json"
    tree = {**json.loads(path.read_text()), **changed}
    if "rope_scaling" in changed:
        tree.pop("rope_parameters", None)
    path.write_text(json.dumps(tree))
    refused(hf, tmp_path, match)


def test_a_truncated_file_is_named(hf, tmp_path):
    path = hf / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    refused(hf, tmp_path, "model.safetensors is no whole safetensors file")


def test_a_missing_file_of_several_is_named(tiny_data, tmp_path):
    hf = made_folder(tmp_path / "hf", TINY, tiny_data.tokenizer, max_shard_size="100KB")
    last = sorted(hf.glob("*.safetensors"))[-1]
    last.unlink()
    refused(hf, tmp_path, f"lacks {last.name}, which model.safetensors.index.json names")


def test_mixed_precisions_are_refused(hf, tmp_path):
    tensors = tensors_of(hf)
    tensors["model.norm.weight"] = tensors["model.norm.weight"].bfloat16()
    save_file(tensors, hf / "model.safetensors")
    refused(hf, tmp_path, r"mixes BF16 \('model.norm.weight'\), F32")


def test_a_tokenizer_of_another_size_or_none_is_refused(hf, small_tokenizer, tmp_path):
    shutil.copyfile(small_tokenizer, hf / "tokenizer.model")
    refused(hf, tmp_path, "has 300 pieces, the model 320", ConfigError)
    (hf / "tokenizer.model").unlink()
    refused(hf, tmp_path, "has no tokenizer.model")


def test_a_run_that_has_checkpoints_is_not_overwritten(hf, tmp_path):
    import_hf(str(hf), str(tmp_path / "run"))
    with pytest.raises(ConfigError, match="holds checkpoints"):
        import_hf(str(hf), str(tmp_path / "run"))


def test_an_imports_files_are_checked_as_a_trainings_are(hf, tiny_config, tmp_path, monkeypatch):
    synced = set()
    monkeypatch.setattr(import_module, "flush", lambda path: synced.add(path.name))
    folder = import_hf(str(hf), str(tmp_path / "run"))
    config = tiny_config(tmp_path / "run", steps=10)
    stored = checkpoint.facts(folder)["files"]
    assert stored.keys() == {p.name for p in folder.iterdir()} - {checkpoint.RUN}
    assert {*stored, folder.name, "checkpoints", "run", "tokenizer.model"} <= synced
    path = max(folder.glob("*.distcp"), key=lambda one: one.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=f"{path.name} is damaged"):
        loop.train(config)


def test_buffers_of_old_exports_are_passed_over(hf, tmp_path):
    tensors = tensors_of(hf)
    save_file(
        {**tensors, "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)},
        hf / "model.safetensors",
    )
    import_hf(str(hf), str(tmp_path / "run"))
    assert_same_bits(dict(weights.read(weights.resolve(tmp_path / "run"))), tensors)


def test_a_bf16_run_starts_from_the_whole_fp32_values(hf, tiny_config, tmp_path):
    import_hf(str(hf), str(tmp_path / "run"))
    config = tiny_config(tmp_path / "run", precision="bf16")
    with parallel.joined(config):
        training = setup.build(config)
        data = loop.data_fingerprint(config.manifest)
        identity = checkpoint.Identity(
            config.shape, config.seed, data, Encoder(config.tokenizer).hash
        )
        checkpoint.load(training, identity, config)
        masters = sorted(
            float(param.double().sum())
            for group in training.optimizer.param_groups
            for param in group["params"]
        )
    packed = [
        weights.pack(key, [tensors_of(hf)[name] for name in names], TINY)
        for key, layers in weights.stacked_keys(TINY).items()
        for names in layers
    ]
    assert masters == pytest.approx(sorted(float(t.double().sum()) for t in packed), abs=1e-9)


def test_a_run_goes_on_from_an_import_in_any_layout(tp1_run, tiny_config, tmp_path):
    export(tp1_run.output, str(tmp_path / "hf"), tp1_run.tokenizer)
    losses = []
    for name, layout in (
        ("one", ParallelConfig()),
        ("two", ParallelConfig(processes=2, tp=2, sequence_parallel=True)),
    ):
        import_hf(str(tmp_path / "hf"), str(tmp_path / name))
        text = generate(str(tmp_path / name), tp1_run.tokenizer, "a", seed=3)
        assert text == generate(tp1_run.output, tp1_run.tokenizer, "a", seed=3)
        config = tiny_config(tmp_path / name, parallel=layout, steps=8, seed=7)
        assert launch(config) == 0
        losses.append([row["loss"] for row in read(tmp_path / name / "metrics.jsonl")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    first, _ = Path(tp1_run.output, "metrics.jsonl").read_text().split("\n", 1)
    assert losses[0][0] < json.loads(first)["loss"] - 0.3  # it has learnt already
