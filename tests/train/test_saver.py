"""Saves beside training: what is stored is the moment of the save; what fails leaves no half."""

import dataclasses
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from corpus.config import to_tree
from corpus.errors import CheckpointError
from train import checkpoint, integrity, loop, saver, weights, writing
from train.config import ParallelConfig
from train.integrity import steps
from train.metrics import events

ROOT = str(Path(__file__).parents[2])


def saved(config, step):
    return dict(weights.read(config.checkpoints / f"step-{step:08d}"))


def test_what_is_written_later_is_the_state_of_the_save(tiny_config, tmp_path, monkeypatch):
    length = {"steps": 12, "save_interval": 6, "keep_checkpoints": 9}
    plain = tiny_config(tmp_path / "plain", async_save=False, **length)
    assert loop.train(plain) == 0

    # The first save's thread waits until training has gone on by three steps.
    gone_on, write, take, taken = threading.Event(), writing.Part._write, loop.step.take, []

    def write_late(part, *rest):
        assert gone_on.wait(60)
        write(part, *rest)

    def take_and_count(*arguments):
        taken.append(None)
        if len(taken) == 9:
            gone_on.set()
        return take(*arguments)

    monkeypatch.setattr(writing.Part, "_write", write_late)
    monkeypatch.setattr(loop.step, "take", take_and_count)
    late = tiny_config(tmp_path / "late", **length)
    assert loop.train(late) == 0
    for step in (6, 12):
        mine, theirs = saved(late, step), saved(plain, step)
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    told = events(Path(late.output) / "metrics.jsonl")
    assert [(row["event"], row["step"]) for row in told] == [("save", 6), ("save", 12)]
    assert all(0 < row["save_s"] <= row["write_s"] for row in told)


@pytest.mark.parametrize(("sizes", "full"), [(1.2, "distcp"), (1.6, "optimizer-00000.bin")])
def test_a_full_disk_ends_the_run_in_one_line_and_leaves_the_last_whole_one(
    tiny_config, tmp_path, sizes, full
):
    size_of_one = 1_900_000
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={int(sizes * size_of_one)}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        config = tiny_config(place / "run", save_interval=5, steps=20)
        with pytest.raises(CheckpointError) as raised:
            loop.train(config)
        line = str(raised.value)
        assert line.startswith("step-00000010 was not saved (")
        assert f"{full}: [Errno 28] No space left on device" in line
        assert "step 5 is the last whole one" in line
        assert checkpoint.latest(config.checkpoints)[0] == 5
        assert [step for step, _ in steps(config.checkpoints)] == [5]
        assert sum(f.stat().st_size for f in place.rglob("*") if f.is_file()) > size_of_one / 2
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_folder_that_cannot_be_made_is_told(tiny_config, tmp_path):
    config = tiny_config(tmp_path / "run", save_interval=5, steps=20)
    Path(config.output).mkdir()
    config.checkpoints.write_text("in the way")
    with pytest.raises(CheckpointError, match=r"step-00000005 was not saved \(.*Errno 20.*none"):
        loop.train(config)


def test_folders_people_put_beside_checkpoints_are_left_alone(tiny_config, tmp_path):
    config = tiny_config(tmp_path / "run", save_interval=5, steps=20, keep_checkpoints=1)
    copy = config.checkpoints / "step-00000005-copy"
    copy.mkdir(parents=True)
    assert loop.train(config) == 0
    assert steps(config.checkpoints) == [(20, config.checkpoints / "step-00000020")]
    assert copy.exists()


# Two saves of two processes: rank 1 cannot write the second one. Each tells the most bytes of what
# it was sent of any one process while it finished the first.
TWO = """
import pickle, sys
import torch
from corpus.config import load
from corpus.errors import CheckpointError
from train import checkpoint, member, parallel, saver, setup, writing
from train.config import TrainConfig
rank, config = int(sys.argv[1]), load(TrainConfig, sys.argv[3])
store = torch.distributed.FileStore(sys.argv[2], 2)
member.group_store = lambda: store
with parallel.joined(config):
    one = saver.Saver(config, lambda row: None)
    training = setup.build(config)
    one.begin(training, 1, {"proof": {}})
    gather, sent = torch.distributed.all_gather_object, []
    def gather_and_count(found, own):
        gather(found, own)
        sent.extend(len(pickle.dumps(each)) for each in found)
    torch.distributed.all_gather_object = gather_and_count
    one.finish()
    torch.distributed.all_gather_object = gather
    print(max(sent))
    write = writing.Part._write
    def fails(part, *rest):
        part.failure = f"disk of rank {rank}: full"
    writing.Part._write = fails if rank else write
    one.begin(training, 2, {"proof": {}})
    try:
        one.finish()
    except CheckpointError as error:
        print(error)
    print(checkpoint.latest(config.checkpoints)[0])
"""


