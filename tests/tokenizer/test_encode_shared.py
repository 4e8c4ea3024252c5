"""The compiled encoder and the library on real text: a crawl, and 388 languages."""

import itertools
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sentencepiece

from corpus.counts import Counts
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile
from tokenizer.encode import Encoder
from tokenizer.train import TokenizerConfig, train


def declarations(shared: Path) -> list[str]:
    with zipfile.ZipFile(shared / "multilingual/nltk_data/udhr2.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".txt")]
        return [archive.read(name).decode("utf-8", "replace") for name in names]


def crawled(shared: Path) -> Iterator[str]:
    path = shared / "crawl/wet/crawl-00002.warc.wet.gz"
    file = InputFile(str(path), path.name, path.stat().st_size)
    for batch in read(file, "web", WetConfig(), Counts()):
        yield from batch.column("text").to_pylist()


@pytest.fixture(scope="module")
def many_languages(shared, tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("languages") / "tokenizer.model")
    train(declarations(shared)[::2], TokenizerConfig(12_000), path)
    return path


@pytest.fixture(scope="module")
def of_32k(shared, tmp_path_factory) -> str:
    """As many pieces as LLaMA's."""
    path = str(tmp_path_factory.mktemp("of_32k") / "tokenizer.model")
    sample = [*declarations(shared)[::4], *itertools.islice(crawled(shared), 0, None, 2)]
    train(sample, TokenizerConfig(32_000), path)
    return path


@pytest.mark.parametrize("texts", [declarations, crawled])
def test_real_texts_have_the_ids_of_the_library(shared, many_languages, of_32k, model_path, texts):
    documents = list(texts(shared))
    assert sum(map(len, documents)) > 1_000_000
    for model, pieces in ((of_32k, 32_000), (many_languages, 12_000), (model_path, 1500)):
        library = sentencepiece.SentencePieceProcessor(model_file=model)
        assert library.vocab_size() == pieces
        expected = library.encode_as_numpy(documents, add_bos=True, add_eos=True)
        tokens, offsets = Encoder(model).encode_batch(pa.array(documents, pa.large_string()))
        assert np.array_equal(tokens, np.concatenate(expected))
        assert np.diff(offsets).tolist() == [len(ids) for ids in expected]
