"""`altiplano tokenizer report`: how well a build's tokenizer fits each source and language."""

import json
import re
import shutil
from collections import Counter
from types import SimpleNamespace

from corpus.counts import Counts
from jobs.cli import main
from jobs.report import tokenizer_sections
from jobs.report.data import read_run


def test_the_report_tells_how_well_the_tokenizer_fits(tiny_run, capsys):
    assert main(["tokenizer", "report", str(tiny_run), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    shards = json.loads((tiny_run / "shards/manifest.json").read_text())["files"]
    documents = sum(file["rows"] for file in shards)
    tokens = sum(file["facts"]["tokens"] for file in shards)
    total = rows.pop()
    assert (total["source"], total["language"], total["documents"]) == ("all", "all", documents)
    assert total["tokens"] == tokens - 2 * documents
    assert sum(row["tokens"] for row in rows) == total["tokens"]
    assert {row["source"] for row in rows} == {file["facts"]["source"] for file in shards}
    assert all(row["tokens_per_word"] > 1 for row in rows)
    assert all(1 < row["bytes_per_token"] < 8 for row in rows)
    assert main(["tokenizer", "report", str(tiny_run)]) == 0
    said = capsys.readouterr().out
    assert f"{total['tokens']:,}" in said
    assert f"{total['bytes_per_token']:.2f}" in said
    page = tokenizer_sections.fertility(read_run(str(tiny_run)))
    cells = re.findall(r"<td>([^<]*)</td>", re.sub(r" class=[^>]*|</?code>", "", page))
    for row in rows[:3]:
        at = cells.index(row["source"])
        at = next(
            i for i in range(at, len(cells)) if cells[i : i + 2] == [row["source"], row["language"]]
        )
        assert cells[at + 6] == f"{row['bytes_per_token']:.2f}"


def test_nothing_is_cut_to_a_terminals_width(monkeypatch, capsys):
    counted = {
        f"fertility {source} en {what}": 10**14
        for source in ("web", "w" * 90)
        for what in ("documents", "words", "characters", "bytes", "tokens")
    }
    run = SimpleNamespace(shards=SimpleNamespace(counts=Counts(totals=Counter(counted))))
    monkeypatch.setattr("jobs.report.data.read_run", lambda folder: run)
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["tokenizer", "report", "run"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3
    assert "w" * 90 in rows[1] + rows[0]
    assert all(row.count(f"{10**14:,}") == 2 for row in rows[:2])
    assert head.endswith("chars/tok")


def test_without_shards_there_is_nothing_to_report(tiny_run, tmp_path, capfd):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("shards", "train"))
    assert main(["tokenizer", "report", str(run)]) == 2
    assert "has no shards yet; build them first" in " ".join(capfd.readouterr().err.split())
