"""The code pages of the language that a book's header states, for bytes whose encoding it does not.

Every encoding of one byte reads every text as something, so which one it is the letters say: those
of the language, in words of one case. Encodings of several bytes must read the whole file as well.
"""

import re
from collections.abc import Callable
from functools import partial

from corpus.gutenberg import likeness

_LANGUAGE = re.compile(rb"^[ \t]*language:[ \t]*([^\r\n]{2,60})", re.IGNORECASE | re.MULTILINE)
_HEADER_BYTES = 32 << 10
_SAMPLE_CHARACTERS = 40_000  # of what an encoding of several bytes gives
WESTERN = ("cp1252", "mac_roman", "cp850", "cp437")  # ties go to the first
_CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac_latin2")
_CYRILLIC = ("cp1251", "koi8-r", "koi8-u", "cp866", "iso8859-5", "mac_cyrillic")
_GREEK = "".join(map(chr, [*range(0x386, 0x3CF), 0x37A, 0x384, 0x385]))
_HEBREW = "".join(map(chr, range(0x5B0, 0x5EB)))
_ARABIC = "".join(map(chr, [*range(0x620, 0x653), *range(0x66E, 0x6D4)])) + "،؛؟"
# letters beyond ASCII of the languages that an encoding was made for, or of a script
_ALPHABETS = {
    "polish": ("ąćęłńóśźż", _CENTRAL),
    "czech": ("áčďéěíňóřšťúůýž", _CENTRAL),
    "slovak": ("áäčďéíĺľňóôŕšťúýž", _CENTRAL),
    "hungarian": ("áéíóöőúüű", _CENTRAL),
    "slovenian": ("čšž", _CENTRAL),
    "slovene": ("čšž", _CENTRAL),
    "croatian": ("čćđšž", _CENTRAL),
    "bosnian": ("čćđšž", _CENTRAL),
    "serbian": ("čćđšž", _CENTRAL),
    "romanian": ("ăâîşţ", _CENTRAL),
    "turkish": ("âçğıîöşüİ", ("cp1254", "cp857", "mac_turkish")),
    "lithuanian": ("ąčęėįšųūž", ("cp1257", "iso8859-13", "iso8859-4", "cp775")),
    "latvian": ("āčēģīķļņōŗšūž", ("cp1257", "iso8859-13", "iso8859-4", "cp775")),
    "estonian": ("äõöšüž", ("cp1257", "iso8859-15", "cp775")),
    "esperanto": ("ĉĝĥĵŝŭ", ("iso8859-3",)),
    "maltese": ("àċġħìòùż", ("iso8859-3",)),
    "greek": (_GREEK, ("cp1253", "iso8859-7", "cp737", "cp869", "mac_greek")),
    "hebrew": (_HEBREW, ("cp1255", "cp862")),
    "yiddish": (_HEBREW, ("cp1255", "cp862")),
    "arabic": (_ARABIC, ("cp1256", "iso8859-6", "cp720")),
    "persian": (_ARABIC, ("cp1256",)),
    "farsi": (_ARABIC, ("cp1256",)),
    "urdu": (_ARABIC, ("cp1256",)),
}
_SLAVIC = ("russian", "ukrainian", "belarusian", "bulgarian", "serbian", "macedonian")
_WIDE: dict[str, tuple[Callable[[str], int], tuple[str, ...]]] = {
    "chinese": (likeness.chinese, ("gb18030", "cp950", "big5hkscs")),
    "japanese": (likeness.japanese, ("cp932", "euc_jp")),
    "korean": (likeness.korean, ("cp949",)),
}
_KNOWN = frozenset([*_ALPHABETS, *_SLAVIC, *_WIDE])


def code_page(content: bytes, sample: bytes) -> str | None:
    """The encoding of the stated language that reads most like it; None where none does.

    `sample` are lines of the content with bytes that are not ASCII.
    """
    found = _LANGUAGE.search(content, 0, _HEADER_BYTES)
    words = re.findall(r"[a-z]+", found[1].decode("latin-1").lower()) if found else []
    language = next((word for word in words if word in _KNOWN), None)
    if language is None:
        return None
    if language in _WIDE:
        score, codecs = _WIDE[language]
        return _best(score, {codec: _whole(content, codec) for codec in codecs})
    best = None
    if language in _SLAVIC:
        best = _best(likeness.cyrillic, _readings(sample, _CYRILLIC))
    if best is None and language in _ALPHABETS:
        letters, codecs = _ALPHABETS[language]
        alphabet = frozenset(letters + letters.upper())
        score = partial(likeness.alphabetic, letters=alphabet)
        readings = _readings(sample, codecs)
        best = _best(score, readings)
        if best and max(letters) < likeness.LATIN_END:  # Western letters look much like these
            western = partial(likeness.alphabetic, letters=likeness.WESTERN)
            most = max(map(western, _readings(sample, WESTERN).values()))
            best = best if score(readings[best]) >= most else None
    return best


def _best(score: Callable[[str], int], readings: dict[str, str]) -> str | None:
    """The first codec of the highest score; None where no score is above 0."""
    scores = {codec: score(text) for codec, text in readings.items()}
    best = max(scores, key=lambda codec: scores[codec])
    return best if scores[best] > 0 else None


def _readings(sample: bytes, codecs: tuple[str, ...]) -> dict[str, str]:
    return {codec: sample.decode(codec, "replace") for codec in codecs}


def _whole(content: bytes, codec: str) -> str:
    """Some characters that are not ASCII; nothing where the codec does not read every byte."""
    try:
        text = content.decode(codec)
    except ValueError:
        return ""
    return "".join(re.findall(r"[^\x00-\x7f]+", text[: 1 << 20]))[:_SAMPLE_CHARACTERS]
