"""A folder that one at a time works in, and what others do to it meanwhile."""

import errno
import fcntl
import os
import shutil
import socket
import threading
from pathlib import Path

import pytest

from corpus.alone import Use, alone
from corpus.errors import DataError

USE = Use(".work.lock", "work", "done in", "'place'", DataError)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "new"


def once_before(monkeypatch, owner, name, action):
    """Has something happen before the first call of a function of the system's."""
    real, done = getattr(owner, name), []

    def call(*given, **more):
        if not done:
            done.append(True)
            action()
        return real(*given, **more)

    monkeypatch.setattr(owner, name, call)


def test_another_is_refused_and_told_who_it_is(folder):
    told = (
        f"another work, pid {os.getpid()} on {socket.gethostname()}, is done in {folder}; wait for "
        "it or choose another 'place'"
    )
    with alone(str(folder), USE):
        with pytest.raises(DataError) as refused, alone(str(folder), USE):
            pass
        assert str(refused.value) == told
        (folder / USE.lock).write_text("")  # a full disk takes no name
        with pytest.raises(DataError, match="another work is done in"), alone(str(folder), USE):
            pass
    with alone(str(folder), USE):
        pass


def test_the_folder_of_one_who_wrote_nothing_goes_while_another_waits(folder):
    leave = threading.Event()
    held = threading.Event()

    def first() -> None:
        with alone(str(folder), USE):
            held.set()
            leave.wait(60)

    thread = threading.Thread(target=first)
    thread.start()
    held.wait(60)
    threading.Timer(0.3, leave.set).start()
    with alone(str(folder), USE, ending_s=60.0):
        thread.join()
        assert (folder / USE.lock).exists()
    assert not folder.exists(), "it was made anew for the second, who wrote nothing either"


@pytest.mark.parametrize(("owner", "name"), [(os, "open"), (fcntl, "flock"), (Path, "is_dir")])
def test_a_folder_may_be_deleted_at_any_moment(folder, monkeypatch, owner, name):
    folder.mkdir()
    once_before(monkeypatch, owner, name, lambda: shutil.rmtree(folder))
    with alone(str(folder), USE):
        assert (folder / USE.lock).exists()
        with pytest.raises(DataError, match="another work"), alone(str(folder), USE):
            pass


@pytest.mark.parametrize("place", ["file", "link", "file/below"])
def test_where_no_folder_can_be_it_says_why(tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    told = rf"output=.*{place} cannot be written \(.*(File exists|Not a dir).*another 'place'"
    with pytest.raises(DataError, match=told), alone(str(tmp_path / place), USE, ending_s=60.0):
        pass


def test_a_lock_that_cannot_be_made_is_told(folder):
    folder.mkdir()
    (folder / USE.lock).symlink_to("nowhere/lock")
    told = r"cannot be written \(.*No such file"
    with pytest.raises(DataError, match=told), alone(str(folder), USE, ending_s=60.0):
        pass


def test_a_disk_without_locks_is_told_and_worked_on(folder, monkeypatch, capsys):
    def refused(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with alone(str(folder), USE):
        pass
    said = f"{folder / USE.lock} cannot be locked (No locks available): see to it that no other "
    assert capsys.readouterr().err == f"{said}work writes into this folder\n"
