r"""What a macro becomes: its body with its arguments in place, to be read next.

Expansions have a depth, and all of them together a number of bytes. A macro that goes past either
stays as it is written.
"""

from corpus.kernels import inlined, inner
from corpus.kernels.tex_arguments import read_arguments
from corpus.kernels.tex_names import is_known
from corpus.kernels.tex_output import has_output_room, truncate, write
from corpus.kernels.tex_state import (
    ARGUMENTS,
    ASK_MACHINERY,
    BASE,
    BODY,
    BODY_END,
    COST,
    END,
    EXPANDED,
    FINAL,
    FRAME_AT_LETTER,
    GO_ON,
    GROW,
    IS_NO_MACHINERY,
    KIND,
    LEFT,
    LEFT_NAME,
    LEFT_POSITION,
    MACHINERY,
    MAX_DEPTH,
    NAME,
    NAME_AT_LETTER,
    NAME_END,
    NEEDED,
    NOTHING,
    NUM_FRAMES,
    OUT_SIZE,
    OVER_LIMIT,
    PERHAPS,
    POSITION,
    RECURSIVE,
    SAVED,
    SEEN,
    SIGNATURE,
    SLOT,
    TOP,
    UNREADABLE,
    WORK,
)
from corpus.kernels.tex_text import BACKSLASH, SPACE, command_end, ends_in_command, is_letter


@inlined
def is_final(state, name):
    """Whether nothing in a macro's body means anything but itself."""
    meaning = state.names[name]
    if meaning[FINAL]:
        return True
    if meaning[MACHINERY]:
        return False
    heap, at, end = state.heap, meaning[BODY], meaning[BODY_END]
    while at < end:
        if heap[at] != BACKSLASH:
            at += 1
            continue
        after = command_end(heap, at, end, meaning[NAME_AT_LETTER] > 0)
        if after > at and is_known(state, heap, at + 1, after):
            state.registers[SEEN] += after - meaning[BODY]
            return False
        at = max(after, at + 1)
    state.registers[SEEN] += end - meaning[BODY]
    return True


@inner
def expand(state, at, after, name):
    """Puts what a macro becomes in its place, or leaves the macro there; gives an event."""
    registers, frames = state.registers, state.frames
    meaning = state.names[name]
    if meaning[MACHINERY] == PERHAPS:
        return ASK_MACHINERY
    top = registers[NUM_FRAMES] - 1
    asked, registers[IS_NO_MACHINERY] = registers[IS_NO_MACHINERY], 0
    size = meaning[BODY_END] - meaning[BODY]
    constant = meaning[SIGNATURE] == meaning[BODY]
    final = constant and registers[WORK] > 0 and is_final(state, name)
    if final:
        if not has_output_room(state, size):
            return GROW
        registers[WORK] -= size + COST
        registers[EXPANDED] += 1
        write(state, state.heap, meaning[BODY], meaning[BODY_END])
        frames[top, POSITION] = after
        return GO_ON
    base = frames[top, BASE]
    if top == base:
        frames[base, LEFT] = registers[OUT_SIZE]
        frames[base, LEFT_POSITION] = after
        frames[base, LEFT_NAME] = name
    elif top + 1 - base > registers[MAX_DEPTH]:
        return _take_back(state, base, at, after, RECURSIVE)
    if registers[WORK] <= 0:
        return _take_back(state, base, at, after, OVER_LIMIT)
    if meaning[MACHINERY] and not asked:
        return ASK_MACHINERY
    frames[top, POSITION] = after
    for index in range(base, top + 1):
        frames[index, SAVED] = frames[index, POSITION]
    signature = meaning[BODY] - meaning[SIGNATURE]  # which is gone through, whatever comes of it
    registers[SEEN] += signature
    work = registers[WORK]
    if not read_arguments(state, name):
        registers[WORK] -= _put_back(state, base, top) + signature
        event = keep(state, at, after, UNREADABLE)
        if event == GROW:  # it is read again, and charged then
            registers[WORK] = work
        return event
    registers[SEEN] += size
    made = _size(state, name)
    registers[WORK] -= max(made, size) + signature + COST
    if registers[WORK] < 0:  # before there is room: what it would become may have no end
        _put_back(state, base, top)
        return _take_back(state, base, at, after, OVER_LIMIT)
    if not _has_room(state, top, made):
        registers[WORK] = work
        _put_back(state, base, top)
        frames[top, POSITION] = at
        return GROW
    registers[EXPANDED] += 1
    _substitute(state, name, frames[top, TOP], not constant and is_final(state, name))
    return GO_ON


