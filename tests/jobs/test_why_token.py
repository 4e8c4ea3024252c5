"""`why-token`: every token a step was trained on is led back to its document and its record."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import report_run

from corpus import manifest as manifests
from corpus.batches import read_table
from corpus.errors import ConfigError, DataError
from jobs.cli import main
from jobs.report.step_documents import Answer, Piece, Sample, why
from tokenizer.encode import Encoder
from tokenizer.shards import open_shard
from train.data import Loader
from train.spans import spans
from train.streams import TokenStream, manifest_files


def rows_of(run, stage: str) -> dict[int, dict]:
    manifest = manifests.read(str(run.folder / stage))
    tables = (read_table(manifest.path(file)) for file in manifest.files)
    return {row["doc_id"]: row for table in tables for row in table.to_pylist()}


def loader_of(run) -> Loader:
    training = run.config.training()
    schedule = training.schedule
    return Loader(
        training.manifest,
        training.weights,
        training.shape.seq_length,
        schedule.batch_sequences,
        training.seed,
    )


def tokens_told(answer: Answer) -> list[list[int]]:
    """The sequences as an answer's pieces put them together from the shards."""
    sequences = []
    for sample in answer.samples:
        tokens: list[int] = []
        for piece in sample.pieces:
            shard = open_shard(piece.shard)
            assert int(shard.doc_ids[piece.document]) == piece.doc_id
            start = int(shard.offsets[piece.document])
            assert piece.at == (len(tokens), len(tokens) + piece.tokens[1] - piece.tokens[0])
            tokens += shard.tokens[start + piece.tokens[0] : start + piece.tokens[1]].tolist()
        sequences.append(tokens)
    return sequences


@pytest.mark.parametrize("step", [1, 17, report_run.STEPS])
def test_the_pieces_are_the_very_tokens_of_the_step(reported_run, step):
    answer = why(str(reported_run.folder), step)
    batch = loader_of(reported_run).batch(step - 1)
    assert tokens_told(answer) == batch.tolist()
    assert [sample.row for sample in answer.samples] == list(range(len(batch)))


def test_each_document_is_named_with_its_rows_and_record(reported_run):
    ledgers = {**rows_of(reported_run, "ledger/web"), **rows_of(reported_run, "ledger/code")}
    decided = {**rows_of(reported_run, "decisions/web"), **rows_of(reported_run, "decisions/code")}
    texts = rows_of(reported_run, "documents")
    encoder = Encoder(str(reported_run.folder / "tokenizer/tokenizer.model"))
    sources = set()
    for step in range(1, 11):
        answer = why(str(reported_run.folder), step)
        assert answer.without_tables is None
        for sample in answer.samples:
            for piece in sample.pieces:
                sources.add(piece.source)
                assert piece.source == sample.drawn_from
                assert piece.ledger == ledgers[piece.doc_id]
                assert piece.decision == decided[piece.doc_id]
                kept = texts[piece.doc_id]
                assert piece.record["origin"] == kept["origin"]
                assert piece.record["url"] == kept["url"]
                tokens, _ = encoder.encode_batch(pa.array([kept["text"]]))
                assert len(tokens) == piece.of_tokens
    assert sources == {"web", "code"}


def test_a_rank_is_told_what_it_read_alone(reported_run):
    whole = why(str(reported_run.folder), 9)
    parts = [why(str(reported_run.folder), 9, rank, 2) for rank in (0, 1)]
    assert [s for part in parts for s in part.samples] == whole.samples
    batch = loader_of(reported_run).batch(8)
    assert tokens_told(parts[1]) == batch[len(batch) // 2 :].tolist()


def test_windows_over_two_shards_and_sources_are_led_back_too(reported_run):
    manifest = reported_run.config.training().manifest
    stream = TokenStream(manifest, manifest_files(manifest), ("web", "code"), "train")
    ends = np.cumsum([file.tokens for file in stream.files])[:-1]
    assert len(ends) > 3
    for position in [int(end) - back for end in ends for back in (64, 30, 1, 0)]:
        pieces = [Piece(**vars(span)) for span in spans(stream, position, 65)]
        row = np.empty((1, 65), dtype=np.int64)
        stream.read(np.array([position]), row)
        sample = Sample(0, "any", pieces)
        assert tokens_told(Answer(1, 1, None, 1, 65, [sample], None)) == row.tolist()


def test_the_table_and_the_json_say_it(reported_run, capsys):
    folder = str(reported_run.folder)
    answer = why(folder, 3, 0)
    assert main(["why-token", folder, "3", "0"]) == 0
    out = capsys.readouterr().out
    assert f"step 3 of {report_run.STEPS}, rank 0 of 1: 4 sequences of 65 tokens" in out
    for sample in answer.samples:
        assert f"sequence {sample.row}, drawn from {sample.drawn_from}" in out
        for piece in sample.pieces:
            assert str(piece.doc_id) in out.replace("\n", "").replace(" ", "")
            assert piece.source in out
    assert "kept, " in out
    assert main(["why-token", folder, "3", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    piece = tree["samples"][0]["pieces"][0]
    assert piece["ledger"]["doc_id"] == piece["doc_id"] == piece["decision"]["doc_id"]
    assert tree["steps"] == report_run.STEPS


def test_a_training_alone_tells_documents_by_number(reported_run, tmp_path):
    shutil.copytree(reported_run.folder / "shards", tmp_path / "moved/shards")
    shutil.copytree(reported_run.folder / "train", tmp_path / "moved/train")
    answer = why(str(tmp_path / "moved"), 2)
    assert "config.yaml" in answer.without_tables
    assert tokens_told(answer) == loader_of(reported_run).batch(1).tolist()
    assert answer.samples[0].pieces[0].ledger is None
    own = why(str(reported_run.folder / "train"), 2)
    assert own.samples == why(str(reported_run.folder), 2).samples
    # Of a run that left a batch out, a step is asked for by what its row says it took.
    metrics = tmp_path / "moved/train/metrics.jsonl"
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    rows = [{**row, "batch": 5} if row["step"] == 2 else row for row in rows]
    metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert tokens_told(why(str(tmp_path / "moved"), 2)) == loader_of(reported_run).batch(4).tolist()


def test_what_there_is_none_of_is_one_line(reported_run, tmp_path, capsys):
    folder = str(reported_run.folder)
    for step in (0, report_run.STEPS + 1):
        with pytest.raises(ConfigError, match=f"choose 1 to {report_run.STEPS}"):
            why(folder, step)
    with pytest.raises(ConfigError, match="rank 1 is none of 1"):
        why(folder, 1, 1)
    for ranks in (0, -2):
        with pytest.raises(ConfigError, match=f"{ranks} ranks: choose 1 or more"):
            why(folder, 1, None, ranks)
    with pytest.raises(ConfigError, match="3 ranks do not divide a batch of 4"):
        why(folder, 1, 1, 3)
    with pytest.raises(DataError, match="nothing was trained in"):
        why(str(tmp_path), 1)
    assert main(["why-token", folder, "1", "7"]) == 2
    assert "rank 7 is none of 1; choose 0 (or" in capsys.readouterr().err


def test_a_damaged_shard_is_named(reported_run, tmp_path, capsys):
    shutil.copytree(reported_run.folder, tmp_path / "run")
    for path in Path(tmp_path / "run/shards").glob("*-train-*.arrow"):
        content = bytearray(path.read_bytes())
        content[open_shard(str(path)).blocks[1].start + 8] ^= 1
        path.write_bytes(content)
    assert main(["why-token", str(tmp_path / "run"), "1"]) == 2
    assert "of its offsets)" in capsys.readouterr().err
