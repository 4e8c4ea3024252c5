"""What is told of a stage while it runs, where no person is looking."""

import re
import time

import pytest

from corpus import progress, stage
from corpus.output import Unit
from corpus.spark import Engine, SparkConfig
from corpus.stage import Stage


def nothing(unit, output) -> None:
    """A unit that writes no file."""


def test_a_line_at_the_start_and_every_while(capsys, monkeypatch) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.05)
    with progress.progress("extracted/web", lambda: (3, 1200)):
        time.sleep(0.3)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "extracted/web          began"
    assert len(rest) >= 2
    for line in rest:
        assert re.fullmatch(r"extracted/web +0\.\d s  so far, 3 of 1,200 tasks", line)
    time.sleep(0.1)
    assert capsys.readouterr().err == "", "the end is the caller's to tell"


def test_an_end_is_not_waited_for(monkeypatch) -> None:
    began = time.monotonic()
    with progress.progress("a"):
        pass
    assert time.monotonic() - began < progress._LINE_SECONDS / 2


def test_every_stage_at_work_tells_and_no_other(tmp_path, engine, capsys) -> None:
    for name, in_driver in (("tasks", False), ("driver", True)):
        made = Stage(
            name, {}, [Unit("u", ())], ("corpus.stage",), work=nothing, in_driver=in_driver
        )
        stage.run(made, str(tmp_path), engine)
        assert capsys.readouterr().err == f"{name:<22} began\n"
        stage.run(made, str(tmp_path), Engine(SparkConfig()))
        assert capsys.readouterr().err == "", "it was up to date"


def test_polling_ends_with_the_work_whatever_became_of_it() -> None:
    told: list[int] = []

    def work() -> None:
        while len(told) < 3:
            time.sleep(0.01)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), progress.polled(lambda: told.append(1), 0.01):
        work()
    number = len(told)
    time.sleep(0.1)
    assert len(told) == number
