r"""Removes TeX comments as TeX does: `\%` stays, and so does all that is verbatim.

A line of comment alone goes with its newline; a `%` at the end of a line joins it to the next,
where no space stood before it. A blank line still ends a paragraph.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from corpus.kernels.tex_comments import flat, without_comments

VERBATIM = frozenset(
    b"verbatim Verbatim BVerbatim LVerbatim SaveVerbatim verbatimtab alltt lstlisting minted "
    b"pycode sagesilent filecontents".split()
)

# environments of the author's own that hold text verbatim
_OWN = re.compile(
    rb"\\(?:lstnewenvironment|DefineVerbatimEnvironment|CustomVerbatimEnvironment)\s*+"
    rb"\{([A-Za-z]{1,100})\}"
)
_MAX_OWN = 100  # of them; people's papers have a few


def verbatim_names(texts: Iterable[bytes]) -> frozenset[bytes]:
    """The environments whose content a paper's files hold verbatim, its own among them."""
    own: dict[bytes, None] = {}
    for text in texts:
        if b"nvironment" in text and (b"VerbatimEnv" in text or b"lstnewenv" in text):
            own |= dict.fromkeys(_OWN.findall(text))
    return VERBATIM.union([*own][:_MAX_OWN]) if own else VERBATIM


def strip_comments(text: bytes, verbatim: frozenset[bytes] = VERBATIM) -> bytes:
    """The text without its comments, in one pass; never longer than the text and a newline."""
    if b"%" not in text:
        return text
    return without_comments(np.frombuffer(text, np.uint8), *_flat(verbatim)).tobytes()


@lru_cache(maxsize=16)
def _flat(verbatim: frozenset[bytes]) -> tuple[np.ndarray, np.ndarray]:
    return flat(sorted(verbatim))
