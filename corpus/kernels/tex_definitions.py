r"""Reads definitions as people write them: `\newcommand{\x}[2][d]{…}`, `\def\x#1{…}`, operators.

What is written in another way is left to Python.
"""

from corpus.kernels import inlined, inner
from corpus.kernels.tex_names import add, find, has_room
from corpus.kernels.tex_output import drop_line
from corpus.kernels.tex_state import (
    ACT,
    BODY,
    BODY_END,
    DEF,
    DEFINED,
    END,
    FINAL,
    FIXED,
    GO_ON,
    GROW,
    HEAP_SIZE,
    KIND,
    MACHINERY,
    MACHINERY_ACTION,
    MACHINERY_WORD,
    MACRO,
    MANDATORY,
    MAX_PARAMETERS,
    NAME_AT_LETTER,
    NEEDED,
    NUM_FRAMES,
    OPERATOR,
    OPTIONAL,
    PERHAPS,
    POSITION,
    PROVIDECOMMAND,
    SEEN,
    SIGNATURE,
    SLOT,
)
from corpus.kernels.tex_text import (
    AT_SIGN,
    BACKSLASH,
    CLOSE,
    CLOSE_BRACKET,
    HASH,
    OPEN,
    OPEN_BRACKET,
    STAR,
    after_blanks,
    after_spaces,
    bracket_end,
    command_end,
    group_end,
    is_letter,
)

_OPERATOR_NAME = tuple(b"\\operatorname")
_MOST_HEAP_BYTES = 64  # that a definition takes beside those of its text


@inner
def define(state, place, kind, at_letter):
    """Reads a definition from after its command's name; gives an event, `ACT`: not read."""
    registers = state.registers
    frame = registers[NUM_FRAMES] - 1
    text, end = state.text, state.frames[frame, END]
    starred, first, last, at = _name(text, place, end, kind == DEF)
    if at < 0:
        return ACT
    parameters, default, default_end = 0, -1, -1
    if kind == DEF:
        parameters, at = _parameters(text, at, end)
    elif kind != OPERATOR:
        parameters, at = _count(text, at, end)
        if parameters > 0 and at < end and text[at] == OPEN_BRACKET:
            default, default_end = at + 1, bracket_end(text, at, end) - 1
            at = after_spaces(text, default_end + 1, end) if default_end >= 0 else -1
    if at < 0 or at >= end or text[at] != OPEN:
        return ACT
    close = group_end(text, at, end)
    registers[SEEN] += (close if close >= 0 else end) - place
    if close < 0:
        return ACT
    registers[NEEDED] = close - place + _MOST_HEAP_BYTES
    if not has_room(state, registers[NEEDED]):
        return GROW
    name = find(state, text, first, last)
    keeps = kind == PROVIDECOMMAND and name >= 0 and state.names[name, KIND] > MACHINERY_WORD
    if not keeps and not (name >= 0 and state.names[name, FIXED]):
        name = add(state, text, first, last)
        _sign(state, name, parameters, default, default_end)
        prefix = -1 if kind != OPERATOR else starred
        _keep_body(state, name, at + 1, close - 1, parameters, prefix)
        state.names[name, NAME_AT_LETTER] = at_letter
        perhaps = _may_be_machinery(state, at + 1, close - 1, at_letter)
        state.names[name, MACHINERY] = PERHAPS if perhaps else 0
        registers[DEFINED] += 1
    state.frames[frame, POSITION] = close
    drop_line(state)
    return GO_ON


