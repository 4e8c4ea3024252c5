"""Who keeps a run waiting, from what its processes tell of themselves."""

from dataclasses import replace

import pytest

from train import blame
from train.blame import Beat

LIMIT_S, DISK_S = 10.0, 1000.0


def beats(*collectives: dict[str, int], **changes) -> list[Beat]:
    return [
        Beat(rank, "gpu1", 100 + rank, 7, 3, "forward", None, 12.0, "", counts)
        for rank, counts in enumerate(collectives)
    ]


def line(now: list[Beat], before: list[Beat] | None = None) -> str | None:
    before = before or [replace(beat, number=beat.number - 2) for beat in now]
    return blame.line(before, now, LIMIT_S, DISK_S)


def test_who_has_begun_fewer_than_the_others_is_named_with_where_it_is():
    now = beats({"0": 9}, {"0": 8}, {"0": 9})
    now[1] = replace(now[1], phase="data_wait", place="train/data.py:70")
    said = line(now)
    assert said.startswith(
        "rank 1 did not come to a collective within 10 s, where ranks 0 and 2 waited "
        "(pid 101 on gpu1 is in data_wait of step 3 for 12 s, at train/data.py:70)"
    )


def test_who_waits_itself_is_not_to_blame():
    # Two tensor parallel pairs, and the data parallel pairs across them; rank 3 hangs.
    now = beats({"a": 5, "x": 2}, {"a": 5, "y": 3}, {"b": 6, "x": 2}, {"b": 5, "y": 2})
    assert line(now).startswith("rank 3 did not come")


def test_nobody_is_to_blame_where_all_compute():
    assert line(beats({"0": 4}, {"0": 4})) is None


def test_a_stage_that_waits_for_another_ones_message_is_not_to_blame():
    now = beats({"0": 4}, {"0": 4})
    now[0] = replace(now[0], phase="communication")
    assert line(now).startswith("rank 1 did not come")


def test_a_long_phase_has_a_limit_of_its_own():
    now = beats({"0": 9}, {"0": 8})
    now[1] = replace(now[1], long="writing a checkpoint")
    assert line(now) is None
    now[1] = replace(now[1], still_s=DISK_S + 1)
    said = line(now)
    assert said.startswith("rank 1 did not come to a collective within 1000 s, where rank 0 waited")
    assert "is in writing a checkpoint of step 3" in said
    assert said.endswith("or raise the limit (train.disk_timeout_s)")


def test_who_beats_no_more_comes_first():
    now = beats({"0": 9}, {"0": 8}, {"0": 9})
    before = [replace(beat, number=5) for beat in now]
    before[2] = now[2]
    assert line(now, before).startswith("no sign of life from rank 2 (pid 102 on gpu1, last seen")
    now[2] = before[2] = replace(now[2], phase="done")
    assert line(now, before).startswith("rank 1 did not come")


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ([3], "rank 3"),
        ([1, 0], "ranks 0 and 1"),
        ([0, 2], "ranks 0 and 2"),
        ([0, 1, 2, 3, 7, 9, 10, 11], "ranks 0 to 3, 7 and 9 to 11"),
    ],
)
def test_ranks_are_told_in_spans(ranks, said):
    assert blame.ranks_told(ranks) == said
