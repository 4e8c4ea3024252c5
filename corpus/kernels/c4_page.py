"""C4's rules over pages of UTF-8: the lines that stay, the sentences in them, what drops a page.

The rules and their order are `corpus.c4.rules.clean`, which is the plain form of this and its slow
path: a page with characters that only look like ASCII in lower case, or with a digit of another
script in brackets, is left to it.
"""

import numpy as np

from corpus.kernels import inner, kernel
from corpus.kernels.c4_phrases import BRACKET, LOREM, POLICIES, SCRIPT, bytes_of, phrases
from corpus.kernels.c4_sentences import num_sentences
from corpus.kernels.white_space import space_at, stripped

SLOW = 255  # the verdict of a page that is left to the plain form
KEPT, TOO_LONG, LOREM_IPSUM, CURLY_BRACKET, FEW_SENTENCES = range(5)
STAYS, LONG_WORD, NO_END, FEW_WORDS, JAVASCRIPT, POLICY = range(6)
_MAX_WORD = 1000


_EDIT, _NEEDED = bytes_of("edit]"), bytes_of("citation needed]")


@inner
def _separator_at(data, at, end):
    """Bytes of the line separator other than a newline that begins at a position, or 0."""
    byte = data[at]
    if byte < 0x80:
        return 1 if 0x0B <= byte <= 0x0D or 0x1C <= byte <= 0x1E else 0
    if byte == 0xC2:
        return 2 if at + 1 < end and data[at + 1] == 0x85 else 0
    line = byte == 0xE2 and at + 2 < end and data[at + 1] == 0x80
    return 3 if line and (data[at + 2] == 0xA8 or data[at + 2] == 0xA9) else 0


@inner
def _citation_at(data, at, end):
    """Bytes of the citation mark that begins at a `[`, or 0; -1 where Python has to look."""
    place = at + 1
    while place < end and 0x30 <= data[place] <= 0x39:
        place += 1
    if place < end and data[place] == 0x5D:
        return place + 1 - at
    if place < end and data[place] >= 0x80:
        return -1
    for phrase in (_EDIT, _NEEDED):
        size = phrase.size
        if at + 1 + size <= end:
            same = 0
            while same < size and data[at + 1 + same] == phrase[same]:
                same += 1
            if same == size:
                return size + 1
    return 0


@inner
def _longest_word(data, start, end):
    """Characters of the longest word."""
    longest = word = 0
    at = start
    while at < end:
        byte = data[at]
        width = 0
        if byte <= 0x20 or byte == 0xC2 or 0xE1 <= byte <= 0xE3:
            width = space_at(data, at, end)
        if width:
            word = 0
            at += width
            continue
        word += (byte & 0xC0) != 0x80
        longest = max(longest, word)
        at += 1
    return longest


@inner
def _num_words(data, start, end, enough):
    """Words, counted no further than `enough`."""
    words = 0
    within = False
    at = start
    while at < end and words < enough:
        width = space_at(data, at, end)
        words += not width and not within
        within = width == 0
        at += max(width, 1)
    return words


@inner
def _line_verdict(data, start, end, min_words):
    """What becomes of a line whose words are short enough and whose citations are gone."""
    last = data[end - 1] if end > start else 0
    marked = last == 0x2E or last == 0x3F or last == 0x21 or last == 0x22
    ellipsis = end - start >= 3 and last == 0x2E and data[end - 2] == 0x2E and data[end - 3] == 0x2E
    if not marked or ellipsis:
        return NO_END
    return FEW_WORDS if _num_words(data, start, end, min_words) < min_words else STAYS


@inner
def _without_citations(data, start, end, out, size):
    """Copies a line past its citation marks; where the copy ends, or -1: Python has to look."""
    at = start
    while at < end:
        if data[at] == 0x5B:
            width = _citation_at(data, at, end)
            if width < 0:
                return -1
            if width:
                at += width
                continue
        out[size] = data[at]
        size += 1
        at += 1
    return size


@inner
def _piece(data, start, end, rules, out, size, counts):
    """One stripped line, copied to `out` from `size` on: its verdict, where it ends, its sentences.

    The verdict is a number of LINES, or 100 and a page's verdict, or SLOW.
    """
    if end - start > _MAX_WORD and _longest_word(data, start, end) > _MAX_WORD:
        counts[LONG_WORD] += 1
        return LONG_WORD, size, 0
    line_end = _without_citations(data, start, end, out, size)
    if line_end < 0:
        return SLOW, size, 0
    verdict = _line_verdict(out, size, line_end, rules[0])
    if verdict == STAYS:
        found = phrases(out, size, line_end)
        if rules[3] == 0 and found & LOREM:
            return 100 + LOREM_IPSUM, size, 0
        if found & SCRIPT:
            verdict = JAVASCRIPT
        elif rules[3] == 0 and found & BRACKET:
            return 100 + CURLY_BRACKET, size, 0
        elif found & POLICIES:
            verdict = POLICY
    counts[verdict] += 1
    if verdict != STAYS:
        return verdict, size, 0
    return STAYS, line_end, num_sentences(out, size, line_end)


