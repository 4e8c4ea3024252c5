r"""Which file of a paper is compiled, as arXiv's own TeX service chooses it where it says so.

What 00README names; else a file with `\documentclass` (or LaTeX 2.09's `\documentstyle`) that no
other reads in, nearest to the root; else a plain TeX file; else the only file there is.
"""

import json
import posixpath
import re
from collections.abc import Mapping

AUTO_IGNORE = b"%auto-ignore"  # arXiv's mark of a file that is no source, such as a withdrawal's

_CLASS = re.compile(rb"\\document(?:class|style)\b")
_BODY = re.compile(rb"\\begin[ \t]*+\{document\}")
_PLAIN = re.compile(
    rb"\\(?:bye|enddocument|magnification|beginsection|documentstyle|nopagenumbers"
    rb"|input[ \t]++(?:amstex|amsppt|harvmac|phyzzx|lanlmac|jnl|tcilatex|mssymb))(?![A-Za-z])"
)
_PLAIN_END = re.compile(rb"^[ \t]*+\\end[ \t]*+$", re.M)
_READS = re.compile(rb"\\(?:input|include|subfile)[ \t]*+\{?[ \t]*+([^\s{}\\%]{1,200})")
_SOURCE = (".tex", ".ltx", ".latex")
_LIKELY = ("ms", "main", "paper", "article", "arxiv", "manuscript", "root")
_LONGEST_HEAD = 200  # bytes of a line before a command that is looked for


def find_mains(texts: Mapping[str, bytes], lone_is_main: bool = True) -> list[str]:
    """The files that are papers of their own, the likeliest first; none where none is.

    `texts` are a paper's files by their paths, as UTF-8, comments and all. `lone_is_main`: the
    only TeX file is the main one though nothing in it says so.
    """
    named = [name for name in dict.fromkeys(_readme(texts)) if name in texts]
    if named:
        return named
    usable = {name: text for name, text in texts.items() if not text.startswith(AUTO_IGNORE)}
    mains = [
        name
        for name, text in usable.items()
        if not name.endswith((".sty", ".cls")) and _is_main(text)
    ]
    if not mains:
        mains = [name for name, text in usable.items() if _is_plain(text)]
        mains = [name for name in mains if not name.endswith((".sty", ".cls"))]
    if not mains and lone_is_main:
        sources = [name for name in usable if name.lower().endswith(_SOURCE)]
        mains = sources if len(sources) == 1 else []
    if (
        not mains
        and lone_is_main
        and len(usable) == 1
        and any(b"\\" in text for text in usable.values())
    ):
        mains = [*usable]
    if len(mains) > 1:
        mains = _not_read_in(mains, usable) or mains
    return sorted(mains, key=lambda name: _rank(name, usable[name]))


def _is_main(text: bytes) -> bool:
    if b"\\document" not in text:  # faster than the pattern, and true of most files
        return False
    return _has(_CLASS, text) and (b"{document}" not in text or _has(_BODY, text))


def _is_plain(text: bytes) -> bool:
    return _has(_PLAIN, text) or _PLAIN_END.search(text) is not None


def _has(command: re.Pattern[bytes], text: bytes) -> bool:
    """Whether a command stands in a text, near the beginning of its line and in no comment."""
    for match in command.finditer(text):
        at = match.start()
        line = text.rfind(b"\n", max(at - _LONGEST_HEAD - 1, 0), at) + 1
        if (line or at <= _LONGEST_HEAD) and b"%" not in text[line:at]:
            return True
    return False


def _rank(name: str, text: bytes) -> tuple:
    stem = posixpath.splitext(posixpath.basename(name))[0].lower()
    has_body = _has(_BODY, text)
    return (not has_body, name.count("/"), stem not in _LIKELY, -len(text), name)


def _not_read_in(mains: list[str], texts: Mapping[str, bytes]) -> list[str]:
    read = set()
    stems = {posixpath.basename(name).removesuffix(".tex").encode() for name in mains}
    for name, text in texts.items():
        for target in _READS.findall(text):
            if target.rpartition(b"/")[2].removesuffix(b".tex") not in stems:
                continue  # most files read in are no main file, and paths take time
            for folder in (posixpath.dirname(name), ""):
                path = posixpath.normpath(posixpath.join(folder, target.decode("utf-8", "replace")))
                read |= {path, path + ".tex"} - {name}
    return [name for name in mains if name not in read]


def _readme(texts: Mapping[str, bytes]) -> list[str]:
    """The top level files of 00README.json, or of 00README.XXX and its like, one a line."""
    for name, text in texts.items():
        if not name.upper().startswith("00README"):
            continue
        if not name.lower().endswith(".json"):
            lines = [line.split() for line in text.splitlines()]
            return [line[0].decode() for line in lines if line[1:2] == [b"toplevelfile"]]
        try:
            sources = json.loads(text)["sources"]
            found = [s["filename"] for s in sources if s.get("usage") == "toplevel"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        return [name for name in found if isinstance(name, str)]
    return []
