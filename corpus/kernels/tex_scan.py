r"""One pass over a paper's LaTeX, as far as it goes without Python.

Text is copied, commands that mean nothing to us with it; macros are expanded, and defined where
that is written as people do. All else, and all that is seldom, stops the scan with an event.

No reference is counted, of the state's eight arrays, at any call (`inner`): that was two thirds of
a macro's time.
"""

from corpus.kernels import inlined, inner
from corpus.kernels.tex_definitions import define
from corpus.kernels.tex_macros import expand
from corpus.kernels.tex_names import find
from corpus.kernels.tex_output import drop_line, has_output_room, leave, write
from corpus.kernels.tex_state import (
    ACT,
    AT,
    AT_LETTER,
    AT_LETTER_OFF,
    AT_LETTER_ON,
    BASE,
    DEF,
    END,
    FINISHED,
    FLOAT,
    FRAME_AT_LETTER,
    GO_ON,
    GROW,
    HEADING,
    IN_BODY,
    KIND,
    LOW_HEADING,
    MACHINERY_WORD,
    MACRO,
    NEWCOMMAND,
    NUM_FRAMES,
    POSITION,
    REFERENCES,
    SECTION,
    STOPPED_BY,
    WORK,
    XSPACE,
)
from corpus.kernels.tex_text import BACKSLASH, OPEN, STAR, after_spaces, command_end


@inner
def scan(state):
    """Reads on until Python is needed; gives the event, whose place and name are registers."""
    registers, frames = state.registers, state.frames
    while registers[NUM_FRAMES] > 0:
        top = registers[NUM_FRAMES] - 1
        start, end = frames[top, POSITION], frames[top, END]
        at_letter = frames[top, FRAME_AT_LETTER]
        if at_letter < 0:
            at_letter = registers[AT_LETTER]
        at, after, name = _next_stop(state, top, start, end, at_letter > 0)
        if not has_output_room(state, at - start):
            return GROW
        write(state, state.text, start, at)
        frames[top, POSITION] = at
        if name < 0:
            leave(state)
            continue
        event = _stop(state, at, after, name, at_letter)
        if event == GO_ON:
            continue
        if event != GROW:
            registers[AT], registers[STOPPED_BY] = at, name
            frames[top, POSITION] = after if event == ACT else at
        return event
    return FINISHED


@inlined
def _next_stop(state, top, at, end, at_letter):
    """The next command that means something: its place, the place after it and its name, or -1."""
    text = state.text
    while at < end:
        if text[at] != BACKSLASH:
            at += 1
            continue
        after = command_end(text, at, end, at_letter)
        if after == at:
            break
        name = find(state, text, at + 1, after)
        if name >= 0:
            kind = state.names[name, KIND]
            if kind > MACHINERY_WORD and not _is_copied(state, top, kind, after, end):
                return at, after, name
        at = after
    return end, end, -1


@inlined
def _is_copied(state, top, kind, after, end):
    """Whether a command that structures a paper has nothing to say in this place."""
    registers = state.registers
    if kind == XSPACE:  # gone from the end of a macro: the space it gives back was never taken
        return state.frames[top, BASE] == top
    if kind == FLOAT:
        return registers[REFERENCES] < 0
    if kind in (HEADING, LOW_HEADING):
        if not registers[IN_BODY]:
            return True
        if registers[REFERENCES] >= 0 or _may_be_references(state.text, after, end):
            return False
        return kind == LOW_HEADING or registers[SECTION] >= 0
    return False


@inner
def _may_be_references(text, at, end):
    """Whether a heading's title could be that of the references."""
    at = after_spaces(text, at, end)
    if at < end and text[at] == STAR:
        at = after_spaces(text, at + 1, end)
    if at >= end or text[at] != OPEN:
        return False
    while at < end and text[at] == OPEN:
        at = after_spaces(text, at + 1, end)
    if at >= end:
        return False
    letter = text[at] | 0x20
    return text[at] == BACKSLASH or letter == 0x72 or letter == 0x62 or letter == 0x6C


@inlined
def _stop(state, at, after, name, at_letter):
    """Acts on a command; gives an event, which is GO_ON where that is done."""
    registers, kind = state.registers, state.names[name, KIND]
    if kind == MACRO:
        return expand(state, at, after, name)
    frame = state.frames[registers[NUM_FRAMES] - 1]
    if kind == XSPACE:
        frame[POSITION] = after
        return GO_ON
    if kind in (AT_LETTER_ON, AT_LETTER_OFF):
        registers[AT_LETTER] = kind == AT_LETTER_ON
        frame[POSITION] = after
        drop_line(state)
        return GO_ON
    if NEWCOMMAND <= kind <= DEF and registers[WORK] > 0:
        return define(state, after, kind, at_letter)
    return ACT
