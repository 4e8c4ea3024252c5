"""The sentences of a line, by rules: C4 asks whether a page has three, or five, and for repeats.

Where `.`, `?` or `!` (any run of them, with closing quotes and brackets after it) stands before
white space and more of the line, a sentence ends
  - always after a run with `?` or `!`;
  - after several full stops, or a number's, where the next letter is no small one;
  - after an abbreviation such as `etc.` or `p.m.` where a capital follows; after `Mr.`, `e.g.` and
    their like and an initial never;
  - after any other full stop always.
The released C4 asked NLTK's trained Punkt, which decides alike where it knows no better.
"""

import re
import string
from collections.abc import Iterator

from corpus.kernels.c4_sentences import BEFORE_ANYTHING, BEFORE_NAMES

_WORD = frozenset(string.ascii_letters + ".")
_END = re.compile(
    r"([.?!]+)[\"')\]\u201d\u2019]*(\s+)[\"'(\[\u201c\u2018]*(?=[^\s\"')\]\u201d\u2019])"
)


def count_sentences(line: str) -> int:
    """Sentences in a line that is not blank: one, and one more for each end within it."""
    return sum(1 for _ in split_sentences(line))


def split_sentences(line: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of a line begins and stops; the white space between is in none."""
    start = 0
    for match in _END.finditer(line):
        if _ends(line, match):
            yield start, match.start(2)
            start = match.end(2)
    yield start, len(line)


def _ends(line: str, match: re.Match[str]) -> bool:
    marks, following = match[1], line[match.end()]
    if marks.strip("."):
        return True
    small, capital = "a" <= following <= "z", "A" <= following <= "Z"
    before = _word_before(line, match.start())
    if len(marks) > 1 or (match.start() and line[match.start() - 1] in "0123456789"):
        return not small
    if before in BEFORE_ANYTHING:
        return capital
    initial = len(before) == 1 and before != "i"
    return not (initial or before in BEFORE_NAMES)


def _word_before(line: str, at: int) -> str:
    """The ASCII letters and full stops that end at a position, in small letters."""
    start = at
    while start and line[start - 1] in _WORD:
        start -= 1
    return line[start:at].lower()
