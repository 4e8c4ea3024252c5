"""Training a language's CCNet models (arXiv:1911.00359, section 3.3) from a reference text.

SentencePiece unigram pieces over the normalised text, then a 5-gram model of them by KenLM's own
`lmplz`, packed by `build_binary`. The defaults are CCNet's: the first million documents of a
Wikipedia, 65,536 pieces, nothing pruned. The same texts and config give the same bytes.

Text goes from file to file, a few megabytes in memory at a time. Only SentencePiece holds what it
learns pieces from, at about 20 bytes a character: `piece_documents` bounds that.
"""

import io
import itertools
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sentencepiece

from corpus.dedup.normalize import normalize_for_lm
from corpus.errors import ConfigError, DataError
from corpus.lm_config import LmConfig

_CHARS_AT_ONCE = 1 << 20
_LONGEST_LINE = 1 << 30  # bytes: SentencePiece leaves longer ones out, and says so nowhere
_NOTICE_LINES = 5_000
_EXTREMELY_LARGE = 1 << 31  # characters: more than SentencePiece's suffix array indexes by int32
# of SentencePiece's own messages
_TOO_HIGH = re.compile(r"too high.* <= (\d+)")
_TOO_LOW = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")

Notice = Callable[[str, int], None]  # the step, and documents done in it


@dataclass(frozen=True)
class Trained:
    """What a training read and made."""

    documents: int  # with any text
    piece_documents: int  # of them, those that pieces were learnt from
    characters: int  # of them, normalised
    tokens: int  # pieces of them
    vocabulary: int  # pieces of the SentencePiece model
    ngrams: tuple[int, ...]  # by order, after pruning


def train_lm(
    texts: Iterable[str],
    config: LmConfig,
    tools_folder: Path,
    out_folder: Path,
    notice: Notice | None = None,
) -> Trained:
    """Writes `<language>.sp.model` and `<language>.arpa.bin` to `out_folder`.

    `tools_folder` holds KenLM's `lmplz` and `build_binary`; `notice` is told of each step. Scratch
    files in `out_folder` take some ten times the text. ConfigError where the text cannot give as
    many pieces as asked for; DataError where a tool is missing or fails, or there is no text.
    """
    lmplz, build_binary = tools(tools_folder)
    config.require_memory()
    tell = notice or (lambda step, documents: None)
    with tempfile.TemporaryDirectory(prefix=".lm-", dir=out_folder) as name:
        scratch = Path(name)
        lines, pieces, arpa = scratch / "lines", scratch / "pieces", scratch / "arpa"
        documents, characters = _write_lines(texts, config, lines, tell)
        tell("learning pieces", 0)
        model, learnt_from = _train_pieces(lines, documents, characters, config)
        tokens = _write_pieces(lines, model, config.threads, pieces, tell)
        lines.unlink()  # beside what lmplz sorts it would be in the way
        tell("counting n-grams", 0)
        _estimate(lmplz, pieces, arpa, config)
        pieces.unlink()
        tell("packing n-grams", 0)
        packed = scratch / "arpa.bin"
        _run([build_binary, *_packing(config), arpa, packed])
        (out_folder / f"{config.language}.sp.model").write_bytes(model)
        os.replace(packed, out_folder / f"{config.language}.arpa.bin")
        vocabulary = sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size()
        return Trained(documents, learnt_from, characters, tokens, vocabulary, _ngrams(arpa))


def tools(folder: Path) -> tuple[Path, Path]:
    """KenLM's `lmplz` and `build_binary` in a folder; DataError names the one that is not there."""
    return _tool(folder, "lmplz"), _tool(folder, "build_binary")


def _write_lines(
    texts: Iterable[str], config: LmConfig, path: Path, tell: Notice
) -> tuple[int, int]:
    """One line a document, normalised; blank documents are left out. Returns how many, how long."""
    written = characters = 0
    with path.open("w", encoding="utf-8", errors="replace", newline="\n") as out:
        for text in texts:
            line = normalize_for_lm(text)
            if not line or line.isspace():
                continue
            out.write(line + "\n")
            written += 1
            characters += len(line)
            if written % _NOTICE_LINES == 0:
                tell("reading texts", written)
            if written == config.max_documents:
                break
    tell("reading texts", written)
    if not written:
        raise DataError("no text to train a language model on; give a reference that has some")
    return written, characters


