"""Samples out of mapped token shards: the loader's one copy, from narrow tokens to int64.

The shards of a run are thousands of arrays, more than a kernel can be given; it is given their
addresses. Whoever calls keeps the arrays alive meanwhile.
"""

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from corpus.kernels import inner, kernel


@kernel
def fill_rows(
    positions: np.ndarray,
    starts: np.ndarray,
    addresses: np.ndarray,
    item_bytes: np.ndarray,
    checked: np.ndarray,
    block_bytes: int,
    marks: np.ndarray,
    begin: int,
    rows: np.ndarray,
) -> int:
    """Fills rows[begin:] of rows [N, W] int64 with the W tokens from positions [N] int64 on.

    starts [shards + 1] int64: position of each shard's first token, and of the end; no shard is
    empty. addresses [shards] uint64: where it lies in memory, 0 where it is not mapped.
    item_bytes [shards]: 2 or 4, of a token. checked [shards] uint64: where the marks lie, a byte a
    block, under which a shard's tokens were last found sound.
    marks [N] uint8: the mark that each row's blocks need.
    Returns N, or the row that wants a shard not mapped or a block not checked.
    """
    width = rows.shape[1]
    for i in range(begin, len(rows)):
        shard = np.searchsorted(starts, positions[i], side="right") - 1
        place = positions[i] - starts[shard]
        filled = 0
        while filled < width:
            if addresses[shard] == 0:
                return i
            count = min(width - filled, starts[shard + 1] - starts[shard] - place)
            begins, ends = place * item_bytes[shard], (place + count) * item_bytes[shard]
            sound = carray(_uint8(checked[shard]), (ends - 1) // block_bytes + 1)
            for block in range(begins // block_bytes, len(sound)):
                if sound[block] != marks[i]:
                    return i
            first = addresses[shard] + np.uint64(begins)
            part = rows[i, filled : filled + count]
            if item_bytes[shard] == 2:
                _widen(carray(_uint16(first), count), part)
            else:
                _widen(carray(_uint32(first), count), part)
            filled += count
            shard += 1
            place = 0
    return len(rows)


@inner
def _widen(tokens: np.ndarray, part: np.ndarray) -> None:
    for j in range(len(part)):
        part[j] = tokens[j]


def _pointer(kind: types.Type) -> Any:
    """An intrinsic that takes an address for a pointer to items of a type."""

    @intrinsic
    def pointer(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.uint64), generate

    return pointer


_uint8 = _pointer(types.uint8)
_uint16 = _pointer(types.uint16)
_uint32 = _pointer(types.uint32)
