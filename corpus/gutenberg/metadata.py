"""What a Project Gutenberg header states of its book: title, author, language, number, date."""

import re
from dataclasses import dataclass

_FIELD = re.compile(
    r"^(?:[^\n]{0,90}www\.gutenberg\.(?:org|net))?[ \t]*"  # a field may have lost its line
    r"(Title|Author|Authors|Language|Release Date|Posting Date|First Posted)[ \t]*:[ \t]*"
    r"(\S[^\n]*(?:\n[ \t]+\S[^\n]*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_NUMBER = re.compile(r"\[[ \t]*(?:e-?book|e-?text)[ \t]*#[ \t]*(\d{1,7})[ \t]*\]", re.IGNORECASE)
_FILE_NUMBER = re.compile(r"(?:^|/)(?:pg)?(\d{1,7})(?:-(?:\d|[a-z]{1,4}))?\.[^/]*$", re.IGNORECASE)
_OPENING = re.compile(
    r"project gutenberg(?:['’]s|['’])?(?: ?e-?(?:book|text))?(?:,| of)?\s+(?P<title>\S.*?)"
    r"(?:,?\s+by\s+(?P<author>\S.*?))?\s*(?:\n[ \t]*\n|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_OPENING_CHARACTERS = 400
_MONTHS = {
    name: number
    for number, name in enumerate(
        "jan feb mar apr may jun jul aug sep oct nov dec".split(),
        start=1,
    )
}
_DATE = re.compile(
    r"(?:(?P<month>[A-Za-z]{3,9})\.?,?[ \t]+)?(?:(?P<day>\d{1,2}),?[ \t]+)?"
    r"(?P<year>(?:19|20)\d\d)\b"
)
_ISO_DATE = re.compile(r"(?:19|20)\d\d-\d\d-\d\d")


@dataclass(frozen=True)
class Metadata:
    """What is stated; None where nothing is."""

    title: str | None = None
    author: str | None = None  # several are divided by "; "
    language: str | None = None
    date: str | None = None  # of release; ISO 8601, as far as it is given
    number: int | None = None
    copyrighted: bool = False  # by its author, who lets the archive give it away


def read_metadata(header: str, file_name: str) -> Metadata:
    """From a header; the book's number from its file's name where the header is silent."""
    fields: dict[str, str] = {}
    for found in _FIELD.finditer(header):
        fields.setdefault(found[1].lower(), found[2])
    opening = _OPENING.search(header, 0, _OPENING_CHARACTERS)
    title = _line(fields.get("title")) or _line(opening["title"] if opening else None)
    author = _authors(fields.get("author") or fields.get("authors"))
    author = author or _line(opening["author"] if opening else None)
    dates = (fields.get(name) for name in ("release date", "posting date", "first posted"))
    stated, named = _NUMBER.search(header), _FILE_NUMBER.search(file_name)
    number = stated or (named if header else None)  # a file of another kind may be called 2021.txt
    return Metadata(
        title=title,
        author=author,
        language=_line(fields.get("language")),
        date=next((date for date in map(_iso_date, dates) if date), None),
        number=int(number[1]) if number else None,
        copyrighted=re.search(r"copyrighted project gutenberg e-?(?:book|text)", header, re.I)
        is not None,
    )


def _line(value: str | None) -> str | None:
    return " ".join(value.split()).strip(" *") or None if value else None


def _authors(value: str | None) -> str | None:
    """Names a line each, as headers since 2020 have them, or one name that was wrapped."""
    if value is None:
        return None
    names: list[str] = []
    for line in value.split("\n"):
        name = " ".join(line.split())
        if names and (names[-1].endswith((",", " and", "&")) or name.startswith(("and ", "& "))):
            names[-1] += " " + name
        else:
            names.append(name)
    return "; ".join(names) or None


def _iso_date(value: str | None) -> str | None:
    found = _ISO_DATE.search(value) if value else None
    if found:
        return found[0]
    found = _DATE.search(value) if value else None
    if found is None:
        return None
    month = _MONTHS.get((found["month"] or "")[:3].lower())
    date = found["year"]
    if month is not None:
        date += f"-{month:02d}"
        if found["day"] and 1 <= int(found["day"]) <= 31:
            date += f"-{int(found['day']):02d}"
    return date
