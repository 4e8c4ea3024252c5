"""Training a language's CCNet models (arXiv:1911.00359, section 3.3) from a reference text.

SentencePiece unigram pieces over the normalised text, then a 5-gram model of them by KenLM's own
`lmplz`, packed by `build_binary`. The defaults are CCNet's: the first million documents of a
Wikipedia, 65,536 pieces, nothing pruned. The same texts and config give the same bytes.
"""

import io
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import sentencepiece

from corpus.dedup.normalize import normalize_for_lm
from corpus.errors import ConfigError, DataError

_LINES_AT_ONCE = 1024
_LONGEST_LINE = 1 << 30  # bytes: SentencePiece leaves longer ones out, and says so nowhere


@dataclass(frozen=True)
class LmConfig:
    """What the models are; KenLM is compiled for orders up to 6."""

    language: str = "en"
    pieces: int = 65_536
    character_coverage: float = 0.9995
    order: int = 5
    prune: tuple[int, ...] = ()  # n-grams seen so often or less go, an entry an order
    max_documents: int = 1_000_000
    memory: str = "1G"  # of lmplz, in sort's form: 1G, 20%
    threads: int = 2  # of SentencePiece; another number may give other pieces

    def __post_init__(self) -> None:
        if not 2 <= self.order <= 6:
            raise ConfigError(f"order={self.order} must be 2 to 6, as KenLM is compiled")
        rising = tuple(sorted(self.prune)) == self.prune
        if self.prune and (len(self.prune) > self.order or self.prune[0] != 0 or not rising):
            raise ConfigError(
                f"prune={list(self.prune)} must begin with 0, not fall, and have at most "
                f"order={self.order} entries, as 0, 0, 1"
            )


def train_lm(texts: Iterable[str], config: LmConfig, tools_folder: Path, out_folder: Path) -> None:
    """Writes `<language>.sp.model` and `<language>.arpa.bin` to `out_folder`.

    `tools_folder` holds KenLM's `lmplz` and `build_binary`. ConfigError where the text cannot give
    as many pieces as asked for; DataError where a tool is missing or fails, or there is no text.
    """
    lmplz, build_binary = tools(tools_folder)
    with tempfile.TemporaryDirectory(prefix=".lm-", dir=out_folder) as name:
        scratch = Path(name)
        lines, pieces, arpa = scratch / "lines", scratch / "pieces", scratch / "arpa"
        _write_lines(texts, config, lines)
        model = _train_pieces(lines, config)
        _write_pieces(lines, model, pieces)
        # The fallback only serves texts too small to estimate every discount of Kneser-Ney from.
        estimate: list[str | Path] = [lmplz, "--order", str(config.order), "--discount_fallback"]
        estimate += ["--memory", config.memory, "--temp_prefix", f"{scratch}/sort-"]
        if config.prune:
            estimate += ["--prune", *map(str, config.prune)]
        _run([*estimate, "--skip_symbols", "--text", pieces, "--arpa", arpa])
        packed = scratch / "arpa.bin"
        _run([build_binary, arpa, packed])
        (out_folder / f"{config.language}.sp.model").write_bytes(model)
        os.replace(packed, out_folder / f"{config.language}.arpa.bin")


def tools(folder: Path) -> tuple[Path, Path]:
    """KenLM's `lmplz` and `build_binary` in a folder; DataError names the one that is not there."""
    return _tool(folder, "lmplz"), _tool(folder, "build_binary")


def _write_lines(texts: Iterable[str], config: LmConfig, path: Path) -> None:
    """One line a document, normalised; blank documents are left out."""
    written = 0
    with path.open("w", encoding="utf-8", errors="replace", newline="\n") as out:
        for text in islice(texts, config.max_documents):
            line = normalize_for_lm(text)
            if line and not line.isspace():
                out.write(line + "\n")
                written += 1
    if not written:
        raise DataError("no text to train a language model on; give a reference that has some")


def _train_pieces(lines: Path, config: LmConfig) -> bytes:
    model = io.BytesIO()
    try:
        # From an iterator to a writer, so that no path of this machine gets into the model.
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_read_lines(lines),
            model_writer=model,
            model_type="unigram",
            vocab_size=config.pieces,
            character_coverage=config.character_coverage,
            max_sentence_length=_LONGEST_LINE,
            num_threads=config.threads,
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = " ".join(str(error).split()[-40:])
        raise ConfigError(
            f"pieces={config.pieces} cannot be trained from this text; choose another number, or "
            f"more text ({reason})"
        ) from None
    return model.getvalue()


def _write_pieces(lines: Path, model: bytes, path: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    reader = _read_lines(lines)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        while batch := list(islice(reader, _LINES_AT_ONCE)):
            encoded = processor.encode(batch, out_type=str)
            out.writelines(" ".join(pieces) + "\n" for pieces in encoded)


def _read_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield line.removesuffix("\n")


def _tool(folder: Path, name: str) -> Path:
    path = folder / name
    if not os.access(path, os.X_OK):
        raise DataError(f"no {name} of KenLM at {path}; `make setup` builds it")
    return path


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = " ".join(done.stderr.split()[-60:])
        raise DataError(f"{command[0]} failed with status {done.returncode}: {said}")
