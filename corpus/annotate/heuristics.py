"""Cheap measures of a text's form: Gopher's quality rules (arXiv:2112.11446, table A1) and the
line and character measures of LLaMA's filter for code (RedPajama-v1's rendering).

Only measuring: the thresholds are the decide stage's. Every measure follows from these terms:

characters  Unicode code points. Classes are Python's `isalpha`, `isalnum`, `isspace`.
line        what lies between newlines; a blank line holds only white space.
token       a maximal run of alphanumeric characters and `_`, or any other character that is not
            white space: about what a lexer of code makes of a text.
word        a maximal run of characters that are not white space. Chinese, Japanese and Thai have
            few of those: rules on words are for languages that part words by spaces.

A share or mean over nothing is 0.
"""

import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.kernels import text_form
from corpus.kernels.text_form import AT, count_form
from corpus.ragged import utf8_bytes

STOP_WORDS = text_form.STOP_WORDS
BULLETS = "•‣▪●◦◆■*-–"
# What only `heuristics` measures, and a rule therefore needs it for.
WITHOUT_SIZES = (
    *("num_lines", "num_words", "mean_word_length", "max_line_length", "mean_line_length"),
    *("alphanumeric_share", "letters_per_token", "alphabetic_word_share", "symbol_word_ratio"),
    *("bullet_line_share", "ellipsis_line_share", "duplicate_line_share", "stop_words"),
)
_LAST_CLASSIFIED = 0x40000  # no letter, digit or space lies above (a test looks)


def heuristics(texts: pa.Array) -> dict[str, pa.Array]:
    """Measures every text of a string array; null counts as empty.

    num_chars, num_bytes      length in characters, and in bytes of UTF-8
    num_lines                 newlines + 1
    num_words                 words
    mean_word_length          characters a word
    max_line_length           characters of the longest line
    mean_line_length          characters a line, blank lines among them
    alphanumeric_share        of characters, the alphanumeric ones
    letters_per_token         alphabetic characters a token
    alphabetic_word_share     of words, those with an alphabetic character
    symbol_word_ratio         the larger of `#` a word and ellipses a word, as Gopher limits either;
                              an ellipsis is U+2026 or three full stops
    bullet_line_share         of lines not blank, those whose first visible character is a bullet
    ellipsis_line_share       of lines not blank, those that end in an ellipsis (white space aside)
    duplicate_line_share      of characters, those in lines not blank that an earlier line of the
                              text equals; the first copy is no duplicate
    stop_words                how many of Gopher's eight occur as a maximal run of letters, whatever
                              the case of A-Z
    """
    content, offsets = utf8_bytes(texts)
    counts = count_form(content, offsets, character_classes()).T
    words, chars, lines = counts[AT.words], counts[AT.chars], counts[AT.filled_lines]
    symbols = np.maximum(counts[AT.hashes], counts[AT.ellipses])
    return {
        "num_chars": pa.array(chars, pa.int32()),
        "num_bytes": pa.array(np.diff(offsets), pa.int32()),
        "num_lines": pa.array(counts[AT.lines], pa.int32()),
        "num_words": pa.array(words, pa.int32()),
        "mean_word_length": _ratio(counts[AT.visible_chars], words),
        "max_line_length": pa.array(counts[AT.longest_line], pa.int32()),
        "mean_line_length": _ratio(chars - (counts[AT.lines] - 1), counts[AT.lines]),
        "alphanumeric_share": _ratio(counts[AT.alphanumeric_chars], chars),
        "letters_per_token": _ratio(counts[AT.alphabetic_chars], counts[AT.tokens]),
        "alphabetic_word_share": _ratio(counts[AT.alphabetic_words], words),
        "symbol_word_ratio": _ratio(symbols, words),
        "bullet_line_share": _ratio(counts[AT.bullet_lines], lines),
        "ellipsis_line_share": _ratio(counts[AT.ellipsis_lines], lines),
        "duplicate_line_share": _ratio(counts[AT.duplicate_chars], chars),
        "stop_words": pa.array(counts[AT.stop_words], pa.int32()),
    }


def sizes(texts: pa.Array) -> dict[str, pa.Array]:
    """The two that every ledger has, alone: num_chars and num_bytes; null counts as empty."""
    chars, size = pc.utf8_length(texts), pc.binary_length(texts)
    return {
        "num_chars": pc.fill_null(chars, 0).cast(pa.int32()),
        "num_bytes": pc.fill_null(size, 0).cast(pa.int32()),
    }


@functools.cache
def character_classes() -> np.ndarray:
    """[NUM_CLASSES] uint8 bit sets; found on first use, as it takes a tenth of a second."""
    table = np.zeros(text_form.NUM_CLASSES, np.uint8)
    for code in range(_LAST_CLASSIFIED):
        character = chr(code)
        table[code] = (
            text_form.ALPHABETIC * character.isalpha()
            | text_form.ALPHANUMERIC * character.isalnum()
            | text_form.SPACE * character.isspace()
        )
    table[[ord(bullet) for bullet in BULLETS]] |= text_form.BULLET
    return table


def _ratio(part: np.ndarray, whole: np.ndarray) -> pa.Array:
    out = np.zeros(len(whole))
    np.divide(part, whole, out=out, where=whole > 0)
    return pa.array(out, pa.float64())
