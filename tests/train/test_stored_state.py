"""The geometry of the optimizer's state: what one tiling stored any other finds, as numpy does."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import CheckpointError
from train import stored_state
from train.boxes import Box, common, of_range
from train.stored_state import STATES, Content, Stored

SHAPES = st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple)


def test_a_range_of_a_matrix_is_part_of_a_row_whole_rows_and_part_of_a_row():
    assert list(of_range((4, 5), 3, 17)) == [
        Box((0, 3), (1, 2)),
        Box((1, 0), (2, 5)),
        Box((3, 0), (1, 2)),
    ]
    assert list(of_range((4, 5), 6, 9)) == [Box((1, 1), (1, 3))]
    assert list(of_range((4, 5), 5, 20)) == [Box((1, 0), (3, 5))]
    assert list(of_range((4, 5), 7, 7)) == []


@settings(max_examples=200, deadline=None)
@given(shape=SHAPES, data=st.data())
def test_the_boxes_of_a_range_are_its_numbers_in_order_and_few(shape, data):
    end = data.draw(st.integers(0, math.prod(shape)))
    begin = data.draw(st.integers(0, end))
    array = np.arange(math.prod(shape)).reshape(shape)
    boxes = list(of_range(shape, begin, end))
    whole = Box((0,) * len(shape), shape)
    parts = [array[box.within(whole)].ravel() for box in boxes]
    np.testing.assert_array_equal(np.concatenate([[], *parts]), np.arange(begin, end))
    assert len(boxes) <= 2 * len(shape) - 1


@st.composite
def tilings(draw, shape):
    """An array's ranges, each as its boxes: cut into a grid, as tensor parallelism does, and each
    part's flat numbers cut into ranges, as ZeRO-1 does."""
    axes = []
    for size in shape:
        cuts = sorted(draw(st.sets(st.integers(1, size - 1), max_size=2))) if size > 1 else []
        axes.append(list(zip([0, *cuts], [*cuts, size], strict=True)))
    cells = [()]
    for spans in axes:
        cells = [(*cell, span) for cell in cells for span in spans]
    tiles = []
    for cell in cells:
        box = Box(tuple(at for at, _ in cell), tuple(end - at for at, end in cell))
        cuts = sorted(draw(st.sets(st.integers(1, box.size), max_size=3)) | {0, box.size})
        for begin, end in itertools.pairwise(cuts):
            tiles.append([one.moved(box.offset) for one in of_range(box.shape, begin, end)])
    return tiles


def write(folder, whole, arrays, tiles, processes):
    """Stores an array a state, tile i by process i modulo `processes`."""
    contents = {}
    for rank in range(processes):
        boxes, begin = [], 0
        for box in (box for tile in tiles[rank::processes] for box in tile):
            boxes.append(("key", box, begin))
            begin += box.size
        name = stored_state.file_name(rank)
        parts = [array[box.within(whole)].ravel() for array in arrays for _, box, _ in boxes]
        (folder / name).write_bytes(np.concatenate([[], *parts]).astype(np.float32).tobytes())
        contents[name] = Content(begin, boxes, {"key": whole.shape})
    tree = json.dumps(stored_state.index(contents))
    (folder / stored_state.INDEX).write_text(tree)


@settings(max_examples=150, deadline=None)
@given(shape=SHAPES, processes=st.integers(1, 3), gap=st.integers(0, 20), data=st.data())
def test_what_one_tiling_stored_another_reads(tmp_path_factory, shape, processes, gap, data):
    folder = tmp_path_factory.mktemp("stored")
    whole = Box((0,) * len(shape), shape)
    array = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    arrays = [array + 1000 * number for number in range(len(STATES))]
    write(folder, whole, arrays, data.draw(tilings(shape)), processes)
    with Stored(folder) as stored, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_state, "_GAP", gap)
        patch.setattr(stored_state, "_PIECE", 40)
        for tile in data.draw(tilings(shape)):
            for box in tile:
                assert common(box, whole) == box
                for name, wanted in zip(STATES, arrays, strict=True):
                    out = np.full(box.shape, np.nan, np.float32)
                    stored.read(name, "key", box, out)
                    np.testing.assert_array_equal(out, wanted[box.within(whole)])


@pytest.fixture
def halves(tmp_path):
    """A matrix of 4 x 6 stored by two processes, two rows each."""
    whole = Box((0, 0), (4, 6))
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    tiles = [[Box((0, 0), (2, 6))], [Box((2, 0), (2, 6))]]
    write(tmp_path, whole, [array, array, array], tiles, 2)
    return tmp_path


def read(folder, key="key", box=None):
    box = box or Box((1, 2), (2, 3))
    with Stored(folder) as stored:
        stored.read("exp_avg", key, box, np.empty(box.shape, np.float32))


def test_what_no_box_covers_is_named(halves):
    read(halves)
    with pytest.raises(CheckpointError, match="has 0 of the 6 numbers of 'exp_avg' of 'other'"):
        read(halves, key="other")
    with pytest.raises(CheckpointError, match=r"has 6 of the 12 .* from \[2, 3\] to \[6, 6\]"):
        read(halves, box=Box((2, 3), (4, 3)))
    with pytest.raises(CheckpointError, match="has 0 of the 3 numbers"):
        read(halves, box=Box((0,), (3,)))
    index = json.loads((halves / stored_state.INDEX).read_text())
    index["files"]["optimizer-00001.bin"]["boxes"] = []
    (halves / stored_state.INDEX).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="has 3 of the 6 numbers"):
        read(halves)


def test_a_file_that_is_missing_or_short_is_named(halves):
    path = halves / stored_state.file_name(1)
    path.write_bytes(path.read_bytes()[: 4 * 12 + 8])  # within the second state
    with pytest.raises(CheckpointError, match=r"optimizer-00001.bin ends at byte 56, within"):
        read(halves)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"optimizer-00001.bin cannot be read .*Errno 2"):
        read(halves)


@pytest.mark.parametrize("text", ["{", "[]", '{"files": {}}', '{"shapes": {}, "files": {"a": 1}}'])
def test_an_index_that_is_none_is_told(halves, text):
    (halves / stored_state.INDEX).write_text(text)
    with pytest.raises(CheckpointError, match=r"optimizer\.json cannot be read \("):
        read(halves)


def test_as_many_files_as_a_process_may_open_are_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_state, "_OPEN_FILES", 2)
    array = np.arange(5, dtype=np.float32)
    write(tmp_path, Box((0,), (5,)), [array] * 3, [[Box((at,), (1,))] for at in range(5)], 5)
    out = np.empty(5, np.float32)
    with Stored(tmp_path) as stored:
        stored.read("param", "key", Box((0,), (5,)), out)
        assert len(stored._files._open) <= 2
    np.testing.assert_array_equal(out, array)
