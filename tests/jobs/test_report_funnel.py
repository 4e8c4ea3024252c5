"""The funnel's first rows, from an extraction's counts alone."""

from corpus.counts import BYTES_NOT_READ, NOT_READ, Counts
from corpus.manifest import Manifest
from jobs.config import STEPS
from jobs.report import sections
from jobs.report.data import Run, SourceRun, Training
from jobs.report.markup import size


def run_of(counts: Counts) -> Run:
    extracted = Manifest("f", "extracted/s", "k", {}, {}, "c", {}, (), counts)
    stages = {step: None for step in STEPS} | {"extracted": extracted}
    config = {"dedup_lines": {"enabled": False}}
    source = SourceRun(name="s", config=config, **stages)
    training = Training([], {}, None, None)
    return Run("f", {}, [source], None, None, None, None, [], [], training)


def test_faults_of_files_stand_apart_from_records():
    counts = Counts()
    counts.add("records", 10)
    counts.add("documents", 9)
    counts.skip("redirect", "wiki.xml#3")
    counts.note("dump without its end", "wiki.xml")
    html = sections.funnel(run_of(counts))
    read, extracted = html.partition("Records read")[2].split("Extracted")
    assert '<td class="number">10</td>' in read
    assert "dump without its end" in read
    assert "redirect" in extracted
    assert "dump without its end" not in extracted
    assert "dump without its end" in sections.skipped(run_of(counts))


def test_files_not_read_are_named_with_their_bytes():
    counts = Counts()
    counts.note(NOT_READ, "c.txt (1,500,000 bytes)")
    counts.add(BYTES_NOT_READ, 1_500_000)
    assert f"{size(1_500_000)} in files not read" in sections.funnel(run_of(counts))
    assert "c.txt (1,500,000 bytes)" in sections.skipped(run_of(counts))
