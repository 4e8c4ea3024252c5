"""What `normalize_for_dedup` makes of every character, as one table for the compiled pass.

The table is what that function itself says of each character, so the rules stand in one place and
Unicode is that of this Python.
"""

import functools

import numpy as np

from corpus.dedup.normalize import normalize_for_dedup
from corpus.kernels.lines import DELETED, DOTTED_I, SPACE, SPECIAL, TABLE_SIZE

_SIGMA = "Σ"  # its lower case depends on its neighbours in the word
_BETWEEN = chr(TABLE_SIZE)  # a character that stays itself and has no case


@functools.cache
def dedup_table() -> np.ndarray:
    """[TABLE_SIZE] uint32 by code point: what it becomes, and flags; all beyond stay themselves."""
    characters = [chr(code) for code in range(TABLE_SIZE)]
    text = _BETWEEN.join(["", *characters, ""])
    forms = normalize_for_dedup(text).split(_BETWEEN)[1:-1]
    special = DOTTED_I + _SIGMA
    entries = (
        int(SPECIAL) if character in special else ord(form) if form else int(DELETED)
        for character, form in zip(characters, forms, strict=True)
    )
    table = np.fromiter(entries, np.uint32, TABLE_SIZE)
    table[[ord(c) for c in characters if c.isspace()]] |= SPACE
    table.flags.writeable = False
    return table
