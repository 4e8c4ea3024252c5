"""What Gopher's heuristics and the line measures of code filters count in a text, in one pass.

The terms are those of `corpus.annotate.heuristics`. Text is UTF-8. D texts.
"""

from typing import NamedTuple

import numpy as np

from corpus.kernels import kernel

ALPHABETIC, ALPHANUMERIC, SPACE, BULLET = 1, 2, 4, 8  # bits of a character's class
NUM_CLASSES = (
    0x200000  # all that four bytes of UTF-8 can say, so that no bytes reach past the table
)
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
_STOP_KEYS = np.array([int.from_bytes(word.encode(), "big") for word in STOP_WORDS], np.int64)
_LONGEST_STOP_WORD = 4
_NEWLINE, _FULL_STOP, _HASH, _ELLIPSIS = ord("\n"), ord("."), ord("#"), ord("…")
_LOW_LINE = ord("_")
_BASIS, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # FNV-1a


class Counts(NamedTuple):
    """Where each count is in a row of `count_form`."""

    chars: int
    lines: int
    filled_lines: int
    bullet_lines: int
    ellipsis_lines: int
    longest_line: int
    duplicate_chars: int
    words: int
    alphabetic_words: int
    visible_chars: int
    alphanumeric_chars: int
    alphabetic_chars: int
    tokens: int
    hashes: int
    ellipses: int
    stop_words: int


AT = Counts(*range(len(Counts._fields)))


@kernel
def count_form(content: np.ndarray, offsets: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """[D, len(AT)] int64 counts of each text.

    `content` [bytes] uint8, `offsets` [D + 1] int64, `classes` [NUM_CLASSES] uint8: bits by code
    point.
    """
    num_texts = len(offsets) - 1
    counts = np.zeros((num_texts, len(AT)), np.int64)
    most_lines = 0
    for text in range(num_texts):
        lines = 1
        for at in range(offsets[text], offsets[text + 1]):
            lines += content[at] == _NEWLINE
        counts[text, AT.lines] = lines
        most_lines = max(most_lines, lines)
    line_starts = np.empty(most_lines + 1, np.int64)
    slots = np.empty(_num_slots(most_lines), np.int32)
    for text in range(num_texts):
        known = slots[: _num_slots(counts[text, AT.lines])]
        known[:] = -1
        _count_text(
            content, offsets[text], offsets[text + 1], classes, line_starts, known, counts[text]
        )
    return counts


@kernel
def _num_slots(lines):
    """A power of 2 that leaves a quarter free."""
    slots = 2
    while 3 * slots < 4 * lines:
        slots *= 2
    return slots


@kernel
def _count_text(content, first, last, classes, line_starts, slots, counts):
    chars = words = alphabetic_words = visible = alphanumeric = hashes = ellipses = 0
    filled_lines = bullet_lines = ellipsis_lines = longest = duplicate = 0
    alphabetic_chars = tokens = 0
    in_token = False  # of letters, digits and _
    found = 0  # stop words, a bit each
    line, line_chars, line_hash = 0, 0, _BASIS  # chars before the line, and its hash so far
    in_word = alphabetic = filled = ends_in_ellipsis = False
    letters, key = 0, np.int64(0)  # of the run of letters: how many, and the last four, a byte each
    dots = 0  # of the run of full stops
    line_starts[0] = at = first
    while at <= last:
        # A newline after the text ends its last line.
        code = np.int64(content[at] if at < last else _NEWLINE)
        size = 1
        if code >= 0x80:
            code, size = _decode(content, at, code)
        at += size
        chars += 1
        kind = classes[code]
        line_hash = (line_hash ^ np.uint64(code)) * _PRIME
        if kind & ALPHABETIC:
            alphabetic_chars += 1
            letters += 1 if size == 1 else _LONGEST_STOP_WORD + 1
            key = (key << 8 | code | 0x20) & 0xFFFFFFFF
        elif letters:
            if letters <= _LONGEST_STOP_WORD:
                found |= _stop_word(key & ((1 << 8 * letters) - 1))
            letters = 0
        joins = (kind & ALPHANUMERIC) > 0 or code == _LOW_LINE
        tokens += not (kind & SPACE) and not (joins and in_token)
        in_token = joins
        if code == _FULL_STOP:
            dots += 1
            ellipses += dots % 3 == 0
        else:
            dots = 0
        if not kind & SPACE:
            visible += 1
            words += not in_word
            alphabetic = in_word and alphabetic
            alphabetic_words += (kind & ALPHABETIC) and not alphabetic
            alphabetic = alphabetic or (kind & ALPHABETIC) > 0
            in_word = True
            alphanumeric += (kind & ALPHANUMERIC) > 0
            hashes += code == _HASH
            ellipses += code == _ELLIPSIS
            bullet_lines += (kind & BULLET) > 0 and not filled
            filled = True
            ends_in_ellipsis = dots >= 3 or code == _ELLIPSIS
            continue
        in_word = False
        if code != _NEWLINE:
            continue
        length = chars - 1 - line_chars
        longest = max(longest, length)
        line_starts[line + 1] = at
        if filled:
            filled_lines += 1
            ellipsis_lines += ends_in_ellipsis
            if not _is_new(content, line, line_hash, line_starts, slots):
                duplicate += length
        line, line_chars, line_hash = line + 1, chars, _BASIS
        filled = ends_in_ellipsis = False
    counts[AT.chars] = chars - 1
    counts[AT.filled_lines] = filled_lines
    counts[AT.bullet_lines] = bullet_lines
    counts[AT.ellipsis_lines] = ellipsis_lines
    counts[AT.longest_line] = longest
    counts[AT.duplicate_chars] = duplicate
    counts[AT.words], counts[AT.alphabetic_words] = words, alphabetic_words
    counts[AT.visible_chars], counts[AT.alphanumeric_chars] = visible, alphanumeric
    counts[AT.alphabetic_chars], counts[AT.tokens] = alphabetic_chars, tokens
    counts[AT.hashes], counts[AT.ellipses] = hashes, ellipses
    for number in range(len(_STOP_KEYS)):
        counts[AT.stop_words] += found >> number & 1


@kernel
def _decode(content, at, lead):
    """The code point and bytes of a character that is not ASCII."""
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | (content[at + 1] & 0x3F), 2
    middle = np.int64(content[at + 1] & 0x3F)
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | middle << 6 | (content[at + 2] & 0x3F), 3
    last = np.int64(content[at + 2] & 0x3F) << 6 | (content[at + 3] & 0x3F)
    return (lead & 0x07) << 18 | middle << 12 | last, 4


@kernel
def _stop_word(key):
    """The bit of a stop word, 0 where it is none."""
    for number in range(len(_STOP_KEYS)):
        if _STOP_KEYS[number] == key:
            return 1 << number
    return 0


@kernel
def _is_new(content, line, line_hash, line_starts, slots):
    """Whether no earlier line of the text has the same bytes; remembers it then."""
    start, length = line_starts[line], line_starts[line + 1] - line_starts[line]
    mask = np.uint64(len(slots) - 1)
    slot = (line_hash ^ line_hash >> np.uint64(32)) & mask
    while slots[slot] >= 0:
        other = line_starts[slots[slot]]
        if line_starts[slots[slot] + 1] - other == length:
            at = 0
            while at < length - 1 and content[other + at] == content[start + at]:
                at += 1
            if at == length - 1:
                return False
        slot = (slot + np.uint64(1)) & mask
    slots[slot] = line
    return True
