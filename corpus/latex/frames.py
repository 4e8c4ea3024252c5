"""What a pass is reading and has written, for Python's actions: frames, output and limits."""

import re

import numpy as np

from corpus.kernels.tex_output import drop_line, leave, truncate
from corpus.kernels.tex_state import (
    AT_LETTER,
    BASE,
    BEFORE,
    BEFORE_AT_LETTER,
    END,
    FILE,
    FRAME_AT_LETTER,
    LEFT,
    LEFT_NAME,
    NUM_FRAMES,
    NUM_RAW,
    OUT_SIZE,
    POSITION,
    REFERENCES,
    SEEN,
    TOP,
    WORK,
    State,
)
from corpus.latex.definition_text import Reader
from corpus.latex.state import grown


class Frames:
    """The texts that are being read, each in the place of a command of the one below.

    `text`, `rows` and `registers` are views of the state's arrays, which Python reads faster.
    """

    def __init__(self, state: State) -> None:
        self.opened: list[str] = []  # the files that were read in, by their numbers in frames
        self.registers = state.registers.data
        self._use(state)

    def grow(self, needed: int = 0) -> None:
        """Gives more room to the arrays that lack so many bytes, or a row."""
        self._use(grown(self.state, needed))

    def _use(self, state: State) -> None:
        self.state = state
        self.text, self.rows = state.text.data, state.frames.data

    @property
    def frame(self) -> int:
        """The number of the frame that is read."""
        return self.registers[NUM_FRAMES] - 1

    @property
    def position(self) -> int:
        return self.rows[self.registers[NUM_FRAMES] - 1, POSITION]

    @position.setter
    def position(self, place: int) -> None:
        self.rows[self.registers[NUM_FRAMES] - 1, POSITION] = place

    @property
    def end(self) -> int:
        return self.rows[self.registers[NUM_FRAMES] - 1, END]

    @property
    def is_at_letter(self) -> bool:
        """Whether @ is a letter here."""
        own = self.rows[self.frame, FRAME_AT_LETTER]
        return bool(own if own >= 0 else self.registers[AT_LETTER])

    def match(self, pattern: re.Pattern[bytes], place: int) -> re.Match[bytes] | None:
        return pattern.match(self.text, place, self.end)

    def find(self, part: bytes, place: int, last: int | None = None) -> int:
        """Where a part stands from a place on, in the frame or up to `last`; -1: nowhere."""
        last = self.end if last is None else min(last, self.end)
        match = re.compile(re.escape(part)).search(self.text, place, last)
        found = match.start() if match else -1
        self.registers[SEEN] += (found if match else last) - place
        return found

    def piece(self, first: int, last: int) -> bytes:
        return self.text[first:last].tobytes()

    def reader(self) -> Reader:
        return Reader(self.state.text, self.end)

    @property
    def written(self) -> int:
        """Bytes of the output."""
        return self.registers[OUT_SIZE]

    def keep(self, place: int, verbatim: bool = False) -> None:
        """Copies a command as it is written, with what was read of it."""
        first, end = self.written, self.position
        last = first + end - place
        if last > len(self.state.out):
            self.grow(end - place)
        self.state.out[first:last] = self.state.text[place:end]
        self.registers[OUT_SIZE] = last
        if verbatim and last > first:
            if self.registers[NUM_RAW] == len(self.state.raw):
                self.grow()
            self.state.raw[self.registers[NUM_RAW]] = first, last
            self.registers[NUM_RAW] += 1

    def drop_line(self) -> None:
        """After what is removed: its newline goes too, where nothing else stood on its line."""
        drop_line(self.state)

    def truncate(self, size: int) -> None:
        """Takes back what was written after the first `size` bytes."""
        truncate(self.state, size)
        for field in (BEFORE, LEFT):
            noted = self.state.frames[: self.registers[NUM_FRAMES], field]
            np.minimum(noted, size, out=noted)

    def end_references(self) -> None:
        """Takes back a section of references, where it is followed by something else."""
        if self.registers[REFERENCES] >= 0:
            self.truncate(self.registers[REFERENCES])

    def push_file(self, name: str, text: bytes, package: bool = False) -> None:
        """Reads a file before the rest of the frame."""
        if self.registers[NUM_FRAMES]:  # what a file wrote is not taken back
            self.rows[self.rows[self.frame, BASE], LEFT_NAME] = -1
        first = self._top()
        last = first + len(text)
        if last > len(self.state.text):
            self.grow(len(text))
        self.text[first:last] = text
        self._push(first, last, last, self.registers[NUM_FRAMES])
        self.rows[self.frame, FILE] = len(self.opened)
        self.opened.append(name)
        if package:
            self.rows[self.frame, BEFORE] = self.written
            self.rows[self.frame, BEFORE_AT_LETTER] = self.registers[AT_LETTER]
            self.registers[AT_LETTER] = True

    def push_branch(self, first: int, last: int) -> None:
        """Reads a part of the frame before the rest of it."""
        below = self.frame
        base, at_letter = self.rows[below, BASE], self.rows[below, FRAME_AT_LETTER]
        # within a macro it counts as deep as that
        self._push(first, last, self._top(), base if base != below else below + 1)
        self.rows[self.frame, FRAME_AT_LETTER] = at_letter

    def leave(self) -> None:
        """Ends the innermost frame; what a package wrote goes."""
        leave(self.state)

    @property
    def open_files(self) -> list[str]:
        """The files that are being read, the innermost last."""
        numbers = self.state.frames[: self.registers[NUM_FRAMES], FILE].tolist()
        return [self.opened[number] for number in numbers if number >= 0]

    def _top(self) -> int:
        return self.rows[self.frame, TOP] if self.registers[NUM_FRAMES] else 0

    def _push(self, first: int, last: int, top: int, base: int) -> None:
        new = self.registers[NUM_FRAMES]
        if new == len(self.state.frames):
            self.grow()
        self.registers[NUM_FRAMES] = new + 1
        self.state.frames[new] = -1
        self.rows[new, POSITION], self.rows[new, END] = first, last
        self.rows[new, TOP], self.rows[new, BASE] = top, base

    def charge_for(self, reader: Reader, more: int = 0) -> None:
        """Takes from the work what was searched in vain."""
        self.registers[SEEN] += reader.seen
        self.charge(reader.seen + more)

    def charge(self, size: int) -> bool:
        """Takes from the work that a paper may cause; whether there was enough left."""
        self.registers[WORK] -= size
        return self.registers[WORK] >= 0

    @property
    def is_spent(self) -> bool:
        """Whether no work is left: then nothing is read ahead, and all is copied."""
        return self.registers[WORK] <= 0
