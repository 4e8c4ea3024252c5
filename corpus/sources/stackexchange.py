"""Reads the dumps of Stack Exchange's sites: one document a question, with its answers by score.

LLaMA section 2.1: the 28 largest sites, HTML taken off, answers sorted by score, highest first. The
score is a number here, where others sort it as text (9 above 10). A file is one site's `Posts.xml`,
plain or packed, or the `.7z` it comes in; a tar may hold several.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.formats.documents import Document, to_batches
from corpus.stackexchange import rows
from corpus.stackexchange.dumps import TARS, Feed, dumps
from corpus.stackexchange.encoding import Utf8
from corpus.stackexchange.html_text import html_to_text
from corpus.stackexchange.row_stream import RowStream
from corpus.stackexchange.sites import chosen, require_sites, site_of
from corpus.stackexchange.spill import Spill
from corpus.storage import InputFile

SUFFIXES = ("Posts.xml", "Posts.xml.gz", "Posts.xml.bz2", "Posts.xml.xz", ".7z", *TARS)

OTHER_SITE = "site not asked for"
NO_ROWS = "Posts.xml without a row"
NOT_A_ROW = "row not well formed"
OVERSIZE = f"row over {RowStream.MOST_BYTES >> 20} MiB"
OTHER_POST = "neither question nor answer"
NO_QUESTION = "answer without its question"
TWICE = "number of an earlier question"
NO_TEXT = "question without a text"
FEW_ANSWERS = "fewer answers than asked for"
SHORT = "shorter than min_chars"

_SHOWN = 80  # characters of the sites asked for
_QUESTION, _ANSWER = "1", "2"
_ID, _SCORE = re.compile(r"[0-9]{1,18}"), re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class StackExchangeConfig:
    """Which threads are kept, and how they are written.

    `sites` names sites, or the preset `largest_28`; none named: all. Answers with a score under
    `min_answer_score` are left out.
    """

    sites: tuple[str, ...] = ()
    min_answer_score: int | None = None
    min_answers: int = 0
    min_chars: int = 0
    marks: bool = False  # "Q: " before the question, "A: " before each answer, as RedPajama has it

    def __post_init__(self) -> None:
        for name in ("min_answers", "min_chars"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}={getattr(self, name)} must be >= 0")


def check(files: Sequence[InputFile], config: StackExchangeConfig) -> None:
    """ConfigError for a site named that no file is of."""
    require_sites(files, config.sites)


@dataclass(frozen=True)
class _Post:
    id: int
    thread: int  # the number of the question it is or answers
    score: int
    columns: dict[str, str]


def read(
    file: InputFile, source: str, config: StackExchangeConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields a site's threads as batches of `corpus.schema.DOCUMENT`, by the question's number.

    Memory holds one run of threads, whatever the site's size; the rest waits in a scratch file of
    about a quarter of the site's text, in the folder that TMPDIR names.
    """
    return to_batches(_documents(file, source, config, counts), counts)


def _documents(
    file: InputFile, source: str, config: StackExchangeConfig, counts: Counts
) -> Iterator[Document]:
    counts.add("files")
    counts.add("bytes_in", file.size)
    sites = chosen(config.sites)
    for name, unpack in dumps(file, counts):
        site = site_of(name)
        if sites is not None and site not in sites:
            counts.note(OTHER_SITE, f"{name}, not of {', '.join(config.sites)[:_SHOWN]}")
            continue
        with Spill() as spill:
            _sort(name, unpack, spill, counts)
            for run in spill.runs():
                yield from _threads(run, name, site, source, config, counts)


def _sort(name: str, unpack: Callable[[Feed], None], spill: Spill, counts: Counts) -> None:
    """Brings a site's posts to the spill."""
    before = counts.totals["records"] + counts.skipped.total()
    stream = RowStream(_Sorting(name, spill, counts).add, partial(counts.skip, OVERSIZE, name))
    utf8 = Utf8(stream.feed)
    unpack(utf8.feed)
    utf8.end()
    stream.end()
    if counts.totals["records"] + counts.skipped.total() == before:
        counts.note(NO_ROWS, name)


