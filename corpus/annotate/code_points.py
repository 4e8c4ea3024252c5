"""A batch of texts as one array of Unicode code points, so that NumPy sees characters.

Character classes are Python's own (`str.isalpha`, `isalnum`, `isspace`).
"""

import functools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ALPHABETIC, _ALPHANUMERIC, _SPACE = 1, 2, 4
_LAST_CLASSIFIED = 0x40000  # no letter, digit or space lies above (a test looks)


@functools.cache
def _classes() -> np.ndarray:
    """[0x110000] uint8 bit sets; found on first use, as it takes a tenth of a second."""
    table = np.zeros(0x110000, np.uint8)
    for code in range(_LAST_CLASSIFIED):
        character = chr(code)
        table[code] = (
            _ALPHABETIC * character.isalpha()
            | _ALPHANUMERIC * character.isalnum()
            | _SPACE * character.isspace()
        )
    return table


@dataclass(frozen=True)
class CodePoints:
    """Texts joined by newlines, one more at the end: every line ends in a newline.

    C joined characters, D documents, L lines.
    """

    codes: np.ndarray  # [C] uint32
    classes: np.ndarray  # [C] uint8
    num_chars: np.ndarray  # [D] without the joining newline
    line_starts: np.ndarray  # [L]
    line_ends: np.ndarray  # [L] where the newline is
    num_lines: np.ndarray  # [D]

    @classmethod
    def of(cls, texts: pa.Array) -> "CodePoints":
        """Takes a string array; null counts as empty."""
        plain = pc.fill_null(texts, "")
        num_chars = pc.utf8_length(plain).to_numpy(zero_copy_only=False).astype(np.int64)
        joined = "".join(f"{text}\n" for text in plain.to_pylist())
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4")
        line_ends = np.flatnonzero(codes == ord("\n"))
        document_ends = np.cumsum(num_chars + 1)
        lines_before = np.searchsorted(line_ends, np.concatenate([[0], document_ends]))
        return cls(
            codes=codes,
            classes=_classes()[codes],
            num_chars=num_chars,
            line_starts=np.concatenate([[0], line_ends[:-1] + 1])[: len(line_ends)],
            line_ends=line_ends,
            num_lines=np.diff(lines_before),
        )

    @property
    def alphabetic(self) -> np.ndarray:
        return (self.classes & _ALPHABETIC) != 0

    @property
    def alphanumeric(self) -> np.ndarray:
        return (self.classes & _ALPHANUMERIC) != 0

    @property
    def space(self) -> np.ndarray:
        return (self.classes & _SPACE) != 0

    def count_in_documents(self, positions: np.ndarray) -> np.ndarray:
        """[D] int64: how many of ascending character positions lie in each document."""
        ends = np.cumsum(self.num_chars + 1)
        return np.diff(np.searchsorted(positions, np.concatenate([[0], ends])))


def runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends (exclusive) of the maximal runs of True."""
    padded = np.zeros(len(mask) + 2, bool)
    padded[1:-1] = mask
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return edges[::2], edges[1::2]
