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
def blocks_due(
    positions: np.ndarray,
    width: int,
    starts: np.ndarray,
    addresses: np.ndarray,
    item_bytes: np.ndarray,
    checked: np.ndarray,
    block_bytes: int,
    marks: np.ndarray,
    due: np.ndarray,
) -> int:
    """What must be mapped or checked before the `width` tokens from each of positions are copied.

    positions [N] int64. starts [shards + 1] int64: position of each shard's first token, and of the
    end; no shard is empty. addresses [shards] uint64: where it lies in memory, 0 where it is not
    mapped. item_bytes [shards]: 2 or 4, of a token. checked [shards] uint64: where the marks lie, a
    byte a block, under which a shard's tokens were last found sound. marks [N] uint8: the mark that
    the blocks of each window need.
    Fills due [M, 3] int64 with (shard, block, mark) for each block that does not bear its window's
    mark, with block -1 for a shard that is not mapped; in the windows' order, repeated where
    windows share one. Returns how many there are, of which the first M are told.
    """
    found = 0
    for i in range(len(positions)):
        shard = np.searchsorted(starts, positions[i], side="right") - 1
        place, left = positions[i] - starts[shard], width
        while left > 0:
            count = min(left, starts[shard + 1] - starts[shard] - place)
            begins, ends = place * item_bytes[shard], (place + count) * item_bytes[shard]
            first, last = begins // block_bytes, (ends - 1) // block_bytes + 1
            mapped = addresses[shard] != 0
            if not mapped:
                first, last = -1, 0
            sound = carray(_uint8(checked[shard]), last)
            for block in range(first, last):
                if mapped and sound[block] == marks[i]:
                    continue
                if found < len(due):
                    due[found, 0], due[found, 1], due[found, 2] = shard, block, marks[i]
                found += 1
            left -= count
            shard += 1
            place = 0
    return found


@kernel
def fill_rows(
    positions: np.ndarray,
    starts: np.ndarray,
    addresses: np.ndarray,
    item_bytes: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Fills rows [N, W] int64 with the W tokens from each of positions [N] int64 on.

    Takes what `blocks_due` does, once nothing is due: every shard that is touched is mapped.
    """
    width = rows.shape[1]
    for i in range(len(rows)):
        shard = np.searchsorted(starts, positions[i], side="right") - 1
        place = positions[i] - starts[shard]
        filled = 0
        while filled < width:
            count = min(width - filled, starts[shard + 1] - starts[shard] - place)
            first = addresses[shard] + np.uint64(place * item_bytes[shard])
            part = rows[i, filled : filled + count]
            if item_bytes[shard] == 2:
                _widen(carray(_uint16(first), count), part)
            else:
                _widen(carray(_uint32(first), count), part)
            filled += count
            shard += 1
            place = 0


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
