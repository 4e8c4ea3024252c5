"""The whole build on a small real input: its tables fit together and it repeats to the byte."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from tiny import ROOT, tiny_config

from corpus import manifest as manifests
from corpus import schema
from corpus.config import build as build_config
from corpus.errors import ConfigError, DataError
from jobs.config import RunConfig
from jobs.pipeline import _alone, build
from jobs.verify import verify_run
from tokenizer.encode import Encoder
from tokenizer.shards import open_shard
from tokenizer.verify import verify

KILLS = 5


def tree_hashes(root: Path) -> dict[str, str]:
    """SHA-256 of every file of a run but what states its own time or place."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.relative_to(root).parts[0] not in ("metrics", "config.yaml", ".lock")
    }


def read_all(folder: Path) -> list[dict]:
    manifest = manifests.read(str(folder))
    return [row for f in manifest.files for row in pq.read_table(manifest.path(f)).to_pylist()]


def test_every_stage_is_whole_and_of_its_schema(tiny_run):
    stages = {
        "extracted/web": schema.DOCUMENT,
        "extracted/code": schema.DOCUMENT,
        "deduped/web": schema.DEDUPED,
        "ledger/web": schema.LEDGER,
        "ledger/code": schema.LEDGER,
        "cutoffs/web": schema.CUTOFFS,
        "decisions/web": schema.DECISION,
        "decisions/code": schema.DECISION,
        "documents": schema.KEPT,
    }
    for name, expected in stages.items():
        manifest = manifests.read(str(tiny_run / name))
        assert manifests.verify(manifest) == []
        assert manifest.rows > 0, name
        for file in manifest.files:
            assert pq.read_schema(manifest.path(file)).equals(expected), name
    assert verify(str(tiny_run / "shards" / "manifest.json")).problems == []


def test_every_document_is_accounted_for(tiny_run):
    extracted = {row["doc_id"] for row in read_all(tiny_run / "extracted/web")}
    deduped = {row["doc_id"] for row in read_all(tiny_run / "deduped/web")}
    decisions = {row["doc_id"]: row for row in read_all(tiny_run / "decisions/web")}
    kept = {row["doc_id"]: row for row in read_all(tiny_run / "documents")}
    counts = manifests.read(str(tiny_run / "deduped/web")).counts
    assert deduped <= extracted
    assert len(extracted) - len(deduped) == counts.skipped["no line left"]
    assert set(decisions) == deduped
    web_kept = {i for i, row in kept.items() if row["source"] == "web"}
    assert web_kept == {i for i, row in decisions.items() if row["keep"]}
    for row in decisions.values():
        assert row["keep"] == (row["rule"] is None)
        assert row["keep"] == (row["threshold"] is None)
    dropped_by = {row["rule"] for row in decisions.values() if not row["keep"]}
    assert "bucket" in dropped_by, "the tail goes"


def test_lines_shared_by_pages_are_gone(tiny_run):
    for row in read_all(tiny_run / "documents"):
        if row["source"] == "web":
            assert "This page was made from" not in row["text"]
            assert len(row["line_ids"]) == row["text"].count("\n") + 1


def test_shards_hold_the_kept_text(tiny_run):
    encoder = Encoder(str(tiny_run / "tokenizer/tokenizer.model"))
    texts = {row["doc_id"]: row["text"] for row in read_all(tiny_run / "documents")}
    seen = []
    shards = manifests.read(str(tiny_run / "shards"))
    for file in shards.files:
        shard = open_shard(shards.path(file), encoder.hash)
        assert len(shard.tokens) <= 100_000 or len(shard.doc_ids) == 1
        for index, doc_id in enumerate(shard.doc_ids.tolist()):
            tokens = shard.tokens[shard.offsets[index] : shard.offsets[index + 1]]
            assert encoder.decode(np.asarray(tokens)) == texts[doc_id]
            seen.append(doc_id)
    assert sorted(seen) == sorted(texts)
    assert {file.facts["split"] for file in shards.files} == {"train", "valid"}


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_output_does_not_depend_on_partitions(tiny_run, tiny_inputs, engine, tmp_path, partitions):
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tmp_path / "run")
    tree["spark"]["partitions"] = partitions
    build(build_config(RunConfig, tree), engine.session)
    assert tree_hashes(tmp_path / "run") == tree_hashes(tiny_run)


