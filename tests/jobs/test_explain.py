"""`explain`: the life of documents that were kept, dropped, deduplicated away, skipped, unknown."""

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import report_crawl

from corpus import manifest as manifests
from corpus.batches import read_table
from corpus.errors import DataError
from corpus.schema import LEDGER
from jobs.cli import main
from jobs.report.explain import explain
from tokenizer.encode import Encoder
from tokenizer.shards import open_shard


def rows_of(run, stage: str) -> list[dict]:
    manifest = manifests.read(str(run.folder / stage))
    return [row for f in manifest.files for row in read_table(manifest.path(f)).to_pylist()]


def told(run, url: str, capsys) -> str:
    explain(url, str(run.folder))
    return capsys.readouterr().out


def site(name: str) -> str:
    return f"{report_crawl.SITE}/{name}.html"


@pytest.mark.parametrize("source", ["web", "code"])
@pytest.mark.parametrize("split", ["train", "valid"])
def test_kept_documents_are_found_in_the_shards(reported_run, capsys, source, split):
    documents = {row["doc_id"]: row for row in rows_of(reported_run, "documents")}
    shards = manifests.read(str(reported_run.folder / "shards"))
    files = [f for f in shards.files if (f.facts["source"], f.facts["split"]) == (source, split)]
    doc_id = int(open_shard(shards.path(files[-1])).doc_ids[-1])
    kept = documents[doc_id]
    out = told(reported_run, kept["url"], capsys)
    mine = out[out.index(f"doc_id          {doc_id}") :].split("\n\n")[0]
    assert re.search(r"verdict +KEPT", mine)
    path = re.search(r"shard +(\S+\.arrow)", mine)[1]
    found = re.search(r"split (\w+), document (\d+), tokens \[(\d+), (\d+)\)", mine)
    assert found[1] == split
    start, end = int(found[3]), int(found[4])
    encoder = Encoder(str(reported_run.folder / "tokenizer/tokenizer.model"))
    shard = open_shard(path)
    assert shard.doc_ids[int(found[2])] == doc_id
    assert shard.tokens[start] == encoder.bos_id
    assert shard.tokens[end - 1] == encoder.eos_id
    assert encoder.decode(shard.tokens[start:end]) == kept["text"]


def test_a_dropped_document_shows_every_value_and_the_rule_that_decided(reported_run, capsys):
    dropped = {row["rule"]: row for row in rows_of(reported_run, "decisions/web")}
    del dropped[None]
    ledger = {row["doc_id"]: row for row in rows_of(reported_run, "ledger/web")}
    assert len(dropped) >= 3
    for rule, decision in dropped.items():
        out = told(reported_run, decision["url"], capsys)
        said = f"DROPPED by {rule}: {decision['value']}, kept where {decision['threshold']}"
        assert said in out
        assert len(re.findall("<- decided", out)) == out.count("DROPPED")
        assert re.search(rf"\d  {re.escape(rule)} .*FAIL  <- decided", out)
        measured = ledger[decision["doc_id"]]
        assert f"{measured['language']}  score {measured['language_score']:.2f}" in out
        for name in set(LEDGER.names) - {"doc_id", "source", "language_score", "url", "origin"}:
            assert name in out, name
        assert ".arrow" not in out


@pytest.mark.parametrize(("name", "failing"), [("script", ["3"]), ("french", ["1", "3"])])
def test_every_rule_is_checked_and_the_first_that_fails_decides(
    reported_run, capsys, name, failing
):
    out = told(reported_run, site(name), capsys)
    checks = re.findall(r"^ +(?:rules +)?(\d)  .*(pass|FAIL)(  <- decided)?$", out, re.M)
    assert [number for number, _, _ in checks] == ["1", "2", "3", "4"]
    assert [number for number, verdict, _ in checks if verdict == "FAIL"] == failing
    assert [number for number, _, decided in checks if decided] == failing[:1]


def test_removed_lines_are_numbered_and_counted(reported_run, capsys):
    out = told(reported_run, site("json"), capsys)
    (deduped,) = [r for r in rows_of(reported_run, "deduped/web") if r["url"] == site("json")]
    gone = deduped["original_nlines"] - len(deduped["line_ids"])
    assert gone >= len(report_crawl.NAVIGATION)
    assert re.search(rf"lines removed +{gone} of {deduped['original_nlines']} ", out)
    assert re.search(r"0  'Home'  in other documents, 2 of 2 shards have it", out)


