"""Cheap measures of a text's form: Gopher's quality rules (arXiv:2112.11446, table A1) and the
line and character measures of LLaMA's filter for code (RedPajama-v1's rendering).

Only measuring: the thresholds are the decide stage's. Every measure follows from these terms:

characters  Unicode code points. Classes are Python's `isalpha`, `isalnum`, `isspace`.
line        what lies between newlines; a blank line holds only white space.
word        a maximal run of characters that are not white space. Chinese, Japanese and Thai have
            few of those: rules on words are for languages that part words by spaces.

A share or mean over nothing is 0.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.annotate.code_points import CodePoints, runs

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
BULLETS = "•‣▪●◦◆■*-–"
ELLIPSIS = "…"


def heuristics(texts: pa.Array) -> dict[str, pa.Array]:
    """Measures every text of a string array; null counts as empty.

    num_chars, num_bytes      length in characters, and in bytes of UTF-8
    num_lines                 newlines + 1
    num_words                 words
    mean_word_length          characters a word
    max_line_length           characters of the longest line
    mean_line_length          characters a line, blank lines among them
    alphanumeric_share        of characters, the alphanumeric ones
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
    texts = pc.fill_null(texts, "")
    points = CodePoints.of(texts)
    return {
        "num_chars": pa.array(points.num_chars, pa.int32()),
        "num_bytes": pc.binary_length(texts).cast(pa.int32()),
        **_line_measures(points),
        **_line_edges(points),
        **_word_measures(points),
        "alphanumeric_share": _ratio(
            points.count_in_documents(np.flatnonzero(points.alphanumeric)), points.num_chars
        ),
        "duplicate_line_share": _duplicate_line_share(texts, points),
        "stop_words": _stop_words(points),
    }


def _line_measures(points: CodePoints) -> dict[str, pa.Array]:
    lengths = points.line_ends - points.line_starts
    first_lines = np.cumsum(points.num_lines) - points.num_lines
    longest = np.maximum.reduceat(lengths, first_lines) if len(lengths) else lengths
    characters = points.num_chars - (points.num_lines - 1)
    return {
        "num_lines": pa.array(points.num_lines, pa.int32()),
        "max_line_length": pa.array(longest, pa.int32()),
        "mean_line_length": _ratio(characters, points.num_lines),
    }


def _line_edges(points: CodePoints) -> dict[str, pa.Array]:
    """What lines begin and end with."""
    visible = np.flatnonzero(~points.space)
    first = np.searchsorted(visible, points.line_starts)
    after_last = np.searchsorted(visible, points.line_ends)
    filled = after_last > first
    firsts, lasts = visible[first[filled]], visible[after_last[filled] - 1]
    starts, codes = points.line_starts[filled], points.codes
    bullet = np.isin(codes[firsts], [ord(b) for b in BULLETS])
    dots = lasts - starts >= 2
    for back in range(3):
        dots &= codes[np.maximum(lasts - back, 0)] == ord(".")
    ellipsis = (codes[lasts] == ord(ELLIPSIS)) | dots
    lines = points.count_in_documents(firsts)
    return {
        "bullet_line_share": _ratio(points.count_in_documents(firsts[bullet]), lines),
        "ellipsis_line_share": _ratio(points.count_in_documents(lasts[ellipsis]), lines),
    }


def _word_measures(points: CodePoints) -> dict[str, pa.Array]:
    starts, ends = runs(~points.space)
    words = points.count_in_documents(starts)
    letters_before = np.concatenate([[0], np.cumsum(points.alphabetic)])
    alphabetic = letters_before[ends] > letters_before[starts]
    visible = points.count_in_documents(np.flatnonzero(~points.space))
    hashes = points.count_in_documents(np.flatnonzero(points.codes == ord("#")))
    ellipses = points.count_in_documents(np.flatnonzero(points.codes == ord(ELLIPSIS)))
    dot_starts, dot_ends = runs(points.codes == ord("."))
    triples = (dot_ends - dot_starts) // 3
    ellipses += points.count_in_documents(np.repeat(dot_starts, triples))
    return {
        "num_words": pa.array(words, pa.int32()),
        "mean_word_length": _ratio(visible, words),
        "alphabetic_word_share": _ratio(points.count_in_documents(starts[alphabetic]), words),
        "symbol_word_ratio": _ratio(np.maximum(hashes, ellipses), words),
    }


def _duplicate_line_share(texts: pa.Array, points: CodePoints) -> pa.Array:
    lines = pc.list_flatten(pc.split_pattern(texts, "\n"))
    index = lines.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    documents = np.repeat(np.arange(len(points.num_lines)), points.num_lines)
    _, first = np.unique(documents * (len(index) + 1) + index, return_index=True)
    repeated = np.ones(len(index), bool)
    repeated[first] = False
    visible = np.flatnonzero(~points.space)
    blank = np.searchsorted(visible, points.line_starts) == np.searchsorted(
        visible, points.line_ends
    )
    lengths = points.line_ends - points.line_starts
    weights = np.where(repeated & ~blank, lengths, 0)
    characters = np.bincount(documents, weights=weights, minlength=len(points.num_lines))
    return _ratio(characters, points.num_chars)


def _stop_words(points: CodePoints) -> pa.Array:
    starts, ends = runs(points.alphabetic)
    documents = len(points.num_chars)
    different = np.zeros(documents, np.int32)
    lower = points.codes | ((points.codes >= ord("A")) & (points.codes <= ord("Z"))) * 32
    for word in STOP_WORDS:
        found = starts[ends - starts == len(word)]
        for place, letter in enumerate(word):
            found = found[lower[found + place] == ord(letter)]
        different += points.count_in_documents(found) > 0
    return pa.array(different, pa.int32())


def _ratio(part: np.ndarray, whole: np.ndarray) -> pa.Array:
    out = np.zeros(len(whole))
    np.divide(part, whole, out=out, where=whole > 0)
    return pa.array(out, pa.float64())
