r"""The state of a pass over a paper's LaTeX: arrays that kernels and Python's actions share.

All texts are UTF-8; what TeX knows is ASCII, so a byte is enough to decide. The bytes 0xF5 to 0xFF,
which no UTF-8 has, mark a macro's arguments: in its body the places they go to, in its signature
what each is.
"""

from typing import NamedTuple

import numpy as np


class State(NamedTuple):
    """What a pass reads, writes and knows; Python replaces an array that has become too small."""

    text: np.ndarray  # [bytes] uint8: texts of the frames, each where the one below it ends
    out: np.ndarray  # [bytes] uint8: what was written
    heap: np.ndarray  # [bytes] uint8: names, and the macros' signatures and bodies
    table: np.ndarray  # [2^k] int32: names by their hashes, -1 where there is none
    names: np.ndarray  # [names, NAME_FIELDS] int64: what they mean
    frames: np.ndarray  # [frames, FRAME_FIELDS] int64: the texts being read, the innermost last
    raw: np.ndarray  # [pieces, 2] int64: first and last byte in `out` of what is verbatim
    registers: np.ndarray  # [REGISTERS] int64


# Fields of `frames`
POSITION, END = 0, 1  # in `text`: of what comes next, and where the frame's text ends
TOP = 2  # in `text`: where the next frame's begins
BASE = 3  # the frame, by its number, that macros in this one are counted from
FILE = 4  # by its number, or -1: a branch of a conditional, or what a macro became
FRAME_AT_LETTER = 5  # whether @ is a letter; -1: as the files have it now
BEFORE, BEFORE_AT_LETTER = 6, 7  # of a package, which writes nothing: the output before it, or -1
LEFT, LEFT_POSITION, LEFT_NAME = 8, 9, 10  # where a macro at the base was met; no name: -1
SAVED = 11  # the position, while arguments are read
FRAME_FIELDS = 12

# Fields of `names`
KIND, FIXED = 0, 1  # what it means, and whether a definition changes that
NAME, NAME_END = 2, 3  # in `heap`
SIGNATURE, BODY, BODY_END = 4, 5, 6  # in `heap`: what a macro is given, which ends at its body
NAME_AT_LETTER = 7  # whether @ was a letter where it was defined
MACHINERY = 8  # whether its body has what only TeX's programming knows: 0, or of these
FINAL = 9  # the meaning a command had before it was redefined: read no further
ACTION_INDEX = 10  # of what Python does at a command
NAME_FIELDS = 11

# Kinds: what a name means. A name is kept though it means nothing, or nothing any more.
NOTHING, MACHINERY_WORD, MACRO, ACTION = 0, 1, 2, 3
XSPACE, FLOAT, HEADING, LOW_HEADING = 4, 5, 6, 7
AT_LETTER_ON, AT_LETTER_OFF = 8, 9
NEWCOMMAND, PROVIDECOMMAND, OPERATOR, DEF = 10, 11, 12, 13
MACHINERY_ACTION = 14  # what is a machinery word in a macro, and acted on where it is not

PERHAPS, SURELY = 1, 2  # machinery: Python is asked when the macro is first used

# Registers
NUM_FRAMES, OUT_SIZE, HEAP_SIZE, NUM_NAMES, NUM_RAW = 0, 1, 2, 3, 4
WORK = 5  # bytes that expansions may still make, and searches in vain look at
SEEN = 6  # bytes that were searched for an end
AT_LETTER, IN_BODY = 7, 8
SECTION, REFERENCES = 9, 10  # bytes written before them, or -1
AT, STOPPED_BY = 11, 12  # of an event: the place of the command's backslash, and its name
IS_NO_MACHINERY = 13  # what was asked of Python about the macro that is next
NEEDED = 14  # bytes that an array lacks, at most
MAX_DEPTH = 15
EXPANDED, DEFINED, RECURSIVE, OVER_LIMIT, UNREADABLE, LEFT_MACHINERY = 16, 17, 18, 19, 20, 21
ARGUMENTS = 22  # [9, 3] of each: first and last byte, and whether that is in `heap`
REGISTERS = ARGUMENTS + 27

# Bytes of signatures, and of bodies the first parameter's; the eight after it are the others'
MANDATORY, OPTIONAL, DELIMITED, STARRED = 0xF5, 0xF6, 0xF7, 0xF8
SLOT = 0xF5
MAX_PARAMETERS = 9

# Events: why a scan has stopped
FINISHED, GO_ON, ACT, ASK_MACHINERY, GROW = 0, 1, 2, 3, 4

COST = 16  # bytes that an expansion counts for beside those it makes
