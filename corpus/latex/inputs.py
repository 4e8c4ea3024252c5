r"""What the scanner does at the commands that read in files: `\input`, `\usepackage` and their kin.

Only files of the paper's archive are read, by the names they have in it; no path leads out of it.
"""

import posixpath
import re

from corpus.latex.arguments import Frame
from corpus.latex.scanner import Action, Scanner

ARGUMENT = re.compile(r"[ \t]*+\n?[ \t]*+(?:\[[^\[\]]{0,1000}\][ \t]*+)?\{([^{}]{0,2000})\}")
_STYLES = re.compile(r"\s*+(?:\[([^\[\]]{0,1000})\]\s*+)?\{([^{}]{0,2000})\}")
_PLAIN_FILE = re.compile(r"[ \t]*+([^\s{}\\%]{1,200})[ \t]?")
_TWO_ARGUMENTS = re.compile(r"\s*+\{([^{}]{0,500})\}\s*+\{([^{}]{0,500})\}")
DOCUMENT = re.compile(r"\\begin[ \t]*+\{document\}")
END_DOCUMENT = "\\end{document}"


def _input(scanner: Scanner, frame: Frame, at: int) -> None:
    match = ARGUMENT.match(frame.text, frame.position) or _PLAIN_FILE.match(
        frame.text, frame.position
    )
    if match is None:
        scanner.keep(frame, at)
        return
    frame.position = match.end()
    name = match[1].strip().strip('"')
    if name.endswith(".bbl"):  # what BibTeX made of the references
        scanner.drop_line(frame)
    else:
        _read_in(scanner, frame, at, name)


def _import(scanner: Scanner, frame: Frame, at: int) -> None:
    match = _TWO_ARGUMENTS.match(frame.text, frame.position)
    if match is None:
        scanner.keep(frame, at)
        return
    frame.position = match.end()
    _read_in(scanner, frame, at, posixpath.join(match[1].strip(), match[2].strip()))


def _read_in(scanner: Scanner, frame: Frame, at: int, name: str) -> None:
    file = _find(scanner, name, ("", ".tex", ".ltx"))
    opened = [f.file for f in scanner.frames if f.file]
    if file is None or file in opened or len(opened) >= scanner.limits.max_open_files:
        scanner.counts["inputs_not_found" if file is None else "inputs_recursive"] += 1
        scanner.keep(frame, at)
        return
    text = scanner.files[file]
    if not scanner.charge(len(text)):  # the same file, time and again
        scanner.keep(frame, at)
        return
    body = DOCUMENT.search(text) if scanner.in_body else None
    if body:  # a paper of its own (subfiles, standalone)
        end = text.find(END_DOCUMENT, body.end())
        text = text[body.end() : end if end >= 0 else None]
    scanner.push_file(file, text)


def _find(scanner: Scanner, name: str, suffixes: tuple[str, ...]) -> str | None:
    """The archive's file of a name: below the main file's folder, the reader's, or the root."""
    if name.startswith(("/", "~")) or ".." in name.split("/"):
        inside = posixpath.normpath(posixpath.join(scanner.folder, name))
        if name.startswith(("/", "~")) or inside.startswith(".."):
            scanner.outside.append(name)
            return None
    current = next((f.file for f in reversed(scanner.frames) if f.file), "")
    for folder in (scanner.folder, posixpath.dirname(current), ""):
        path = posixpath.normpath(posixpath.join(folder, name))
        for suffix in suffixes:
            if path + suffix in scanner.files:
                return path + suffix
    return None


def _package(suffix: str) -> Action:
    r"""Of `\usepackage{a,b}` the definitions of those packages that the archive holds.

    The options of LaTeX 2.09's `\documentstyle[a,b]{c}` are packages too.
    """

    def action(scanner: Scanner, frame: Frame, at: int) -> None:
        match = _STYLES.match(frame.text, frame.position)
        options = match[1] if match and frame.text.startswith("\\documentstyle", at) else None
        if match:
            frame.position = match.end()
        scanner.keep(frame, at)
        names = [*(options or "").split(","), *match[2].split(",")] if match else []
        opened = {f.file for f in scanner.frames if f.file}
        for name in reversed(names):  # the last one pushed is read first
            file = _find(scanner, name.strip(), (suffix,))
            if not file or file in opened or len(opened) >= scanner.limits.max_open_files:
                continue
            if scanner.charge(len(scanner.files[file])):
                scanner.push_file(file, scanner.files[file], package=True)

    return action


def _end_input(scanner: Scanner, frame: Frame, at: int) -> None:
    while scanner.frames and not scanner.leave().file:
        pass


INPUTS: dict[str, Action] = {
    **dict.fromkeys(["input", "include", "subfile", "subfileinclude"], _input),
    **dict.fromkeys(["import", "subimport", "inputfrom", "includefrom"], _import),
    **dict.fromkeys(["usepackage", "RequirePackage", "documentstyle"], _package(".sty")),
    **dict.fromkeys(["documentclass", "LoadClass"], _package(".cls")),
    "endinput": _end_input,
}
