r"""Which file of a paper is compiled, as arXiv's own TeX service chooses it where it says so.

What 00README names; else a file with `\documentclass` (or LaTeX 2.09's `\documentstyle`) that no
other reads in, nearest to the root; else a plain TeX file; else the only file there is.
"""

import json
import posixpath
import re
from collections.abc import Mapping

AUTO_IGNORE = "%auto-ignore"  # arXiv's mark of a file that is no source, such as a withdrawal's

_CLASS = re.compile(r"^[^%\n]{0,200}?\\document(?:class|style)\b", re.M)
_BODY = re.compile(r"^[^%\n]{0,200}?\\begin[ \t]*+\{document\}", re.M)
_PLAIN = re.compile(
    r"^[^%\n]{0,200}?\\(?:bye|enddocument|magnification|beginsection|documentstyle|nopagenumbers"
    r"|input[ \t]++(?:amstex|amsppt|harvmac|phyzzx|lanlmac|jnl|tcilatex|mssymb))(?![A-Za-z])"
    r"|^[ \t]*+\\end[ \t]*+$",
    re.M,
)
_READS = re.compile(r"\\(?:input|include|subfile)[ \t]*+\{?[ \t]*+([^\s{}\\%]{1,200})")
_SOURCE = (".tex", ".ltx", ".latex")
_LIKELY = ("ms", "main", "paper", "article", "arxiv", "manuscript", "root")


def find_mains(texts: Mapping[str, str], lone_is_main: bool = True) -> list[str]:
    """The files that are papers of their own, the likeliest first; none where none is.

    `texts` are a paper's files by their paths, as decoded, comments and all. `lone_is_main`: the
    only TeX file is the main one though nothing in it says so.
    """
    named = [name for name in _readme(texts) if name in texts]
    if named:
        return named
    usable = {name: text for name, text in texts.items() if not text.startswith(AUTO_IGNORE)}
    mains = [
        name
        for name, text in usable.items()
        if not name.endswith((".sty", ".cls")) and _is_main(text)
    ]
    if not mains:
        mains = [name for name, text in usable.items() if _PLAIN.search(text)]
        mains = [name for name in mains if not name.endswith((".sty", ".cls"))]
    if not mains and lone_is_main:
        sources = [name for name in usable if name.lower().endswith(_SOURCE)]
        mains = sources if len(sources) == 1 else []
    if (
        not mains
        and lone_is_main
        and len(usable) == 1
        and any("\\" in text for text in usable.values())
    ):
        mains = [*usable]
    if len(mains) > 1:
        mains = _not_read_in(mains, usable) or mains
    return sorted(mains, key=lambda name: _rank(name, usable[name]))


def _is_main(text: str) -> bool:
    has_class = "\\document" in text and _CLASS.search(text) is not None
    return has_class and ("{document}" not in text or _BODY.search(text) is not None)


def _rank(name: str, text: str) -> tuple:
    stem = posixpath.splitext(posixpath.basename(name))[0].lower()
    has_body = _BODY.search(text) is not None
    return (not has_body, name.count("/"), stem not in _LIKELY, -len(text), name)


def _not_read_in(mains: list[str], texts: Mapping[str, str]) -> list[str]:
    read = set()
    for name, text in texts.items():
        for target in _READS.findall(text):
            for folder in (posixpath.dirname(name), ""):
                path = posixpath.normpath(posixpath.join(folder, target))
                read |= {path, path + ".tex"} - {name}
    return [name for name in mains if name not in read]


def _readme(texts: Mapping[str, str]) -> list[str]:
    """The top level files of 00README.json, or of 00README.XXX and its like, one a line."""
    for name, text in texts.items():
        if not name.upper().startswith("00README"):
            continue
        if not name.lower().endswith(".json"):
            lines = [line.split() for line in text.splitlines()]
            return [line[0] for line in lines if line[1:2] == ["toplevelfile"]]
        try:
            sources = json.loads(text)["sources"]
            found = [s["filename"] for s in sources if s.get("usage") == "toplevel"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        return [name for name in found if isinstance(name, str)]
    return []
