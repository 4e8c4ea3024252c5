"""Stages `model` and `scores`: the classifier, and what it says of pages it has not seen."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.annotate.model_file import local_model
from corpus.annotate.references import ReferenceClassifier
from corpus.batches import read_batches, read_table
from corpus.manifest import Manifest, OutputFile
from corpus.output import Output, Unit
from corpus.references.curves import curves
from corpus.references.examples import TRAIN
from corpus.references.training import ClassifierConfig, train_classifier
from corpus.stage import Stage

MODEL_NAME = "references.bin"


def model_stage(examples: Manifest, config: ClassifierConfig) -> Stage:
    """fastText, in the driver: one thread, so that equal examples give equal bytes."""
    train = _file(examples, f"{TRAIN}.txt")
    return Stage(
        name="model",
        config=config,
        units=[Unit("references", (train.sha256,), (examples.path(train), config))],
        modules=("corpus.references.model",),
        work=train_model,
        in_driver=True,
    )


def train_model(unit: Unit, output: Output) -> None:
    examples, config = unit.payload
    local = output.scratch / "model.bin"
    with local_model(examples, "run the training again") as path:
        output.counts.add("words", train_classifier(Path(path), config, local))
    name, _, suffix = MODEL_NAME.partition(".")
    output.put(local, name, suffix, rows=0, exact_name=True)


def scores_stage(model: Manifest, examples: Manifest) -> Stage:
    trained = _file(model, MODEL_NAME)
    (held_out,) = (file for file in examples.files if file.name.endswith(".parquet"))
    payload = (model.path(trained), examples.path(held_out))
    return Stage(
        name="scores",
        config={},
        units=[Unit("scores", (trained.sha256, held_out.sha256), payload)],
        modules=("corpus.references.model",),
        work=score,
        in_driver=True,
    )


def score(unit: Unit, output: Output) -> None:
    """Writes the probability of each held-out page, with the areas under both curves as facts."""
    model, held_out = unit.payload
    classifier = ReferenceClassifier(model)
    table = pa.Table.from_batches(_scored(classifier, held_out), schema.SCORE)
    measured = curves(*labels_and_probabilities(table))
    facts = {"auc": measured.auc, "average_precision": measured.average_precision}
    output.counts.add("pages", table.num_rows)
    output.write_table(table.to_batches(), schema.SCORE, facts=facts)


def read_scores(scores: Manifest) -> pa.Table:
    return read_table(scores.path(scores.files[0]))


def labels_and_probabilities(scores: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Labels [N] bool and probabilities [N] of rows of SCORE."""
    return scores.column("is_reference").to_numpy(), scores.column("probability").to_numpy()


def _scored(classifier: ReferenceClassifier, path: str) -> Iterator[pa.RecordBatch]:
    for batch in read_batches(path):
        found = classifier.probabilities(batch.column("line"))
        columns = [batch.column("url"), batch.column("is_reference"), found]
        yield pa.RecordBatch.from_arrays(columns, schema=schema.SCORE)


def _file(manifest: Manifest, name: str) -> OutputFile:
    return next(file for file in manifest.files if file.name == name)
