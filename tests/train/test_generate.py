"""Sampling: what temperature and top-p let through, and the cache that must not show."""

import pytest
import torch

from corpus.errors import CheckpointError, ConfigError
from tokenizer.encode import Encoder
from train.export import export
from train.generate import encode_prompt, generate, load, sample, stream

# Probabilities 0.5, 0.3, 0.15, 0.05 of tokens 2, 0, 3, 1.
LOGITS = torch.tensor([0.3, 0.05, 0.5, 0.15]).log()


def drawn(temperature, top_p):
    random = torch.Generator().manual_seed(0)
    return {sample(LOGITS, temperature, top_p, random) for _ in range(300)}


def test_top_p_keeps_the_likeliest_tokens_that_reach_it():
    assert drawn(1.0, 1.0) == {0, 1, 2, 3}
    assert drawn(1.0, 0.9) == {0, 2, 3}
    assert drawn(1.0, 0.7) == {0, 2}
    assert drawn(1.0, 0.01) == {2}


def test_temperature_zero_takes_the_likeliest():
    assert drawn(0.0, 1.0) == {2}


def test_a_low_temperature_sharpens():
    random = torch.Generator().manual_seed(0)
    cold = [sample(LOGITS, 0.3, 1.0, random) for _ in range(1000)]
    # 0.5 to the power of 1/0.3, of the sum of all four's: 0.836.
    assert cold.count(2) / 1000 == pytest.approx(0.836, abs=0.04)


def test_the_cache_changes_nothing(tp1_run):
    model = load(tp1_run.output)
    tokens = torch.randint(0, 320, (2, 20), generator=torch.Generator().manual_seed(0))
    whole, cache = model.logits(tokens), {}
    parts = [model.logits(part, cache) for part in tokens.split([7, 1, 5, 7], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-4)


def test_a_checkpoint_and_its_export_write_the_same_text(tp1_run, tmp_path):
    export(tp1_run.output, str(tmp_path), tp1_run.tokenizer)
    prompt = "a"
    texts = [generate(d, tp1_run.tokenizer, prompt, seed=3) for d in (tp1_run.output, tmp_path)]
    assert texts[0] == texts[1]
    assert texts[0].startswith(prompt)
    assert len(texts[0]) > len(prompt)
    assert generate(tp1_run.output, tp1_run.tokenizer, prompt, seed=4) != texts[0]


def test_no_more_tokens_than_asked_for_or_than_the_model_has_positions(tp1_run):
    short = generate(tp1_run.output, tp1_run.tokenizer, "", max_tokens=2)
    long = generate(tp1_run.output, tp1_run.tokenizer, "", max_tokens=10_000)
    assert len(short) < len(long)
    assert long.startswith(short)


def test_a_stream_is_the_text_in_parts(tp1_run):
    settings = (tp1_run.output, tp1_run.tokenizer, "a")
    parts = list(stream(*settings, temperature=2.0, top_p=1.0, seed=5))
    assert parts[0] == "a"
    assert len(parts) > 5
    assert "".join(parts) == generate(*settings, temperature=2.0, top_p=1.0, seed=5)


def test_bytes_of_one_character_come_out_together(tp1_run, monkeypatch):
    encoder = Encoder(tp1_run.tokenizer)
    wanted = iter([*encode_prompt(encoder, "é🎉 b")[1:], encoder.eos_id])
    monkeypatch.setattr("train.generate.sample", lambda *_: next(wanted))
    parts = list(stream(tp1_run.output, tp1_run.tokenizer, ""))
    assert "".join(parts) == "é🎉 b"
    assert not any("\ufffd" in part for part in parts)


def test_the_end_token_ends_the_text(tp1_run, monkeypatch):
    encoder = Encoder(tp1_run.tokenizer)
    answers = iter([5, encoder.eos_id])  # a third would raise
    monkeypatch.setattr("train.generate.sample", lambda *_: next(answers))
    text = generate(tp1_run.output, tp1_run.tokenizer, "a")
    assert text == encoder.decode([*encode_prompt(encoder, "a"), 5])


def test_a_prompt_longer_than_the_model_is_an_error(tp1_run):
    with pytest.raises(ConfigError, match="the model 32 positions; shorten it"):
        generate(tp1_run.output, tp1_run.tokenizer, "word " * 40)


def test_another_tokenizer_of_the_same_size_is_an_error_that_names_both(
    tp1_run, other_tokenizer, tmp_path
):
    export(tp1_run.output, str(tmp_path), tp1_run.tokenizer)
    hashes = [Encoder(path).hash[:16] for path in (other_tokenizer, tp1_run.tokenizer)]
    for model in (tp1_run.output, str(tmp_path)):
        with pytest.raises(
            ConfigError, match=f"is tokenizer {hashes[0]}, the model's is {hashes[1]};"
        ):
            generate(model, other_tokenizer)


def test_no_model_is_an_error(tp1_run, tmp_path):
    with pytest.raises(CheckpointError, match="no model in"):
        generate(str(tmp_path / "none"), tp1_run.tokenizer)


@pytest.mark.parametrize("temperature", [1e-45, 1e-300, 5e-324])
def test_the_lowest_temperatures_take_the_likeliest(temperature):
    assert drawn(temperature, 1.0) == {2}


def test_the_highest_temperature_takes_any():
    assert drawn(1e308, 1.0) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"top_p": 0}, "top_p=0"),
        ({"seed": 2**64}, r"seed=18446744073709551616: choose 0 to 2\^64 - 1"),
        ({"seed": -1}, "seed=-1: choose"),
        ({"prompt": "caf\udce9"}, "the prompt 'caf.udce9' is no UTF-8 after 3 characters"),
    ],
)
def test_a_setting_out_of_range_is_an_error(tp1_run, setting, told):
    with pytest.raises(ConfigError, match=told):
        generate(tp1_run.output, tp1_run.tokenizer, **setting)


def test_the_highest_seed_is_one(tp1_run):
    assert generate(tp1_run.output, tp1_run.tokenizer, "a", max_tokens=1, seed=2**64 - 1)
