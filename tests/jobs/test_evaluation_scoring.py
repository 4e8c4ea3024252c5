"""Scores of written answers, each against a worked example."""

import json
from pathlib import Path

import pytest

from jobs.evaluation import sandbox, scoring
from jobs.evaluation.sandbox import SandboxConfig

HUMAN_EVAL = (
    Path(__file__).parents[3] / "shared/data/benchmarks/llm-foundry/programming/human_eval.jsonl"
)


@pytest.mark.parametrize(
    ("written", "value"),
    [(" The  Beatles.\nQ: who", 1), ("beatles", 1), ("fab four!", 1), ("The Rolling Stones", 0)],
)
def test_an_answer_matches_but_for_case_articles_and_punctuation(written, value):
    doc = {"answer": "The Beatles", "aliases": ["Fab Four"]}
    assert scoring.any_exact_match(doc, [written]) == {"exact_match": value}


@pytest.mark.parametrize(
    ("written", "value"), [("The The", 1), ("the  the!", 1), ("", 0), ("!", 0), ("a", 0), ("an", 0)]
)
def test_an_answer_of_articles_alone_is_not_the_empty_one(written, value):
    doc = {"answer": "The The", "aliases": ["The", "?"]}
    assert scoring.any_exact_match(doc, [written]) == {"exact_match": value}


@pytest.mark.parametrize(
    ("answer", "written", "value"),
    [
        ("5", "10-5", 1),
        ("5", "(7)-5", 1),
        ("-5", "it is -5", 1),
        ("-5", "x=-5.", 1),
        ("3", "of 1,2,3", 1),
        ("0.5", "a half: .5", 1),
        ("12345.25", "$12,345.25", 1),
        ("none", "no number", 0),
    ],
)
def test_a_minus_is_a_sign_and_no_number_is_no_answer(answer, written, value):
    assert scoring.last_number({"answer": answer}, [written]) == {"exact_match": value}


@pytest.mark.parametrize(
    ("solution", "written", "value"),
    [
        (r"So $\boxed 5$.", r"$\boxed{5}$", 1),
        (r"So $\boxed{5}$.", r"It is $\boxed 5$, as said.", 1),
        (r"\boxed{12}", "hence \\boxed 12.\nNext", 1),
        (r"\fbox{7}", r"\boxed{7}", 1),
        (r"\boxed 5", r"\boxed 6", 0),
        (r"\boxed ", r"\boxed ", 0),
    ],
)
def test_a_box_without_braces_counts(solution, written, value):
    assert scoring.boxed_answer({"solution": solution}, [written]) == {"exact_match": value}


@pytest.mark.parametrize(
    ("written", "value"),
    [("9 * 2 = 18. The answer is $1,018.", 1), ("1018.00", 1), ("it is 18", 0), ("no number", 0)],
)
def test_the_last_number_counts(written, value):
    assert scoring.last_number({"answer": "1018"}, [written]) == {"exact_match": value}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"so \boxed{ \frac{1}{2} }.", 1),
        (r"\boxed{3} or rather \boxed{\frac{1}{2}}", 1),
        (r"\boxed{2}", 0),
        ("one half", 0),
        (r"\boxed{\frac{1}{2}", 0),
    ],
)
def test_the_last_box_counts(written, value):
    doc = {"solution": r"We get $\boxed{\frac{1}{2}}$."}
    assert scoring.boxed_answer(doc, [written]) == {"exact_match": value}


def test_pass_at_k_is_the_unbiased_estimate():
    assert scoring.pass_at_k(10, 0, 5) == 0
    assert scoring.pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert scoring.pass_at_k(4, 2, 2) == pytest.approx(1 - 1 / 6)
    assert scoring.pass_at_k(4, 3, 2) == 1


def test_human_evals_own_solutions_pass_and_a_wrong_one_does_not():
    if reason := sandbox.unavailable():
        pytest.skip(reason)
    if not HUMAN_EVAL.exists():
        pytest.skip("no ../shared/data")
    score = scoring.human_eval_passes(SandboxConfig(), [1])
    rows = [json.loads(line) for line in HUMAN_EVAL.read_text().splitlines()[:12]]
    for row in rows:
        assert score(row, [[row["canonical_solution"]]]) == {"pass@1": 1.0}, row["task_id"]
    assert score(rows[0], [["    return []\n", rows[0]["canonical_solution"]]]) == {"pass@1": 0.5}


def test_mbpp_runs_the_assertions():
    if reason := sandbox.unavailable():
        pytest.skip(reason)
    score = scoring.mbpp_passes(SandboxConfig(seconds=5), [1])
    doc = {"test_list": ["assert one() == 1"]}
    assert score(doc, [["def one(): return 1"]]) == {"pass@1": 1.0}
    assert score(doc, [["def one(): return 2"]]) == {"pass@1": 0.0}
