"""The phrases that C4's rules look for in a line, all in one pass, in letters of any case."""

import numpy as np

from corpus.kernels import inner
from corpus.kernels.c4_sentences import small


def bytes_of(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8).copy()


_LOREM, _SCRIPT = bytes_of("lorem ipsum"), bytes_of("javascript")
_TERMS, _PRIVACY = bytes_of("terms of use"), bytes_of("privacy policy")
_COOKIE = bytes_of("cookie policy")
_USES, _USE_OF, _USE = bytes_of("uses cookies"), bytes_of("use of cookies"), bytes_of("use cookies")
LOREM, SCRIPT, BRACKET, POLICIES = 1, 2, 4, 8
_TELLING = np.zeros(256, np.bool_)  # bytes that a phrase is looked for at: its rarest letter
_TELLING[[*b"kKjJvVfFlL{"]] = True


@inner
def _stands(data, start, end, phrase):
    """Whether a phrase, in letters of any case, stands right at a position."""
    if start < 0 or start + phrase.size > end:
        return False
    place = 0
    while place < phrase.size and small(data[start + place]) == phrase[place]:
        place += 1
    return place == phrase.size


@inner
def _policy_at(data, start, at, end):
    """Whether a phrase on cookies has its first `k` at a position."""
    if at - 3 < start or not _stands(data, at - 3, end, _COOKIE[:6]):
        return False
    if _stands(data, at - 3, end, _COOKIE):
        return True
    if at - 8 >= start and _stands(data, at - 8, end, _USES):
        return True
    if at - 10 >= start and _stands(data, at - 10, end, _USE_OF):
        return True
    return at - 7 >= start and _stands(data, at - 7, end, _USE)


@inner
def phrases(data, start, end):
    """Which of the phrases the bytes hold, as bits."""
    found = 0
    for at in range(start, end):
        if not _TELLING[data[at]]:
            continue
        byte = small(data[at])
        if byte == 0x6B:  # cooKies
            found |= POLICIES * _policy_at(data, start, at, end)
        elif byte == 0x6A:
            found |= SCRIPT * _stands(data, at, end, _SCRIPT)
        elif byte == 0x76:  # priVacy
            found |= POLICIES * (at - 3 >= start and _stands(data, at - 3, end, _PRIVACY))
        elif byte == 0x66:  # terms oF use
            found |= POLICIES * (at - 7 >= start and _stands(data, at - 7, end, _TERMS))
        elif byte == 0x6C:
            found |= LOREM * _stands(data, at, end, _LOREM)
        elif byte == 0x7B:
            found |= BRACKET
    return found
