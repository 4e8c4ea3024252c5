"""CCNet's normalisations: worked traps, and a slow rendering of the published rules."""

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.dedup.normalize import normalize_for_dedup, normalize_for_lm

MARKS = "，。、„”“«»１」「《》´∶：？！（）；–—．～’…━〈〉【】％►"
IN_ASCII = [",", ".", ",", *'""""""""""', "'", *":", *":", "?", "!", "(", ")", ";", "-", " - "]
IN_ASCII += [". ", "~", "'", "...", "-", "<", ">", "[", "]", "%", "-"]
CONTROLS = {chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)]}

# Any character, with those that the rules name much more often than chance would.
TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from(
            MARKS + " \t\n\r\x00\x1c\x7f\x85\u00a0\u200b\u2028Aßİſ\u0130ΑΣ9٣१𝟘\u0301각"
        ),
    )
)


def slow_dedup(line: str) -> str:
    line = re.sub(r"\d", "0", line.strip().lower())
    return "".join(c for c in line if c not in MARKS and c not in CONTROLS)


def slow_lm(text: str) -> str:
    text = unicodedata.normalize("NFD", text.strip().lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    text = re.sub(r"\d", "0", text)
    for mark, ascii_form in zip(MARKS, IN_ASCII, strict=True):
        text = text.replace(mark, ascii_form)
    return "".join(c for c in text if c not in CONTROLS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  Héllo, １２ — “q”\u00a0 A  B!\t ", "héllo, 00  q\xa0 a  b!"),
        ("İSTANBUL", "i\u0307stanbul"),
        ("٣ ३ 𝟗 ² ½ Ⅷ", "0 0 0 ² ½ ⅷ"),  # decimal digits only
        ("\u00a0a\u200b ", "a\u200b"),
        ("\u200b a", "\u200b a"),  # zero-width space is not stripped
        ("” a", " a"),  # stripping comes before deleting
        ("a\x00b\x1fc\x7fd\x85e\x9ff", "abcdef"),
        ("(a) [b]; c: d?", "(a) [b]; c: d?"),
        ("각 Ａ", "각 ａ"),
        ("ΟΔΟΣ", "οδος"),
        ("\ud800 1", "\ud800 0"),
        (MARKS.replace("１", ""), ""),
        ("", ""),
    ],
)
def test_dedup_traps(line: str, expected: str) -> None:
    assert normalize_for_dedup(line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Crème\nBrûlée 12 ", "cremebrulee 00"),  # lines fuse without a space
        ("a—b…c．d", "a - b...c. d"),
        ("«x» 「y」 〈z〉【w】", '"x" "y" <z>[w]'),
        ("100％ ～ ► １", "000% ~ - 0"),  # a digit before it is a mark
        ("각", "\u1100\u1161\u11a8"),
        ("İ", "i"),
        ("\u037e \u2329", "; <"),  # what NFD turns into ASCII and into a mark
        ("\u00a0a\u00a0b\u200b", "a\u00a0b\u200b"),
        ("🙂 é 𝟗", "🙂 e 0"),
        ("\udc80é", "\udc80e"),
        ("", ""),
    ],
)
def test_lm_traps(text: str, expected: str) -> None:
    assert normalize_for_lm(text) == expected


def test_all_34_marks_are_known() -> None:
    assert len(set(MARKS)) == 34
    assert normalize_for_lm("é" + "|".join(MARKS)) == "e" + "|".join(
        "0" if mark == "１" else form for mark, form in zip(MARKS, IN_ASCII, strict=True)
    )


@given(TEXTS)
def test_dedup_is_the_published_rule(line: str) -> None:
    assert normalize_for_dedup(line) == slow_dedup(line)


@given(TEXTS)
def test_lm_is_the_published_rule(text: str) -> None:
    assert normalize_for_lm(text) == slow_lm(text)


@pytest.mark.parametrize(
    ("fast", "slow"), [(normalize_for_dedup, slow_dedup), (normalize_for_lm, slow_lm)]
)
def test_every_character_of_unicode(fast: Callable[[str], str], slow: Callable[[str], str]) -> None:
    text = "".join(f"x{chr(code)}x|" for code in range(0x110000))
    found, expected = fast(text).split("x|"), slow(text).split("x|")
    assert [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]] == []
