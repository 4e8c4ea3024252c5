"""What goes wrong in a Spark task is one line to a person."""

import errno
import os

import pytest

from corpus.errors import DataError
from corpus.spark import Engine


def fill_the_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_results_come_in_item_order(engine: Engine) -> None:
    assert engine.map(abs, list(range(-9, 0)), "numbers") == list(range(9, 0, -1))
    assert engine.map(abs, [], "nothing") == []


def test_a_task_that_fails_is_told_in_one_line(engine: Engine) -> None:
    with pytest.raises(DataError) as told:
        engine.map(fill_the_disk, [1], "seen_lines/web")
    line = str(told.value)
    assert "\n" not in line
    assert "seen_lines/web" in line
    assert "OSError: [Errno 28] No space left on device" in line
