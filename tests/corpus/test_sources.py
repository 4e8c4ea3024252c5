"""What all readers share: the registry, and batches of documents."""

import pytest

from corpus.counts import Counts
from corpus.extract import reader_names
from corpus.formats import documents
from corpus.formats.documents import Document, to_batches
from corpus.keyed import document_id
from corpus.schema import DOCUMENT
from corpus.sources import READERS


def document(number: int, text: str = "text") -> Document:
    return Document("web", f"u{number}", f"f#{number}", None, None, None, None, text)


def test_batches_are_bounded_and_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 10)
    monkeypatch.setattr(documents, "MAX_DOCUMENTS", 3)
    counts = Counts()
    texts = ["x", "x", "x", "é" * 5, "x", "x" * 20, "y"]
    batches = list(to_batches((document(i, t) for i, t in enumerate(texts)), counts))
    assert [batch["text"].to_pylist() for batch in batches] == [
        ["x", "x", "x"],
        ["é" * 5],
        ["x", "x" * 20],
        ["y"],
    ]
    assert all(batch.schema == DOCUMENT for batch in batches)
    assert batches[0]["doc_id"].to_pylist() == [document_id("web", f"f#{i}") for i in range(3)]
    assert counts.totals == {"documents": 7, "chars": 30}


def test_no_document_gives_no_batch() -> None:
    assert list(to_batches([], Counts())) == []


def test_every_reader_has_a_default_config() -> None:
    for reader in READERS.values():
        reader.config()


def test_readers_that_share_an_input_have_suffixes_of_their_own() -> None:
    suffixes = [suffix for name in reader_names("crawl") for suffix in READERS[name].suffixes]
    assert len(suffixes) == len(set(suffixes))
