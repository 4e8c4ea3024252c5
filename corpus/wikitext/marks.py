"""Characters that stand for something while a page is cleaned; XML allows none of them.

`KEPT` encloses the number of a text that nothing else may touch, `GONE` is where something was
taken out of a line, so that the punctuation around it can be mended, `BREAK` a break of the line.
"""

import re

KEPT, GONE, BREAK = "\0", "\x01", "\x02"
KEPT_TEXT = re.compile(f"{KEPT}(\\d+){KEPT}")
_ANY = re.compile(f"[{KEPT}{GONE}{BREAK}]")


def without_marks(text: str) -> str:
    """A text as it may come, so that no character of it is taken for a mark."""
    return _ANY.sub("", text)
