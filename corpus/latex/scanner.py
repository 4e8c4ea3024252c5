r"""One pass over a paper's source: macros expanded where they are used, all else copied.

As TeX does: what a macro becomes is read again in its place, and a macro means what it was last
defined as. Unlike TeX, a definition holds to the end of the paper, not of its group.

Time is linear in the source: expansions have a depth, and all of them together a number of bytes,
from which goes too what was read in vain to find an end that is not there. A macro that goes past
either stays as it is written, and is counted; once the number is spent none is read.

A kernel (`corpus.kernels.tex_scan`) does what is frequent. It stops at the commands that structure
a paper; what is done there is a look-up in one table of Python's actions, over the same state.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from corpus.kernels import tex_state as fields
from corpus.kernels.tex_names import name_number
from corpus.kernels.tex_scan import scan
from corpus.kernels.tex_state import State
from corpus.latex.definition_text import Definition, machinery, may_be_machinery
from corpus.latex.frames import Frames
from corpus.latex.state import as_array, fresh

_COUNTS = {
    fields.EXPANDED: "macros_expanded",
    fields.DEFINED: "macros_defined",
    fields.RECURSIVE: "macros_recursive",
    fields.OVER_LIMIT: "macros_over_limit",
    fields.UNREADABLE: "macros_left_unreadable",
    fields.LEFT_MACHINERY: "macros_left_machinery",
}


@dataclass(frozen=True)
class Limits:
    """What keeps expansion bounded whatever a paper defines."""

    max_depth: int = 40  # macros within macros; people's reach 10
    max_expansion: int = 8  # bytes that expansions may make, for each of the paper's
    max_open_files: int = 16


Action = Callable[["Scanner", int], None]  # the place of the command's backslash


class Scanner(Frames):
    """A pass over the source: the frames being read, what was written, what commands mean.

    `files` are the paper's by name, without comments; `verbatim` the environments that are copied;
    `known` and `actions` what commands mean at first; `folder` is the main file's, and `size` the
    bytes of all files.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        verbatim: frozenset[bytes],
        known: State,
        actions: Sequence[Action],
        limits: Limits,
        folder: str = "",
        has_document: bool = True,
        size: int = 0,
    ) -> None:
        super().__init__(fresh(known, size))
        self.files, self.verbatim, self.limits = files, verbatim, limits
        self.folder, self.has_document = folder, has_document
        self.actions = [*actions]
        self.outside: list[str] = []  # inputs that point out of the archive
        self.inputs: Counter[str] = Counter()  # what came of reading in files
        self.flags: dict[bytes, bool] = {}  # of `\newif`
        self.title: str | None = None
        self._machinery: dict[int, tuple[bytes, ...]] = {}  # of macros, by where their bodies are
        self.registers[fields.IN_BODY] = not has_document
        self.registers[fields.MAX_DEPTH] = limits.max_depth
        self.registers[fields.WORK] = limits.max_expansion * size + (1 << 16)

    def run(self, name: str) -> None:
        """Reads the main file and all that it asks for."""
        self.push_file(name, self.files[name])
        registers = self.registers
        while event := scan(self.state):
            if event == fields.GROW:
                self.grow(registers[fields.NEEDED])
                continue
            place, name_read = registers[fields.AT], registers[fields.STOPPED_BY]
            if event == fields.ACT:
                self.actions[self.state.names[name_read, fields.ACTION_INDEX]](self, place)
            else:
                self._ask_machinery(place, name_read)
        self.end_references()

    @property
    def searched(self) -> int:
        """Bytes that were searched for ends, some of them more than once."""
        return self.registers[fields.SEEN]

    @property
    def counts(self) -> Counter[str]:
        """What macros and inputs came to."""
        found = {name: self.registers[place] for place, name in _COUNTS.items()}
        found["files_read"] = len(self.opened) - 1  # but the main file
        return Counter(found) + self.inputs

    def number(self, name: bytes, adds: bool = False) -> int:
        """The row of a command in the table of names; -1 where it has none."""
        if adds and len(self.state.heap) - self.registers[fields.HEAP_SIZE] < len(name):
            self.grow(len(name))
        if adds and self.registers[fields.NUM_NAMES] == len(self.state.names):
            self.grow()
        return int(name_number(self.state, as_array(name), adds))

    def is_known(self, name: bytes) -> bool:
        """Whether a command means anything to us."""
        number = self.number(name)
        return number >= 0 and self.state.names[number, fields.KIND] > fields.MACHINERY_WORD

    def define(self, definition: Definition, at_letter: bool) -> None:
        """From here on a command means a macro; what structures a paper keeps its meaning."""
        number = self.number(definition.name, adds=True)
        if self.state.names[number, fields.FIXED]:
            return
        self.registers[fields.DEFINED] += 1
        same = self.number(definition.same_as) if definition.same_as is not None else -1
        if same >= 0 and self.state.names[same, fields.KIND] == fields.MACRO:
            kept = [fields.NAME, fields.NAME_END]
            place = self.state.names[number, kept]
            self.state.names[number] = self.state.names[same]
            self.state.names[number, kept] = place
            return
        text = definition.signature + definition.body
        first = self.registers[fields.HEAP_SIZE]
        if first + len(text) > len(self.state.heap):
            self.grow(len(text))
        last = first + len(text)
        self.state.heap[first:last] = np.frombuffer(text, np.uint8)
        self.registers[fields.HEAP_SIZE] = last
        row = self.state.names[number]
        row[fields.KIND], row[fields.NAME_AT_LETTER] = fields.MACRO, at_letter
        row[fields.SIGNATURE], row[fields.BODY_END] = first, last
        row[fields.BODY] = first + len(definition.signature)
        perhaps = not definition.final and may_be_machinery(definition.body)
        row[fields.MACHINERY] = fields.PERHAPS if perhaps else 0
        row[fields.FINAL] = definition.final

    def act_at(self, name: bytes, action: Action) -> None:
        """From here on a command is one that Python acts on, until it is defined anew."""
        number = self.number(name, adds=True)  # which may replace the arrays
        row = self.state.names[number]
        row[fields.KIND], row[fields.ACTION_INDEX] = fields.ACTION, len(self.actions)
        self.actions.append(action)

    def _ask_machinery(self, place: int, number: int) -> None:
        """Leaves a macro that comes to TeX's own programming as it is written."""
        if self.state.names[number, fields.MACHINERY] == fields.PERHAPS:
            self._words(number)  # which settles it, and the macro is read again
            return
        if not self._is_machinery(number, self.limits.max_depth):
            self.registers[fields.IS_NO_MACHINERY] = True
            return
        first, last = self.state.names[number, [fields.NAME, fields.NAME_END]]
        self.position = place + 1 + int(last - first)
        self.registers[fields.LEFT_MACHINERY] += 1
        self.keep(place)

    def _is_machinery(self, number: int, depth: int) -> bool:
        for word in self._words(number):
            other = self.number(word)
            kind = self.state.names[other, fields.KIND] if other >= 0 else fields.NOTHING
            known = kind > fields.MACHINERY_WORD and kind != fields.MACHINERY_ACTION
            if not known or not self.charge(1):
                return True
            inner = kind == fields.MACRO and self._words(other)
            if inner and (depth == 0 or self._is_machinery(other, depth - 1)):
                return True
        return False

    def _words(self, number: int) -> tuple[bytes, ...]:
        """What a macro's body has that only TeX's programming knows; few macros are ever asked."""
        row = self.state.names[number]
        if not row[fields.MACHINERY]:
            return ()
        first, last = int(row[fields.BODY]), int(row[fields.BODY_END])
        if first not in self._machinery:
            body = self.state.heap[first:last].tobytes()
            self._machinery[first] = machinery(body, bool(row[fields.NAME_AT_LETTER]))
        row[fields.MACHINERY] = fields.SURELY if self._machinery[first] else 0
        return self._machinery[first]
