"""The funnel's first rows, from an extraction's counts alone."""

from corpus.counts import Counts
from corpus.manifest import Manifest
from jobs.config import STEPS
from jobs.report import sections
from jobs.report.data import Run, SourceRun, Training


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
