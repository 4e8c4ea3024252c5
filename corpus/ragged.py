"""An Arrow string array as kernels see it: one array of bytes, and where each text begins in it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_OFFSETS = {pa.string(): np.int32, pa.large_string(): np.int64}


def utf8_bytes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a string array, uint8, and [D + 1] int64 offsets: text d is from d to d + 1.

    No copy of the text where none is null. A null counts as empty; the first offset of a slice is
    not 0.
    """
    if texts.null_count:
        texts = pc.fill_null(texts, "")
    _, offsets, content = texts.buffers()
    # Arrow may give an array without text no buffers.
    starts = np.frombuffer(offsets or bytes(8), _OFFSETS[texts.type])
    data = np.frombuffer(content or b"\0", np.uint8)
    data.flags.writeable = False  # always, as kernels are compiled for either
    return data, starts[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
