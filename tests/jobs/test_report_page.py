"""The report of a real run: complete, well-formed, of one piece, escaped, and drawn by Chromium."""

import json
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import report_crawl
import report_run
import yaml

from corpus import manifest as manifests
from corpus.batches import read_table
from corpus.errors import DataError
from jobs.cli import main
from jobs.report.data import read_run
from jobs.report.page import page, write_report
from train.metrics import read

CHROMIUM = next((p for n in ("chromium", "chromium-browser") if (p := shutil.which(n))), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--enable-logging=stderr"
).split()
VOID = {"meta", "link", "br"}


class _Page(HTMLParser):
    """Reads a page strictly: every element closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sections: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == [], "elements left open"
        self.sections = {name: " ".join(text.split()) for name, text in self.sections.items()}

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "data", "action", "srcset", "xlink:href"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "section" in self.open:
            self.sections[self.ids[-1]] = self.sections.get(self.ids[-1], "") + data + " "


@pytest.fixture(scope="module")
def text(reported_run) -> str:
    return Path(write_report(str(reported_run.folder))).read_text(encoding="utf-8")


def test_it_is_well_formed_and_of_one_piece(text):
    read = _Page(text)
    assert len(read.ids) == len(set(read.ids))
    anchors = {link for link in read.links if link.startswith("#")}
    assert {link[1:] for link in anchors} == set(read.ids), "the contents name every section"
    assert set(read.links) - anchors == {"data:,"}, "nothing is fetched"
    assert not read.tags & {"script", "img", "iframe", "object"}
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_figures_are_those_of_the_manifests(text, reported_run):
    said = _Page(text).sections
    folder = reported_run.folder
    kept = manifests.read(str(folder / "documents")).rows
    assert f"{kept:,} documents kept" in said["run"]
    extracted = manifests.read(str(folder / "extracted/web")).counts
    assert f"Extracted {extracted.totals['documents']:,} " in said["funnel"]
    assert "1 document with bytes outside their encoding" in said["funnel"]
    lines = manifests.read(str(folder / "deduped/web")).counts.totals
    gone = lines["lines_in"] - lines["lines_out"]
    assert gone > 0
    assert f"{gone:,} of {lines['lines_in']:,} lines removed" in said["funnel"]
    shards = manifests.read(str(folder / "shards"))
    code = sum(
        f.facts["tokens"] for f in shards.files if f.facts["source"] == "code"
        if f.facts["split"] == "train"
    )  # fmt: skip
    assert f"{code:,} tokens" in said["funnel"]
    assert f"{code:,}" in said["mixture"]
    place = extracted.examples["shorter than 300 characters"][0]
    assert place in said["skipped"]
    assert "fr: 1 document, " in said["languages"]


def test_cutoffs_of_the_run_are_marked(text, reported_run):
    cutoffs = manifests.read(str(reported_run.folder / "cutoffs/web"))
    rows = read_table(cutoffs.path(cutoffs.files[0])).to_pylist()
    (english,) = [row for row in rows if row["language"] == "en"]
    said = _Page(text).sections["perplexity"]
    assert f"head < {english['head']:,.1f}" in said
    assert f"middle < {english['middle']:,.1f}" in said


def test_training_is_shown_as_it_was_logged(text, reported_run):
    said = _Page(text).sections
    evaluation = json.loads((reported_run.folder / "train/evaluation.json").read_text())
    for figures in evaluation["sources"].values():
        assert f"{figures['bits_per_byte']:.3f}" in said["validation"]
        assert f"{figures['unigram_bits_per_byte']:.3f}" in said["validation"]
    rows = read(reported_run.folder / "train/metrics.jsonl")
    assert f"{rows[-1]['loss']:.3f} at step {report_run.STEPS}" in said["loss"]
    assert f"{report_run.STEPS} steps, on the main process's clock" in said["time"]
    assert f"1 checkpoint saved, the last after step {report_run.STEPS}" in said["events"]
    shape, schedule = reported_run.config.training().shape, reported_run.config.training().schedule
    tokens = schedule.steps * schedule.batch_sequences * shape.seq_length
    assert f"{tokens:,} of {tokens:,} tokens trained on" in said["mixture"]


def test_every_rule_that_dropped_has_an_example_with_its_value(text, reported_run):
    said = _Page(text).sections["rules"]
    decisions = manifests.read(str(reported_run.folder / "decisions/web"))
    rows = [row for f in decisions.files for row in read_table(decisions.path(f)).to_pylist()]
    dropped = [row for row in rows if not row["keep"]]
    assert {"language", report_run.LONG, "bucket"} <= {row["rule"] for row in dropped}
    for rule in {row["rule"] for row in dropped}:
        mine = [row for row in dropped if row["rule"] == rule]
        shown = [row for row in mine if row["url"] in said]
        assert len(shown) >= min(3, len(mine)), rule
        assert any(f"value {row['value']} , kept where {row['threshold']}" in said for row in shown)


def test_a_script_in_a_document_is_text(text):
    assert "<script" not in text
    assert report_crawl.SCRIPT in _Page(text).sections["rules"]
    assert f"Dropped by {report_run.LONG}" in _Page(text).sections["rules"]


def test_the_same_run_gives_the_same_page(text, reported_run):
    assert page(read_run(str(reported_run.folder))) == text


@pytest.mark.parametrize(
    ("gone", "section", "said"),
    [
        ("train", "loss", "Not trained yet"),
        ("train", "mixture", "Nothing trained yet"),
        ("mixture.json", "mixture", "No mixture planned"),
        ("cutoffs", "perplexity", "No source of this run has perplexities"),
        ("ledger", "languages", "not annotated yet"),
        ("decisions", "rules", "Not decided yet"),
        ("extracted", "funnel", "Not extracted yet"),
        ("metrics", "speed", "No stage has left its time"),
        ("train/sample.txt", "sample", "No text generated yet"),
        ("train/evaluation.json", "validation", "The last evaluation is not there yet"),
        ("deduped", "rules", "Not decided yet"),
        ("shards", "funnel", "Kept"),
    ],
)
def test_what_is_not_there_is_said(reported_run, tmp_path, gone, section, said):
    folder = tmp_path / "run"
    shutil.copytree(reported_run.folder, folder)
    place = folder / gone
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    read = _Page(Path(write_report(str(folder))).read_text(encoding="utf-8"))
    assert said in read.sections[section]


def test_a_run_with_nothing_after_extraction_has_a_page(reported_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(reported_run.folder / "extracted", folder / "extracted")
    shutil.copy(reported_run.folder / "config.yaml", folder)
    read = _Page(Path(write_report(str(folder))).read_text(encoding="utf-8"))
    assert "Extracted" in read.sections["funnel"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "no config.yaml"),
        ("- a list", "not the config of a run"),
        ("corpus: {sources: 3}", "not the config of a run"),
        (yaml.safe_dump({"corpus": {"sources": {"web": {}}}}), "no finished stage"),
    ],
)
def test_a_folder_that_is_no_run_is_refused_in_one_line(tmp_path, capsys, config, said):
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    with pytest.raises(DataError, match=said):
        write_report(str(tmp_path))
    assert main(["report", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_chromium_draws_it_without_an_error(reported_run, text, tmp_path):
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    broken = tmp_path / "broken.html"
    broken.write_text("<script>console.error('seen')</script>")
    assert "seen" in _draw(broken, tmp_path)[0], "console errors reach us"
    said, picture = _draw(reported_run.folder / "report.html", tmp_path)
    assert "CONSOLE" not in said
    assert picture.count_colours() > 30, "the page is not blank"


class _Picture:
    """A PNG as Chromium writes it: 8 bits a channel, not interlaced."""

    def __init__(self, content: bytes) -> None:
        at, data = 8, b""
        while at < len(content):
            (length,), kind = struct.unpack(">I", content[at : at + 4]), content[at + 4 : at + 8]
            body = content[at + 8 : at + 8 + length]
            if kind == b"IHDR":
                self.width, self.height = struct.unpack(">II", body[:8])
            data += body if kind == b"IDAT" else b""
            at += 12 + length
        self.bytes = zlib.decompress(data)

    def count_colours(self) -> int:
        """Different rows stand for what is drawn: a blank page has one or two."""
        stride = len(self.bytes) // self.height
        return len({self.bytes[y * stride : (y + 1) * stride] for y in range(self.height)})


def _draw(page: Path, folder: Path) -> tuple[str, _Picture]:
    profile, shot = folder / f"profile-{page.stem}", folder / f"{page.stem}.png"
    places = [f"--user-data-dir={profile}", f"--screenshot={shot}", "--window-size=1280,4000"]
    done = subprocess.run(
        [CHROMIUM, *FLAGS, *places, page.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stderr, _Picture(shot.read_bytes())


@pytest.mark.parametrize("done", ["crawl-0", "crawl-1"])
def test_stages_of_an_earlier_time_give_a_page(reported_run, tmp_path, done):
    """After a build that was killed with an input added, later stages have fewer files."""
    run = tmp_path / "run"
    shutil.copytree(reported_run.folder, run)
    place = run / "decisions/web" / manifests.MANIFEST_NAME
    tree = json.loads(place.read_text())
    tree["files"] = [file for file in tree["files"] if done in file["name"]]
    assert len(tree["files"]) == 1
    place.write_text(json.dumps(tree))
    assert "Rules and examples" in Path(write_report(str(run))).read_text()
