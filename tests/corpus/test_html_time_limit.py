"""The time limit a page, with an extractor that really never returns."""

import os
from pathlib import Path

import pytest

from corpus.formats.html import extract_text
from corpus.formats.time_limit import Failure, TimeLimitedExtractor

EXTRACT = "looping_extractor:extract"


def pages(*names: str) -> list[tuple]:
    return [(name,) for name in names]


def test_a_page_that_never_returns_costs_that_page_only() -> None:
    with TimeLimitedExtractor(0.3, EXTRACT) as extractor:
        results = extractor.extract(pages("a", "loop", "b", "loop", "c"))
        over = Failure("extraction over 0.3 s")
        assert results == ["A", over, "B", over, "C"]
        assert extractor.extract(pages("d")) == ["D"]


def test_a_page_that_sleeps_is_ended_too() -> None:
    with TimeLimitedExtractor(0.1, EXTRACT) as extractor:
        assert extractor.extract(pages("sleep", "a")) == [Failure("extraction over 0.1 s"), "A"]


def test_crashes_exceptions_and_prints() -> None:
    with TimeLimitedExtractor(5, EXTRACT) as extractor:
        results = extractor.extract(pages("crash", "a", "raise", "print", "crash"))
    crashed = Failure("extraction crashed")
    assert results == [crashed, "A", Failure("extraction failed: ValueError"), "PRINT", crashed]


def test_results_are_those_without_a_limit() -> None:
    documents = [
        (f"<title>{i}</title><p>{'text ' * i * 50}".encode(), "text/html", False)
        for i in range(200)
    ]
    with TimeLimitedExtractor(10) as extractor:
        limited = extractor.extract(documents[:7]) + extractor.extract(documents[7:])
    assert limited == [extract_text(*document) for document in documents]


def test_a_batch_larger_than_any_pipe_does_not_deadlock() -> None:
    with TimeLimitedExtractor(10, EXTRACT) as extractor:
        big = "x" * 3_000_000
        assert extractor.extract(pages(*[big] * 9)) == [big.upper()] * 9


def children() -> set[str]:
    task = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not task.exists():
        pytest.skip("no /proc/…/children on this machine to count processes by")
    return set(task.read_text().split())


def test_no_process_is_left_behind() -> None:
    before = children()
    with TimeLimitedExtractor(0.2, EXTRACT) as extractor:
        extractor.extract(pages("a", "loop", "b", "crash", "c"))
        assert children() - before
    assert children() == before