def test_a_second_build_starts_nothing(tiny_run, tiny_inputs):
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tiny_run)
    before = tree_hashes(tiny_run)
    ran = []
    build(build_config(RunConfig, tree), notice=lambda _, done: ran.append(done and done.units_run))
    assert not any(ran)
    assert tree_hashes(tiny_run) == before


def test_a_changed_threshold_redoes_only_what_follows(tiny_run, tiny_inputs, engine, tmp_path):
    root = tmp_path / "run"
    subprocess.run(["cp", "-a", str(tiny_run), str(root)], check=True)
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(root)
    tree["corpus"]["sources"]["web"]["rules"][2]["min"] = 60
    redone = {}
    build(
        build_config(RunConfig, tree),
        engine.session,
        lambda stage, done: redone.update({stage.name: done.units_run}) if done else None,
    )
    untouched = (
        "extracted/",
        "line_hashes/",
        "seen_lines/",
        "deduped/",
        "lm",
        "ledger/",
        "cutoffs/",
    )
    for name, units in redone.items():
        if name.startswith(untouched) or name == "decisions/code":
            assert units == 0, name
    assert redone["decisions/web"] == 5


def test_two_builds_into_one_folder_are_refused(tiny_run, tiny_inputs):
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tiny_run)
    told = f"another build, pid {os.getpid()} on .*, is writing to {tiny_run};.*another 'output'"
    with _alone(str(tiny_run)), pytest.raises(DataError, match=told):
        build(build_config(RunConfig, tree))
    tree["output"] = tiny_run.as_uri()
    for held in (str(tiny_run), tiny_run.as_uri()):
        with _alone(held), pytest.raises(DataError, match=told):
            build(build_config(RunConfig, tree))


def test_an_object_store_is_held_by_nothing_and_not_asked():
    with _alone("s3://bucket/run"), _alone("s3://bucket/run"):
        pass


def test_killed_at_random_moments_it_ends_as_if_undisturbed(tiny_run, tiny_inputs, tmp_path):
    tree = tiny_config(tiny_inputs)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    command = [sys.executable, "-m", "jobs.cli", "build", "config.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    seed = time.time_ns()
    print(f"the moments' seed is {seed}")
    moments = random.Random(seed)
    kills = 0
    while kills < KILLS:
        child = subprocess.Popen(
            command, cwd=tmp_path, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert child.wait(timeout=moments.uniform(1, 12)) == 0
            shutil.rmtree(tmp_path / "run")  # it was done before its moment: from the start again
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            kills += 1
    last = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert last.returncode == 0, last.stderr
    assert tree_hashes(tmp_path / "run") == tree_hashes(tiny_run)


def test_a_kill_between_manifest_and_sweep_leaves_nothing(tiny_run, tiny_inputs, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(tiny_run, root)
    documents = root / "documents"
    (documents / "web-old-0123456789abcdef.parquet").write_bytes(b"of an earlier generation")
    (documents / "_scratch" / "x").mkdir(parents=True)
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(root)
    build(build_config(RunConfig, tree))
    assert tree_hashes(root) == tree_hashes(tiny_run)


def test_redo_does_a_stage_again_and_verify_reads_all(tiny_run, tiny_inputs, engine, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(tiny_run, root)
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(root)
    ran = {}
    build(
        build_config(RunConfig, tree),
        engine.session,
        lambda stage, done: ran.update({stage.name: done.units_run}) if done else None,
        redo=["ledger/web"],
    )
    assert {name for name, units in ran.items() if units} == {"ledger/web"}
    assert tree_hashes(root) == tree_hashes(tiny_run)
    with pytest.raises(ConfigError, match="no such stage"):
        build(build_config(RunConfig, tree), engine.session, redo=["ledger/wob"])

    files, problems = verify_run(str(root))
    assert files > 30
    assert problems == []
    victim = next((root / "line_hashes/web").glob("*.parquet"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    next((root / "ledger/code").glob("*.parquet")).unlink()
    missing, damaged = sorted(verify_run(str(root))[1], key=lambda line: "missing" not in line)
    assert "--redo ledger/code" in missing
    assert victim.name in damaged
