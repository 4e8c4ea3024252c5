"""Skipped records by their URL: all of them, whatever their number, and flat in memory."""

import pytest

from corpus import manifest, skip_log, stage
from corpus.counts import EXAMPLES_KEPT
from corpus.extract import InputConfig
from corpus.extract import stage as extraction
from corpus.skip_log import find_skipped
from corpus.spark import Engine, SparkConfig

PAGE = (
    "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.test/{}\r\n"
    "Content-Length: {}\r\n\r\n{}\r\n\r\n"
)
TEXTS = ["T\n" + "x" * n + "\n" for n in (*range(1, 13), 400)]


class _InProcess(Engine):
    """Units one after another, without Spark."""

    def map(self, function, items, label, at_most=None):
        return [function(item) for item in items]


@pytest.fixture
def extracted(tmp_path, monkeypatch):
    monkeypatch.setattr(skip_log, "_ROWS", 5)  # the log is written in several pieces
    pages = [PAGE.format(n, len(text), text) for n, text in enumerate(TEXTS)]
    (tmp_path / "a.wet").write_text("".join(pages), newline="")
    config = InputConfig("wet", str(tmp_path / "a.wet"))
    return extraction("web", config), str(tmp_path / "run"), _InProcess(SparkConfig())


def test_every_skipped_record_is_found_by_its_url(extracted):
    made = stage.run(*extracted).manifest
    assert made.counts.skipped.total() == 12 > EXAMPLES_KEPT
    for number in range(12):
        ((reason, where),) = find_skipped(made, f"http://a.test/{number}")
        assert reason == "shorter than 300 characters"
        assert where.startswith("a.wet#")
        assert where.endswith(f" http://a.test/{number} ({number + 1} characters)")
    assert find_skipped(made, "http://a.test/12") == [], "a document"
    assert find_skipped(made, "http://a.test") == [], "the head of other URLs"
    assert [made.rows, sum(file.rows for file in made.beside)] == [1, 12]


def test_the_log_is_kept_checked_and_redone_with_its_unit(extracted, tmp_path):
    made = stage.run(*extracted).manifest
    again = stage.run(*extracted)
    assert (again.manifest, again.units_run) == (made, 0)
    (file,) = made.beside
    log = tmp_path / "run" / "extracted" / "web" / file.name
    log.write_bytes(log.read_bytes()[:-1] + b"!")
    (problem,) = manifest.verify(made)
    assert file.name in problem
    log.unlink()
    done = stage.run(*extracted)
    assert (done.manifest, done.units_run) == (made, 1)
    assert log.exists()


def test_a_file_without_skipped_records_has_no_log(tmp_path):
    (tmp_path / "a.wet").write_text(PAGE.format(0, len(TEXTS[-1]), TEXTS[-1]), newline="")
    work = extraction("web", InputConfig("wet", str(tmp_path / "a.wet")))
    made = stage.run(work, str(tmp_path / "run"), _InProcess(SparkConfig())).manifest
    assert [made.rows, made.beside] == [1, ()]
