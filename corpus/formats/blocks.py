"""Many records' blocks at once into Arrow columns of titles and texts, without a Python string.

What CCNet does to a record's lines (section 3.1) is compiled (`corpus.kernels.blocks`). Here the
blocks are joined for it and made valid: bytes that are not UTF-8 become U+FFFD.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from corpus.formats.records import RECORD_END
from corpus.kernels.blocks import title_and_text
from corpus.kernels.utf8 import is_utf8


class Texts(NamedTuple):
    """The titles and texts of those blocks that are long enough, in order."""

    titles: pa.StringArray  # [kept]
    texts: pa.LargeStringArray  # [kept]
    num_chars: np.ndarray  # [blocks] int64, of the text of each block, kept or not
    replaced: np.ndarray  # [blocks] bool: had bytes that are not UTF-8
    marked: bool  # whether any block has a line `WARC/1.0`, white space around it aside


def split_blocks(blocks: Sequence[bytes], *, one_stays: bool, min_chars: int) -> Texts:
    """Titles and texts of records' blocks, under 2 GiB in all; see `split_spans`."""
    data = RECORD_END.join([*blocks, b""])
    ends = np.cumsum([len(block) + len(RECORD_END) for block in blocks], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)]
    return split_spans(data, starts, ends, one_stays=one_stays, min_chars=min_chars)


def split_spans(
    data: bytes | memoryview,
    starts: np.ndarray,
    ends: np.ndarray,
    *,
    one_stays: bool,
    min_chars: int,
) -> Texts:
    """Titles and texts of the blocks at `starts` to `ends` ([N] int64), the record's end included.

    Blank last lines go: two of them or one, but a single one only if not `one_stays`.
    """
    replaced = np.zeros(len(starts), bool)
    if not is_utf8(np.frombuffer(data, np.uint8)):
        raw = [data[i:j] for i, j in zip(starts, ends, strict=True)]
        blocks = [_valid(block) for block in raw]
        replaced[:] = [old != new for old, new in zip(raw, blocks, strict=True)]
        data, ends = b"".join(blocks), np.cumsum([len(block) for block in blocks], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)]
    titles, title_ends, texts, text_ends, num_chars, marked = title_and_text(
        np.frombuffer(data, np.uint8), starts, ends, one_stays, min_chars
    )
    kept = num_chars >= min_chars
    return Texts(
        _strings(pa.string(), titles, title_ends[kept].astype(np.int32)),
        _strings(pa.large_string(), texts, text_ends[kept]),
        num_chars,
        replaced,
        bool(marked),
    )


def _valid(block: bytes | memoryview) -> bytes:
    return str(block, "utf-8", "replace").encode()


def _strings(kind: pa.DataType, data: np.ndarray, ends: np.ndarray) -> pa.Array:
    offsets = np.concatenate([np.zeros(1, ends.dtype), ends])
    return pa.Array.from_buffers(kind, len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
