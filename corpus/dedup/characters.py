"""What a form of text makes of every character, as one table for the compiled pass.

The table is what the form's own function says of each character, so the rules stand in one place
and Unicode is that of this Python.
"""

import functools
from collections.abc import Callable

import numpy as np

from corpus.dedup.normalize import normalize_for_dedup
from corpus.kernels.lines import DELETED, DOTTED_I, SPACE, SPECIAL, TABLE_SIZE

_SIGMA = "Σ"  # its lower case depends on its neighbours in the word
_BETWEEN = chr(TABLE_SIZE)  # a character that stays itself and has no case


@functools.cache
def dedup_table() -> np.ndarray:
    """The table of `normalize_for_dedup`."""
    return _table(normalize_for_dedup)


@functools.cache
def lower_table() -> np.ndarray:
    """The table of `strip_and_lower`."""
    return _table(strip_and_lower)


def strip_and_lower(text: str) -> str:
    """The form under which C4 compares texts."""
    return text.strip().lower()


def _table(form: Callable[[str], str]) -> np.ndarray:
    """[TABLE_SIZE] uint32 by code point: what it becomes, and flags; all beyond stay themselves.

    The form strips; else it must take each character for itself, but for a sigma and a dotted I.
    """
    characters = [chr(code) for code in range(TABLE_SIZE)]
    text = _BETWEEN.join(["", *characters, ""])
    forms = form(text).split(_BETWEEN)[1:-1]
    special = DOTTED_I + _SIGMA
    entries = (
        int(SPECIAL) if character in special else ord(becomes) if becomes else int(DELETED)
        for character, becomes in zip(characters, forms, strict=True)
    )
    table = np.fromiter(entries, np.uint32, TABLE_SIZE)
    table[[ord(c) for c in characters if c.isspace()]] |= SPACE
    table.flags.writeable = False
    return table
