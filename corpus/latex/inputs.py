r"""What the scanner does at the commands that read in files: `\input`, `\usepackage` and their kin.

Only files of the paper's archive are read, by the names they have in it; no path leads out of it.
"""

import posixpath
import re

from corpus.kernels.tex_state import FILE, IN_BODY, KIND, NOTHING, NUM_FRAMES
from corpus.latex.scanner import Action, Scanner

ARGUMENT = re.compile(rb"[ \t]*+\n?[ \t]*+(?:\[[^\[\]]{0,1000}\][ \t]*+)?\{([^{}]{0,2000})\}")
_STYLES = re.compile(rb"\s*+(?:\[([^\[\]]{0,1000})\]\s*+)?\{([^{}]{0,2000})\}")
_PLAIN_FILE = re.compile(rb"[ \t]*+((?:[^\s{}\\%][\x80-\xbf]*+){1,200})[ \t]?")
_TWO_ARGUMENTS = re.compile(rb"\s*+\{([^{}]{0,500})\}\s*+\{([^{}]{0,500})\}")
_LINE_END = re.compile(rb"[ \t]*+\n")
_DOCUMENT = re.compile(rb"\\begin[ \t]*+\{document\}")
_INCLUDE = b"\\include"
END_DOCUMENT = b"\\end{document}"


def document_start(text: bytes) -> int:
    r"""The place after a file's `\begin{document}`; -1 where it has none."""
    match = _DOCUMENT.search(text) if b"{document}" in text else None
    return match.end() if match else -1


def _input(scanner: Scanner, at: int) -> None:
    match = scanner.match(ARGUMENT, scanner.position)
    match = match or scanner.match(_PLAIN_FILE, scanner.position)
    if match is None:
        scanner.keep(at)
        return
    scanner.position = match.end()
    name = _decoded(match[1]).strip().strip('"')
    if name.endswith(".bbl"):  # what BibTeX made of the references
        scanner.drop_line()
    else:
        _read_in(scanner, at, name)


def _import(scanner: Scanner, at: int) -> None:
    match = scanner.match(_TWO_ARGUMENTS, scanner.position)
    if match is None:
        scanner.keep(at)
        return
    scanner.position = match.end()
    folder, name = _decoded(match[1]).strip(), _decoded(match[2]).strip()
    _read_in(scanner, at, posixpath.join(folder, name))


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _read_in(scanner: Scanner, at: int, name: str) -> None:
    opened = scanner.open_files
    file = _find(scanner, name, ("", ".tex", ".ltx"), opened)
    if file is None or file in opened or len(opened) >= scanner.limits.max_open_files:
        scanner.inputs["inputs_not_found" if file is None else "inputs_recursive"] += 1
        scanner.keep(at)
        return
    text = scanner.files[file]
    if not scanner.charge(len(text)):  # the same file, time and again
        scanner.keep(at)
        return
    start = document_start(text) if scanner.registers[IN_BODY] else -1
    if start >= 0:  # a paper of its own (subfiles, standalone)
        end = text.find(END_DOCUMENT, start)
        text = text[start : end if end >= 0 else None] + b"\n"
    line_end = scanner.match(_LINE_END, scanner.position)
    new_page = scanner.piece(at, at + len(_INCLUDE)) == _INCLUDE
    if line_end and _ends_its_line(text) and not new_page:
        scanner.position = line_end.end()  # the file's own is there: two would end a paragraph
    scanner.push_file(file, text)


def _ends_its_line(text: bytes) -> bool:
    return text.endswith(b"\n") and b"\\endinput" not in text


def _find(scanner: Scanner, name: str, suffixes: tuple[str, ...], opened: list[str]) -> str | None:
    """The archive's file of a name: below the main file's folder, the reader's, or the root."""
    if name.startswith(("/", "~")) or ".." in name.split("/"):
        inside = posixpath.normpath(posixpath.join(scanner.folder, name))
        if name.startswith(("/", "~")) or inside.startswith(".."):
            scanner.outside.append(name)
            return None
    reader = posixpath.dirname(opened[-1]) if opened else ""
    for folder in dict.fromkeys([scanner.folder, reader, ""]):
        path = posixpath.join(folder, name) if folder else name
        if "." in path or "//" in path:  # perhaps no plain path
            path = posixpath.normpath(path)
        for suffix in suffixes:
            if path + suffix in scanner.files:
                return path + suffix
    return None


def _package(suffix: str) -> Action:
    r"""Of `\usepackage{a,b}` the definitions of those packages that the archive holds.

    The options of LaTeX 2.09's `\documentstyle[a,b]{c}` are packages too.
    """

    def action(scanner: Scanner, at: int) -> None:
        style = scanner.piece(at, scanner.position) == b"\\documentstyle"
        match = scanner.match(_STYLES, scanner.position)
        options = match[1] if match and style else None
        if match:
            scanner.position = match.end()
        scanner.keep(at)
        if not match:
            return
        names = [*(options or b"").split(b","), *match[2].split(b",")]
        opened = scanner.open_files
        for name in reversed(names):  # the last one pushed is read first
            file = _find(scanner, _decoded(name).strip(), (suffix,), opened)
            if not file or file in opened or len(opened) >= scanner.limits.max_open_files:
                continue
            if scanner.charge(len(scanner.files[file])):
                scanner.push_file(file, scanner.files[file], package=True)

    return action


def _end_input(scanner: Scanner, at: int) -> None:
    while scanner.registers[NUM_FRAMES]:
        is_file = scanner.rows[scanner.frame, FILE] >= 0
        scanner.leave()
        if is_file:
            break


_PACKAGES = {
    ".sty": [b"usepackage", b"RequirePackage", b"documentstyle"],
    ".cls": [b"documentclass", b"LoadClass"],
}


def forget_packages(scanner: Scanner) -> None:
    """Packages mean nothing where the archive holds none."""
    for suffix, commands in _PACKAGES.items():
        if not any(name.endswith(suffix) for name in scanner.files):
            for command in commands:
                scanner.state.names[scanner.number(command), KIND] = NOTHING


INPUTS: dict[bytes, Action] = {
    **dict.fromkeys([b"input", b"include", b"subfile", b"subfileinclude"], _input),
    **dict.fromkeys([b"import", b"subimport", b"inputfrom", b"includefrom"], _import),
    **{name: _package(suffix) for suffix, names in _PACKAGES.items() for name in names},
    b"endinput": _end_input,
}
