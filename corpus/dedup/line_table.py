"""Who has each line, gathered piece by piece in memory bounded by the distinct lines."""

from typing import NamedTuple

import numpy as np

from corpus.kernels.line_table import AGAIN, find, insert, move

_PIECE = 1 << 16  # lines entered between two looks at the room left


def read_only(array: np.ndarray) -> np.ndarray:
    """A view that no one writes to: kernels are compiled once for it, wherever it comes from."""
    view = array.view()
    view.flags.writeable = False
    return view


_NO_KEYS = read_only(np.empty(0, np.uint64))


class SharedLines(NamedTuple):
    """[L] distinct line hashes, whether two owners have each, and its smallest document key.

    `first` is empty where no keys were given.
    """

    hashes: np.ndarray  # uint64
    again: np.ndarray  # bool
    first: np.ndarray  # uint64


class LineTable:
    """Distinct lines with their owners: 12 bytes a slot, 20 with keys, a third of them free."""

    def __init__(self, keyed: bool, expected: int = 0) -> None:
        self._keyed = keyed
        self._taken = 0
        size = _PIECE * 2
        while size * 3 < expected * 4:
            size *= 2
        self._allocate(size)

    def add(
        self,
        hashes: np.ndarray,
        owner: np.ndarray,
        again: np.ndarray | None = None,
        first: np.ndarray | None = None,
    ) -> None:
        """Enters lines: [L] uint64, each with its owner, uint32 from 1.

        `again` tells of lines known to have two owners; `first`, [L] uint64 document keys, is for
        a keyed table.
        """
        assert (first is not None) == self._keyed
        again = np.zeros(len(hashes), bool) if again is None else again
        keys = _NO_KEYS if first is None else read_only(first)
        hashes = read_only(hashes)
        for begin in range(0, len(hashes), _PIECE):
            piece = slice(begin, begin + _PIECE)
            while (self._taken + _PIECE) * 4 > len(self._slots) * 3:
                self._grow()
            self._taken += insert(
                self._slots,
                self._owners,
                self._firsts,
                hashes[piece],
                owner[piece],
                again[piece],
                keys[piece],
            )

    def lines(self) -> SharedLines:
        """All lines, ascending."""
        filled = np.flatnonzero(self._owners)
        filled = filled[np.argsort(self._slots[filled])]
        firsts = self._firsts[filled] if self._keyed else _NO_KEYS
        return SharedLines(self._slots[filled], self._owners[filled] >= AGAIN, firsts)

    def seen_again(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of some lines that two owners have, in their order, and their smallest keys."""
        found = find(self._slots, self._owners, read_only(hashes))
        mask = found >= 0
        return hashes[mask], self._firsts[found[mask]] if self._keyed else _NO_KEYS

    def _allocate(self, size: int) -> None:
        self._slots = np.empty(size, np.uint64)
        self._owners = np.zeros(size, np.uint32)
        self._firsts = np.empty(size if self._keyed else 0, np.uint64)

    def _grow(self) -> None:
        old = self._slots, self._owners, self._firsts
        self._allocate(2 * len(self._slots))
        move(*old, self._slots, self._owners, self._firsts)
