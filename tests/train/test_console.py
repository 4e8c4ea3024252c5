"""What a person sees, in a terminal and elsewhere."""

import re
import sys

import pytest

from train.console import Console, duration

ROW = {
    "step": 20,
    "loss": 4.51234,
    "tokens_per_s": 12_345.6,
    "mfu": {"six_n": 0.5, "causal": 0.512, "full": 0.52},
    "memory": {"allocated_peak": 61_200_000_000, "reserved": 70_000_000_000},
    "data_wait_s": 0.0001,
    "forward_s": 0.3,
    "backward_s": 0.6,
    "eta_s": 3725.0,
}
LINE = "step 20/300  loss 4.512  12,346 tokens/s  MFU 51.2 %  70.0 GB  1 h 02 min left\n"


def test_a_line_of_a_step_that_is_due(capsys):
    console = Console(300, 10, is_main=True)
    console.show(ROW)
    console.show({**ROW, "step": 21})
    console.close()
    assert capsys.readouterr().out == LINE


def test_an_evaluated_step_has_its_line_and_the_last_has_nothing_left(capsys):
    console = Console(21, 1, is_main=True)
    console.show({"step": 21, "loss": 2.0, "tokens_per_s": 5.0, "eta_s": 0.0})
    console.show({**ROW, "step": 7, "validation_bits_per_byte": {"web": 1.25}, "eta_s": 12.2})
    assert capsys.readouterr().out.splitlines() == [
        "step 21/21  loss 2.000  5 tokens/s",
        "step 7/21  loss 4.512  12,346 tokens/s  MFU 51.2 %  70.0 GB  12 s left  "
        "web 1.250 bits/byte",
    ]


def test_the_speed_is_that_of_the_steps_since_the_last_line(capsys):
    console = Console(300, 2, is_main=True)
    for step, rate in ((2, 9_999.0), (3, 100.0), (4, 300.0)):
        mfu = {"causal": rate / 1000}
        console.show({"step": step, "loss": 1.0, "tokens_per_s": rate, "mfu": mfu})
    assert capsys.readouterr().out.splitlines()[-1] == (
        "step 4/300  loss 1.000  150 tokens/s  MFU 15.0 %"
    )


def test_a_wait_for_data_is_told_where_it_costs_something(capsys):
    Console(300, 10, is_main=True).show({**ROW, "data_wait_s": 0.1})
    assert "  waits for data 10 %  " in capsys.readouterr().out


def test_an_event_says_its_line_and_other_processes_nothing(capsys):
    Console(300, 10, is_main=True).show({"event": "skip", "step": 3, "line": "[skipped] step 3"})
    Console(300, 10, is_main=True).show({"event": "save", "step": 3})
    Console(300, 10, is_main=False).show(ROW)
    assert capsys.readouterr().out == "[skipped] step 3\n"


def test_in_a_terminal_the_line_lives_and_what_is_said_stands_above_it(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    console = Console(300, 10, is_main=True)
    console.say("resuming [at] step 19")
    console.show(ROW)
    console.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)
    assert "resuming [at] step 19" in shown
    assert " 20/300 " in shown
    assert "MFU 51.2 %  70.0 GB  1 h 02 min left" in shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (80, "1 min 20 s"),
        (7500, "2 h 05 min"),
        (21 * 86400 + 3600, "21 d 1 h"),
    ],
)
def test_a_time_in_its_two_largest_units(seconds, text):
    assert duration(seconds) == text
