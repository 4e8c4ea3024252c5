"""The arrays of a pass: what they begin with, and larger ones where they are full."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from corpus.kernels import tex_state as fields
from corpus.kernels.tex_names import name_number, rehash
from corpus.kernels.tex_state import State

_NAMES = 1024  # at first; a paper with the packages it brings along has some hundreds
_HEAP = 1 << 16
_SPARE = 1 << 12  # bytes


class Meaning(NamedTuple):
    """What a name means from the beginning on."""

    kind: int  # of `corpus.kernels.tex_state`
    action: int = -1  # of Python's, by its number


def vocabulary(meanings: Mapping[bytes, Meaning]) -> State:
    """The state that knows these names, which no definition changes, and has read nothing."""
    heap = max(_HEAP, 2 * sum(map(len, meanings)))
    names = max(_NAMES, 2 << len(meanings).bit_length())  # a power of two, as the table is
    state = State(
        text=np.empty(0, np.uint8),
        out=np.empty(0, np.uint8),
        heap=np.empty(heap, np.uint8),
        table=np.full(2 * names, -1, np.int32),
        names=np.zeros((names, fields.NAME_FIELDS), np.int64),
        frames=np.empty((64, fields.FRAME_FIELDS), np.int64),
        raw=np.empty((16, 2), np.int64),
        registers=np.zeros(fields.REGISTERS, np.int64),
    )
    state.registers[[fields.SECTION, fields.REFERENCES]] = -1
    for name, meaning in meanings.items():
        number = name_number(state, as_array(name), True)
        state.names[number, fields.KIND] = meaning.kind
        state.names[number, fields.ACTION_INDEX] = meaning.action
        state.names[number, fields.FIXED] = True
    return state


def fresh(known: State, size: int) -> State:
    """A state to read a paper of `size` bytes with, from that of a vocabulary."""
    return State(
        text=np.empty(size + _SPARE, np.uint8),
        out=np.empty(size + _SPARE, np.uint8),
        heap=known.heap.copy(),
        table=known.table.copy(),
        names=known.names.copy(),
        frames=np.empty_like(known.frames),
        raw=np.empty_like(known.raw),
        registers=known.registers.copy(),
    )


def grown(state: State, needed: int) -> State:
    """The state with more room in each array that lacks `needed` bytes, or a row."""
    registers = state.registers
    num_frames = registers[fields.NUM_FRAMES]
    used = {
        "text": state.frames[num_frames - 1, fields.TOP] if num_frames else 0,
        "out": registers[fields.OUT_SIZE],
        "heap": registers[fields.HEAP_SIZE],
        "frames": num_frames,
        "raw": registers[fields.NUM_RAW],
    }
    larger = {}
    for name, size in used.items():
        array = getattr(state, name)
        lacking = needed if array.ndim == 1 else 1
        if len(array) - size < lacking:
            larger[name] = _larger(array, 2 * len(array) + lacking)
    names = state.names
    if registers[fields.NUM_NAMES] >= len(names):
        larger["names"] = _larger(names, 2 * len(names))
        larger["table"] = np.full(2 * len(state.table), -1, np.int32)
    state = state._replace(**larger)
    if "table" in larger:
        rehash(state)
    return state


def as_array(text: bytes) -> np.ndarray:
    """Bytes as [bytes] uint8 that kernels take as they take a state's text."""
    array = np.frombuffer(text, np.uint8)
    return array.copy()


def _larger(array: np.ndarray, size: int) -> np.ndarray:
    larger = np.empty((size, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
