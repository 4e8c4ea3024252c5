"""Powers, charges and marks of notes that HTML raises, as the raised characters of Unicode."""

import html
import re

_RAISED = re.compile(r"<sup\b[^<>]*>(?:<a\b[^<>]*>)?([^<>]*+)(?:</a>)?</sup>", re.IGNORECASE)
_POWER = re.compile(r"[+\-−]?\d{1,6}[+\-−]?|[+\-−]|n", re.ASCII)
_CHARACTERS = str.maketrans("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ")


def raise_powers(text: str) -> str:
    """The text with `10<sup>6</sup>` as 10⁶; of other raised text only the tags go.

    Tags may stand within a `<sup>` if they are one link; others are left as they are.
    """
    return _RAISED.sub(_raised, text)


def _raised(match: re.Match[str]) -> str:
    content = match[1].strip()
    power = html.unescape(content)
    return power.translate(_CHARACTERS) if _POWER.fullmatch(power) else match[1]
