"""C4's rules over a batch of pages: the kernel, and for the few pages it leaves, the plain form."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.c4.rules import KEPT, LINES, VERDICTS, Rules, clean
from corpus.kernels.c4_page import SLOW, clean_pages
from corpus.ragged import utf8_bytes


class CleanedPages(NamedTuple):
    """What became of each page of a batch."""

    verdicts: pa.StringArray  # [N] of VERDICTS
    texts: pa.LargeStringArray  # [N], of a page that is not kept its text as it was
    # [N] of each line of the cleaned text, its number among those of the page; None: not kept
    lines: list[np.ndarray | None]


def clean_batch(texts: pa.Array, rules: Rules, counts: Counter[str]) -> CleanedPages:
    """Applies a preset's rules to every text; null counts as empty; counts lines by their fate."""
    data, offsets = utf8_bytes(texts)
    numbers = np.array(
        [rules.min_words, rules.min_sentences, rules.max_chars, rules.whole_page], np.int64
    )
    out, ends, verdicts, lines, line_ends, by_line = clean_pages(data, offsets, numbers)
    for name, count in zip(LINES, by_line.tolist(), strict=True):
        counts[name] += count
    starts = np.concatenate([np.zeros(1, np.int64), ends])
    cleaned = pa.Array.from_buffers(
        pa.large_string(), len(texts), [None, pa.py_buffer(starts), pa.py_buffer(out)]
    )
    names = [VERDICTS[v] if v != SLOW else "" for v in verdicts.tolist()]
    bounds = [0, *line_ends.tolist()]
    kept_lines: list[np.ndarray | None] = [
        lines[start:end] if name == KEPT else None
        for name, (start, end) in zip(names, pairwise(bounds), strict=True)
    ]
    slow = np.flatnonzero(verdicts == SLOW)
    if len(slow):
        pages = [clean(texts[int(at)].as_py() or "", rules, counts) for at in slow]
        replaced = pa.array([page.text for page in pages], pa.large_string())
        cleaned = pc.replace_with_mask(cleaned, pa.array(verdicts == SLOW), replaced)
        for at, page in zip(slow.tolist(), pages, strict=True):
            names[at] = page.verdict
            kept_lines[at] = np.array(page.lines, np.int32) if page.verdict == KEPT else None
    kept = pa.array([name == KEPT for name in names], pa.bool_())
    whole = texts.cast(pa.large_string())
    return CleanedPages(pa.array(names, pa.string()), pc.if_else(kept, cleaned, whole), kept_lines)


def chosen_lines(line_ids: pa.ListArray, chosen: Sequence[np.ndarray | None]) -> pa.ListArray:
    """Of each page the ids at the chosen places; where there is None, all of them."""
    values, offsets = line_ids.values.to_numpy(), line_ids.offsets.to_numpy()
    ids = [values[start:end] for start, end in pairwise(offsets.tolist())]
    ids = [old if at is None else old[at] for old, at in zip(ids, chosen, strict=True)]
    ends = np.cumsum([0, *map(len, ids)], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, np.concatenate([np.empty(0, np.int32), *ids]))
