"""What C4 removes as repeated: worked examples, and the rule said in plain Python."""

import hashlib
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from c4_plain import A, B, C, D, E, F, G, H, Page, cleaned, cut, of_rows, page, plain
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.c4.repeats import remove_repeats, split
from corpus.c4.rules import FEW_LEFT, KEPT, PRESETS
from corpus.c4.sentences import count_sentences
from corpus.c4.stage import C4RulesConfig, clean
from corpus.counts import Counts
from corpus.dedup.lines import SeenLines, shard_hashes
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile


def without_repeats(pages: list[Page], preset: str, counts: Counts | None = None) -> list:
    rules = PRESETS[preset]

    def hashed(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        pieces = split(texts, rules.span_sentences)
        return pieces.hashes, np.diff(pieces.text_spans)

    batch = cleaned(pages)
    part = np.array([verdict == KEPT for _, _, verdict in pages], bool)
    hashes, again, first = shard_hashes([batch.filter(pa.array(part))], "keep_first", hashed)
    seen = SeenLines(hashes[again], first[again])
    return of_rows(remove_repeats(batch, part, seen, rules, counts or Counts()))


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        # three in a row, over a line's end, in other case and with other white space
        (
            [f"{A} {B}\n{C} {D} {E}", f"{F} {G} {A.upper()}  {B}\n{C}\n{H} {D} {E}"],
            [None, f"{F} {G}\n{H} {D} {E}"],
        ),
        # two in a row are no span
        ([page(A, B, C, D, E), page(A, B, F, G, H)], [None, None]),
        # every span of four in a row is repeated
        ([page(A, B, C, D, E), page(F, G, H, E, F, A, B, C, D)], [None, page(F, G, H, E, F)]),
        # of overlapping spans each goes with all its sentences, the first copy of BCD too
        (
            [page(A, B, C, E, F), page(A, B, C, D, E, F, G, H), page(B, C, D, H, G, F, E, A)],
            [None, page(D, E, F, G, H), page(H, G, F, E, A)],
        ),
        # in one page: its first place stays
        ([page(A, B, C, D, E, A, B, C, F)], [page(A, B, C, D, E, F)]),
        # a span that overlaps its own copy leaves what stands before it
        ([page(A, A, A, A, B, C, D, E)], [page(A, B, C, D, E)]),
        # the sentence between goes with the white space before it
        (
            [page(A, B, C, D, E), f"{F} {G}\t{A} {B} {C}  {H} {D}\n{E}"],
            [None, f"{F} {G}  {H} {D}\n{E}"],
        ),
    ],
)
def test_three_sentences_in_a_row(texts: list[str], left: list[str | None]) -> None:
    pages = [(key, text, KEPT) for key, text in enumerate(texts)]
    found = without_repeats(pages, "paper")
    assert found == plain(pages, "paper")
    for (verdict, text, _), before, after in zip(found, texts, left, strict=True):
        assert (verdict, text) == (KEPT, before if after is None else after)


def test_lines_as_the_released_code_does() -> None:
    """Its rule said by example: global and local repeats go, then pages with too little left."""
    menu, three = "This is a line of the menu.", "It is one. It is two. It is three."
    pages = [
        (7, f"{menu}\n{three}\nIt is seven all right.", KEPT),
        (3, f"{menu.upper()}\nIt is three all right.\n {menu} \nOne more. And more.", KEPT),
        (5, f"{menu}\nToo little is left here.", KEPT),
        (1, f"{three}\n{menu}", "bad word"),
    ]
    counts = Counts()
    found = without_repeats(pages, "tfds", counts)
    assert found == plain(pages, "tfds")
    assert found[0] == (KEPT, f"{three}\nIt is seven all right.", [1, 2])
    assert found[1] == (
        KEPT,
        f"{menu.upper()}\nIt is three all right.\nOne more. And more.",
        [0, 1, 3],
    )
    assert found[2] == (FEW_LEFT, pages[2][1], [0, 1])
    assert found[3] == ("bad word", pages[3][1], [0, 1])
    assert counts.totals == {
        **{"lines_in": 9, "lines_out": 6, "pages_in": 3},
        f"pages: {FEW_LEFT}": 1,
    }


def test_a_page_is_asked_again_how_many_sentences_it_has_as_one_text() -> None:
    text = 'He said "so it is"\nand she said "no it is not".\nThat was all of it.'
    assert sum(map(count_sentences, text.split("\n"))) == 3
    assert count_sentences(text) == 2
    assert without_repeats([(1, text, KEPT)], "tfds")[0][0] == FEW_LEFT


def test_the_smallest_key_keeps_its_copy_wherever_it_stands() -> None:
    text = page(A, B, C, D, E)
    for preset in PRESETS:
        found = without_repeats([(9, text, KEPT), (2, text, KEPT), (5, text, KEPT)], preset)
        assert [verdict for verdict, _, _ in found] == [FEW_LEFT, KEPT, FEW_LEFT]