class _Sorting:
    """Gives each row its thread's number: a question's own, or the one that an answer is to."""

    _POST = re.compile(rb' Id="(\d{1,18})" PostTypeId="(\d+)"')
    _PARENT = re.compile(rb' ParentId="(\d{1,18})"')

    def __init__(self, name: str, spill: Spill, counts: Counts) -> None:
        self._name, self._spill, self._counts = name, spill, counts

    def add(self, row: bytes) -> None:
        self._counts.add("records")
        post = self._POST.match(row, 4)
        parent = self._PARENT.search(row) if post and post[2] == b"2" else None
        if post and post[2] in (b"1", b"2") and (post[2] == b"1" or parent):
            self._spill.add(int(parent[1] if parent else post[1]), row)
            return
        columns = rows.columns(row)  # the columns may stand in another order
        if columns is not None and columns.get("PostTypeId") not in (_QUESTION, _ANSWER):
            self._counts.skip(OTHER_POST, f"{self._name}#{columns.get('Id')}")
            return
        found = _post(columns)
        if found is None:
            self._counts.skip(NOT_A_ROW, f"{self._name}#{_shown(row)}")
        else:
            self._spill.add(found.thread, row)


def _post(columns: dict[str, str] | None) -> _Post | None:
    """A question or an answer; None where a row says neither whole."""
    if columns is None:
        return None
    number, kind = columns.get("Id", ""), columns.get("PostTypeId")
    thread = columns.get("ParentId", "") if kind == _ANSWER else number
    if kind not in (_QUESTION, _ANSWER) or not (_ID.fullmatch(number) and _ID.fullmatch(thread)):
        return None
    score = _SCORE.fullmatch(columns.get("Score", ""))
    return _Post(int(number), int(thread), int(score[0]) if score else 0, columns)


def _shown(row: bytes) -> str:
    return row[:80].decode("utf-8", "replace")


def _threads(
    run: list[bytes],
    name: str,
    site: str,
    source: str,
    config: StackExchangeConfig,
    counts: Counts,
) -> Iterator[Document]:
    questions: dict[int, _Post] = {}
    answers: dict[int, list[_Post]] = {}
    for row in run:
        post = _post(rows.columns(row))
        if post is None:
            counts.skip(NOT_A_ROW, f"{name}#{_shown(row)}")
        elif post.columns["PostTypeId"] == _ANSWER:
            answers.setdefault(post.thread, []).append(post)
        elif questions.setdefault(post.id, post) is not post:
            counts.skip(TWICE, f"{name}#{post.id}")
    for thread in answers.keys() - questions.keys():
        for answer in answers[thread]:
            counts.skip(NO_QUESTION, f"{name}#{answer.id}")
    for thread in sorted(questions):
        document = _document(questions[thread], answers.get(thread, []), name, site, source, config)
        if isinstance(document, str):
            counts.skip(document, f"{name}#{thread}")
        else:
            yield document


def _document(
    question: _Post,
    answers: list[_Post],
    name: str,
    site: str,
    source: str,
    config: StackExchangeConfig,
) -> Document | str:
    """A thread as a document, or the reason why it is none."""
    least = config.min_answer_score
    kept = [answer for answer in answers if least is None or answer.score >= least]
    kept.sort(key=lambda answer: (-answer.score, answer.id))
    if len(kept) < config.min_answers:
        return FEW_ANSWERS
    columns = question.columns
    title = " ".join(columns.get("Title", "").split())
    asked = "\n\n".join(filter(None, [title, html_to_text(columns.get("Body", ""))]))
    if not asked:
        return NO_TEXT
    replies = list(filter(None, (html_to_text(answer.columns.get("Body", "")) for answer in kept)))
    if config.marks:
        asked, replies = f"Q: {asked}", [f"A: {reply}" for reply in replies]
    text = "\n\n".join([asked, *replies])
    if len(text) < config.min_chars:
        return SHORT
    return Document(
        source=source,
        url=f"https://{site}/questions/{question.id}",
        origin=f"{name}#{question.id}",
        date=columns.get("CreationDate"),
        digest=None,
        license=_license(columns.get("ContentLicense")),
        title=title or None,
        text=text,
    )


def _license(stated: str | None) -> str | None:
    """`CC BY-SA 4.0`, as the dumps write it, as an SPDX identifier."""
    return "-".join(stated.split()) if stated else None
