"""SentencePiece's text normalisation: its compiled character map, and white space.

The map is a double array (Darts) of UTF-8 keys, each with the place in `replacements` of what
takes its place, up to a zero byte; the longest key wins. White space is made one space between
words, with one before the first and none after the last. What SentencePiece then writes as U+2581
stays a plain space here, which a text normalised so holds nowhere else.
"""

import numpy as np

from corpus.kernels import inner, kernel

OTHER, PLAIN, SPACE = 0, 1, 2  # kinds of bytes
PADDING = 8
_SPACE = 32


@kernel
def rewrite(lines, offsets, units, replacements, kinds):
    """Normalises the lines `lines[offsets[i]:offsets[i + 1]]`; gives bytes and offsets.

    After the last text are PADDING spaces, so that words can be read by eight bytes.

    `kinds`: of each byte, PLAIN or SPACE where the map leaves it alone before ASCII; else OTHER.
    """
    out_bytes = np.empty(len(lines) + 2 * len(offsets) + 1024, np.uint8)
    out_offsets = np.zeros(len(offsets), np.int64)
    out = np.int64(0)
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        first = out
        after_space = True
        if out + (end - at) + 1024 > len(out_bytes):
            out_bytes = _wider(out_bytes, out, end - at)
        out_bytes[out] = _SPACE
        out += 1
        while at < end:
            kind = kinds[lines[at]]
            while kind != OTHER:
                after = kinds[lines[at + 1]] if at + 1 < end else PLAIN
                if after == OTHER and lines[at + 1] >= 0x80:
                    break  # a mark, it may be, that a key joins to this letter
                if kind == PLAIN or not after_space:
                    out_bytes[out] = lines[at]
                    out += 1
                after_space = kind == SPACE
                at += 1
                if at == end:
                    break
                kind = after
            if at == end:
                break
            length, start = _longest_key(lines, at, end, units, len(replacements))
            source = replacements
            if length == 0:
                source, start = lines, at
                length = _character_bytes(lines[at], end - at)
                stop = at + length
            else:
                stop = start
                while stop < len(replacements) and replacements[stop] != 0:
                    stop += 1
            at += length
            while after_space and start < stop and source[start] == _SPACE:
                start += 1
            if out + (stop - start) + (end - at) + 8 > len(out_bytes):
                out_bytes = _wider(out_bytes, out, stop - start + end - at)
            for place in range(start, stop):
                out_bytes[out] = source[place]
                out += 1
            if start < stop:
                after_space = source[stop - 1] == _SPACE
                if stop - start == 3 and _is_space_symbol(source, start):
                    out -= 2
                    out_bytes[out - 1] = _SPACE
        while out > first and out_bytes[out - 1] == _SPACE:
            out -= 1
        out_offsets[row + 1] = out
    out_bytes[out : out + PADDING] = _SPACE
    return out_bytes[: out + PADDING], out_offsets


@inner
def _longest_key(lines, at, end, units, num_replacements):
    """Bytes of the longest key at a place and where its replacement starts; 0, 0 for none."""
    longest, value = np.int64(0), np.int64(0)
    if len(units) == 0:
        return longest, value
    node = np.int64(_offset(units[0]))
    for place in range(at, end):
        byte = np.int64(lines[place])
        node ^= byte
        unit = units[node]
        if np.int64(unit & np.uint32(0x800000FF)) != byte:
            break
        node ^= np.int64(_offset(unit))
        if unit >> np.uint32(8) & np.uint32(1):
            found = np.int64(units[node] & np.uint32(0x7FFFFFFF))
            longest, value = place + 1 - at, found
    if value >= num_replacements:
        return np.int64(0), np.int64(0)
    return longest, value


@inner
def _offset(unit):
    return (unit >> np.uint32(10)) << ((unit & np.uint32(512)) >> np.uint32(6))


@inner
def _character_bytes(lead, left):
    length = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    return min(np.int64(length), left)


@inner
def _is_space_symbol(source, start):
    return source[start] == 0xE2 and source[start + 1] == 0x96 and source[start + 2] == 0x81


@kernel
def _wider(array, used, more):
    wider = np.empty(2 * len(array) + more + 1024, np.uint8)
    wider[:used] = array[:used]
    return wider
