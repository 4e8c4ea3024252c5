"""C4's rules: golden vectors a rule, and the kernel against the rules in plain Python."""

from collections import Counter
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.c4 import rules as c4
from corpus.c4.pages import clean_batch
from corpus.c4.rules import PRESETS, bad_words_search, clean
from corpus.c4.sentences import count_sentences

GOOD = "One sentence stands here. Two of them are here. And so there are three."
FIVE = f"{GOOD} Four are better still. Five are enough."
LONG = "x" * 1001


def both(text: str, preset: str) -> tuple[str, str, Counter]:
    """The plain form's answer, which the kernel's must equal."""
    counts: Counter[str] = Counter()
    page = clean(text, PRESETS[preset], counts)
    by_kernel: Counter[str] = Counter()
    batch = clean_batch(pa.array(["before.", text, None]), PRESETS[preset], by_kernel)
    assert batch.verdicts[1].as_py() == page.verdict
    assert batch.texts[1].as_py() == (page.text if page.verdict == "kept" else text)
    lines = batch.lines[1]
    assert (None if lines is None else tuple(lines.tolist())) == (
        page.lines if page.verdict == "kept" else None
    )
    by_kernel[c4.LINES[3]] -= 1  # "before." is one word
    assert +by_kernel == +counts
    return page.verdict, page.text, counts


@pytest.mark.parametrize(
    ("text", "preset", "verdict", "left"),
    [
        (GOOD, "tfds", c4.KEPT, GOOD),
        (GOOD, "paper", c4.FEW_SENTENCES, ""),
        (FIVE, "paper", c4.KEPT, FIVE),
        (f"{GOOD}\nNo end mark on this line here", "tfds", c4.KEPT, GOOD),
        (f"{GOOD}\nThis line just trails off...", "tfds", c4.KEPT, GOOD),
        (f'{GOOD}\n"So he said to them."', "tfds", c4.KEPT, f'{GOOD}\n"So he said to them."'),
        (f"{GOOD}\nOnly four words here.", "tfds", c4.KEPT, GOOD),
        (f"{FIVE}\nOnly four words here.", "paper", c4.KEPT, f"{FIVE}\nOnly four words here."),
        (f"{FIVE}\nTwo words.", "paper", c4.KEPT, FIVE),
        (f"{GOOD}\nA word {LONG} is too long here.", "tfds", c4.KEPT, GOOD),
        (f"{GOOD}\nA word {LONG[1:]} is just right.", "tfds", c4.KEPT, None),
        ("Cited[12] it [citation needed] was[edit] and is[]. " + GOOD, "tfds", c4.KEPT, None),
        (f"{GOOD}\nWhat is cited at its end. [3]", "tfds", c4.KEPT, GOOD),  # ends in a space now
        (f"{GOOD}\nPlease turn on JavaScript to see this.", "tfds", c4.KEPT, GOOD),
        (f"{GOOD}\nRead our Privacy Policy before you go on.", "tfds", c4.KEPT, GOOD),
        (f"{GOOD}\nThis site uses cookies to be good.", "tfds", c4.KEPT, GOOD),
        (f"{GOOD}\nWe bake cookies every day at home.", "tfds", c4.KEPT, None),
        (f"{GOOD}\nLorem Ipsum dolor sit amet it is.", "tfds", c4.LOREM_IPSUM, ""),
        (f"{GOOD}\nLorem ipsum", "tfds", c4.KEPT, GOOD),  # in a line that goes anyway
        (f"{FIVE}\nLorem ipsum", "paper", c4.LOREM_IPSUM, ""),
        (f"{GOOD}\nThe set is {{1, 2, 3}} as said.", "tfds", c4.CURLY_BRACKET, ""),
        (f"{GOOD}\nif (a) {{", "tfds", c4.KEPT, GOOD),
        (f"{FIVE}\nif (a) {{", "paper", c4.CURLY_BRACKET, ""),
        ("a" * 190_001, "tfds", c4.TOO_LONG, ""),
        ("é" * 190_000, "tfds", c4.FEW_SENTENCES, ""),
        ("", "tfds", c4.FEW_SENTENCES, ""),
        ("This has two sentences. It is too little.", "tfds", c4.FEW_SENTENCES, ""),
        (f"  \u3000{GOOD}\u00a0\r\n\r\n", "tfds", c4.KEPT, GOOD),
        (f"[1] {GOOD}", "tfds", c4.KEPT, GOOD),  # the space that is left goes with the page's ends
        (f"{GOOD}\u2028{GOOD}\x0bno end\x85{GOOD}", "tfds", c4.KEPT, "\n".join([GOOD] * 3)),
        (f"{GOOD}\nRead the cooKie policy of this site.", "tfds", c4.KEPT, GOOD),
        (f"{GOOD}\nRead the co\u00f6kie policy of this site.", "tfds", c4.KEPT, None),
        (f"{GOOD}\nRead the coo\u212aie policy of this site.", "tfds", c4.KEPT, GOOD),
        (f"{GOOD}\nIt is so [\u0661] indeed, they all say.", "tfds", c4.KEPT, None),
    ],
)
def test_golden_vectors(text: str, preset: str, verdict: str, left: str | None) -> None:
    found, cleaned, _ = both(text, preset)
    assert found == verdict
    if left is None:
        left = c4._CITATION.sub("", text)
    assert cleaned == left