def test_a_document_of_repeated_lines_says_so(reported_run, capsys):
    out = told(reported_run, site("shared-1"), capsys)
    assert "DROPPED by line dedup" in out
    assert "lines removed   1 of 1 (100.0 %): 0" in out
    assert "in other documents, 1 of 2 shards have it" in out
    assert "ledger" not in out


def test_a_line_repeated_inside_a_document_is_told_apart(reported_run, capsys):
    rows = [r for r in rows_of(reported_run, "extracted/web") if r["url"] == site("french")]
    out = told(reported_run, site("french"), capsys)
    assert len(rows) == 1
    assert "repeated in this document" in out, "lines that differ in digits alone are equal"


def test_all_documents_of_a_url_are_shown(reported_run, capsys):
    out = told(reported_run, site("twice"), capsys)
    rows = [row for row in rows_of(reported_run, "extracted/web") if row["url"] == site("twice")]
    assert len(rows) == 2
    for number, row in enumerate(rows, 1):
        assert f"document {number} of 2" in out
        assert row["origin"] in out
        assert row["digest"] in out
        assert str(row["doc_id"]) in out


@pytest.mark.parametrize("number", [0, report_crawl.SHORT_PAGES - 1])
def test_every_skipped_record_says_why(reported_run, capsys, number):
    url = site(f"short{number}")
    out = told(reported_run, url, capsys)
    assert re.search(r"skipped +shorter than 300 characters \(stage extracted/web\)", out)
    assert re.search(rf"record +crawl-1.warc.gz#\d+ {re.escape(url)} \(18 characters\)", out)
    assert out.count(url) == 2, "no other short page's line"
    assert "doc_id" not in out


def test_an_unknown_url_names_the_nearest_in_one_line(reported_run, capsys):
    url = f"{report_crawl.SITE}/jsno.html"
    with pytest.raises(DataError, match=re.escape(site("json"))):
        explain(url, str(reported_run.folder))
    assert main(["explain", url, "--run", str(reported_run.folder)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no config\.yaml"):
        explain("http://a", str(tmp_path))


def test_a_run_that_stopped_early_tells_what_it_knows(reported_run, tmp_path, capsys):
    shutil.copytree(reported_run.folder / "extracted", tmp_path / "extracted")
    shutil.copy(reported_run.folder / "config.yaml", tmp_path)
    explain(site("json"), str(tmp_path))
    out = capsys.readouterr().out
    assert "not annotated yet" in out
    assert "not decided yet" in out


SHARING = re.compile(r", \d of \d shards have it")  # fewer shards were compared with


def cut_manifest(folder: Path, last: str) -> None:
    """Leaves a stage one file, as where the other input was added later."""
    place = folder / manifests.MANIFEST_NAME
    tree = json.loads(place.read_text())
    tree["files"] = [file for file in tree["files"] if last in file["name"]]
    assert len(tree["files"]) == 1
    place.write_text(json.dumps(tree))


@pytest.mark.parametrize("done", ["crawl-0", "crawl-1"])
def test_stages_of_an_earlier_time_are_joined_by_file(reported_run, tmp_path, capsys, done):
    run = tmp_path / "run"
    shutil.copytree(reported_run.folder, run)
    for stage in ("line_hashes", "seen_lines", "deduped", "ledger", "decisions"):
        cut_manifest(run / stage / "web", done)
    for name, page in (("crawl-0", "argparse"), ("crawl-1", "zipfile")):
        whole = told(reported_run, site(page), capsys)
        explain(site(page), str(run))
        out = capsys.readouterr().out
        if name == done:
            moved = whole.replace(str(reported_run.folder), str(run))
            assert SHARING.sub("", out) == SHARING.sub("", moved)
        else:
            assert "lines removed   not done yet" in out
            assert "not annotated yet" in out
            assert "not decided yet" in out
            assert "DROPPED" not in out


def test_a_skipped_file_names_its_licence(reported_run, capsys):
    out = told(reported_run, "gnu/gpl.py", capsys)
    assert re.search(r"record +code\.parquet#\d+ gnu/gpl\.py GPL-3\.0\n", out)
    assert re.search(r"skipped +license not allowed \(stage extracted/code\)", out)


def test_one_row_group_of_text_is_read(reported_run, capsys, monkeypatch):
    asked = []
    real = pq.ParquetFile.read_row_group

    def watched(self, group, columns=None):
        asked.append(columns)
        return real(self, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched)
    told(reported_run, site("json"), capsys)
    assert all(asked), "every read names its columns"
    assert sum("text" in columns for columns in asked) == 1
