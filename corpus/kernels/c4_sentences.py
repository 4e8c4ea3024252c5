"""The sentences of a line of UTF-8; `corpus.c4.sentences` says the rules, in plain Python."""

import numpy as np

from corpus.kernels import inner
from corpus.kernels.white_space import space_at

# A name or a number follows these, so they end no sentence.
BEFORE_NAMES = (
    *(
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "rev",
        "gen",
        "col",
        "capt",
        "lt",
        "sgt",
        "gov",
        "sen",
    ),
    *(
        "rep",
        "hon",
        "vs",
        "e.g",
        "i.e",
        "cf",
        "fig",
        "figs",
        "vol",
        "vols",
        "no",
        "nos",
        "pp",
        "mt",
    ),
    *("ed", "eds", "ft", "approx"),
)
# These may end one: what follows decides.
BEFORE_ANYTHING = (
    *("etc", "al", "sr", "jr", "inc", "ltd", "co", "corp", "dept", "est", "ave", "blvd", "rd"),
    *("jan", "feb", "mar", "apr", "aug", "sept", "oct", "nov", "dec", "u.s", "u.k", "a.m", "p.m"),
)


def _packed(words: tuple[str, ...]) -> np.ndarray:
    numbers = [int.from_bytes(word.encode(), "little") for word in words]
    return np.array(sorted(numbers), np.uint64)


_NAMES, _ANYTHING = _packed(BEFORE_NAMES), _packed(BEFORE_ANYTHING)


@inner
def small(byte):
    """An ASCII capital as its small letter; any other byte as it is."""
    return byte + 32 if 0x41 <= byte <= 0x5A else byte


@inner
def _quote_at(data, at, end, opens):
    """Bytes of a quote or bracket at a position that may open, or close, a sentence; or 0."""
    byte = data[at]
    if byte == 0x22 or byte == 0x27:
        return 1
    if byte < 0x80:
        bracket = (byte == 0x28 or byte == 0x5B) if opens else (byte == 0x29 or byte == 0x5D)
        return 1 if bracket else 0
    if byte != 0xE2 or at + 2 >= end or data[at + 1] != 0x80:
        return 0
    third = data[at + 2]
    if opens:
        return 3 if third == 0x9C or third == 0x98 else 0
    return 3 if third == 0x9D or third == 0x99 else 0


@inner
def _following(data, at, end):
    """Where the text goes on after the spaces that follow a sentence's end; -1: nowhere."""
    follows = -1
    while at < end:
        if _quote_at(data, at, end, False) == 0 and space_at(data, at, end) == 0:
            follows = at
        width = _quote_at(data, at, end, True)
        if width == 0:
            break
        at += width
    return follows


@inner
def _word_before(data, start, at):
    """The letters and full stops that end at a position, in small letters, as one number."""
    first = at
    while first > start:
        byte = small(data[first - 1])
        if not 0x61 <= byte <= 0x7A and byte != 0x2E:
            break
        first -= 1
    number = np.uint64(0)
    if at - first <= 8:
        for place in range(first, at):
            shift = np.uint64(8 * (place - first))
            number |= np.uint64(small(data[place])) << shift
    return number, at - first


@inner
def _ends_sentence(data, start, marks, marks_end, following):
    for at in range(marks, marks_end):
        if data[at] != 0x2E:
            return True
    small = 0x61 <= data[following] <= 0x7A
    capital = 0x41 <= data[following] <= 0x5A
    if marks_end - marks > 1 or (marks > start and 0x30 <= data[marks - 1] <= 0x39):
        return not small
    word, length = _word_before(data, start, marks)
    if length > 8:
        return True
    for known in _ANYTHING:
        if known == word:
            return capital
    if length == 1 and word != 0x69 and word != 0x2E:
        return False
    named = False
    for known in _NAMES:
        named |= known == word
    return not named


@inner
def num_sentences(data, start, end):
    """Sentences in a line that is not blank."""
    count = 0
    at = start
    while at >= 0:
        _, _, at = next_end(data, start, at, end)
        count += 1
    return count


@inner
def next_end(data, start, at, end):
    """The first end of a sentence in a line, `data[start:end]`, with its marks at `at` or after.

    Returns where that sentence stops, where the next one begins, past the white space between, and
    where to look for the next end from; -1 each where no sentence ends within the line any more.
    """
    while at < end:
        if data[at] != 0x2E and data[at] != 0x21 and data[at] != 0x3F:
            at += 1
            continue
        marks = at
        while at < end and (data[at] == 0x2E or data[at] == 0x21 or data[at] == 0x3F):
            at += 1
        marks_end = at
        place = at
        while place < end:
            width = _quote_at(data, place, end, False)
            if width == 0:
                break
            place += width
        spaces = place
        while place < end:
            width = space_at(data, place, end)
            if width == 0:
                break
            place += width
        following = _following(data, place, end) if place > spaces else -1
        if following >= 0 and _ends_sentence(data, start, marks, marks_end, following):
            return spaces, place, at
    return -1, -1, -1
