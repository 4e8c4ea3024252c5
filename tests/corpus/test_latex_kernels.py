"""The compiled scanner: against plain substitution, and with arrays that are full at once."""

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corpus.kernels import tex_state as fields
from corpus.kernels.tex_text import bracket_end, command_end, ends_in_command, group_end
from corpus.latex import scanner, state
from corpus.latex.paper import clean, read_source, scanned
from corpus.latex.scanner import Limits

Macros = dict[str, tuple[int, str]]  # parameters and body by name


def expanded(text: str, macros: Macros) -> str:
    """The text with macros put in their places, the leftmost first, until none is left."""
    while match := re.search(r"\\([a-z]+)\{", text):
        parameters, body = macros[match[1]]
        place, arguments = match.end() - 1, []
        for _ in range(parameters):
            end = group(text, place)
            arguments.append(text[place + 1 : end - 1])
            place = end
        become = re.sub(r"#(\d)", lambda m, a=arguments: a[int(m[1]) - 1], body)  # type: ignore[misc]
        text = text[: match.start()] + become + text[place:]
    return text


def group(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    raise AssertionError


@st.composite
def papers(draw: st.DrawFn) -> tuple[Macros, str]:
    """Macros that use only those before them, each with all its arguments, and a use of them."""
    macros: Macros = {}

    def piece(parameters: int, depth: int) -> str:
        kinds = ["1", "; ", "é", "{.}"] + [f"#{n + 1}" for n in range(parameters)]
        kind = draw(st.sampled_from([*kinds, *(macros if depth else [])]))
        if kind not in macros:
            return kind
        uses = [piece(parameters, depth - 1) for _ in range(macros[kind][0])]
        return f"\\{kind}" + "".join(f"{{{use}}}" for use in uses)

    for name in ("a", "be", "cee"):
        parameters = draw(st.integers(1, 3))
        length = draw(st.integers(0, 4))
        macros[name] = parameters, "".join(piece(parameters, 2) for _ in range(length))
    return macros, "".join(piece(0, 3) for _ in range(draw(st.integers(0, 8))))


@given(papers())
def test_macros_become_what_plain_substitution_makes_of_them(paper: tuple[Macros, str]) -> None:
    macros, use = paper
    forms = ["\\newcommand{{\\{0}}}[{1}]{{{2}}}", "\\def\\{0}{3}{{{2}}}"]
    for form in forms:
        defined = "".join(
            form.format(name, count, body, "".join(f"#{n + 1}" for n in range(count)))
            for name, (count, body) in macros.items()
        )
        source = f"\\documentclass{{a}}{defined}\\begin{{document}}.{use}."
        found = clean(read_source({"a.tex": source.encode()}), "a.tex", Limits(max_expansion=1000))
        assert found.text == "." + expanded(use, macros) + ".\n"


_PIECES = st.sampled_from(
    r"""\newcommand{\x}[2][d]{#1\y{#2}} \newcommand{\y}[1]{<#1>} \def\x#1;{(#1)} \def\z{\x\x}
    \let\y=\z \x{a} \y \z \x; { } [ ] \verb|a| \begin{verbatim} \end{verbatim} \iftrue \fi
    \input{b} \makeatletter \def\m@x{\@y} \m@x \newif\ifz \ztrue \ifz \def\z{\m@x} \section{S}
    $x$ text \n""".split()
).map(lambda piece: "\n" if piece == "\\n" else piece)  # fmt: skip


@given(
    st.lists(_PIECES, max_size=40),
    st.sampled_from([2, 40]),
    st.sampled_from([1, 8]),
    st.integers(0, 6),
)
@example(["\\def\\z{x}", "\\newif\\ifz", "\\ifz"], 2, 1, 1)
def test_arrays_that_are_full_change_nothing(
    pieces: list[str], max_depth: int, max_expansion: int, spare: int
) -> None:
    files = {"a.tex": "".join(pieces).encode(), "b.tex": b" ".join([b"\\z x"] * 9)}
    limits = Limits(max_depth, max_expansion)
    found = clean(read_source(files), "a.tex", limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "fresh", partial(full, spare=spare))
        assert clean(read_source(files), "a.tex", limits) == found


@pytest.mark.parametrize("use", ["\\x}", "\\x{aaaaaaaaa}", "\\y[", "\\y[{}{a"])
def test_what_is_read_again_for_lack_of_room_is_charged_once(use: str) -> None:
    defined = "\\newcommand{\\x}[1]{<#1>}\\newcommand{\\y}[2][dd]{#1#2}"
    source = read_source({"a.tex": (defined + use * 200).encode()})

    def left() -> int:
        return int(scanned(source, "a.tex", Limits()).registers[fields.WORK])

    roomy = left()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "fresh", partial(full, spare=0))
        assert left() == roomy


def full(known: state.State, size: int, spare: int) -> state.State:
    """A state that has no room for anything more, but for a few names, which are full later on."""
    made = state.fresh(known, size)
    num_names = made.registers[fields.NUM_NAMES] + spare
    return made._replace(
        text=made.text[:0].copy(),
        out=made.out[:0].copy(),
        heap=made.heap[: made.registers[fields.HEAP_SIZE]].copy(),
        names=made.names[:num_names].copy(),
        frames=made.frames[:1].copy(),
        raw=made.raw[:0].copy(),
    )


def test_a_paper_may_define_any_number_of_macros() -> None:
    names = [a + b + c for a in "abcdefghijklmnop" for b in "qrstuvwxyz" for c in "ghijklmnopqrst"]
    source = "".join(f"\\def\\{name}{{<{name}>}}" for name in names) + "\\begin{document}"
    uses = "".join(f"\\{name} " for name in names)
    found = clean(read_source({"a.tex": (source + uses).encode()}), "a.tex")
    assert found.counts["macros_defined"] == len(names) == 2240
    assert found.text == " ".join(f"<{name}>" for name in names) + "\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("\\alpha1", 6),
        ("\\a@b", 2),
        ("\\begin{x}y", 9),
        ("\\end{x*}", 8),
        ("\\begin {x}", 6),
        ("\\begin{}", 6),
        ("\\begin{a\nb}", 6),
        ("\\beginx{a}", 7),
        ("\\%", 2),
        ("\\éa", 3),
        ("\\", 0),
    ],
)
def test_where_commands_end(text: str, place: int) -> None:
    array = state.as_array(text.encode())
    assert command_end(array, 0, array.size, False) == place


def test_where_groups_and_brackets_end() -> None:
    for text, end in (("{a{\\}}b}c", 8), ("{a{b}", -1), ("{\\", -1)):
        assert group_end(state.as_array(text.encode()), 0, len(text)) == end
    for text, end in (("[a{]}\\]]c", 8), ("[a}]", -1), ("[", -1)):
        assert bracket_end(state.as_array(text.encode()), 0, len(text)) == end


@given(st.text(alphabet="a\\ 1", max_size=20))
def test_a_text_ends_in_a_command_as_a_pattern_has_it(text: str) -> None:
    expected = re.search(r"(?:^|[^\\])(?:\\\\)*\\[A-Za-z]+\Z", text) is not None
    assert ends_in_command(np.frombuffer(text.encode(), np.uint8).copy(), 0, len(text)) == expected
