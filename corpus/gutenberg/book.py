"""A file's text to its book: what the archive put around it goes, what it states is kept."""

from typing import NamedTuple

from corpus.gutenberg.credits import after_credits, before_notes
from corpus.gutenberg.first_pages import without_notes
from corpus.gutenberg.layout import newlines, tidy, unwrap
from corpus.gutenberg.marks import find_body
from corpus.gutenberg.metadata import Metadata, read_metadata

_HEADER_CHARACTERS = 16 << 10  # of a header in which facts are stated


class Book(NamedTuple):
    """A book's text, what its header states, and what was found around it."""

    text: str
    metadata: Metadata
    header: bool
    footer: bool


def clean(text: str, file_name: str, unwrapped: bool = False) -> Book:
    """The book in a file's decoded text; the whole of it where no mark is found. Never raises."""
    text = newlines(text)
    body = find_body(text)
    start, end = body.start, body.end
    metadata = read_metadata(text[:start][:_HEADER_CHARACTERS], file_name)
    if body.header:
        start = after_credits(text, start, end)
    if body.footer:
        end = before_notes(text, start, end)
    book = text[start:end]
    kept = tidy(without_notes(book) if body.header else book)
    return Book(unwrap(kept) if unwrapped else kept, metadata, body.header, body.footer)
