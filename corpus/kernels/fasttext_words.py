"""A text as the words fastText sees in it, each different word kept once.

Most words of a text came before, so what is dear to find of a word is found once. Text is UTF-8
bytes. D texts, T words in all of them, W different words.
"""

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.intrinsics import prefetch

_AHEAD = 8  # words from one asking of memory to the next, and to the reading
LINE_END = 0  # the word `</s>`, which ends every text, and any text that holds it
_NEWLINE, _OPEN, _CLOSE = np.uint8(ord("\n")), np.uint8(ord("<")), np.uint8(ord(">"))
_SEPARATORS = np.zeros(256, np.bool_)
_SEPARATORS[[ord(character) for character in " \n\r\t\v\f\0"]] = True
HASH_BASIS, _HASH_PRIME = np.uint32(2166136261), np.uint32(16777619)  # FNV-1a


@kernel
def find_words(
    content: np.ndarray,
    offsets: np.ndarray,
    keep_newlines: bool,
    text: np.ndarray,
    starts: np.ndarray,
    codes: np.ndarray,
    slots: np.ndarray,
    num_known: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """[T] int32 words of the texts; [D + 1] int64, where each text's begin; `slots`, or a larger
    copy; the number of words now known.

    `content` [bytes] uint8, `offsets` [D + 1] int64. Newlines part words or, where not kept, go
    with no space put in. Known words are `text`, uint8, each as `<word>`; `starts`, int64, where
    each begins; `codes`, uint32, their hashes; `slots` [power of 2] int32, words by hash or -1.
    New words are written behind them: of `text` there must be room for 2 bytes a byte of content
    and 2 a text, of `starts` and `codes` for half as much. The first word known must be LINE_END.
    """
    num_texts = len(offsets) - 1
    longest = np.diff(offsets).max() if num_texts else 0
    line = np.empty(longest, np.uint8)
    ends = np.empty(longest // 2 + 1, np.int64)
    hashes = np.empty(longest // 2 + 1, np.uint32)
    words = np.empty((offsets[-1] - offsets[0]) // 2 + 2 * num_texts, np.int32)
    word_offsets = np.zeros(num_texts + 1, np.int64)
    num_words = 0
    for document in range(num_texts):
        first, last = offsets[document], offsets[document + 1]
        count = _split(content, first, last, keep_newlines, line, ends, hashes)
        start = 0
        for at in range(count):
            if 2 * num_known >= len(slots):
                slots = index_words(codes, num_known, 2 * len(slots))
            # Words are anywhere in tables larger than the caches: asked for ahead, the waits pass
            # together. Not a kernel of its own: called as one, it loses most of the gain.
            mask = len(slots) - 1
            if at + 3 * _AHEAD < count:
                prefetch(slots, np.int64(hashes[at + 3 * _AHEAD] & mask))
            if at + 2 * _AHEAD < count:
                prefetch(starts, np.int64(max(slots[hashes[at + 2 * _AHEAD] & mask], 0)))
            if at + _AHEAD < count:
                prefetch(text, starts[max(slots[hashes[at + _AHEAD] & mask], 0)])
            end, code = ends[at], hashes[at]
            word, slot = _look_up(line, start, end, code, text, starts, slots)
            if word == LINE_END:
                break
            if word < 0:
                word = num_known
                _append(line, start, end, text, starts, word)
                codes[word] = code
                slots[slot] = word
                num_known += 1
            words[num_words] = word
            num_words += 1
            start = end
        words[num_words] = LINE_END
        num_words += 1
        word_offsets[document + 1] = num_words
    return words[:num_words], word_offsets, slots, num_known


@kernel
def _split(content, first, last, keep_newlines, line, ends, hashes):
    """Writes a text's words, one after another, to `line`, and their ends and hashes; how many."""
    count = start = stop = 0
    code = HASH_BASIS
    for at in range(first, last):
        byte = content[at]
        if not _SEPARATORS[byte]:
            line[stop] = byte
            stop += 1
            code = hash_on(code, byte)
        elif stop > start and (byte != _NEWLINE or keep_newlines):
            ends[count], hashes[count] = stop, code
            count, start, code = count + 1, stop, HASH_BASIS
    if stop > start:
        ends[count], hashes[count] = stop, code
        count += 1
    return count


@kernel
def _look_up(line, start, end, code, text, starts, slots):
    """The known word that a stretch of the line is, or -1, and its slot."""
    mask = len(slots) - 1
    slot = code & mask
    while slots[slot] >= 0:
        word = slots[slot]
        begin, length = starts[word] + 1, end - start
        if starts[word + 1] - begin - 1 == length and same(line, start, text, begin, length):
            return word, slot
        slot = (slot + 1) & mask
    return -1, slot


@kernel
def _append(line, start, end, text, starts, word):
    begin, length = starts[word] + 1, end - start
    for at in range(length):
        text[begin + at] = line[start + at]
    text[begin - 1], text[begin + length] = _OPEN, _CLOSE
    starts[word + 1] = begin + length + 1


@kernel
def index_words(codes: np.ndarray, num_known: int, num_slots: int) -> np.ndarray:
    """[num_slots, a power of 2] int32: words by hash, or -1."""
    slots = np.full(num_slots, -1, np.int32)
    for word in range(num_known):
        slot = codes[word] & (num_slots - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (num_slots - 1)
        slots[slot] = word
    return slots


@kernel
def hash_words(text: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """[W] uint32: fastText's hashes of words; `text` uint8, `starts` [W + 1] int64."""
    codes = np.full(len(starts) - 1, HASH_BASIS, np.uint32)
    for word in range(len(codes)):
        for at in range(starts[word], starts[word + 1]):
            codes[word] = hash_on(codes[word], text[at])
    return codes


@kernel
def hash_on(code, byte):
    """One step of FNV-1a as fastText has it: bytes count as signed."""
    signed = np.uint32(np.int8(byte))
    return np.uint32(np.uint32(code ^ signed) * _HASH_PRIME)


@kernel
def same(left, left_start, right, right_start, length):
    """Whether two stretches of bytes are equal."""
    at = 0
    while at < length and left[left_start + at] == right[right_start + at]:
        at += 1
    return at == length
