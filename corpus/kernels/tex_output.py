"""What a pass writes, and takes back: the output of `State` and the frames that are left."""

from corpus.kernels import inlined, inner
from corpus.kernels.tex_state import (
    AT_LETTER,
    BEFORE,
    BEFORE_AT_LETTER,
    NEEDED,
    NUM_FRAMES,
    NUM_RAW,
    OUT_SIZE,
    POSITION,
    REFERENCES,
    SECTION,
)
from corpus.kernels.tex_state import END as FRAME_END
from corpus.kernels.tex_text import NEWLINE, SPACE, ends_in_command, is_blank, is_letter

_LINE_BEFORE = 100  # bytes that are looked back over for the beginning of a line


@inlined
def has_output_room(state, size):
    """Whether `size` bytes and a space can be written; else how many are needed is noted."""
    state.registers[NEEDED] = size + 1
    return state.registers[OUT_SIZE] + size + 1 <= state.out.size


@inlined
def write(state, text, start, end):
    """Adds to the output, which has room; a space keeps a command from growing into a letter."""
    if start >= end:
        return
    out, size = state.out, state.registers[OUT_SIZE]
    if is_letter(text[start]) and ends_in_command(out, 0, size):
        out[size] = SPACE
        size += 1
    for at in range(start, end):
        out[size + at - start] = text[at]
    state.registers[OUT_SIZE] = size + end - start


@inner
def truncate(state, size):
    """Takes back what was written after the first `size` bytes."""
    registers = state.registers
    registers[OUT_SIZE] = min(size, registers[OUT_SIZE])
    while registers[NUM_RAW] > 0 and state.raw[registers[NUM_RAW] - 1, 0] >= size:
        registers[NUM_RAW] -= 1
    for place in (SECTION, REFERENCES):
        if registers[place] >= size:
            registers[place] = -1


@inner
def leave(state):
    """Ends the innermost frame; what a package wrote goes."""
    registers, frames = state.registers, state.frames
    registers[NUM_FRAMES] -= 1
    left = registers[NUM_FRAMES]
    if frames[left, BEFORE] >= 0:
        truncate(state, frames[left, BEFORE])
        registers[AT_LETTER] = frames[left, BEFORE_AT_LETTER]


@inner
def drop_line(state):
    """After what is removed: its newline goes too, where nothing else stood on its line."""
    frame = state.registers[NUM_FRAMES] - 1
    at, end = state.frames[frame, POSITION], state.frames[frame, FRAME_END]
    while at < end and is_blank(state.text[at]):
        at += 1
    if at >= end or state.text[at] != NEWLINE:
        return
    size = state.registers[OUT_SIZE]
    place = size
    while place > 0 and size - place < _LINE_BEFORE and is_blank(state.out[place - 1]):
        place -= 1
    if place == 0 or state.out[place - 1] == NEWLINE or size - place == _LINE_BEFORE:
        state.frames[frame, POSITION] = at + 1
