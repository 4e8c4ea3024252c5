"""A small LLaMA of random weights as a Hugging Face folder, with a tokenizer of its own."""

import json
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tokenizer.train import TokenizerConfig, train
from train.tokenizer_json import tokenizer_json

VOCAB = 300


def small_llama(vocab, kind=LlamaForCausalLM, **changes):
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=32,
        num_attention_heads=2,
        num_hidden_layers=1,
        intermediate_size=48,
        vocab_size=vocab,
        max_position_embeddings=128,
        initializer_range=0.3,
        **changes,
    )
    return kind(config)


def small_hf(folder: Path) -> Path:
    words = "which of these is a colour red seven answer question the he she ran left".split()
    texts = [" ".join(words[n % 5 :] + words[n % 9 :]) + "?" for n in range(60)]
    folder.mkdir()
    model = str(folder / "tokenizer.model")
    train(texts, TokenizerConfig(VOCAB), model)
    small_llama(VOCAB).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(model)))
    facts = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))
    return folder
