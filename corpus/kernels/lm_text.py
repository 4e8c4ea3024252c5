"""CCNet's language-model normalisation (arXiv:1911.00359, section 3.3) as a map over code points.

Everything `normalize_for_lm` does after `strip` is one look-up a character, but for the few whose
place in the text decides. A text with one of these is left to the caller, empty.

The map is two arrays. `pages[code >> 8]` is a row of `entries`; `entries[row, code & 255]` is KEEP,
ASK, or `start << 8 | length` of the bytes in `output` that take the character's place.
"""

import numpy as np

from corpus.kernels import inner, kernel

KEEP, ASK = 0xFFFFFFFF, 0xFFFFFFFE
PAGES = 0x2000  # what the four bytes of a broken character can say at most


@kernel
def normalize(values, starts, ends, pages, entries, output, space, widest):
    """Each text `values[starts[i]:ends[i]]` as a line of the same UTF-8.

    `space`: a bit of 1 for each entry that `str.strip` removes. `widest`: bytes of the map's
    longest output for each byte of input. Gives the lines' bytes, their offsets (one more than
    texts) and whether each was left to the caller.
    """
    total = np.int64(0)
    for row in range(len(starts)):
        total += ends[row] - starts[row]
    lines = np.empty(total * widest + 1, np.uint8)
    offsets = np.zeros(len(starts) + 1, np.int64)
    asked = np.zeros(len(starts), np.bool_)
    ascii_bytes = _ascii_bytes(pages, entries, output)
    out = np.int64(0)
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        while at < end:
            code, length = _code_point(values, at, end)
            if not space[pages[code >> 8], code & 255]:
                break
            at += length
        while at < end:
            last = end - 1
            while last > at and values[last] & 0xC0 == 0x80:
                last -= 1
            code, length = _code_point(values, last, end)
            if not space[pages[code >> 8], code & 255]:
                break
            end = last
        first = out
        while at < end:
            if values[at] < 0x80:
                written = ascii_bytes[values[at]]
                lines[out] = written
                out += np.int64(written != 0)
                at += 1
                continue
            code, length = _code_point(values, at, end)
            entry = entries[pages[code >> 8], code & 255]
            if entry == KEEP:
                for place in range(at, at + length):
                    lines[out] = values[place]
                    out += 1
            elif entry == ASK:
                asked[row] = True
                out = first
                break
            else:
                start = entry >> 8
                for place in range(start, start + (entry & 255)):
                    lines[out] = output[place]
                    out += 1
            at += length
        offsets[row + 1] = out
    return lines[:out], offsets, asked


@kernel
def _ascii_bytes(pages, entries, output):
    """What is written for each ASCII byte: one byte, or 0 for none."""
    written = np.zeros(128, np.uint8)
    for code in range(128):
        entry = entries[pages[0], code]
        if entry == KEEP:
            written[code] = code
        elif entry & 255:
            written[code] = output[entry >> 8]
    return written


@inner
def _code_point(values, at, end):
    """The code point at a place and its bytes; of broken UTF-8 any, but none past the end."""
    lead = np.int64(values[at])
    if lead < 0x80:
        return lead, np.int64(1)
    length = np.int64(2) if lead < 0xE0 else np.int64(3) if lead < 0xF0 else np.int64(4)
    length = min(length, end - at)
    code = lead & (0xFF >> (length + 1))
    for place in range(at + 1, at + length):
        code = code << 6 | np.int64(values[place]) & 0x3F
    return code, length
