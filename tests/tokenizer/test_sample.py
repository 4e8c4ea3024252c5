"""The tokenizer's sample: the same for any order, parts and tasks, and so are the model's bytes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import manifest as manifests
from corpus import schema
from corpus.components import parts
from corpus.errors import DataError
from corpus.keyed import uniform
from corpus.mixture import is_valid
from corpus.output import Output, Unit
from corpus.parquet import write_parquet
from corpus.spark import Engine, SparkConfig
from corpus.stage import Stage, run
from tokenizer.sample import Sample
from tokenizer.train import TokenizerConfig, train
from tokenizer.training_stages import MODEL_NAME, sample_config, sample_stage, tokenizer_stage

SEED, VALID = 7, 0.05
TOKENIZER = TokenizerConfig(vocab_size=400, sample_bytes=60_000)
WEIGHTS = {"web": 0.7, "code": 0.3, "spare": 0.0}


def smallest(documents: list[tuple[int, str]], wanted: int, seed: int) -> list[tuple[int, str]]:
    """The sample as it is defined: all documents sorted by hash, cut where there is enough."""
    ids = np.array([doc_id for doc_id, _ in documents], np.uint64)
    places = uniform(ids, seed, "tokenizer sample").tolist()
    taken, size = [], 0
    for _, doc_id, text in sorted((p, i, t) for p, (i, t) in zip(places, documents, strict=True)):
        if size >= wanted:
            break
        taken.append((doc_id, text))
        size += len(text.encode())
    return taken


def added(sample: Sample, documents: list[tuple[int, str]]) -> Sample:
    ids = np.array([doc_id for doc_id, _ in documents], np.uint64)
    sample.add(ids, pa.array([text for _, text in documents], pa.large_string()))
    return sample


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
documents = st.dictionaries(st.integers(0, 2**64 - 1), texts, max_size=60)


@given(documents, st.integers(1, 200), st.integers(1, 5), st.booleans())
def test_parts_sampled_apart_and_joined_are_the_sample_of_the_whole(found, wanted, parts, turned):
    rows = list(found.items())
    expected = smallest(rows, wanted, SEED)
    assert added(Sample(wanted, SEED), rows).documents() == expected
    joined = Sample(wanted, SEED)
    for part in range(parts):
        some = added(Sample(wanted, SEED), rows[part::parts]).documents()
        joined = added(joined, some[::-1] if turned else some)
    assert joined.documents() == expected
    assert joined.bytes == sum(len(text.encode()) for _, text in expected)


def test_a_sample_is_of_its_seed_and_just_enough():
    rows = [(i * 7919, f"document {i} " * (i % 13 + 1)) for i in range(400)]
    found = added(Sample(5000, 1), rows).documents()
    sizes = [len(text.encode()) for _, text in found]
    assert sum(sizes) >= 5000 > sum(sizes[:-1])
    assert added(Sample(5000, 2), rows).documents() != found
    assert len(added(Sample(10**9, 1), rows).documents()) == 400


class Documents(dict):
    """Texts by source and id."""

    def written(self, folder: Path, files: int) -> manifests.Manifest:
        """As a documents stage leaves them, each source in so many files."""

        def work(unit: Unit, output: Output) -> None:
            source, rows = unit.payload
            ids, texts = zip(*rows, strict=True)
            batch = pa.record_batch({"doc_id": pa.array(ids, pa.uint64()), "text": list(texts)})
            local = output.scratch / "t.parquet"
            write_parquet(local, [batch], batch.schema, 100)
            size = sum(len(text.encode()) for text in texts)
            facts = {"source": source, "text_bytes": size}
            output.put(local, unit.name, "parquet", len(rows), facts)

        units = [
            Unit(f"{source}-{i}", (str(files),), (source, list(rows.items())[i::files]))
            for source, rows in self.items()
            for i in range(files)
        ]
        stage = Stage("documents", {}, units, ("corpus.schema",), work=work, in_driver=True)
        return run(stage, str(folder), Engine(SparkConfig())).manifest


@pytest.fixture(scope="module")
def corpus(stdlib_texts) -> Documents:
    parts = [line for text in stdlib_texts[:60] for line in text.split("\n\n") if line.strip()]
    ids = np.random.default_rng(1).permutation(len(parts)).astype(np.uint64).tolist()
    rows = list(zip(ids, parts, strict=True))
    return Documents(
        web=dict(rows[::2]), code=dict(rows[1::2]), spare=dict.fromkeys(range(7), "spare")
    )


@pytest.fixture(scope="module")
def model(corpus, tmp_path_factory) -> bytes:
    """The model trained on all documents in one list, without stages."""
    texts = []
    for name, share in (("code", 0.3), ("web", 0.7)):
        ids = np.array(list(corpus[name]), np.uint64)
        held_out = set(ids[is_valid(ids, SEED, VALID)].tolist())
        rows = [(i, text) for i, text in corpus[name].items() if i not in held_out]
        wanted = int(TOKENIZER.sample_bytes * share / 1.0)
        texts += [text for _, text in smallest(rows, wanted, SEED)]
    path = tmp_path_factory.mktemp("oracle") / MODEL_NAME
    train(texts, TOKENIZER, str(path))
    return path.read_bytes()


def trained(
    folder: Path, kept: manifests.Manifest, engine, bounded: bool = True
) -> tuple[bytes, manifests.Manifest]:
    files = parts(kept, None, {})
    config = sample_config(files, WEIGHTS, TOKENIZER, VALID, SEED, bounded)
    sampled = run(sample_stage(files, config), str(folder), engine).manifest
    assert not config.falls_short(sampled)
    made = run(tokenizer_stage(sampled, config, TOKENIZER), str(folder), engine).manifest
    return Path(made.path(made.files[0])).read_bytes(), sampled


@pytest.mark.parametrize("files", [1, 2, 7])
def test_the_model_is_the_same_for_any_files_and_partitions(files, corpus, model, tmp_path, engine):
    kept = corpus.written(tmp_path, files)
    spark = Engine(SparkConfig(partitions=files), engine.session)
    found, sampled = trained(tmp_path, kept, spark)
    assert found == model
    assert len(sampled.files) == 2 * files, "a source without weight is not read"


def test_tasks_keep_little_more_than_the_sample(corpus, model, tmp_path, engine):
    kept = corpus.written(tmp_path, 7)
    assert sum(file.facts["text_bytes"] for file in kept.files) > 8 * TOKENIZER.sample_bytes
    _, sampled = trained(tmp_path, kept, engine)
    held = sum(sum(file.facts["text_bytes"].values()) for file in sampled.files)
    assert TOKENIZER.sample_bytes < held < 3 * TOKENIZER.sample_bytes
    found, unbounded = trained(tmp_path / "unbounded", kept, engine, bounded=False)
    assert found == model
    assert sum(sum(f.facts["text_bytes"].values()) for f in unbounded.files) > 2 * held


def test_a_bound_that_keeps_too_much_out_is_noticed(corpus, tmp_path, engine):
    kept = parts(corpus.written(tmp_path, 2), None, {})
    config = sample_config(kept, WEIGHTS, TOKENIZER, VALID, SEED)
    tight = replace(config, below={name: below / 4 for name, below in config.below.items()})
    assert tight.falls_short(run(sample_stage(kept, tight), str(tmp_path), engine).manifest)


def test_no_documents_are_said_in_one_line(tmp_path, engine):
    kept = parts(Documents(web={1: ""}).written(tmp_path, 1), None, {})
    config = sample_config(kept, {"code": 1.0}, TOKENIZER, VALID, SEED)
    sampled = run(sample_stage(kept, config), str(tmp_path), engine).manifest
    with pytest.raises(DataError, match="the sample has no document to train a tokenizer on"):
        run(tokenizer_stage(sampled, config, TOKENIZER), str(tmp_path), engine)
    assert schema.SAMPLE.names == ["doc_id", "component", "text"]
