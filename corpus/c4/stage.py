"""The stage `cleaned/<source>`: texts by C4's rules, each with what the rules say of its page.

A page that a rule drops stays here with its text as it was, and its verdict goes to the ledger
(column `c4`), so that a rule of the config drops it and `altiplano explain` can say why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema, storage
from corpus.batches import counted, read_batches, unit_name
from corpus.c4.pages import chosen_lines, clean_batch
from corpus.c4.rules import BAD_WORD, KEPT, PRESETS, Preset, bad_words_search
from corpus.counts import Counts
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.stage import Stage


@dataclass(frozen=True)
class C4RulesConfig:
    """Which published list of C4's rules a source's texts go through.

    `bad_words` is a file of one word or phrase a line; a page with one of them is dropped. They
    count on their own only, or if not `words_apart` anywhere, as Japanese, Thai and Chinese need.
    `dedup` is the list's last step: what is repeated over the whole set goes but for one copy.
    """

    preset: Preset = "none"
    bad_words: str | None = None
    words_apart: bool = True
    dedup: bool = True

    def __post_init__(self) -> None:
        if self.preset == "none" and self.bad_words is not None:
            raise ConfigError("c4.bad_words needs a c4.preset, 'paper' or 'tfds'")

    @property
    def removes_repeats(self) -> bool:
        return self.preset != "none" and self.dedup


def stage(source: str, text: Manifest, config: C4RulesConfig) -> Stage:
    units = [Unit(unit_name(f), (f.sha256,), (text.path(f), config)) for f in text.files]
    inputs = {}
    if config.bad_words is not None:
        inputs["bad_words"] = storage.fingerprint(config.bad_words)
        read_bad_words(config.bad_words)  # told now, not in a task
    return Stage(
        name=f"cleaned/{source}",
        config={"preset": config.preset, "words_apart": config.words_apart},
        units=units,
        inputs=inputs,
        modules=("corpus.c4.stage",),
        work=clean_shard,
    )


def clean_shard(unit: Unit, output: Output) -> None:
    """Writes a shard's texts as the rules leave them."""
    path, config = unit.payload
    cleaned = (clean(batch, config, output.counts) for batch in read_batches(path))
    output.write_table(counted(cleaned, output.counts), schema.CLEANED)


def clean(batch: pa.RecordBatch, config: C4RulesConfig, counts: Counts) -> pa.RecordBatch:
    """DOCUMENT or DEDUPED rows to CLEANED ones, in order."""
    texts = pc.fill_null(batch.column("text"), "")
    num_lines = pc.add(pc.count_substring(texts, "\n"), 1)
    pages = clean_batch(texts, PRESETS[config.preset], counts.totals)
    verdicts = pages.verdicts
    if config.bad_words is not None:
        looked_at = texts if PRESETS[config.preset].whole_page else pages.texts
        bad = _with_bad_words(looked_at, verdicts, config)
        verdicts = pc.if_else(pa.array(bad), BAD_WORD, verdicts)
    kept = pc.equal(verdicts, KEPT)
    for value in verdicts.value_counts().to_pylist():
        counts.add(f"pages: {value['values']}", value["counts"])
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns.setdefault("line_ids", _all_lines(num_lines.to_numpy()))
    chosen = [at if k else None for at, k in zip(pages.lines, kept.to_pylist(), strict=True)]
    columns["line_ids"] = chosen_lines(columns["line_ids"], chosen)
    columns.setdefault("original_nlines", num_lines)
    columns.setdefault("original_length", pc.utf8_length(texts))
    columns["text"] = pc.if_else(kept, pages.texts, texts)
    columns["c4"] = verdicts
    found = [columns[f.name].cast(f.type) for f in schema.CLEANED]
    return pa.RecordBatch.from_arrays(found, schema=schema.CLEANED)


def _all_lines(num_lines: np.ndarray) -> pa.ListArray:
    """[N] lists of the numbers from 0 up to `num_lines` [N]."""
    offsets = np.concatenate([[0], np.cumsum(num_lines)])
    values = np.arange(offsets[-1]) - np.repeat(offsets[:-1], num_lines)
    return pa.ListArray.from_arrays(offsets.astype(np.int32), values.astype(np.int32))


def _with_bad_words(texts: pa.Array, verdicts: pa.Array, config: C4RulesConfig) -> np.ndarray:
    """[N] bool: pages so far kept that have a bad word."""
    assert config.bad_words is not None
    pattern, has = _search(config.bad_words, config.words_apart)
    maybe = pc.and_(pc.equal(verdicts, KEPT), pc.match_substring_regex(texts, pattern))
    found = pc.fill_null(maybe, False).to_numpy(zero_copy_only=False).copy()
    for at in np.flatnonzero(found).tolist():  # what the quick search finds and more
        found[at] = has(texts[at].as_py())
    return found


@lru_cache(maxsize=2)
def _search(location: str, apart: bool) -> tuple[str, Callable[[str], bool]]:
    """A quick pattern that matches every text with a bad word, and the exact search."""
    words = read_bad_words(location)
    return f"(?i){'|'.join(map(_literal, words))}", bad_words_search(words, apart=apart)


def _literal(word: str) -> str:
    return "".join(f"\\x{{{ord(c):x}}}" for c in word)


def read_bad_words(location: str) -> list[str]:
    """The words of a list in small letters; DataError where it has none."""
    content = storage.read_bytes(location)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{location} is not UTF-8 at byte {error.start}; convert it") from None
    words = list(dict.fromkeys(line.strip().lower() for line in lines if line.strip()))
    if not words:
        raise DataError(f"{location} lists no word; give one a line, or no c4.bad_words")
    return words
