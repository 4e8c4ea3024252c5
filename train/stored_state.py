"""The optimizer's state as a checkpoint has it: a file of raw numbers a process, and one index.

A process's file has, for masters and each moment in turn, the fp32 numbers of the flat ranges that
are its to update. The index says which boxes of which tensors they are. A reader of any layout
looks up the boxes it wants and reads of each stored box what the two have in common, so it reads
what it needs, without the other processes. Reads are plain ones: of a file that is mapped into
memory, a disk's error would be a signal and no line.
"""

import io
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.errors import CheckpointError
from train.boxes import Box, common

INDEX = "optimizer.json"
STATES = ("param", "exp_avg", "exp_avg_sq")  # fp32 masters, Adam's first and second moments
_OPEN_FILES = 64
_GAP = 64 << 10  # bytes between two pieces that are read sooner than another read is asked for
_PIECE = 8 << 20  # bytes to read at once where gaps are read, too

Numbers = npt.NDArray[np.float32]


def file_name(rank: int) -> str:
    """A process's file."""
    return f"optimizer-{rank:05d}.bin"


@dataclass(frozen=True)
class Content:
    """What a process's file has of the tensors, of each of STATES alike."""

    numbers: int  # of one state
    boxes: list[tuple[str, Box, int]]  # of a tensor by its key, and from which number on
    shapes: dict[str, tuple[int, ...]]  # of those whole tensors


def index(contents: dict[str, Content]) -> dict[str, Any]:
    """The index of all processes' files, by name, fit for JSON."""
    files = {
        name: {
            "numbers": one.numbers,
            "boxes": [[key, box.offset, box.shape, begin] for key, box, begin in one.boxes],
        }
        for name, one in contents.items()
    }
    shapes = {key: shape for one in contents.values() for key, shape in one.shapes.items()}
    return {"states": STATES, "dtype": "float32", "shapes": shapes, "files": files}


class Stored:
    """What is stored in a checkpoint, by any box of any tensor; to be closed.

    shapes: of the tensors, by megatron-core's keys. Raises CheckpointError where the index cannot
    be read.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        rows: dict[str, list[Any]] = defaultdict(list)
        try:
            found = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            self.shapes = {key: tuple(shape) for key, shape in found["shapes"].items()}
            for name, one in found["files"].items():
                for key, offset, shape, begin in one["boxes"]:
                    rows[key].append((offset, shape, (name, one["numbers"], begin)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{folder / INDEX} cannot be read ({type(error).__name__}: {error}); restore it or "
                "give an older checkpoint"
            ) from None
        self._boxes = {key: _Boxes(of_one) for key, of_one in rows.items()}
        self._files = _Files()

    def __enter__(self) -> "Stored":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def read(self, state: str, key: str, wanted: Box, out: Numbers) -> None:
        """Puts a box of one of STATES of a tensor into `out`, an array of its shape.

        Raises CheckpointError that names what is not stored, or what cannot be read.
        """
        found = 0
        for stored, (name, numbers, begin) in self._boxes.get(key, _Boxes([])).meeting(wanted):
            part = common(stored, wanted)
            if part is None:
                continue
            place = STATES.index(state) * numbers + begin
            target = out[part.within(wanted)]
            self._fill(self._folder / name, place, stored.shape, part.within(stored), target)
            found += part.size
        if found != wanted.size:
            raise CheckpointError(
                f"{self._folder} has {found} of the {wanted.size} numbers of '{state}' of '{key}' "
                f"from {list(wanted.offset)} to {list(wanted.end)}; restore it or give an older "
                "checkpoint"
            )

    def _fill(
        self, path: Path, place: int, shape: tuple[int, ...], part: tuple[slice, ...], out: Numbers
    ) -> None:
        """Reads a part of the array of that shape that begins at the number `place` of a file."""
        long = [one.stop - one.start for one in part]
        cut = max((axis for axis, size in enumerate(shape) if long[axis] < size), default=0)
        if math.prod(long[:cut]) == 1:  # one piece of the file
            first = np.ravel_multi_index([one.start for one in part], shape)
            self._files.read(path, place + int(first), out)
            return
        row = math.prod(shape[1:])
        if len(shape) == 2 and 4 * (row - long[1]) <= _GAP:
            self._fill_columns(path, place, row, part, out)
            return
        for number, at in enumerate(range(part[0].start, part[0].stop)):
            self._fill(path, place + at * row, shape[1:], part[1:], out[number])

    def _fill_columns(
        self, path: Path, place: int, row: int, part: tuple[slice, ...], out: Numbers
    ) -> None:
        """As `_fill`, of some columns: whole rows are read, many at once. A row of a 7B's matrix
        that another tensor parallel size cuts would be 400,000 reads of 2 KB a process."""
        rows, columns = part
        at_once = max(1, _PIECE // (4 * row))
        for first in range(rows.start, rows.stop, at_once):
            whole = np.empty((min(at_once, rows.stop - first), row), np.float32)
            self._files.read(path, place + first * row, whole)
            out[first - rows.start :][: len(whole)] = whole[:, columns]


class _Boxes:
    """The stored boxes of one tensor, of which the few that meet another are found by numpy."""

    def __init__(self, rows: list[Any]):
        self._rows = rows
        self._offsets = np.array([offset for offset, _, _ in rows])
        self._ends = self._offsets + np.array([shape for _, shape, _ in rows])

    def meeting(self, wanted: Box) -> Iterator[tuple[Box, Any]]:
        if not self._rows or self._offsets.shape[1] != len(wanted.shape):
            return
        meets = (self._offsets < wanted.end) & (self._ends > wanted.offset)
        for number in np.flatnonzero(meets.all(axis=1)):
            offset, shape, place = self._rows[number]
            yield Box(tuple(offset), tuple(shape)), place


class _Files:
    """Files of fp32 numbers, the last ones kept open."""

    def __init__(self) -> None:
        self._open: dict[Path, io.FileIO] = {}

    def read(self, path: Path, place: int, out: Numbers) -> None:
        """Fills `out` with the numbers from `place` on."""
        piece = out if out.flags.c_contiguous else np.empty(out.shape, np.float32)
        view = piece.reshape(-1).data.cast("B")
        done = 0
        try:
            stream = self._stream(path)
            stream.seek(4 * place)
            while done < len(view) and (count := stream.readinto(view[done:])):
                done += count
        except OSError as error:
            raise CheckpointError(
                f"{path} cannot be read ({error}); restore it or give an older checkpoint"
            ) from None
        if done < len(view):
            raise CheckpointError(
                f"{path} ends at byte {4 * place + done}, within the {len(view)} from byte "
                f"{4 * place} on; restore it or give an older checkpoint"
            )
        if piece is not out:
            out[...] = piece

    def close(self) -> None:
        for stream in self._open.values():
            stream.close()
        self._open.clear()

    def _stream(self, path: Path) -> io.FileIO:
        if path not in self._open:
            if len(self._open) == _OPEN_FILES:
                self.close()
            self._open[path] = io.FileIO(path)
        return self._open[path]