@inner
def _name(text, at, end, bare):
    r"""Whether there is a star, the name's first and last byte, and the place after; -1: unread."""
    starred = 0
    at = after_spaces(text, at, end)
    braced = False
    if not bare:
        if at < end and text[at] == STAR:
            starred = 1
            at = after_spaces(text, at + 1, end)
        if at < end and text[at] == OPEN:
            braced = True
            at = after_spaces(text, at + 1, end)
    if at + 1 >= end or text[at] != BACKSLASH or text[at + 1] >= 0x80:
        return starred, 0, 0, -1
    first = last = at + 1
    while last < end and (is_letter(text[last]) or text[last] == AT_SIGN):
        last += 1
    last = max(last, first + 1)
    if bare:
        return starred, first, last, last
    at = after_spaces(text, last, end)
    if braced:
        if at >= end or text[at] != CLOSE:
            return starred, 0, 0, -1
        at = after_spaces(text, at + 1, end)
    return starred, first, last, at


@inner
def _count(text, at, end):
    """How many parameters `[2]` says there are, and the place after it; -1 where it is none."""
    if at >= end or text[at] != OPEN_BRACKET:
        return 0, at
    at = after_spaces(text, at + 1, end)
    if at >= end or not 0x30 <= text[at] <= 0x39:
        return 0, -1
    count = text[at] - 0x30
    at = after_spaces(text, at + 1, end)
    if at >= end or text[at] != CLOSE_BRACKET:
        return 0, -1
    return count, after_spaces(text, at + 1, end)


@inner
def _parameters(text, at, end):
    r"""How many parameters `#1#2` of a `\def` are, and the place after; -1: others delimit them."""
    count = 0
    while True:
        at = after_blanks(text, at, end)
        if at + 1 >= end or text[at] != HASH:
            return count, at
        count += 1
        if count > MAX_PARAMETERS or text[at + 1] != 0x30 + count:
            return 0, -1
        at += 2


@inlined
def _may_be_machinery(state, at, end, at_letter):
    """Whether a body has what may only mean something to TeX's own programming."""
    text = state.text
    while at < end:
        byte = text[at]
        if byte == AT_SIGN:
            return True
        if byte != BACKSLASH:
            at += 1
            continue
        after = command_end(text, at, end, at_letter)
        for place in range(at, after):
            if text[place] == AT_SIGN:
                return True
        name = find(state, text, at + 1, after) if after > at else -1
        if name >= 0 and state.names[name, KIND] in (MACHINERY_WORD, MACHINERY_ACTION):
            return True
        at = max(after, at + 1)
    return False


@inlined
def _sign(state, name, parameters, default, default_end):
    """Keeps what a macro is given; `default` is -1 where no argument is optional."""
    heap, size = state.heap, state.registers[HEAP_SIZE]
    meaning = state.names[name]
    meaning[KIND] = MACRO
    meaning[FINAL] = 0
    meaning[SIGNATURE] = size
    for parameter in range(parameters):
        optional = parameter == 0 and default >= 0
        heap[size] = OPTIONAL if optional else MANDATORY
        size += 1
        for at in range(default, default_end if optional else default):
            heap[size] = state.text[at]
            size += 1
    meaning[BODY] = state.registers[HEAP_SIZE] = size


@inlined
def _keep_body(state, name, at, end, parameters, operator):
    """Keeps a body, its slots as bytes; `operator`: not -1, whether one of names has limits."""
    heap, size, text = state.heap, state.registers[HEAP_SIZE], state.text
    if operator >= 0:
        for byte in _OPERATOR_NAME:
            heap[size] = byte
            size += 1
        if operator:
            heap[size] = STAR
            size += 1
        heap[size] = OPEN
        size += 1
    while at < end:
        byte = text[at]
        if at + 1 < end and (byte in (BACKSLASH, HASH)):
            following = text[at + 1]
            at += 1
            if byte == HASH and 0x31 <= following <= 0x30 + parameters:
                heap[size] = SLOT + following - 0x31
                size += 1
                at += 1
                continue
            if byte == BACKSLASH or following != HASH:
                heap[size] = byte
                size += 1
                if byte == HASH:
                    continue
            byte = following
        heap[size] = byte
        size += 1
        at += 1
    if operator >= 0:
        heap[size] = CLOSE
        size += 1
    state.names[name, BODY_END] = state.registers[HEAP_SIZE] = size
