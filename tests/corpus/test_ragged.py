"""What kernels are given of Arrow's string arrays."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from corpus.annotate.lm_lines import lines_of
from corpus.dedup.lines import document_line_hashes, line_hashes
from corpus.ragged import utf8_bytes

TEXTS = ["left out", "one", None, "", "zwei é"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_slices_nulls_and_nothing(kind: pa.DataType) -> None:
    data, offsets = utf8_bytes(pa.array(TEXTS, kind).slice(1))
    found = [data[i:j].tobytes().decode() for i, j in pairwise(offsets)]
    assert found == ["one", "", "", "zwei é"]
    assert utf8_bytes(pa.array([], kind))[1].tolist() == [0]


def test_what_stands_under_a_null_is_no_text() -> None:
    """Arrow lets a null have bytes."""
    offsets, valid = np.array([0, 3, 5], np.int64), b"\x02"
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(b"abcde")]
    texts = pa.Array.from_buffers(pa.large_string(), 2, buffers)
    assert lines_of(texts, np.arange(2)).values.tobytes() == b"de"
    hashes = [document_line_hashes(""), document_line_hashes("de")]
    assert line_hashes(texts).tolist() == np.concatenate(hashes).tolist()
