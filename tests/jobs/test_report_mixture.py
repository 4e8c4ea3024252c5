"""The report's section on the mixture: a table, a picture, and what runs out first."""

from types import SimpleNamespace

from jobs.report.data import Taken
from jobs.report.mixture import mixture


def said(*rows: Taken) -> str:
    return str(mixture(SimpleNamespace(mixture=list(rows))))  # type: ignore[arg-type]


WIKI = Taken("wiki", 0.25, 200, 500, 2.5, max_epochs=3)
WEB = Taken("web", 0.75, 9000, 1500, 0.1667)


def test_what_there_is_what_is_asked_and_what_runs_out_first():
    page = said(WIKI, WEB)
    for part in ("2.500", "0.167", "25.00 %", ">3<", ">none<", "<svg", "500, 2.50 epochs"):
        assert part in page, part
    assert "The first to run out is wiki, after 800 of 2,000 tokens." in page
    assert "Nothing trained yet" in page
    assert "Tokens obtained" not in page


def test_a_run_that_uses_nothing_up_says_so():
    page = said(WEB)
    assert "No source runs out; the first would be web, after 12,000 tokens." in page


def test_what_a_training_took_stands_beside_it():
    page = said(Taken("web", 1.0, 100, 200, 2.0, obtained=50, obtained_epochs=0.5))
    assert "50 of 200 tokens trained on" in page
    assert "0.500" in page


def test_no_mixture_is_said():
    assert "No mixture planned" in said()
