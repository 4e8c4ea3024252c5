"""A mixture by conditions on the ledger, from a plan before its shards to a document's life."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from corpus import manifest as manifests
from corpus.config import to_tree
from corpus.mixture import is_valid
from jobs import mix_plan
from jobs.config import RunConfig, load_run
from jobs.pipeline import build
from jobs.report.data import read_run
from jobs.report.life import find
from jobs.report.page import write_report
from jobs.report.step_documents import why
from tokenizer.shards import open_shard
from train.config import ModelConfig, OptimConfig, TrainConfig
from train.data import Loader

LONG = "num_words > 400 and bucket != 'tail'"
WEIGHTS = {
    "long": {"where": LONG, "weight": 0.6},
    "short_prose": {"source": "web", "where": "language = 'en'", "weight": 0.4},
}


@pytest.fixture(scope="module")
def config(tiny_run: Path, tmp_path_factory) -> RunConfig:
    """The tiny build's documents under a mixture of other parts, its tokens yet to be made."""
    folder = tmp_path_factory.mktemp("parts") / "run"
    left_out = shutil.ignore_patterns("sample", "tokenizer", "shards", "train", "mixture.json")
    shutil.copytree(tiny_run, folder, ignore=left_out)
    overrides = [f"output={folder}", f"mixture.weights={WEIGHTS}", "mixture.tokens=3.0e+6"]
    return load_run(folder / "config.yaml", [*overrides, "train=null"])


@pytest.fixture(scope="module")
def estimate(config) -> mix_plan.Available:
    """The plan's account before any token is written."""
    found = mix_plan.available(config)
    assert not Path(config.output, "components").exists()
    return found


@pytest.fixture(scope="module")
def built(config, estimate, engine) -> Path:
    build(config, engine.session)
    return Path(config.output)


def rows(folder: Path) -> list[dict]:
    made = manifests.read(str(folder))
    return [row for f in made.files for row in pq.read_table(made.path(f)).to_pylist()]


def expected(run: Path) -> dict[int, str]:
    """The part of every kept document, by reading all of the ledger in Python."""
    found = {}
    for source in ("web", "code"):
        for row, verdict in zip(
            rows(run / "ledger" / source), rows(run / "decisions" / source), strict=True
        ):
            if not verdict["keep"]:
                continue
            if row["num_words"] > 400 and verdict["bucket"] != "tail":
                found[row["doc_id"]] = "long"
            elif source == "web" and row["language"] == "en":
                found[row["doc_id"]] = "short_prose"
    return found


def test_every_document_is_in_shards_of_its_part_alone(built, config):
    wanted, found = expected(built), {}
    shards = manifests.read(str(built / "shards"))
    for file in shards.files:
        ids = open_shard(shards.path(file)).doc_ids
        valid = is_valid(ids, config.seed, config.mixture.valid_share)
        assert set(valid.tolist()) <= {file.facts["split"] == "valid"}
        found |= dict.fromkeys(ids.tolist(), file.facts["source"])
    assert found == wanted
    assert {(f.facts["source"], f.facts["corpus_source"]) for f in shards.files} == {
        ("long", "web"),
        ("long", "code"),
        ("short_prose", "web"),
    }
    kept = manifests.read(str(built / "documents")).rows
    outside = manifests.read(str(built / "components")).counts.totals["outside the mixture"]
    assert outside == kept - len(wanted) > 0


def test_a_second_build_has_nothing_to_do(built, config, engine):
    lines = []
    build(config, engine.session, lambda stage, done: lines.append(done))
    assert not any(done.units_run for done in lines if done)


def test_the_plan_before_the_shards_counts_the_same_documents(built, config, estimate):
    sizes = {row["doc_id"]: len(row["text"].encode()) for row in rows(built / "documents")}
    part_of = expected(built)
    for name in WEIGHTS:
        ids = [doc_id for doc_id, part in part_of.items() if part == name]
        every = round(sum(sizes[i] for i in ids) / config.mixture.bytes_per_token) + 2 * len(ids)
        assert estimate.tokens[name] == round(every * (1 - config.mixture.valid_share))
    counted = mix_plan.available(config)
    assert counted.basis == f"counted in {built}/shards"
    assert counted.tokens.keys() == estimate.tokens.keys()


def test_shards_of_other_conditions_are_not_counted(built, config):
    override = "mixture.weights.long.where=num_words > 500"
    other = load_run(built / "config.yaml", [f"output={built}", override])
    found = mix_plan.available(other)
    assert "estimated from" in found.basis
    assert found.tokens["long"] < mix_plan.available(config).tokens["long"]


def test_the_loader_and_the_report_know_the_parts(built, config):
    manifest = str(built / "shards" / "manifest.json")
    loader = Loader(manifest, config.mixture.shares(), 128, 8, 0)
    assert loader.batch(0).shape[0] == 8
    page = Path(write_report(str(built))).read_text()
    for name in WEIGHTS:
        assert f"<code>{name}</code>" in page


def test_a_documents_life_ends_in_the_shard_of_its_part(built):
    run = read_run(str(built))
    doc_id, part = next((i, p) for i, p in expected(built).items() if p == "long")
    url = next(row["url"] for row in rows(built / "documents") if row["doc_id"] == doc_id)
    (life,) = (found for found in find(run, url)[0] if (found.ledger or {}).get("doc_id") == doc_id)
    assert life.placement is not None
    assert f"-{part}-" in life.placement.path


def test_a_steps_tokens_lead_back_to_documents_of_their_part(built, config):
    training = TrainConfig(
        shards=str(built / "shards"),
        tokenizer=str(built / "tokenizer" / "tokenizer.model"),
        output=str(built / "train"),
        weights=config.mixture.shares(),
        model=ModelConfig(seq_length=64),
        steps=20,
        batch_sequences=8,
        optim=OptimConfig(warmup_steps=2),
    )
    Path(training.output).mkdir()
    Path(training.output, "config.json").write_text(json.dumps(to_tree(training)))
    part_of, drawn = expected(built), set()
    for step in (1, 20):
        answer = why(str(built), step)
        assert answer.without_tables is None
        for sample in answer.samples:
            drawn.add(sample.drawn_from)
            for piece in sample.pieces:
                assert part_of[piece.doc_id] == sample.drawn_from
                assert piece.source in ("web", "code")  # where it is from, not what drew it
                assert (piece.ledger["doc_id"], piece.decision["keep"]) == (piece.doc_id, True)
    assert drawn == set(WEIGHTS)