def test_what_one_process_could_not_write_all_tell_and_what_it_wrote_the_main_one_hears(
    tiny_config, tmp_path
):
    two = ParallelConfig(processes=2)
    config = tiny_config(tmp_path / "run", parallel=two, batch_sequences=8, micro_batch=4)
    given, store = tmp_path / "config.json", tmp_path / "store"
    given.write_text(json.dumps(to_tree(config)))
    environment = {**os.environ, "PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2"}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", TWO, rank, store, given],
            env={**environment, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    outputs = [process.communicate(timeout=300)[0].splitlines() for process in processes]
    line = "step-00000002 was not saved (disk of rank 1: full); step 1 is the last whole one; "
    line += "mend the disk and start the same command again to resume"
    assert [output[1:] for output in outputs] == [[line, "1"]] * 2
    assert all(int(output[0]) < 100 for output in outputs)
    assert {f.name for f in (config.checkpoints / "step-00000001").glob("optimizer-*")} == {
        "optimizer-00000.bin",
        "optimizer-00001.bin",
    }
    assert not (config.checkpoints / "step-00000002").exists()


@pytest.mark.parametrize("where", ["torch.save", "settled", "put_metadata"])
def test_whatever_the_main_process_fails_of_is_told_in_one_line(
    tiny_config, tmp_path, monkeypatch, where
):
    def fails(*_):
        raise ValueError("broken")

    place = {"torch.save": torch, "settled": saver, "put_metadata": saver._Plan}[where]
    config = tiny_config(tmp_path / "run", save_interval=5, steps=20)
    monkeypatch.setattr(place, where.split(".")[-1], fails)
    line = r"step-00000005 was not saved \(ValueError: broken\); there is none before it"
    with pytest.raises(CheckpointError, match=line):
        loop.train(config)
    assert not (config.checkpoints / "step-00000005").exists()


def test_a_write_that_hangs_ends_the_run_at_the_disks_limit(tiny_config, tmp_path, monkeypatch):
    freed = threading.Event()
    monkeypatch.setattr(writing.Part, "_write", lambda *_: freed.wait())
    config = tiny_config(tmp_path / "run", save_interval=5, steps=20, disk_timeout_s=1)
    line = r"^rank 0 did not finish writing step-00000005 within 1 s \(pid .*disk_timeout_s\)$"
    try:
        with pytest.raises(CheckpointError, match=line):
            loop.train(config)
    finally:
        freed.set()


def test_a_write_that_hangs_does_not_keep_a_run_that_ends_for_something_else(monkeypatch):
    freed = threading.Event()
    monkeypatch.setattr(writing, "_END_S", 0.1)
    part = writing.Part(_thread=threading.Thread(target=freed.wait, daemon=True))
    part._thread.start()
    part.give_up()
    assert not part.is_done()
    freed.set()


def test_files_are_read_in_shares_of_as_many_bytes():
    sizes = {"a": 100, "b": 60, "c": 50, "d": 1, "e": 1}
    assert integrity._shares(sizes, 2) == [["a", "d", "e"], ["b", "c"]]
    assert integrity._shares({}, 2) == [[], []]


def test_a_run_that_dies_during_a_save_resumes_from_the_one_before(
    tiny_config, tmp_path, monkeypatch
):
    config = tiny_config(tmp_path / "run", save_interval=4, steps=12)
    write = writing.Part._write

    def hang(part, *rest):
        if any(config.checkpoints.glob("step-00000008")):
            part._given_up.wait()
        write(part, *rest)

    take = loop.step.take

    def die_at_10(training, windows, step, *rest):
        if step == 10:
            raise ZeroDivisionError
        return take(training, windows, step, *rest)

    monkeypatch.setattr(writing.Part, "_write", hang)
    monkeypatch.setattr(loop.step, "take", die_at_10)
    with pytest.raises(ZeroDivisionError):
        loop.train(config)
    assert checkpoint.latest(config.checkpoints)[0] == 4
    assert json.loads((config.checkpoints / "latest.json").read_text())["step"] == 4
    loop.parallel.stop()
    monkeypatch.undo()
    assert loop.train(dataclasses.replace(config)) == 0
    assert checkpoint.latest(config.checkpoints)[0] == 12
