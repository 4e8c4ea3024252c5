"""The plan of a mixture, by LLaMA's own table 1, and the weights that a cap forbids."""

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from corpus.errors import ConfigError
from corpus.mixture_plan import Ask, first_to_run_out, plan

# source: tokens in billions, weight, epochs of 1.4T tokens (LLaMA table 1)
PAPER = {
    "commoncrawl": (853.0, 0.67, 1.10),
    "c4": (198.0, 0.15, 1.06),
    "github": (98.4, 0.045, 0.64),
    "wikipedia": (25.7, 0.045, 2.45),
    "books": (28.3, 0.045, 2.23),
    "arxiv": (33.0, 0.025, 1.06),
    "stackexchange": (27.2, 0.02, 1.03),
}
AVAILABLE = {source: round(tokens * 1e9) for source, (tokens, _, _) in PAPER.items()}
WEIGHTS = {source: weight for source, (_, weight, _) in PAPER.items()}
TOKENS = 1_400_000_000_000


def test_the_epochs_of_the_paper() -> None:
    rows = plan(AVAILABLE, Ask(WEIGHTS, TOKENS))
    assert {row.source: round(row.epochs, 2) for row in rows} == {
        source: epochs for source, (_, _, epochs) in PAPER.items()
    }
    assert {row.source: row.share for row in rows} == pytest.approx(WEIGHTS)
    assert sum(row.asked for row in rows) == TOKENS
    first = first_to_run_out(rows)
    assert first.source == "wikipedia"
    assert first.lasts == pytest.approx(25.7e9 / 0.045)


def test_weights_are_shares_of_their_sum() -> None:
    rows = plan({"web": 100, "code": 100, "spare": 7}, Ask({"web": 3, "code": 1}, 200))
    assert [(row.source, row.share, row.asked, row.epochs) for row in rows] == [
        ("code", 0.25, 50, 0.5),
        ("web", 0.75, 150, 1.5),
    ]


def test_weights_share_what_is_not_asked_for_by_number() -> None:
    ask = Ask({"web": 3, "code": 1}, 1100, by_number={"wiki": 300})
    rows = plan(dict.fromkeys(("web", "code", "wiki"), 1000), ask)
    assert {row.source: row.asked for row in rows} == {"web": 600, "code": 200, "wiki": 300}


def refusal(available, ask: Ask) -> str:
    with pytest.raises(ConfigError) as caught:
        plan(available, ask)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_too_many_epochs_name_the_weight_and_what_fits() -> None:
    plan(AVAILABLE, Ask(WEIGHTS, TOKENS, {"wikipedia": 2.46}))
    assert refusal(AVAILABLE, Ask(WEIGHTS, TOKENS, {"wikipedia": 2.4})) == (
        "mixture.weights.wikipedia=0.045 asks for 2.45 epochs of 25,700,000,000 tokens, over "
        "max_epochs=2.4; set mixture.weights.wikipedia to 0.044"
    )
    plan(AVAILABLE, Ask({**WEIGHTS, "wikipedia": 0.044}, TOKENS, {"wikipedia": 2.4}))


def test_the_weight_of_a_group_is_named_by_its_key() -> None:
    ask = Ask(WEIGHTS, TOKENS, {"books": 2}, groups=frozenset({"books"}))
    assert "; set mixture.weights.books.weight to 0.04" in refusal(AVAILABLE, ask)
    assert "; set train.weights.books to 0.04" in refusal(
        AVAILABLE, Ask(WEIGHTS, TOKENS, {"books": 2}, section="train.weights")
    )


def test_lowering_one_weight_may_call_for_another() -> None:
    ask = Ask({"a": 8, "b": 2, "c": 5, "d": 3, "e": 2}, 100, {"a": 1, "b": 1})
    said = refusal({"a": 30, "b": 11, "c": 100, "d": 100, "e": 100}, ask)
    assert "a=8 asks for 1.33 epochs" in said
    assert said.endswith("set mixture.weights.a to 5 and mixture.weights.b to 1.8")


def test_one_tiny_weight_is_raised_and_not_all_others_lowered() -> None:
    ask = Ask({"c4": 1e-9, "web": 4, "code": 2}, 100, {"web": 1, "code": 1})
    said = refusal({"c4": 100, "web": 20, "code": 20}, ask)
    assert said.endswith("; set mixture.weights.c4 to 15")
    two = Ask({"c4": 1e-9, "web": 1}, 100, {"web": 1})
    assert refusal({"c4": 100, "web": 50}, two).endswith("; set mixture.weights.c4 to 1.1")


def test_a_number_over_the_cap_is_told_the_most_there_is() -> None:
    ask = Ask({"web": 1}, 1000, {"wiki": 2}, by_number={"wiki": 500})
    assert refusal({"web": 1000, "wiki": 200}, ask).endswith("set it to 400")


def test_a_number_over_its_cap_is_told_before_weights() -> None:
    ask = Ask({"a": 1, "b": 1}, 1000, {"a": 1, "wiki": 2}, by_number={"wiki": 500})
    available = {"a": 10, "b": 1000, "wiki": 200}
    assert refusal(available, ask).endswith("set it to 400")
    said = refusal(available, replace(ask, by_number={"wiki": 400}))
    assert "mixture.weights.a=1 asks for 30.00 epochs" in said