@inner
def _put_back(state, base, top):
    """Goes back to before the arguments of a macro; the bytes they were read in."""
    state.registers[NUM_FRAMES] = top + 1
    read = 0
    for index in range(base, top + 1):
        read += state.frames[index, POSITION] - state.frames[index, SAVED]
        state.frames[index, POSITION] = state.frames[index, SAVED]
    return read


@inner
def keep(state, at, after, count):
    """Copies a command as it is written, and counts it."""
    frame = state.frames[state.registers[NUM_FRAMES] - 1]
    frame[POSITION] = at
    if not has_output_room(state, after - at):
        return GROW
    state.registers[count] += 1
    write(state, state.text, at, after)
    frame[POSITION] = after
    return GO_ON


@inner
def _take_back(state, base, at, after, count):
    """Leaves the macro at the base as it is written, and that macro alone from here on."""
    registers, frames = state.registers, state.frames
    name = frames[base, LEFT_NAME]
    if name < 0:  # a file was read since: only this use is left, and may come again
        event = keep(state, at, after, count)
        if event == GO_ON:
            registers[WORK] -= COST
        return event
    first, last = state.names[name, NAME], state.names[name, NAME_END]
    frames[registers[NUM_FRAMES] - 1, POSITION] = at
    if not has_output_room(state, last - first + 1):
        return GROW
    registers[count] += 1
    truncate(state, frames[base, LEFT])
    frames[base, POSITION] = frames[base, LEFT_POSITION]
    registers[NUM_FRAMES] = base + 1
    state.names[name, KIND] = NOTHING
    state.out[registers[OUT_SIZE]] = BACKSLASH
    registers[OUT_SIZE] += 1
    for place in range(first, last):
        state.out[registers[OUT_SIZE]] = state.heap[place]
        registers[OUT_SIZE] += 1
    return GO_ON


@inlined
def _size(state, name):
    """Bytes that a macro becomes, before it is made; spaces between words left out."""
    size = 0
    for at in range(state.names[name, BODY], state.names[name, BODY_END]):
        parameter = state.heap[at] - SLOT
        if parameter < 0:
            size += 1
        else:
            place = ARGUMENTS + 3 * parameter
            size += state.registers[place + 1] - state.registers[place]
    return size


@inlined
def _has_room(state, top, size):
    """Whether an expansion can be made and written, with a space before each of its letters."""
    state.registers[NEEDED] = 2 * size + 1
    frames = state.registers[NUM_FRAMES] + 1 <= state.frames.shape[0]
    text = state.frames[top, TOP] + 2 * size + 1 <= state.text.size
    return frames and text and has_output_room(state, 2 * size + 1)


@inlined
def _substitute(state, name, start, final):
    """Makes an expansion above all frames that there were, and pushes it where it is read again."""
    registers, text, heap = state.registers, state.text, state.heap
    at, end = state.names[name, BODY], state.names[name, BODY_END]
    size = start
    has_command = False
    plain_arguments = True
    while at < end:
        if heap[at] >= SLOT:
            place = ARGUMENTS + 3 * (heap[at] - SLOT)
            at += 1
            first, last = registers[place], registers[place + 1]
            source = heap if registers[place + 2] else text
            is_argument = True
        else:
            first = at
            while at < end and heap[at] < SLOT:
                at += 1
            last, source, is_argument = at, heap, False
        if first >= last:
            continue
        if is_letter(source[first]) and ends_in_command(text, start, size):
            text[size] = SPACE
            size += 1
        for other in range(first, last):
            byte = source[other]
            if byte == BACKSLASH:
                has_command = True
                plain_arguments &= not is_argument
            text[size] = byte
            size += 1
    if has_command and not (final and plain_arguments):
        _push(state, start, size, state.names[name, NAME_AT_LETTER])
    else:
        write(state, text, start, size)


@inlined
def _push(state, start, end, at_letter):
    """Reads `text[start:end]` next, once it is moved to where the innermost frame's ends."""
    frames, new = state.frames, state.registers[NUM_FRAMES]
    first = frames[new - 1, TOP]
    for at in range(start, end):
        state.text[first + at - start] = state.text[at]
    frames[new] = -1
    frames[new, POSITION] = first
    frames[new, END] = frames[new, TOP] = first + end - start
    frames[new, BASE] = frames[new - 1, BASE]
    frames[new, FRAME_AT_LETTER] = at_letter
    state.registers[NUM_FRAMES] += 1
