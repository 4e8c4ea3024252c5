"""What a language model trained here is: its config, and what of it is refused before any work."""

import os
import re
from dataclasses import dataclass
from typing import Literal

from corpus.errors import ConfigError

_UNITS = "bKMGT"
_SHIFTS = {unit: 10 * index for index, unit in enumerate(_UNITS)}
_MEMORY = re.compile(rf"[1-9]\d*[{_UNITS}%]?")  # without a unit it is of K, as in sort
_LEAST = 1 << 20  # bytes: what lmplz sorts in
_HASH_BYTES = 24  # a piece, of the next power of two


@dataclass(frozen=True)
class LmConfig:
    """What the models are; KenLM is compiled for orders up to 6."""

    language: str = "en"
    pieces: int = 65_536
    hard_vocab_limit: bool = True  # false: fewer pieces, where the text gives no more
    character_coverage: float = 0.9995
    max_sentence_length: int = 0  # bytes: pieces are learnt from no longer documents; 0: from all
    piece_documents: int = 0  # that pieces are learnt from, evenly spread; 0: all
    order: int = 5
    prune: tuple[int, ...] = ()  # n-grams seen so often or less go, an entry an order
    max_documents: int = 1_000_000
    structure: Literal["probing", "trie"] = "probing"  # a trie is smaller and slower
    quantize_bits: int = 0  # of a trie's probabilities and backoffs; 0: whole floats
    pointer_bits: int = 0  # of a trie's pointers that may be an array of offsets; 0: none
    memory: str = "1G"  # of lmplz and build_binary, in sort's form: 1G, 20%
    threads: int = 2  # of SentencePiece; another number may give other pieces

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.language):
            raise ConfigError(
                f"language='{self.language}' must be a code of letters, digits, - and _, as it "
                "names the files"
            )
        if not 2 <= self.order <= 6:
            raise ConfigError(f"order={self.order} must be 2 to 6, as KenLM is compiled")
        rising = tuple(sorted(self.prune)) == self.prune
        if self.prune and (len(self.prune) > self.order or self.prune[0] != 0 or not rising):
            raise ConfigError(
                f"prune={list(self.prune)} must begin with 0, not fall, and have at most "
                f"order={self.order} entries, as 0, 0, 1"
            )
        if self.structure != "trie" and (self.quantize_bits or self.pointer_bits):
            raise ConfigError(
                f"quantize_bits={self.quantize_bits} and pointer_bits={self.pointer_bits} are of a "
                "trie; set structure: trie, or both to 0"
            )
        if not _MEMORY.fullmatch(self.memory):
            raise ConfigError(
                f"memory='{self.memory}' must be a whole number of b, K, M, G or T, as 4G, or of "
                "hundredths of this machine's, as 20%"
            )
        if not 0 <= self.quantize_bits <= 25:
            raise ConfigError(f"quantize_bits={self.quantize_bits} must be 0 to 25")
        for name in ("max_sentence_length", "piece_documents", "pointer_bits"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}={getattr(self, name)} must be 0 or more")

    def require_memory(self) -> None:
        """ConfigError for more memory than this machine has, or less than lmplz begins with."""
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        number, unit = int(self.memory.rstrip(_UNITS + "%")), self.memory[-1]
        given = number * machine // 100 if unit == "%" else number << _SHIFTS.get(unit, 10)
        least = _LEAST + (_HASH_BYTES << self.pieces.bit_length())
        if not least <= given <= machine:
            raise ConfigError(
                f"memory={self.memory} must be at least {-(-least >> 20)}M, for pieces="
                f"{self.pieces}, and at most {machine >> 20}M, which is all of this machine's"
            )