def test_no_weights_do_where_all_sources_are_too_small() -> None:
    said = refusal({"a": 10, "b": 10}, Ask({"a": 1, "b": 1}, 100, {"a": 2, "b": 2}))
    assert "no weights do" in said
    assert said.endswith("ask for 39 tokens at most, not 100, or raise a cap")


def test_a_source_that_is_not_there() -> None:
    said = "mixture.weights.wbe: no such source; there are tokens of code, web"
    assert refusal({"web": 1, "code": 1}, Ask({"wbe": 1}, 10)) == said


def test_an_empty_source_has_no_weight() -> None:
    available = {"web": 10, "code": 0}
    said = refusal(available, Ask({"web": 0.5, "code": 0.5}, 10))
    assert said == "mixture.weights.code=0.5: the source has no tokens; set it to 0"
    code, web = plan(available, Ask({"web": 0.5, "code": 0}, 10, {"web": 1, "code": 1}))
    assert (code.asked, code.epochs) == (0, 0.0)
    assert (web.asked, web.epochs) == (10, 1.0)


def test_a_small_weight_on_an_empty_source_is_refused_also_where_it_asks_for_no_token() -> None:
    ask = Ask({"web": 1, "code": 1e-9}, 1000, {"web": 1, "code": 1})
    said = refusal({"web": 10_000, "code": 0}, ask)
    assert said == "mixture.weights.code=1e-09: the source has no tokens; set it to 0"


def test_a_share_too_small_to_be_drawn_is_refused() -> None:
    said = refusal({"web": 10, "code": 10}, Ask({"web": 1, "code": 1e-13}, 10))
    assert said == (
        "mixture.weights.code=1e-13 is a share of 1e-13, below 1e-12; raise it or set it to 0"
    )


def test_a_plan_of_no_tokens_is_refused() -> None:
    said = r"a plan of 0 tokens: ask for 1 or more \(mixture\.tokens\)"
    with pytest.raises(ConfigError, match=said):
        Ask({"web": 1}, 0, by_number={"web": 0})


def test_epochs_are_of_whole_samples_as_the_loader_counts_them() -> None:
    (row,) = plan({"web": 400}, Ask({"web": 1}, 768, {"web": 2}, sample=128))
    assert (row.usable, row.epochs) == (384, 2.0)  # 3 samples of 128, and the token before them
    assert first_to_run_out([row]).lasts == 384
    assert "3.00 epochs of 256 tokens" in refusal(
        {"web": 384}, Ask({"web": 1}, 768, {"web": 2}, sample=128)
    )
    assert refusal({"web": 128}, Ask({"web": 1}, 768, sample=128)) == (
        "mixture.weights.web=1: the source has 128 tokens, a sample needs 129; "
        "set it to 0 or shorten seq_length"
    )


sizes = st.integers(1, 10**12)
parts = st.dictionaries(
    st.sampled_from("abcdefg"),
    st.tuples(st.floats(0.001, 1000), sizes, st.sampled_from([0, 0.1, 1, 1.5, 4])),
    min_size=1,
)


def refused(available, ask: Ask) -> str:
    """What a plan is refused with; nothing where it is not."""
    try:
        plan(available, ask)
    except ConfigError as error:
        return str(error)
    return ""


@given(parts=parts, tokens=sizes)
def test_the_weights_named_in_a_refusal_are_accepted(parts, tokens: int) -> None:
    available = {name: size for name, (_, size, _) in parts.items()}
    caps = {name: cap for name, (_, _, cap) in parts.items()}
    ask = Ask({name: weight for name, (weight, _, _) in parts.items()}, tokens, caps)
    said = refused(available, ask)
    if said:
        found = re.findall(r"weights\.(\w) to ([-+.e\d]+)", said)
        if not found:
            assert "no weights do" in said
            assert all(caps.values()), "a source without a cap takes any weight"
            held = sum(caps[name] * size for name, size in available.items())
            assert held * (1 - 1e-3) < tokens
            fewer = int(re.findall(r"ask for ([\d,]+) tokens at most", said)[0].replace(",", ""))
            if fewer:
                assert "no weights do" not in refused(available, replace(ask, tokens=fewer))
            return
        better = {**ask.weights, **{name: float(value) for name, value in found}}
        assert all(better[name] != ask.weights[name] for name, _ in found)
        ask = replace(ask, weights=better)
    for row in plan(available, ask):
        assert not row.max_epochs or row.share * tokens <= row.max_epochs * row.available * 1.001


@given(parts=parts, tokens=sizes)
def test_the_first_to_run_out_is_the_one_with_most_epochs(parts, tokens: int) -> None:
    ask = Ask({name: weight for name, (weight, _, _) in parts.items()}, tokens)
    rows = plan({name: size for name, (_, size, _) in parts.items()}, ask)
    first = first_to_run_out(rows)
    assume(first.asked > 1000)  # epochs are of whole tokens
    assert first.epochs >= max(row.epochs for row in rows) * 0.99
