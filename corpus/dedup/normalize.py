"""CCNet's two text normalisations (arXiv:1911.00359, sections 3.1 and 3.3, and its public code).

`normalize_for_dedup` is what two lines must share to count as one; `normalize_for_lm` is the text
its language models are trained on and score. Both must match the public code to the character,
quirks included: a perplexity cutoff means nothing under another normalisation.

Both are per-character maps after `strip` and `lower`. ASCII goes through `bytes.translate`; only
text that is not ASCII pays for a regular expression over the rest of Unicode.
"""

import functools
import re
import sys
import unicodedata
from collections.abc import Iterable

# What normalize_for_lm writes for each mark; normalize_for_dedup deletes the same marks. The
# full-width 1 is in the published table, but digits are replaced before it is looked up.
_MARKS = {
    **{"，": ",", "、": ",", "。": ".", "．": ". ", "…": "..."},
    **dict.fromkeys("„”“«»１」「《》", '"'),
    **dict.fromkeys("´’", "'"),
    **dict.fromkeys("∶：", ":"),
    **{"？": "?", "！": "!", "（": "(", "）": ")", "；": ";", "％": "%", "～": "~"},
    **{"–": "-", "━": "-", "►": "-", "—": " - "},
    **{"〈": "<", "〉": ">", "【": "[", "】": "]"},
}
_C1_CONTROLS = [chr(code) for code in range(0x80, 0xA0)]
_ASCII_CONTROLS = bytes([*range(0x20), 0x7F])
_ASCII_DIGITS_TO_ZERO = bytes.maketrans(b"0123456789", b"0" * 10)


def normalize_for_dedup(line: str) -> str:
    """The form under which a line is compared with others.

    Stripped, lower-cased, every Unicode decimal digit a `0`, without CCNet's 34 marks and control
    characters. ASCII punctuation, accents, U+00A0, U+200B and inner spaces stay. Applying it twice
    may differ from once: a mark's deletion can leave a space at the edge.
    """
    raw = _encode(line.strip().lower()).translate(_ASCII_DIGITS_TO_ZERO, _ASCII_CONTROLS)
    return _decode(raw if line.isascii() else _without_marks(raw))


def normalize_for_lm(text: str) -> str:
    """The one line a document is to CCNet's language models.

    Stripped, lower-cased, decomposed (NFD) without non-spacing marks, digits `0`, CCNet's marks
    in ASCII, without control characters. Newlines are among these, so lines fuse without a space.
    The text stays decomposed: Hangul is in jamo.
    """
    text = text.strip().lower()
    ascii_only = text.isascii()
    if not ascii_only:
        text = unicodedata.normalize("NFD", text)
    text = _decode(_encode(text).translate(_ASCII_DIGITS_TO_ZERO, _ASCII_CONTROLS))
    if ascii_only:
        return text
    pattern, replacement = _lm_map()
    return pattern.sub(lambda match: replacement.get(match[0], match[0]), text)


def _without_marks(raw: bytes) -> bytes:
    digits, marks, zero = _dedup_patterns()
    text = digits.sub(lambda match: zero.get(match[0], match[0]), _decode(raw))
    return _encode(marks.sub("", text))


# Text out of Arrow is valid UTF-8; a lone surrogate from elsewhere must not raise.
def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


# Found on first use: going through all of Unicode takes a tenth of a second.
@functools.cache
def _dedup_patterns() -> tuple[re.Pattern[str], re.Pattern[str], dict[str, str]]:
    zero = {c: "0" for c in _beyond_ascii() if c.isdecimal()}
    return _any_of(zero), _any_of([*_MARKS, *_C1_CONTROLS]), zero


@functools.cache
def _lm_map() -> tuple[re.Pattern[str], dict[str, str]]:
    accents = [c for c in _beyond_ascii() if unicodedata.category(c) == "Mn"]
    replacement = {
        **dict.fromkeys([*accents, *_C1_CONTROLS], ""),
        **_MARKS,
        **_dedup_patterns()[2],
    }
    return _any_of(replacement), replacement


def _beyond_ascii() -> Iterable[str]:
    return map(chr, range(0x80, sys.maxunicode + 1))


def _any_of(characters: Iterable[str]) -> re.Pattern[str]:
    """Matches the characters given, and beyond U+FFFF more than these.

    A character set is one table look-up inside the basic plane, but a linear search outside of
    it: fifty times slower for the digits. One range over the rest leaves those to the caller.
    """
    members = set(characters)
    basic = sorted(c for c in members if c <= "\uffff")
    rest = "\U00010000-\U0010ffff" if len(basic) < len(members) else ""
    return re.compile("[" + "".join(map(re.escape, basic)) + rest + "]")
