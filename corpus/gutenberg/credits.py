"""Lines about the making of an electronic text, between the archive's mark and the book itself.

At the head they go paragraph by paragraph until one is of another kind; at the tail the list of a
transcriber's corrections goes, if it is the last thing there is. Notes inside of the book stay,
but for those on its `first_pages`.
"""

import re

from corpus.gutenberg.marks import PARAGRAPH

_MAKING = r"produced|prepared|created|scanned|digiti[sz]ed|transcribed|typed|entered|converted|made"
_OPENING = re.compile(
    rf"""[\s\[({{*_|+=-]*(?:
    (?:{_MAKING}|keyed|proof-?read|posted|contributed|(?:html|first|electronic)[ ]\w+)[ ]
        (?:\w+[ ]){{0,3}}?(?:by|from|for)\b
    | (?:this[ ]|the[ ])?(?:e-?(?:text|book)|(?:electronic[ ])?(?:text|edition|version|file)|html)
        [ ](?:version[ ])?(?:was[ ]|is[ ]|has[ ]been[ ])?(?:\w+[ ])?(?:{_MAKING})\b
    | e-?text[ ](?:by|prepared)\b
    | (?:special[ ])?(?:thanks|credits?)(?:[ ]are[ ]due)?(?:[ ]to\b|:)
    | we[ ]thank\b | nous[ ]remercions\b
    | images?[ ](?:of|generously|courtesy|made|provided)\b
    | transcribers?[ ]?['’]?s?['’]?[ ]notes?\b | transcription[ ]notes?\b
    | anmerkungen?[ ]zur[ ]transkription
    | notes?[ ](?:du|de[ ]la)[ ]transcri
    | picture:[ ]public[ ]domain
    | note:[ ](?:project[ ]gutenberg|images?[ ]of|this[ ]is[ ]an?[ ]e-?text)
    | (?:last[ ])?updated?(?:r|s)?:[ ] | character[ ]set\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
ARCHIVE = re.compile(r"gutenberg|\be-?texts?\b|\bpgdp\b|ibiblio\.org|archive\.org", re.IGNORECASE)
NOTE = re.compile(r"[\s\[|+=*_-]*(?:transcri(?:ber|ption)|anmerkung)", re.IGNORECASE)
_RULE = re.compile(r"[\s*+=~_|-]*")
_MOST_LINES = 12
_MOST_CHARACTERS = 2000  # of a paragraph
_NOTE_CHARACTERS = 3000
_HEADING_WORDS = 3
_LAST_NOTES = re.compile(
    r"^[ \t\[|+=*_]*transcri(?:ber['’]?s?['’]?|ption)[ ]notes?\b"
    r"[ \t_:.=\]|*-]*(?:\n|(?<=:)[^\n]*\n)",
    re.IGNORECASE | re.MULTILINE,
)
_TAIL = 6000  # characters


def after_credits(text: str, start: int, end: int) -> int:
    """Where the book begins that `text[start:end]` holds behind its credits."""
    done = at = start
    while (paragraph := PARAGRAPH.search(text, at, end)) is not None:
        words = paragraph[0]
        at = paragraph.end()
        if _RULE.fullmatch(words):
            continue  # goes with the credits that follow it, or stays
        if len(words) > _MOST_CHARACTERS:
            break
        if words.count("\n") > _MOST_LINES and not NOTE.match(words):
            break
        if not (_OPENING.match(words) or ARCHIVE.search(words)):
            break
        if NOTE.match(words):
            at = _end_of_note(text, paragraph, end)
        done = at
    return done


def before_notes(text: str, start: int, end: int) -> int:
    """Where the book ends that `text[start:end]` holds before a transcriber's last notes."""
    for found in _LAST_NOTES.finditer(text, max(start, end - _TAIL), end):
        blank_before = text.endswith("\n\n", 0, found.start()) or "|" in found[0]
        rest = text[found.end() : end]
        if blank_before and "\n\n\n\n" not in rest.strip():
            # a frame drawn above the notes goes with them
            return len(text[: found.start()].rstrip(" +=-_*|\t\n"))
    return end


def _end_of_note(text: str, paragraph: re.Match[str], end: int) -> int:
    """A note in brackets or in a frame may have several paragraphs; a heading has the next one."""
    words = paragraph[0].strip()
    if words.startswith("[") and "]" not in words:
        closed = text.find("]", paragraph.end(), min(end, paragraph.start() + _NOTE_CHARACTERS))
        return paragraph.end() if closed < 0 else closed + 1
    if words.startswith(("+", "|")) or "\n" in words:
        return paragraph.end()
    if len(words.split()) <= _HEADING_WORDS:
        following = PARAGRAPH.search(text, paragraph.end(), end)
        if following is not None and following[0].count("\n") <= _MOST_LINES:
            return following.end()
    return paragraph.end()
