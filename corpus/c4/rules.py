"""C4's rules, one page at a time, in plain Python: what the kernel must equal, and its slow path.

Two published lists, by name. `paper` is the first version of arXiv:1910.10683, section 2.2: lines
of at least 3 words, pages of at least 5 sentences, and what drops a page is looked for in all of
it. `tfds` is the code behind the released files: lines of at least 5 words, pages of at least 3
sentences and at most 190,000 characters, and what drops a page counts only in lines that stay.
What is repeated over the whole set, `corpus.c4.repeats` removes after these.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from corpus.c4.sentences import count_sentences

Preset = Literal["none", "paper", "tfds"]

MAX_WORD_CHARS = 1000
POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
KEPT = "kept"
TOO_LONG = "page too long"
LOREM_IPSUM = "lorem ipsum"
CURLY_BRACKET = "curly bracket"
FEW_SENTENCES = "too few sentences"
BAD_WORD = "bad word"
FEW_LEFT = "too few sentences that are not repeated"
# A page's verdict, by the number that the kernel gives it.
VERDICTS = (KEPT, TOO_LONG, LOREM_IPSUM, CURLY_BRACKET, FEW_SENTENCES)
# Why a line goes, by the number that the kernel gives it.
LINES = (
    "lines kept",
    "lines with a word over 1,000 characters",
    "lines without an end mark",
    "lines with too few words",
    "lines with javascript",
    "lines on policy or cookies",
)
_STAYS, _LONG_WORD, _NO_END, _FEW_WORDS, _JAVASCRIPT, _POLICY = LINES
_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")


@dataclass(frozen=True)
class Rules:
    """The numbers of a preset."""

    min_words: int  # a line
    min_sentences: int  # a page
    max_chars: int  # a page before cleaning; 0: any
    whole_page: bool  # what drops a page is looked for in all of it, or in the lines that stay
    span_sentences: int  # compared over the whole set; 0: lines are


PRESETS: dict[str, Rules] = {
    "paper": Rules(min_words=3, min_sentences=5, max_chars=0, whole_page=True, span_sentences=3),
    "tfds": Rules(
        min_words=5, min_sentences=3, max_chars=190_000, whole_page=False, span_sentences=0
    ),
}


class Cleaned(NamedTuple):
    """What the rules make of a page; its text where it is kept, else an empty one."""

    verdict: str
    text: str
    lines: tuple[int, ...]  # of each line of the text, its number among those newlines part


def clean(text: str, rules: Rules, counts: Counter[str]) -> Cleaned:
    """Applies the rules in their published order; counts lines by what became of them."""
    if rules.max_chars and len(text) > rules.max_chars:
        return Cleaned(TOO_LONG, "", ())
    if rules.whole_page:
        for verdict in _page_verdicts(text):
            return Cleaned(verdict, "", ())
    kept: list[str] = []
    numbers: list[int] = []
    sentences = 0
    for number, line in enumerate(text.split("\n")):
        for piece in line.splitlines():  # at the other line separators too
            piece = piece.strip()
            if any(len(word) > MAX_WORD_CHARS for word in piece.split()):
                counts[_LONG_WORD] += 1
                continue
            piece = _CITATION.sub("", piece)
            lower = piece.lower()
            if not piece.endswith((".", "?", "!", '"')) or piece.endswith("..."):
                counts[_NO_END] += 1
            elif len(piece.split()) < rules.min_words:
                counts[_FEW_WORDS] += 1
            elif not rules.whole_page and LOREM_IPSUM in lower:
                return Cleaned(LOREM_IPSUM, "", ())
            elif "javascript" in lower:
                counts[_JAVASCRIPT] += 1
            elif not rules.whole_page and "{" in piece:
                return Cleaned(CURLY_BRACKET, "", ())
            elif any(phrase in lower for phrase in POLICIES):
                counts[_POLICY] += 1
            else:
                counts[_STAYS] += 1
                sentences += count_sentences(piece)
                kept.append(piece)
                numbers.append(number)
    if sentences < rules.min_sentences:
        return Cleaned(FEW_SENTENCES, "", ())
    return Cleaned(KEPT, "\n".join(kept).strip(), tuple(numbers))


def _page_verdicts(text: str) -> Iterator[str]:
    if LOREM_IPSUM in text.lower():
        yield LOREM_IPSUM
    if "{" in text:
        yield CURLY_BRACKET


def bad_words_search(words: list[str], *, apart: bool) -> Callable[[str], bool]:
    """Whether a text has one of the words: on its own if `apart`, or else anywhere.

    Scripts that do not part words (Japanese, Thai, Chinese) need the second.
    """
    alternatives = "|".join(re.escape(word) for word in words)
    if apart:
        alternatives = rf"(?:\W|^)(?:{alternatives})(?:\W|$)"
    search = re.compile(alternatives).search
    return lambda text: search(text.lower()) is not None
