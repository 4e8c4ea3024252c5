r"""Removes TeX comments as TeX does: `\%` stays, and so does all that is verbatim.

A line of comment alone goes with its newline; a `%` at the end of a line joins it to the next,
where no space stood before it. A blank line still ends a paragraph.
"""

import re
from functools import lru_cache

VERBATIM = (
    "verbatim Verbatim BVerbatim LVerbatim SaveVerbatim verbatimtab alltt lstlisting minted "
    "pycode sagesilent filecontents"
).split()

# environments of the author's own that hold text verbatim
_OWN = re.compile(
    r"\\(?:lstnewenvironment|DefineVerbatimEnvironment|CustomVerbatimEnvironment)\s*+\{([A-Za-z]+)\}"
)
_MAX_OWN = 100  # of them; people's papers have a few
_BLANKS = " \t"
_CONTROL_END = re.compile(r"\\(?:[A-Za-z@]+|[^A-Za-z])\Z")


def verbatim_names(text: str) -> frozenset[str]:
    """The environments whose content a paper's text holds verbatim, its own among them."""
    own = _OWN.findall(text) if "VerbatimEnv" in text or "lstnewenv" in text else []
    return frozenset([*VERBATIM, *[*dict.fromkeys(own)][:_MAX_OWN]])


def strip_comments(text: str, verbatim: frozenset[str] = frozenset(VERBATIM)) -> str:
    """The text without its comments, in one pass; never longer than the text."""
    if "%" not in text:
        return text
    out: list[str] = []
    start = position = 0  # text from `start` on is not written yet
    stop = _stop(verbatim)
    unclosed: set[str] = set()
    while match := stop.search(text, position):
        at = match.start()
        if _escaped(text, at):
            position = at + 1
        elif text[at] == "\\":
            position = _verbatim_end(text, match, unclosed)
        else:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            start = position = _cut(text, start, at, end, out)
    out.append(text[start:])
    return "".join(out)


def _cut(text: str, start: int, at: int, end: int, out: list[str]) -> int:
    """Writes what stands before a comment; gives where to go on after it."""
    piece = text[start:at].rstrip(_BLANKS)
    before = piece[-1:] or (out[-1][-1:] if out else "\n")
    if before == "\n":
        out.append(piece) if piece else None
        return end + 1
    spaced = at > start + len(piece)
    following = end + 1
    while following < len(text) and text[following] in _BLANKS:
        following += 1
    paragraph = following >= len(text) or text[following] == "\n"
    if spaced or paragraph or _CONTROL_END.search(piece, max(len(piece) - 40, 0)):
        out.append(piece + "\n")
        return end + 1
    out.append(piece) if piece else None
    return following


def _escaped(text: str, at: int) -> bool:
    """Whether an odd number of backslashes stands before."""
    count = 0
    while count < at and text[at - count - 1] == "\\":
        count += 1
    return count % 2 == 1


@lru_cache(maxsize=64)
def _stop(verbatim: frozenset[str]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, sorted(verbatim)))
    return re.compile(
        r"%|\\(?:verb\*?|lstinline|mintinline|url|nolinkurl|href|path)(?![A-Za-z])"
        rf"|\\begin[ \t]*+\{{(?P<name>(?:{names})\*?)\}}"
    )


_MAX_INLINE = 10_000  # characters of an argument; a paper may be one line
_OPTIONS = re.compile(r"[ ]?(?:\[[^\]\n]{0,200}\])?[ ]?")
_LANGUAGE = re.compile(r"\{[^{}\n]{0,100}\}")


def _verbatim_end(text: str, match: re.Match[str], unclosed: set[str]) -> int:
    r"""Where what begins verbatim at a match of `\verb`, `\url` or `\begin` ends.

    Past its backslash where nothing closes it; an environment that nothing closes is looked for
    once, as none that begins later can be closed.
    """
    name = match["name"]
    if name is None:
        return inline_end(text, match[0], match.end()) or match.start() + 1
    end = -1 if name in unclosed else text.find(f"\\end{{{name}}}", match.end())
    if end < 0:
        unclosed.add(name)
        return match.start() + 1
    return end + len(name) + len("\\end{}")


def inline_end(text: str, command: str, after: int) -> int | None:
    r"""Where the argument of `\verb` and its like ends, which is one line; None where it does not.

    `after` is the place after the command's name.
    """
    braces = not command.startswith("\\verb")
    if command in ("\\lstinline", "\\mintinline"):
        options = _OPTIONS.match(text, after)
        after = options.end() if options else after
    if command == "\\mintinline":
        language = _LANGUAGE.match(text, after)
        after = language.end() if language else after
    mark = text[after : after + 1]
    if not mark or mark.isspace() or mark == "\\" or (mark != "{" and not _delimits(command)):
        return None
    closing = "}" if mark == "{" and braces else mark
    end = text.find(closing, after + 1, after + _MAX_INLINE)
    return None if end < 0 or "\n" in text[after:end] else end + 1


def _delimits(command: str) -> bool:
    """Whether any character may stand around the argument."""
    return command.startswith(("\\verb", "\\lst", "\\mint"))
