"""What a macro is given: its arguments, from the text that is being read.

As in TeX, an argument may stand after the end of what another macro became: where that has no more
text, the frame it was read for goes on.
"""

from corpus.kernels import inlined, inner
from corpus.kernels.tex_state import (
    ARGUMENTS,
    AT_LETTER,
    BASE,
    BODY,
    DELIMITED,
    END,
    FRAME_AT_LETTER,
    MANDATORY,
    NUM_FRAMES,
    OPTIONAL,
    POSITION,
    SEEN,
    SIGNATURE,
    STARRED,
    WORK,
)
from corpus.kernels.tex_text import (
    AT_SIGN,
    BACKSLASH,
    CLOSE,
    NEWLINE,
    OPEN,
    OPEN_BRACKET,
    STAR,
    after_blanks,
    bracket_end,
    character_end,
    delimiter_start,
    group_end,
    is_letter,
)


@inlined
def read_arguments(state, name):
    """Notes where a macro's arguments are, as registers; whether they are all there."""
    heap = state.heap
    at, end = state.names[name, SIGNATURE], state.names[name, BODY]
    ahead = at
    while at < end and heap[at] < MANDATORY:
        at += 1
    if at > ahead and not _skip(state, ahead, at):
        return False
    index = 0
    follows = at == ahead  # directly after the command's name
    while at < end:
        marker, first = heap[at], at + 1
        at += 1
        while at < end and heap[at] < MANDATORY:
            at += 1
        if marker == DELIMITED:
            there = _delimited(state, index, first, at, follows)
        elif marker == STARRED:
            there = _starred(state, index, first, at)
        elif marker == OPTIONAL:
            there = _optional(state, index, first, at)
        else:
            there = _undelimited(state, index)
        if not there:
            return False
        index += 1
        follows = False
    return True


@inner
def _skip(state, first, last):
    """Goes past what must stand ahead of the first argument."""
    frame = state.frames[state.registers[NUM_FRAMES] - 1]
    at = frame[POSITION]
    if at + last - first > frame[END]:
        return False
    for place in range(first, last):
        if state.text[at + place - first] != state.heap[place]:
            return False
    frame[POSITION] = at + last - first
    return True


@inlined
def _here(state):
    """Which frame the next argument is in, and its place, past blanks; -1 where there is none."""
    index = state.registers[NUM_FRAMES] - 1
    last = state.frames[index, BASE]
    while index >= last:
        end = state.frames[index, END]
        place = after_blanks(state.text, state.frames[index, POSITION], end)
        if place < end:
            return index, place
        index -= 1
    return -1, 0


@inlined
def _take(state, index, place, parameter, first, last, in_heap):
    """Notes an argument, and goes on after it; frames that had no more text are done with."""
    registers = state.registers
    if index >= 0:
        registers[NUM_FRAMES] = index + 1
        state.frames[index, POSITION] = place
    registers[ARGUMENTS + 3 * parameter] = first
    registers[ARGUMENTS + 3 * parameter + 1] = last
    registers[ARGUMENTS + 3 * parameter + 2] = in_heap


@inlined
def _undelimited(state, parameter):
    index, place = _here(state)
    if index < 0:
        return False
    text, end = state.text, state.frames[index, END]
    byte = text[place]
    if byte == OPEN:
        close = group_end(text, place, end)
        state.registers[SEEN] += (close if close >= 0 else end) - place
        if close < 0:
            state.registers[WORK] -= end - place
            return False
        _take(state, index, close, parameter, place + 1, close - 1, 0)
        return True
    if byte in (CLOSE, NEWLINE):
        return False
    after = place + 1
    if byte == BACKSLASH and after < end:
        at_letter = state.frames[index, FRAME_AT_LETTER]
        if at_letter < 0:
            at_letter = state.registers[AT_LETTER]
        while after < end and (is_letter(text[after]) or (at_letter and text[after] == AT_SIGN)):
            after += 1
        if after == place + 1:
            after = character_end(text, after, end)
    else:
        after = character_end(text, place, end)
    _take(state, index, after, parameter, place, after, 0)
    return True


@inner
def _optional(state, parameter, first, last):
    """An optional argument, or its default, which is in the heap."""
    index, place = _here(state)
    if index >= 0 and state.text[place] == OPEN_BRACKET:
        end = state.frames[index, END]
        close = bracket_end(state.text, place, end)
        state.registers[SEEN] += (close if close >= 0 else end) - place
        if close >= 0:
            _take(state, index, close, parameter, place + 1, close - 1, 0)
            return True
        state.registers[WORK] -= end - place
    _take(state, -1, 0, parameter, first, last, 1)
    return True


@inner
def _starred(state, parameter, first, last):
    """A star, or what stands for none, which is in the heap."""
    index, place = _here(state)
    if index >= 0 and state.text[place] == STAR:
        _take(state, index, place + 1, parameter, place, place + 1, 0)
    else:
        _take(state, -1, 0, parameter, first, last, 1)
    return True


@inner
def _delimited(state, parameter, first, last, follows):
    frame = state.registers[NUM_FRAMES] - 1
    text, at, end = state.text, state.frames[frame, POSITION], state.frames[frame, END]
    if follows:
        at = after_blanks(text, at, end)  # as after any command of letters
    close = delimiter_start(text, at, end, state.heap, first, last)
    state.registers[SEEN] += (close if close >= 0 else end) - at
    if close < 0:
        state.registers[WORK] -= end - at
        return False
    start, after = at, close + last - first
    if at < close and text[at] == OPEN and group_end(text, at, close) == close:
        start, close = at + 1, close - 1
    _take(state, frame, after, parameter, start, close, 0)
    return True