def test_forms_that_only_python_knows() -> None:
    sigma, dotted = "ΟΔΟΣ ΟΔΟΣ. Ένα δύο. Τρία.", "İstanbul is one. Two is it. Three is it."
    for text, other in ((sigma, "οδος οδος. ένα δύο. τρία."), (dotted, dotted.lower())):
        keyed = [(1, text, KEPT), (2, other, KEPT)]
        assert without_repeats(keyed, "tfds") == plain(keyed, "tfds")
    verdicts = [
        v for v, _, _ in without_repeats([(1, sigma, KEPT), (2, sigma.lower(), KEPT)], "tfds")
    ]
    assert verdicts == [KEPT, FEW_LEFT]


SENTENCES = st.sampled_from(
    [A, B, C, D, A.upper(), "Mr. X ran.", 'She said "Go." He went.', "7.", "8.", "É è.", "no end"]
)
TEXTS = st.lists(
    st.tuples(SENTENCES, st.sampled_from([" ", " ", "  ", "\n", "\u3000"])), min_size=1, max_size=9
).map(lambda parts: "".join(text + space for text, space in parts).strip())
PAGES = st.lists(
    st.tuples(TEXTS, st.sampled_from([KEPT, KEPT, KEPT, "bad word"])), max_size=7
).flatmap(
    lambda pages: st.permutations(range(len(pages))).map(
        lambda keys: [(key, *rest) for key, rest in zip(keys, pages, strict=True)]
    )
)


@settings(max_examples=300)
@given(PAGES, st.sampled_from(["paper", "tfds"]))
@example([(0, "", KEPT), (1, "", KEPT)], "tfds")
@example([(0, "", KEPT), (1, "", KEPT)], "paper")
@example([], "paper")
def test_what_is_left_is_what_the_rule_says(pages: list[Page], preset: str) -> None:
    assert without_repeats(pages, preset) == plain(pages, preset)


@settings(max_examples=200)
@given(PAGES, st.sampled_from(["paper", "tfds"]))
def test_of_every_sentence_one_stays(pages: list[Page], preset: str) -> None:
    """Where no page is dropped for what it lost."""
    pages = [(key, text, KEPT) for key, text, _ in pages]
    size = PRESETS[preset].span_sentences
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, preset, PRESETS[preset].__class__(0, 0, 0, False, size))
        found = without_repeats(pages, preset)

    def forms(texts) -> set[str]:
        return {piece.strip().lower() for text in texts for _, _, piece in cut(text, size)}

    assert forms(text for _, text, _ in found) >= forms(text for _, text, _ in pages) - {""}


@given(st.lists(st.text(st.sampled_from("a.B!? \n\"')(“”\u3000\u00a0É"), max_size=40), max_size=5))
def test_sentences_are_those_of_the_plain_form(texts: list[str]) -> None:
    pieces = split(pa.array(texts, pa.large_string()), 3)
    ends = pairwise(pieces.text_pieces.tolist())
    for text, (first, last) in zip(texts, ends, strict=True):
        bounds = zip(pieces.starts[first:last], pieces.stops[first:last], strict=True)
        found = [pieces.data[start:stop].tobytes().decode() for start, stop in bounds]
        assert found == [piece for _, _, piece in cut(text, 3)]
        assert re.sub(r"\s", "", "".join(found)) == re.sub(r"\s", "", text)


def test_hashes_are_of_what_is_stripped_and_in_small_letters() -> None:
    pieces = split(pa.array([" AB 12 \nÉ"], pa.large_string()), 0)
    forms = [b"ab 12", "é".encode()]
    assert pieces.hashes.tolist() == [
        int.from_bytes(hashlib.sha1(form).digest()[:8], "little") for form in forms
    ]


@pytest.mark.parametrize(("preset", "lost"), [("paper", 173), ("tfds", 193)])
def test_pages_of_a_crawl(shared: Path, preset: str, lost: int) -> None:
    """What the rules keep of real pages, whose line separators and scripts are of every kind."""
    path = shared / "crawl/wet/crawl-00000.warc.wet.gz"
    file = InputFile(str(path), path.name, path.stat().st_size)
    batches = list(read(file, "web", WetConfig(min_chars=0), Counts()))
    kept = [clean(batch, C4RulesConfig(preset), Counts()).to_pylist() for batch in batches]
    pages = [
        (row["doc_id"], row["text"], KEPT) for rows in kept for row in rows if row["c4"] == KEPT
    ]
    found = without_repeats(pages, preset)
    assert found == plain(pages, preset)
    assert sum(verdict == FEW_LEFT for verdict, _, _ in found) == lost
