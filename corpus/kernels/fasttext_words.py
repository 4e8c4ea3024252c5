"""A text as the words fastText sees in it, each different word kept once.

Most words of a text came before, so what is dear to find of a word is found once. Text is UTF-8
bytes. D texts, T words in all of them, W different words.
"""

import numpy as np

from corpus.kernels import kernel

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
    New words are written behind them: there must be room for 2 bytes, and half a word, a byte of
    content, and a word more. The first word known must be LINE_END.
    """
    num_texts = len(offsets) - 1
    words = np.empty((offsets[-1] - offsets[0]) // 2 + 2 * num_texts, np.int32)
    word_offsets = np.zeros(num_texts + 1, np.int64)
    mask, num_words = len(slots) - 1, 0
    for document in range(num_texts):
        at, end = offsets[document], offsets[document + 1]
        while at < end:
            if 2 * num_known >= len(slots):
                slots = index_words(codes, num_known, 2 * len(slots))
                mask = len(slots) - 1
            start = starts[num_known]
            stop, code = start + 1, HASH_BASIS
            while at < end:
                byte = content[at]
                at += 1
                if not _SEPARATORS[byte]:
                    text[stop] = byte
                    stop += 1
                    code = hash_on(code, byte)
                elif byte != _NEWLINE or keep_newlines:
                    break
            if stop == start + 1:
                continue
            slot, word = code & mask, num_known
            while slots[slot] >= 0:
                other = slots[slot]
                begin = starts[other]
                length = starts[other + 1] - begin
                if length == stop + 1 - start and same(
                    text, start + 1, text, begin + 1, length - 2
                ):
                    word = other
                    break
                slot = (slot + 1) & mask
            if word == LINE_END:
                break
            if word == num_known:
                text[start], text[stop] = _OPEN, _CLOSE
                starts[num_known + 1] = stop + 1
                codes[num_known] = code
                slots[slot] = num_known
                num_known += 1
            words[num_words] = word
            num_words += 1
        words[num_words] = LINE_END
        num_words += 1
        word_offsets[document + 1] = num_words
    return words[:num_words], word_offsets, slots, num_known


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
