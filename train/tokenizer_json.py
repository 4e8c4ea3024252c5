"""A SentencePiece BPE model as the tokenizer.json of Hugging Face's fast tokenizers.

With it the exported folder needs neither sentencepiece nor protobuf, and gives exactly our tokens;
transformers' own conversion drops the prefix of a text that begins with a space. SentencePiece
keeps no list of merges: it joins whichever neighbours make the best-ranked piece. So the list is
made of every way to cut a piece into two others, in the order of the pieces.
"""

from typing import Any

import sentencepiece

_SPACE = "\u2581"


def tokenizer_json(model_path: str) -> dict[str, Any]:
    """The tree of tokenizer.json for the SentencePiece model at `model_path`."""
    model = sentencepiece.SentencePieceProcessor(model_file=model_path)
    pieces = [model.id_to_piece(token) for token in range(model.vocab_size())]
    special = [t for t in range(len(pieces)) if model.is_control(t) or model.is_unknown(t)]
    begin = pieces[model.bos_id()]
    begin_then_text = [
        {"SpecialToken": {"id": begin, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(token, pieces[token]) for token in special],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": _SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": begin_then_text,
            "pair": [*begin_then_text, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {begin: {"id": begin, "ids": [model.bos_id()], "tokens": [begin]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": pieces[model.unk_id()],
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {piece: token for token, piece in enumerate(pieces)},
            "merges": _merges(model, pieces),
        },
    }


def special_tokens(model_path: str) -> dict[str, str]:
    """The tree of special_tokens_map.json: the begin, end and unknown pieces."""
    model = sentencepiece.SentencePieceProcessor(model_file=model_path)
    ids = {"bos_token": model.bos_id(), "eos_token": model.eos_id(), "unk_token": model.unk_id()}
    return {name: model.id_to_piece(token) for name, token in ids.items()}


def tokenizer_config(model_path: str, max_length: int) -> dict[str, Any]:
    """The tree of tokenizer_config.json; a text gets a begin token and no end token."""
    model = sentencepiece.SentencePieceProcessor(model_file=model_path)
    special = [t for t in range(model.vocab_size()) if model.is_control(t) or model.is_unknown(t)]
    added = {str(t): _special(t, model.id_to_piece(t)) for t in special}
    for facts in added.values():
        facts.pop("id")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",  # takes tokenizer.json as it is
        **special_tokens(model_path),
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": added,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],  # a LLaMA takes no token types
        "model_max_length": max_length,
    }


def _merges(model: sentencepiece.SentencePieceProcessor, pieces: list[str]) -> list[list[str]]:
    ranked = [t for t in range(len(pieces)) if not (model.is_control(t) or model.is_byte(t))]
    ranked.sort(key=lambda token: -model.get_score(token))
    known = {pieces[token]: token for token in ranked}
    merges = []
    for piece in (pieces[token] for token in ranked):
        cuts = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        found = [cut for cut in cuts if cut[0] in known and cut[1] in known]
        merges += [list(cut) for cut in sorted(found, key=lambda c: (known[c[0]], known[c[1]]))]
    return merges


def _special(token: int, piece: str) -> dict[str, Any]:
    return {
        "id": token,
        "content": piece,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
