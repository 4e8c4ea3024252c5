"""Shards as they are written: even, the same from any batches, and whole or not there at all."""

import itertools
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import ShardError
from corpus.output import RECORDS, Output, Unit
from tokenizer.shard_writer import ShardWriter, even_cuts
from tokenizer.shards import open_shard, write_shard

ROOT = Path(__file__).parents[2]
ENCODER = SimpleNamespace(hash="a" * 64, vocab_size=4096)
LENGTHS = st.lists(st.integers(0, 60), min_size=1, max_size=80)


@settings(max_examples=400, deadline=None)
@given(lengths=LENGTHS, most=st.integers(1, 500))
def test_cuts_lose_no_document_and_keep_to_the_size(lengths, most):
    offsets = np.cumsum([0, *lengths])
    cuts = even_cuts(offsets, most)
    assert (cuts[0], cuts[-1]) == (0, len(lengths))
    for first, last in itertools.pairwise(cuts):
        assert first < last
        assert offsets[last] - offsets[first] <= most or last - first == 1


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 60), min_size=50, max_size=3000), most=st.integers(1200, 9000)
)
def test_shards_of_short_documents_are_even(lengths, most):
    sizes = np.diff(np.cumsum([0, *lengths])[even_cuts(np.cumsum([0, *lengths]), most)])
    assert sizes.max() - sizes.min() <= 2 * max(lengths) + 1
    assert len(sizes) <= 2 + sum(lengths) / most * 17 / 16


def test_the_last_shard_is_as_large_as_the_others():
    sizes = np.diff(np.arange(0, 1051, 10)[even_cuts(np.arange(0, 1051, 10), 100)])
    assert len(sizes) == 11
    assert set(sizes.tolist()) <= {90, 100}  # greedy: ten of 100 and one of 50


def test_documents_longer_than_a_shard_have_one_each():
    assert even_cuts(np.array([0, 900, 1800, 2700]), 100) == [0, 1, 2, 3]
    assert even_cuts(np.array([0, 900]), 100) == [0, 1]
    assert even_cuts(np.array([0, 0, 0]), 100) == [0, 2]


def written(folder: Path, lengths: list[int], batch: int, most: int = 64) -> list[Path]:
    random = np.random.default_rng(1)
    tokens = random.integers(0, 4096, sum(lengths)).astype(np.uint16)
    offsets = np.cumsum([0, *lengths])
    (folder / RECORDS).mkdir(parents=True)
    with Output(str(folder), Unit("web-0", ()), "key") as output:
        writer = ShardWriter("web-0", "web", "train", ENCODER, most, output)
        for start in range(0, len(lengths), batch):
            cut = offsets[start : start + batch + 1]
            ids = np.arange(start, start + len(cut) - 1)
            writer.add(ids, tokens[cut[0] : cut[-1]], cut - cut[0])
        writer.close()
        record = output.close()
    shards = [open_shard(str(folder / file.name)) for file in record.files]
    assert np.concatenate([s.tokens for s in shards]).tolist() == tokens.tolist()
    assert np.concatenate([s.doc_ids for s in shards]).tolist() == list(range(len(lengths)))
    assert np.concatenate([np.diff(s.offsets) for s in shards]).tolist() == lengths
    assert [file.facts["tokens"] for file in record.files] == [len(s.tokens) for s in shards]
    assert record.counts.totals["tokens web train"] == len(tokens)
    return [folder / file.name for file in record.files]


@settings(max_examples=25, deadline=None)
@given(lengths=LENGTHS, batch=st.integers(1, 30))
def test_names_and_bytes_do_not_depend_on_the_batches(tmp_path_factory, lengths, batch):
    folder = tmp_path_factory.mktemp("written")
    whole = written(folder / "a", lengths, len(lengths))
    parts = written(folder / "b", lengths, batch)
    assert [path.name for path in whole] == [path.name for path in parts]
    assert [path.read_bytes() for path in whole] == [path.read_bytes() for path in parts]
    assert sorted(p.name for p in (folder / "a").glob("*.arrow")) == [p.name for p in whole]
    shutil.rmtree(folder)