@inner
def _page(data, start, end, rules, out, size, lines, num_lines, counts):
    """A page's verdict, and where its text and its line numbers end in `out` and `lines`."""
    first, first_line = size, num_lines
    sentences = number = 0
    at = start
    while at <= end:
        line_end = at
        while line_end < end and data[line_end] != 0x0A:
            line_end += 1
        while at < line_end:
            piece_end = at
            width = 0
            while piece_end < line_end:
                byte = data[piece_end]
                if byte < 0x20 or byte == 0xC2 or byte == 0xE2:
                    width = _separator_at(data, piece_end, line_end)
                    if width:
                        break
                piece_end += 1
            following = piece_end + width
            if width == 1 and data[piece_end] == 0x0D and following < line_end:
                following += data[following] == 0x0A
            begin, stop = stripped(data, at, piece_end)
            verdict, size, found = _piece(data, begin, stop, rules, out, size, counts)
            if verdict == SLOW:
                return SLOW, first, first_line
            if verdict >= 100:
                return verdict - 100, first, first_line
            if verdict == STAYS:
                out[size] = 0x0A
                size += 1
                sentences += found
                lines[num_lines] = number
                num_lines += 1
            at = following
        number += 1
        at = line_end + 1
    if sentences < rules[1]:
        return FEW_SENTENCES, first, first_line
    return KEPT, size - 1, num_lines


@inner
def _stripped(data, start, end):
    """Moves a text to where the white space before it begins; its end."""
    at = start
    while at < end:
        width = space_at(data, at, end)
        if width == 0:
            break
        at += width
    if at == start:
        return end
    for place in range(at, end):
        data[start + place - at] = data[place]
    return end - (at - start)


@inner
def _needs_python(data, start, end):
    """Whether a page has a Kelvin sign or a dotted capital I: in lower case, ASCII letters."""
    for at in range(start, end - 1):
        if data[at] == 0xC4 and data[at + 1] == 0xB0:
            return True
        if data[at] == 0xE2 and at + 2 < end and data[at + 1] == 0x84 and data[at + 2] == 0xAA:
            return True
    return False


@inner
def _num_chars(data, start, end):
    count = 0
    for at in range(start, end):
        count += (data[at] & 0xC0) != 0x80
    return count


@kernel
def clean_pages(data, offsets, rules):
    """Applies C4's rules to pages of UTF-8, `data` [bytes] uint8 from `offsets` [N + 1] int64.

    `rules` [4] int64: least words a line, least sentences a page, most characters a page (0: any),
    whether what drops a page is looked for in all of it.

    Returns texts [bytes] uint8 with text_ends [N] int64, verdicts [N] uint8, lines [kept] int32
    with line_ends [N] int64, and counts [6] int64 of lines by what became of them. The text of a
    page that is not kept is empty, and one that is SLOW is not counted.
    """
    pages = offsets.size - 1
    out = np.empty(data.size + pages + 1, np.uint8)
    lines = np.empty(data.size // 2 + pages + 1, np.int32)
    ends, line_ends = np.empty(pages, np.int64), np.empty(pages, np.int64)
    verdicts = np.empty(pages, np.uint8)
    counts, before = np.zeros(6, np.int64), np.zeros(6, np.int64)
    size = num_lines = 0
    for page in range(pages):
        start, end = offsets[page], offsets[page + 1]
        before[:] = counts
        first, found, verdict = size, 0, KEPT
        if _needs_python(data, start, end):
            verdict = SLOW
        elif rules[2] and _num_chars(data, start, end) > rules[2]:
            verdict = TOO_LONG
        else:
            found = phrases(data, start, end) if rules[3] else 0
        if found & LOREM:
            verdict = LOREM_IPSUM
        elif found & BRACKET:
            verdict = CURLY_BRACKET
        elif verdict == KEPT:
            verdict, size, num_lines = _page(
                data, start, end, rules, out, size, lines, num_lines, counts
            )
        if verdict == SLOW:
            counts[:] = before
        verdicts[page] = verdict
        size = ends[page] = _stripped(out, first, size)
        line_ends[page] = num_lines
    return out[:size], ends, verdicts, lines[:num_lines], line_ends, counts