FOUR = "She said that it was four"
RULES_OF_LINES = [
    *((f"{FOUR}{mark}", None) for mark in (".", "?", "!", '"', "..")),
    *(
        (f"{FOUR}{mark}", c4.LINES[2])
        for mark in ("", "...", "....", ",", ":", ")", "\u201d", "\u2026")
    ),
    *((f"{FOUR}, {phrase}, as said.", c4.LINES[5]) for phrase in c4.POLICIES),
    (f"{FOUR}, terms  of use, as said.", None),
    ("JAVASCRIPT is what it asks for.", c4.LINES[4]),
    (f"{FOUR} {LONG}.", c4.LINES[1]),
    (f"{FOUR} {LONG[2:]}.", None),  # the end mark is of the word
    ("It has four words.", c4.LINES[3]),
    ("Two[1] words[edit][citation needed].", c4.LINES[3]),
]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("line", "fate"), RULES_OF_LINES)
def test_each_rule_of_lines(line: str, fate: str | None, preset: str) -> None:
    if preset == "paper" and "four words" in line:
        fate = None  # three are enough
    verdict, left, counts = both(f"{FIVE}\n{line}", preset)
    assert verdict == c4.KEPT
    assert left == (FIVE if fate else f"{FIVE}\n{line}")
    assert counts == ({c4.LINES[0]: 1, fate: 1} if fate else {c4.LINES[0]: 2})


def test_the_two_lists_are_what_is_published() -> None:
    names = ("min_words", "min_sentences", "max_chars", "whole_page", "span_sentences")
    values = {name: tuple(getattr(rules, n) for n in names) for name, rules in PRESETS.items()}
    assert values == {"paper": (3, 5, 0, True, 3), "tfds": (5, 3, 190_000, False, 0)}


def test_lines_are_counted_by_what_they_met() -> None:
    text = f"{GOOD}\nMenu\nTwo words.\nTurn JavaScript on to see this.\n{LONG} a b c d e.\n{GOOD}"
    _, _, counts = both(f"{text}\nSee the terms of use for that.", "tfds")
    assert counts == dict(zip(c4.LINES, (2, 1, 1, 1, 1, 1), strict=True))


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("One.", 1),
        ("One. Two.", 2),
        ("One! two? three", 3),
        ("Dr. No met Mr. X. They spoke.", 1),
        ("At 5 p.m. he left. At 6 p.m. She came.", 3),
        ("Wait... what? Yes... Sure.", 3),
        ("J. R. R. Tolkien wrote, e.g. this. So did I. He knew.", 3),
        ("Version 2.1 is out. 3. it is.", 2),
        ('He said "Go." She went. (He did.) They did.', 4),
        ("It costs 3. dollars", 1),
        ("A big day.\u3000Another.", 2),
        ("Ends here. )", 1),
        ("Ends here. ('", 2),
    ],
)
def test_sentences(line: str, sentences: int) -> None:
    assert count_sentences(line) == sentences


@pytest.mark.parametrize(
    ("text", "apart", "found"),
    [
        ("a darn thing", True, True),
        ("DARN", True, True),
        ("darned", True, False),
        ("darned", False, True),
        ("what the heck, no", True, True),
        ("the  heck", True, False),
        ("édarn", True, False),
        ("a+b", True, True),
    ],
)
def test_bad_words(text: str, apart: bool, found: bool) -> None:
    search = bad_words_search(["darn", "the heck", "a+b"], apart=apart)
    assert search(text) is found


WORDS = st.sampled_from(
    [
        *"a I. Dr. etc. Etc p.m. U.S. no. 12. x.y. One two THREE. four! five? six... [1]".split(),
        *"[edit] [² ] [٣] javascript JavaScript { cookie policy privacy use of cookies".split(),
        *'terms " ." .\' .) (. “ ” ‘ ’. é. İ K 漢字。 . ? !'.split(),
        *("lorem ipsum", "[citation needed]", "Privacy Policy", "uses cookies", "terms of use"),
        *("\u3000", "\xa0", "\x85", "\u2028", "\x0b", "\x1c", "\r"),
    ]
)
PAGES = st.lists(st.tuples(WORDS, st.sampled_from([" ", " ", "\n", "", "\r\n", "  "])), max_size=60)


@settings(max_examples=600)
@given(PAGES, st.sampled_from(["paper", "tfds"]))
@example([("x" * 1001, " "), ("a.", "\n")], "tfds")
def test_the_kernel_is_the_plain_form(words: list[tuple[str, str]], preset: str) -> None:
    both("".join(word + space for word, space in words), preset)


@given(st.lists(st.text(max_size=80), max_size=8), st.sampled_from(["paper", "tfds"]))
def test_any_texts(texts: list[str], preset: str) -> None:
    for text in texts:
        both(text, preset)
    batch = clean_batch(pa.array(texts, pa.large_string()), PRESETS[preset], Counter())
    for text, cleaned in zip(texts, batch.texts.to_pylist(), strict=True):
        assert len(cleaned) <= len(text)
    for lines in batch.lines:
        assert lines is None or all(a <= b for a, b in pairwise(lines.tolist()))
