"""The exported folder is what transformers takes it for: same logits, same token ids."""

import dataclasses
import json

import pytest
import torch
from made_text import documents
from transformers import AutoTokenizer, LlamaForCausalLM, LlamaTokenizer

from corpus.errors import CheckpointError, ConfigError
from tokenizer.encode import Encoder
from train import loop, parallel, setup
from train.checkpoint import Identity, load
from train.export import export
from train.generate import encode_prompt

TEXTS = [
    *documents("web", 3),
    "",
    " begins with a space, then  two",
    "\n\ttabs\tand lines\r\n\n",
    "digits 1234567890",
    "accents naïve, 漢字, العربية, 🎉👩‍👩‍👧, unassigned \U000e0fff",
    "trailing space ",
]


@pytest.fixture(scope="module", params=["tp1", "tp2"])
def run(request):
    return request.getfixturevalue(f"{request.param}_run")


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("hf") / "model"
    export(run.output, str(out), run.tokenizer)
    return out


def test_logits_are_the_trained_models(run, exported, tp1_run):
    tokens = torch.randint(
        0, run.shape.vocab, (3, run.shape.seq_length), generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        found = LlamaForCausalLM.from_pretrained(exported, dtype=torch.float32)(tokens).logits
    torch.testing.assert_close(found, _megatron_logits(run, tp1_run, tokens), atol=1e-4, rtol=0)


def _megatron_logits(run, tp1_run, tokens):
    """By megatron-core's own model on one process, whatever layout saved the checkpoint."""
    config = dataclasses.replace(tp1_run, output=run.output)
    with parallel.joined(config):
        training = setup.build(config)
        data = loop.data_fingerprint(config.manifest)
        tokenizer = Encoder(config.tokenizer).hash
        assert load(training, Identity(config.shape, config.seed, data, tokenizer), config) == 40
        positions = torch.arange(tokens.shape[1]).expand_as(tokens)
        [model] = training.model
        model.eval()
        with torch.no_grad():
            return model(tokens, positions, None)


def test_token_ids_are_ours(run, exported):
    encoder = Encoder(run.tokenizer)
    theirs = AutoTokenizer.from_pretrained(exported)
    for text in TEXTS:
        ids = theirs(text)["input_ids"]
        assert ids == encode_prompt(encoder, text), text
        assert theirs.decode(ids, skip_special_tokens=True) == text


def test_the_llama_tokenizer_class_loads_it_too(run, exported):
    theirs, encoder = LlamaTokenizer.from_pretrained(exported), Encoder(run.tokenizer)
    for text in documents("code", 3):
        assert theirs(text)["input_ids"] == encode_prompt(encoder, text)
    assert (theirs.bos_token_id, theirs.eos_token_id) == (encoder.bos_id, encoder.eos_id)


def test_the_folder_says_all_that_vllm_and_llama_cpp_ask(run, exported):
    """What their loaders of 2026 read of a LLaMA: vllm/model_executor/models/llama.py, and
    llama.cpp's conversion/llama.py with gguf/vocab.py."""
    config = json.loads((exported / "config.json").read_text())
    asked = """architectures model_type hidden_size intermediate_size num_hidden_layers hidden_act
        num_attention_heads num_key_value_heads head_dim vocab_size max_position_embeddings
        rms_norm_eps rope_theta attention_bias mlp_bias tie_word_embeddings dtype torch_dtype
        bos_token_id eos_token_id""".split()
    assert not [key for key in asked if config.get(key) is None]
    tokenizer = json.loads((exported / "tokenizer_config.json").read_text())
    assert (tokenizer["add_bos_token"], tokenizer["add_eos_token"]) == (True, False)
    added = {int(key): row["content"] for key, row in tokenizer["added_tokens_decoder"].items()}
    assert added == {0: "<unk>", 1: "<s>", 2: "</s>"}
    special = json.loads((exported / "special_tokens_map.json").read_text())
    assert special == {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    generation = json.loads((exported / "generation_config.json").read_text())
    assert (generation["bos_token_id"], generation["eos_token_id"]) == (1, 2)


def test_a_large_model_goes_into_several_files(tp1_run, exported, tmp_path):
    export(tp1_run.output, str(tmp_path), tp1_run.tokenizer, max_file_bytes=100_000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert len(files) > 2
    assert sorted(set(index["weight_map"].values())) == files
    whole, info = LlamaForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert index["metadata"]["total_size"] == 4 * tp1_run.shape.num_parameters
    assert sum(p.numel() for p in whole.parameters()) == tp1_run.shape.num_parameters


def test_exporting_over_an_older_export_leaves_none_of_it(tp1_run, tmp_path):
    export(tp1_run.output, str(tmp_path), tp1_run.tokenizer, max_file_bytes=100_000)
    export(tp1_run.output, str(tmp_path), tp1_run.tokenizer)
    assert [path.name for path in tmp_path.glob("model*")] == ["model.safetensors"]


def test_every_file_may_be_read_by_whom_the_umask_lets(tp1_run, exported):
    modes = {path.name: path.stat().st_mode & 0o777 for path in exported.iterdir()}
    assert set(modes.values()) == {modes["config.json"]}, modes


def test_no_checkpoint_is_an_error(tp1_run, tmp_path):
    with pytest.raises(CheckpointError, match="is no whole checkpoint"):
        export(str(tmp_path), str(tmp_path / "hf"), tp1_run.tokenizer)


def test_another_tokenizer_of_the_same_size_is_an_error_that_names_both(
    tp1_run, other_tokenizer, tmp_path
):
    hashes = [Encoder(path).hash[:16] for path in (other_tokenizer, tp1_run.tokenizer)]
    with pytest.raises(ConfigError, match=f"is tokenizer {hashes[0]}, the model's is {hashes[1]};"):
        export(tp1_run.output, str(tmp_path / "hf"), other_tokenizer)
    assert not (tmp_path / "hf").exists()
