"""`altiplano lm cutoffs`: the table, its reading back, and the drift from another table."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import manifest as manifests
from corpus.annotate.cutoffs import read_cutoff_table, read_percentiles
from corpus.counts import Counts
from corpus.errors import DataError
from corpus.manifest import Manifest, OutputFile
from jobs import lm_cutoffs
from jobs.cli import main
from jobs.lm_cutoffs import Language, find, same_bucket, write
from jobs.report.drift import page

ROOT = Path(__file__).parents[2]


def write_run(folder: Path, perplexities: dict[str, list[float]], model: str = "one") -> Path:
    """A run whose ledger has documents of these perplexities and nothing else."""
    ledger = folder / "ledger" / "web"
    ledger.mkdir(parents=True)
    languages = [name for name, values in perplexities.items() for _ in values]
    table = pa.table(
        {
            "language": languages,
            "language_score": [0.9] * len(languages),
            "perplexity": [value for values in perplexities.values() for value in values],
        }
    )
    pq.write_table(table, ledger / "a.parquet")
    file = OutputFile("a.parquet", (ledger / "a.parquet").stat().st_size, "0", len(languages))
    inputs = {f"{name}.arpa.bin": model for name in perplexities}
    counts = Counts()
    manifest = Manifest(str(ledger), "ledger/web", "key", {}, inputs, "code", {}, (file,), counts)
    manifests.put(manifest)
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Percentile p of `en` is 10 p, and of `de`, which no run has, 20 p."""
    path = tmp_path / "cutoff.csv"
    rows = [f"{row},{10 * row},{20 * row}" for row in range(100)]
    path.write_text("\n".join([",en,de", *rows, ""]))
    return path


EN = [float(value) for value in range(1, 201)]  # percentile p is 1 + 1.99 p
UK = [50.0 + value / 10 for value in range(30)]


def test_the_table_reads_back(tmp_path: Path, engine, table: Path) -> None:
    runs = [
        str(write_run(tmp_path / "a", {"en": EN[:120], "uk": UK})),
        str(write_run(tmp_path / "b" / "a", {"en": EN[120:], "xx": [1.0]})),
    ]
    found, few = find(engine, runs, str(table), min_documents=10)
    assert [language.language for language in found] == ["en", "uk"]
    assert few == {"xx": 1}
    with pytest.raises(DataError, match="no language has 1,000 documents, the most are 200"):
        find(engine, runs, min_documents=1000)
    place = tmp_path / "out" / "mine.csv"
    write(found, few, runs, str(place))
    assert read_cutoff_table(str(place), 30, 60)["en"] == pytest.approx((60.7, 120.4))
    languages, rows = read_percentiles(str(place))
    assert languages == ["en", "uk"]
    expected = np.percentile(UK, np.arange(100))
    assert [rows[row][1] for row in range(100)] == pytest.approx(expected.tolist())
    made = json.loads((tmp_path / "out" / "mine.json").read_text())
    assert made["documents"] == {"en": 200, "uk": 30}
    assert made["left_out"] == {"xx": 1}
    first, second = made["ledgers"]
    assert first["run"] == second["run"] == "a", "runs of one name are told apart"
    assert first["stage"] == second["stage"] == "ledger/web"
    assert first["digest"] != second["digest"]


def test_documents_of_a_lower_language_score_are_left_out(tmp_path: Path, engine) -> None:
    run = str(write_run(tmp_path / "a", {"en": EN}))  # all of score 0.9
    found, _ = find(engine, [run], min_documents=10, min_score=0.9)
    write(found, {}, [run], str(tmp_path / "mine.csv"), 0.9)
    assert json.loads((tmp_path / "mine.json").read_text())["min_language_score"] == 0.9
    with pytest.raises(DataError, match=r"score >= 0\.95; .* a lower --min-language-score"):
        find(engine, [run], min_documents=10, min_score=0.95)


