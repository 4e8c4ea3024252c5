"""What a macro is given: its arguments, from the text that is being read.

As in TeX, an argument may stand after the end of what another macro became: where that has no more
text, the frame it was read for goes on.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from corpus.latex.macros import SPACES, Macro, bracket_end, delimiter_start, group_end

_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|[^}]", re.S)


@dataclass(eq=False, slots=True)
class Frame:
    """A text being read: a file, a branch of a conditional, or what a macro became."""

    text: str
    base: int  # the frame, by its number, that macros in this one are counted from
    file: str | None = None
    at_letter: bool | None = None  # whether @ is one in a macro; None: as the files have it now
    position: int = 0
    # of a package, which writes nothing: the pieces before it, and whether @ was a letter
    before: tuple[int, bool] | None = None
    left: tuple[int, int, str] | None = None  # where a macro at the base was met, and its name


class UnreadableError(Exception):
    """Arguments that are not there."""


class Arguments:
    """Reads arguments at the place of the innermost of `frames`; `charge` takes what is in vain."""

    def __init__(self, frames: list[Frame], charge: Callable[[int], bool]) -> None:
        self._frames, self._charge = frames, charge

    def read(self, macro: Macro) -> Iterator[str]:
        """What a macro's parameters are given, from here on; raises where they are not there."""
        ahead = macro.delimiters[0]
        if ahead:
            frame = self._frames[-1]
            if not frame.text.startswith(ahead, frame.position):
                raise UnreadableError
            frame.position += len(ahead)
        for index, delimiter in enumerate(macro.delimiters[1:]):
            if delimiter:
                yield self._delimited(delimiter, first=index == 0 and not ahead)
            elif (default := macro.defaults[index : index + 1]) and default[0] is not None:
                yield self._optional(default[0])
            else:
                yield self._undelimited()

    def _here(self) -> tuple[int, int]:
        """The place of the next argument, past spaces, and which frame it is in."""
        index = len(self._frames) - 1
        last = self._frames[index].base
        while index >= last:
            frame = self._frames[index]
            match = SPACES.match(frame.text, frame.position)
            place = match.end() if match else frame.position
            if place < len(frame.text):
                return index, place
            index -= 1
        raise UnreadableError

    def _take(self, index: int, end: int) -> None:
        """Goes on after an argument; frames that had no more text are done with."""
        del self._frames[index + 1 :]
        self._frames[index].position = end

    def _undelimited(self) -> str:
        index, place = self._here()
        text = self._frames[index].text
        if text[place] == "{":
            end = group_end(text, place)
            if end < 0:
                self._charge(len(text) - place)
                raise UnreadableError
            self._take(index, end)
            return text[place + 1 : end - 1]
        token = _TOKEN.match(text, place)
        if token is None or token[0] == "\n":
            raise UnreadableError
        self._take(index, token.end())
        return token[0]

    def _optional(self, default: str) -> str:
        try:
            index, place = self._here()
        except UnreadableError:
            return default
        text = self._frames[index].text
        if text[place] != "[":
            return default
        end = bracket_end(text, place)
        if end < 0:
            self._charge(len(text) - place)
            return default
        self._take(index, end)
        return text[place + 1 : end - 1]

    def _delimited(self, delimiter: str, first: bool) -> str:
        frame = self._frames[-1]
        if first and (match := SPACES.match(frame.text, frame.position)):
            frame.position = match.end()  # as after any command of letters
        end = delimiter_start(frame.text, frame.position, delimiter)
        if end < 0:
            self._charge(len(frame.text) - frame.position)
            raise UnreadableError
        argument = frame.text[frame.position : end]
        frame.position = end + len(delimiter)
        whole = argument.startswith("{") and group_end(argument, 0) == len(argument)
        return argument[1:-1] if whole else argument
