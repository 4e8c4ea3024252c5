"""Many records' blocks at once into Arrow columns of titles and texts, without a Python string.

What CCNet does to a record's lines (section 3.1) is compiled (`corpus.kernels.blocks`). Here the
blocks are joined for it and made valid: bytes that are not UTF-8 become U+FFFD.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from corpus.kernels.blocks import title_and_text


class Texts(NamedTuple):
    """The titles and texts of those blocks that are long enough, in order."""

    titles: pa.StringArray  # [kept]
    texts: pa.LargeStringArray  # [kept]
    num_chars: np.ndarray  # [blocks] int64, of the text of each block, kept or not


def split_blocks(
    blocks: Sequence[bytes], record_end: bytes, *, one_stays: bool, min_chars: int
) -> Texts:
    """Titles and texts of blocks, each followed by `record_end`; under 2 GiB in all.

    With an empty `record_end` each block but the last must itself end in a newline. Blank last
    lines go: two of them or one, but a single one only if not `one_stays`.
    """
    data = record_end.join([*blocks, b""])
    if not _is_utf8(data):
        blocks = [_valid(block) for block in blocks]
        data = record_end.join([*blocks, b""])
    sizes = np.fromiter(map(len, blocks), np.int64, len(blocks))
    titles, title_ends, texts, text_ends, num_chars = title_and_text(
        np.frombuffer(data, np.uint8), np.cumsum(sizes + len(record_end)), one_stays, min_chars
    )
    kept = num_chars >= min_chars
    return Texts(
        _strings(pa.string(), titles, title_ends[kept].astype(np.int32)),
        _strings(pa.large_string(), texts, text_ends[kept]),
        num_chars,
    )


def _is_utf8(data: bytes) -> bool:
    whole = _strings(
        pa.large_string(), np.frombuffer(data, np.uint8), np.array([len(data)], np.int64)
    )
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _valid(block: bytes) -> bytes:
    return block.decode("utf-8", "replace").encode()


def _strings(kind: pa.DataType, data: np.ndarray, ends: np.ndarray) -> pa.Array:
    offsets = np.concatenate([np.zeros(1, ends.dtype), ends])
    return pa.Array.from_buffers(kind, len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