def _train_pieces(
    lines: Path, documents: int, characters: int, config: LmConfig
) -> tuple[bytes, int]:
    """The SentencePiece model, and how many documents it was learnt from."""
    model = io.BytesIO()
    longest = config.max_sentence_length or _LONGEST_LINE
    chosen = _Short(_spread(_read_lines(lines), documents, config.piece_documents), longest)
    try:
        # From an iterator to a writer, so that no path of this machine gets into the model.
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(chosen),
            model_writer=model,
            model_type="unigram",
            vocab_size=config.pieces,
            hard_vocab_limit=config.hard_vocab_limit,
            character_coverage=config.character_coverage,
            max_sentence_length=longest,
            num_threads=config.threads,
            train_extremely_large_corpus=characters >= _EXTREMELY_LARGE,
            minloglevel=2,
        )
    except RuntimeError as error:
        if not chosen.passed:
            raise ConfigError(
                f"max_sentence_length={longest} leaves no document to learn pieces from: all "
                f"{documents:,} are longer; raise it, set it to 0 for no limit, or take each line "
                "of a .txt as a document (documents: lines)"
            ) from None
        raise ConfigError(_untrainable(config.pieces, " ".join(str(error).split()))) from None
    return model.getvalue(), chosen.passed


def _untrainable(pieces: int, said: str) -> str:
    """What is wrong with a number of pieces, and the remedy; `said` is SentencePiece's message."""
    most, least = _TOO_HIGH.search(said), _TOO_LOW.search(said)
    if most:
        return (
            f"pieces={pieces} are more than the {most[1]} that this text gives; choose no more, "
            "hard_vocab_limit: false, or more text"
        )
    if least:
        return (
            f"pieces={pieces} are fewer than the {least[1]} that the text's characters take; "
            "choose more, or a lower character_coverage"
        )
    return f"pieces={pieces} cannot be trained from this text; choose another number ({said})"


class _Short:
    """Lines of up to so many bytes of UTF-8, counted: SentencePiece itself would not tell."""

    def __init__(self, lines: Iterator[str], longest: int) -> None:
        self._lines = lines
        self._longest = longest
        self.passed = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            if len(line.encode()) <= self._longest:
                self.passed += 1
                yield line


def _spread(lines: Iterator[str], total: int, wanted: int) -> Iterator[str]:
    """`wanted` of `total` lines at even distances; all where `wanted` is 0 or as many."""
    if not 0 < wanted < total:
        return lines
    return (
        line
        for index, line in enumerate(lines)
        if (index + 1) * wanted // total > index * wanted // total
    )


def _write_pieces(lines: Path, model: bytes, threads: int, path: Path, tell: Notice) -> int:
    """One line of pieces a document, encoded on `threads` cores. Returns how many pieces."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    tokens = done = 0
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for batch in _batches(_read_lines(lines)):
            for pieces in processor.encode(batch, out_type=str, num_threads=threads):
                out.write(" ".join(pieces) + "\n")
                tokens += len(pieces)
            done += len(batch)
            tell("encoding", done)
    return tokens


def _batches(lines: Iterator[str]) -> Iterator[list[str]]:
    """Runs of lines of about a megabyte, whatever the length of one."""
    batch: list[str] = []
    waiting = 0
    for line in lines:
        batch.append(line)
        waiting += len(line)
        if waiting >= _CHARS_AT_ONCE:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch


def _estimate(lmplz: Path, pieces: Path, arpa: Path, config: LmConfig) -> None:
    # The fallback only serves texts too small to estimate every discount of Kneser-Ney from.
    command: list[str | Path] = [lmplz, "--order", str(config.order), "--discount_fallback"]
    command += ["--memory", config.memory, "--temp_prefix", f"{arpa.parent}/sort-"]
    command += ["--vocab_estimate", str(config.pieces)]
    if config.prune:
        command += ["--prune", *map(str, config.prune)]
    _run([*command, "--skip_symbols", "--text", pieces, "--arpa", arpa])


def _packing(config: LmConfig) -> list[str]:
    options = []
    if config.structure == "trie":
        options += ["-S", config.memory]
    if config.pointer_bits:
        options += ["-a", str(config.pointer_bits)]
    if config.quantize_bits:
        options += ["-q", str(config.quantize_bits), "-b", str(config.quantize_bits)]
    return [*options, config.structure]


def _ngrams(arpa: Path) -> tuple[int, ...]:
    """How many n-grams of each order, from the head of an ARPA file."""
    with arpa.open(encoding="utf-8", errors="replace") as lines:
        head = itertools.takewhile(lambda line: not line.startswith("\\1-grams"), lines)
        return tuple(int(line.partition("=")[2]) for line in head if line.startswith("ngram "))


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