def test_a_split_without_documents_has_no_shard(tmp_path):
    (tmp_path / RECORDS).mkdir()
    with Output(str(tmp_path), Unit("web-0", ()), "key") as output:
        ShardWriter("web-0", "web", "valid", ENCODER, 64, output).close()
        assert output.close().files == ()


WRITE = """
    import sys
    import numpy as np
    from corpus.errors import AltiplanoError
    from tokenizer.shards import write_shard
    tokens = np.arange(3 << 20) % 4096
    try:
        write_shard(sys.argv[1], np.arange(1), tokens, np.array([0, 3 << 20]), "a" * 64, 4096)
    except AltiplanoError as error:
        print(error)
        sys.exit(2)
"""


def run_writer(*command: str, path: Path, **options) -> subprocess.CompletedProcess:
    code = textwrap.dedent(WRITE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, sys.executable, "-c", code, str(path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def test_a_full_disk_leaves_nothing(tmp_path):
    """A real one of 2 MiB, where this user may mount one in a namespace of its own."""
    mount = f"mount -t tmpfs -o size=2m tmpfs {tmp_path}"
    script = f'{mount} && "$@"; code=$?; echo "left: $(ls -A {tmp_path})"; exit $code'
    allowed = subprocess.run(["unshare", "-Urm", "sh", "-c", mount], capture_output=True)
    if allowed.returncode:
        pytest.skip("this user may not mount a small disk (unshare -Urm)")
    done = run_writer("unshare", "-Urm", "sh", "-c", script, "sh", path=tmp_path / "a.arrow")
    said, left = done.stdout.splitlines()
    assert done.returncode == 2, done.stderr
    assert "a.arrow cannot be written" in said
    assert "No space left on device" in said
    assert left == "left: "


def test_a_file_above_the_limit_leaves_nothing(tmp_path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = run_writer(path=tmp_path / "a.arrow", preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    assert "a.arrow cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_publishes_nothing(tmp_path):
    """Killed the moment its file appears: what stands there has no shard's name."""
    path = tmp_path / "a.arrow"
    code = textwrap.dedent(WRITE).replace("np.arange(3 << 20)", "np.arange(48 << 20)")
    code = code.replace("[0, 3 << 20]", "[0, 48 << 20]")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)], env=environment)
    while not list(tmp_path.iterdir()) and writer.poll() is None:
        pass
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert writer.returncode == -signal.SIGKILL
    assert [name for name in os.listdir(tmp_path) if not name.endswith(".partial")] == []


def test_bytes_reach_the_disk_before_the_name_and_the_name_before_the_return(tmp_path, monkeypatch):
    steps: list[str] = []
    real_replace, real_fsync = os.replace, os.fsync

    def replace(source: str, target: str) -> None:
        steps.append("named")
        real_replace(source, target)

    def fsync(holder: int) -> None:
        steps.append("folder" if os.path.samestat(os.fstat(holder), os.stat(tmp_path)) else "file")
        real_fsync(holder)

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "fsync", fsync)
    numbers = np.arange(2)
    write_shard(str(tmp_path / "a.arrow"), numbers[:1], numbers, numbers * 2, "a" * 64, 4096)
    assert steps == ["file", "named", "folder"]


def test_an_interrupted_write_keeps_the_shard_that_was_there(tmp_path, monkeypatch):
    path = str(tmp_path / "a.arrow")
    write_shard(path, np.arange(1), np.ones(3, np.int64), np.array([0, 3]), "a" * 64, 4096)
    before = Path(path).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ShardError, match="No space left"):
        write_shard(path, np.arange(1), np.ones(9, np.int64), np.array([0, 9]), "a" * 64, 4096)
    assert Path(path).read_bytes() == before
    assert os.listdir(tmp_path) == ["a.arrow"]
