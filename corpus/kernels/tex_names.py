"""What names mean: a hash table from the bytes of a name to its row of `State.names`."""

import numpy as np

from corpus.kernels import inlined, inner
from corpus.kernels.tex_state import (
    HEAP_SIZE,
    KIND,
    MACHINERY_WORD,
    NAME,
    NAME_END,
    NUM_NAMES,
)


@inlined
def slot_of(state, text, first, last):
    """Where in the table the name `text[first:last]` is, or would go."""
    code = np.uint32(2166136261)
    for at in range(first, last):
        code = np.uint32((code ^ text[at]) * np.uint32(16777619))
    mask = state.table.size - 1
    slot = np.int64(code ^ (code >> np.uint32(15))) & mask
    size = last - first
    while True:
        name = state.table[slot]
        if name < 0:
            return slot
        start = state.names[name, NAME]
        if state.names[name, NAME_END] - start == size:
            same = 0
            while same < size and state.heap[start + same] == text[first + same]:
                same += 1
            if same == size:
                return slot
        slot = (slot + 1) & mask


@inlined
def find(state, text, first, last):
    """The number of a name; -1 where it has none."""
    return np.int64(state.table[slot_of(state, text, first, last)])


@inner
def add(state, text, first, last):
    """The number of a name, which it is given where it has none; `has_room` was asked before."""
    slot = slot_of(state, text, first, last)
    if state.table[slot] >= 0:
        return np.int64(state.table[slot])
    registers = state.registers
    name, start = registers[NUM_NAMES], registers[HEAP_SIZE]
    for at in range(first, last):
        state.heap[start + at - first] = text[at]
    registers[NUM_NAMES] += 1
    registers[HEAP_SIZE] += last - first
    state.table[slot] = name
    state.names[name] = 0
    state.names[name, NAME] = start
    state.names[name, NAME_END] = registers[HEAP_SIZE]
    return name


@inner
def has_room(state, size):
    """Whether `size` more bytes and a name can be kept."""
    registers = state.registers
    names = min(state.names.shape[0], state.table.size // 2)
    return registers[HEAP_SIZE] + size <= state.heap.size and registers[NUM_NAMES] < names


@inner
def is_known(state, text, first, last):
    """Whether a command means anything to us."""
    name = find(state, text, first, last)
    return name >= 0 and state.names[name, KIND] > MACHINERY_WORD


@inner
def name_number(state, text, adds):
    """The number of the name `text` [bytes] uint8; -1 where it has none and `adds` is False."""
    if adds:
        return add(state, text, 0, text.size)
    return find(state, text, 0, text.size)


@inner
def rehash(state):
    """Fills an empty table with the names there are."""
    for name in range(state.registers[NUM_NAMES]):
        start, end = state.names[name, NAME], state.names[name, NAME_END]
        state.table[slot_of(state, state.heap, start, end)] = name