def test_where_the_table_goes(tmp_path: Path, capsys, monkeypatch) -> None:
    made = []
    monkeypatch.setattr(lm_cutoffs, "find", lambda *given: ([], {}))
    monkeypatch.setattr(lm_cutoffs, "write", lambda *given: made.append(given[3]))
    assert main(["lm", "cutoffs", "runs/a"]) == 0
    assert made == ["runs/a/cutoffs.csv"]
    assert main(["lm", "cutoffs", "runs/a", "runs/b"]) == 2
    assert "Give --to FILE.csv" in capsys.readouterr().err


def test_drift_from_a_table(tmp_path: Path, engine, table: Path) -> None:
    run = str(write_run(tmp_path / "a", {"en": EN, "uk": UK}))
    found, _ = find(engine, [run], str(table), min_documents=10)
    english, ukrainian = found
    # ours part at 60.7 and 120.4, the table's at 300 and 600: all of 61 to 200 is in another
    assert english.moved == pytest.approx(140 / 200)
    assert english.ratio(30) == pytest.approx(60.7 / 300)
    assert english.ratio(0) is None
    assert ukrainian.moved is None
    text = page(found, {"xx": 1})
    assert "70.0 % of 200" in text
    assert "Not in the table: uk." in text
    assert "xx (1)" in text
    assert text.count("<svg") == 2


TENTHS = st.lists(st.integers(0, 99), min_size=1, max_size=50)
CUTS = st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted)


@given(TENTHS, CUTS, CUTS)
def test_who_stays_is_who_is_in_the_same_bucket(values, ours, theirs) -> None:
    def bucket(value: float, cuts: list[int]) -> int:
        return (value >= cuts[0] / 10) + (value >= cuts[1] / 10)

    expected = sum(bucket(v / 10, ours) == bucket(v / 10, theirs) for v in values)
    pairs = [(cuts[0] / 10, cuts[1] / 10) for cuts in (ours, theirs)]
    found = same_bucket(np.array(values), np.ones(len(values), np.int64), *pairs)
    assert found == expected


def test_two_models_of_a_language_are_not_mixed(tmp_path: Path, engine) -> None:
    runs = [str(write_run(tmp_path / name, {"en": EN}, model=name)) for name in ("first", "second")]
    with pytest.raises(DataError, match=r"first/ledger/web and .*two different en\.arpa\.bin"):
        find(engine, runs)


def test_bad_input_is_told(tmp_path: Path, engine, table: Path) -> None:
    with pytest.raises(DataError, match="holds no ledger"):
        find(engine, [str(tmp_path)])
    run = str(write_run(tmp_path / "none", {}))
    with pytest.raises(DataError, match="no document with a perplexity"):
        find(engine, [run])
    table.write_text("\n".join(table.read_text().splitlines()[:91]))
    with pytest.raises(DataError, match="needs rows 0 to 99 of 2 values"):
        find(engine, [run], str(table))


@pytest.mark.parametrize(
    "wrong",
    [
        ["--min-language-score", "7"],
        ["--min-language-score", "nan"],
        ["--min-language-score", "-0.1"],
        ["--min-documents", "-3"],
    ],
)
def test_limits_that_are_none_are_told_in_one_line(tmp_path: Path, capsys, wrong) -> None:
    run = write_run(tmp_path / "a", {"en": EN})
    assert main(["lm", "cutoffs", str(run), *wrong]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert " ".join(wrong) in line
    assert not (run / "cutoffs.csv").exists()


def test_a_page_without_anything_to_compare_says_so() -> None:
    text = page([Language("uk", 30, tuple(map(float, range(100))))], {})
    assert "none of the crawl" in text


def test_the_command(tmp_path: Path, table: Path) -> None:
    run = write_run(tmp_path / "a", {"en": EN})
    command = [sys.executable, "-m", "jobs.cli", "lm", "cutoffs", str(run), "--to", "out/c.csv"]
    command += ["--against", str(table), "--min-documents", "100"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "70.0 %" in done.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["c.csv", "c.html", "c.json"]
    wrong = subprocess.run(
        [*command[:-5], "out/c.txt"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
