r"""One pass over a paper's source: macros expanded where they are used, all else copied.

As TeX does: what a macro becomes is read again in its place, and a macro means what it was last
defined as. Unlike TeX, a definition holds to the end of the paper, not of its group.

Time is linear in the source: expansions have a depth, and all of them together a number of
characters, from which goes too what was read in vain to find an end that is not there. A macro that
goes past either stays as it is written, and is counted; once the number is spent none is read.

Python's `re` only finds the next command; what happens then is a look-up in one table.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import ascii_letters
from typing import cast

from corpus.latex.arguments import Arguments, Frame, UnreadableError
from corpus.latex.macros import COMMAND, COMMAND_AT, Macro, ends_in_command, size, substitute

_COST = 16  # characters that an expansion counts for beside those it makes


@dataclass(frozen=True)
class Limits:
    """What keeps expansion bounded whatever a paper defines."""

    max_depth: int = 40  # macros within macros; people's reach 10
    max_expansion: int = 8  # characters that expansions may make, for each of the paper's
    max_open_files: int = 16


Action = Callable[["Scanner", Frame, int], None]  # the place of the command's backslash


@dataclass(eq=False)
class Scanner:
    """The state of a pass: frames being read, what was written, what commands mean.

    `files` are the paper's by name, without comments; `verbatim` the environments that are copied.
    """

    files: Mapping[str, str]
    verbatim: frozenset[str]
    commands: Mapping[str, Action]
    limits: Limits = Limits()
    folder: str = ""  # of the main file
    has_document: bool = True
    size: int = 0  # characters of all the files
    out: list[str] = field(default_factory=list)
    raw: list[int] = field(default_factory=list)  # pieces of `out` that are verbatim
    frames: list[Frame] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    outside: list[str] = field(default_factory=list)  # inputs that point out of the archive
    flags: dict[str, bool] = field(default_factory=dict)  # of `\newif`
    in_body: bool = False
    section: int | None = None  # pieces that were written before the first section
    subsection: int | None = None  # the same of a lower heading, should there be no section
    references: int | None = None  # pieces before a section of references that has not ended
    title: str | None = None
    at_letter: bool = False

    def __post_init__(self) -> None:
        self.meanings: dict[str, Action | Macro] = dict(self.commands)
        for name in self.verbatim:
            self.meanings |= dict.fromkeys(
                [f"begin{{{name}}}", f"begin{{{name}*}}"], self.commands["begin"]
            )
        self.in_body = not self.has_document
        self.work = self.limits.max_expansion * self.size + (1 << 16)

    def run(self, name: str) -> None:
        """Reads the main file and all that it asks for."""
        self.frames.append(Frame(self.files[name], 0, name))
        while self.frames:
            self._scan(self.frames[-1])
        self.end_references()

    def write(self, piece: str, verbatim: bool = False) -> None:
        """Adds to the output; a space keeps a command from growing into a letter."""
        if not piece:
            return
        if piece[0] in ascii_letters and self.out and ends_in_command(self.out[-1]):
            self.out.append(" ")
        if verbatim:
            self.raw.append(len(self.out))
        self.out.append(piece)

    def keep(self, frame: Frame, at: int) -> None:
        """Copies a command as it is written, with what was read of it."""
        self.write(frame.text[at : frame.position])

    def charge(self, characters: int) -> bool:
        """Takes from the work that a paper may cause; whether there was enough left."""
        self.work -= characters
        return self.work >= 0

    @property
    def is_spent(self) -> bool:
        """Whether no work is left: then nothing is read ahead, and all is copied."""
        return self.work <= 0

    def drop_line(self, frame: Frame) -> None:
        """After what is removed: its newline goes too, where nothing else stood on its line."""
        text, end = frame.text, frame.position
        while end < len(text) and text[end] in " \t":
            end += 1
        before = self.out[-1][-100:].rstrip(" \t") if self.out else ""
        if before[-1:] in ("\n", "") and text[end : end + 1] == "\n":
            frame.position = end + 1

    def define(self, name: str, macro: Macro) -> None:
        """From here on `name` means `macro`; what structures a paper keeps its meaning."""
        if name not in self.commands and name not in PROTECTED:
            self.meanings[name] = macro
            self.counts["macros_defined"] += 1

    def macro(self, name: str) -> Macro | None:
        known = self.meanings.get(name)
        return known if isinstance(known, Macro) else None

    def push_branch(self, frame: Frame, start: int, end: int) -> None:
        """Reads a part of a frame before the rest of it."""
        inside = frame.base != len(self.frames) - 1  # within a macro it counts as deep as that
        base = frame.base if inside else len(self.frames)
        self.frames.append(Frame(frame.text[start:end], base, None, frame.at_letter))

    def push_file(self, name: str, text: str, package: bool = False) -> None:
        new = Frame(text, len(self.frames), name)
        base = self.frames[self.frames[-1].base] if self.frames else new
        base.left = None  # what a file wrote is not taken back
        if package:
            new.before, self.at_letter = (len(self.out), self.at_letter), True
        self.frames.append(new)
        self.counts["files_read"] += 1

    def leave(self) -> Frame:
        """Ends the innermost frame; what a package wrote goes."""
        frame = self.frames.pop()
        if frame.before is not None:
            self.truncate(frame.before[0])
            self.at_letter = frame.before[1]
        return frame

    def truncate(self, pieces: int) -> None:
        """Takes back what was written after the first `pieces`."""
        del self.out[pieces:]
        while self.raw and self.raw[-1] >= pieces:
            self.raw.pop()
        if self.section is not None and self.section >= pieces:
            self.section = None
        if self.subsection is not None and self.subsection >= pieces:
            self.subsection = None
        if self.references is not None and self.references >= pieces:
            self.references = None

    def end_references(self) -> None:
        """Takes back a section of references, where it is followed by something else."""
        if self.references is not None:
            self.truncate(self.references)

    def _scan(self, frame: Frame) -> None:
        """Reads on in a frame up to the next command that needs more than a look-up."""
        text, start, meanings = frame.text, frame.position, self.meanings
        at_letter = self.at_letter if frame.at_letter is None else frame.at_letter
        for match in (COMMAND_AT if at_letter else COMMAND).finditer(text, start):
            meaning = meanings.get(match[1])
            if meaning is None:
                continue
            self.write(text[start : match.start()])
            if not isinstance(meaning, Macro):
                frame.position = match.end()
                meaning(self, frame, match.start())
                return
            constant = meaning.constant
            if constant is not None and self._is_final(meaning) and not self.is_spent:
                self.work -= len(constant) + _COST
                self.counts["macros_expanded"] += 1
                self.write(constant)
                start = match.end()
                continue
            frame.position = match.end()
            self._expand(frame, match.start(), match[1], meaning)
            return
        self.write(text[start:])
        self.leave()

    def _is_final(self, macro: Macro) -> bool:
        """Whether nothing in a macro's body means anything but itself."""
        if macro.final:
            return True
        meanings = self.meanings
        for command in macro.commands:  # most have one or two
            if command in meanings:
                return False
        return not macro.machinery

    def _is_machinery(self, macro: Macro, depth: int) -> bool:
        """Whether a macro comes to what only TeX's own programming knows."""
        for word in macro.machinery:
            meaning = self.meanings.get(word)
            if meaning is None or not self.charge(1):
                return True
            inner = isinstance(meaning, Macro) and meaning.machinery
            if inner and (depth == 0 or self._is_machinery(cast(Macro, meaning), depth - 1)):
                return True
        return False

    def _expand(self, frame: Frame, at: int, name: str, macro: Macro) -> None:
        """Puts what a macro becomes in its place, to be read next."""
        base = self.frames[frame.base]
        if frame is base:
            base.left = (len(self.out), frame.position, name)
        elif len(self.frames) - frame.base > self.limits.max_depth:
            self._take_back(base, frame, at, "macros_recursive")
            return
        if self.is_spent:
            self._take_back(base, frame, at, "macros_over_limit")
            return
        if macro.machinery and self._is_machinery(macro, self.limits.max_depth):
            self.counts["macros_left_machinery"] += 1
            self.keep(frame, at)
            return
        places = [(each, each.position) for each in self.frames[frame.base :]]
        try:
            arguments = [*Arguments(self.frames, self.charge).read(macro)]
        except UnreadableError:
            self.charge(sum(each.position - place for each, place in places))
            self.frames[frame.base :] = [each for each, _ in places]  # the used up come back
            for each, place in places:
                each.position = place
            self.counts["macros_left_unreadable"] += 1
            self.keep(frame, at)
            return
        if not self.charge(size(macro, arguments) + _COST):
            self._take_back(base, frame, at, "macros_over_limit")
            return
        self.counts["macros_expanded"] += 1
        text = substitute(macro, arguments)
        if "\\" not in text or (self._is_final(macro) and "\\" not in "".join(arguments)):
            self.write(text)
        else:
            self.frames.append(Frame(text, self.frames[-1].base, None, macro.at_letter))

    def _take_back(self, base: Frame, frame: Frame, at: int, reason: str) -> None:
        """Leaves the macro at the base as it is written, and that macro alone from here on."""
        self.counts[reason] += 1
        if base.left is None:  # a file was read since: only this use is left
            self.keep(frame, at)
            return
        pieces, base.position, name = base.left
        self.truncate(pieces)
        del self.frames[frame.base + 1 :]
        self.meanings.pop(name, None)
        self.write(f"\\{name}")


# What structures a paper: redefined for its looks, never for its text.
PROTECTED = frozenset(
    [*r"item label document fi else or \ { } % [ ] ( ) & $ # _".split(), " ", "\n"]
)
