"""Batches, validation windows and counts, over small real shards.

Every token is its own position in its source's stream, so a row says by itself where it was read.
"""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_shards import FIRST_TOKEN, VOCAB, write_manifest

from corpus.errors import ConfigError, ShardError
from train.data import Loader, validation
from train.token_counts import token_counts

ROOT = Path(__file__).parents[2]
SEQ = 16
SIZES = {
    ("web", "train"): [700, 3, 1, 500, 801],  # windows cross two and three shards
    ("code", "train"): [400, 113],
    ("web", "valid"): [130, 62],  # a multiple of SEQ: the last window lacks its last token
    ("tiny", "train"): [SEQ],
}
WEIGHTS = {"web": 0.75, "code": 0.25}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    return write_manifest(tmp_path_factory.mktemp("shards"), SIZES)


def starts(batch: np.ndarray, source: str) -> list[int]:
    mine = batch[:, 0] // 50_000 == FIRST_TOKEN[source] // 50_000
    return (batch[mine, 0] - FIRST_TOKEN[source]).tolist()


def test_a_sample_is_a_whole_window_on_the_stride(manifest):
    batch = Loader(manifest, WEIGHTS, SEQ, 64, seed=3).batch(5)
    assert batch.shape == (64, SEQ + 1)
    assert batch.dtype == np.int64
    assert np.array_equal(batch, batch[:, :1] + np.arange(SEQ + 1))
    for source in WEIGHTS:
        assert all(start % SEQ == 0 for start in starts(batch, source))


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_each_epoch_visits_each_sample_once_in_an_order_of_its_own(manifest, batch_size):
    loader = Loader(manifest, WEIGHTS, SEQ, batch_size, seed=3)
    stream = np.concatenate([loader.batch(step) for step in range(1100 // batch_size)])
    for source in WEIGHTS:
        windows = (sum(SIZES[source, "train"]) - 1) // SEQ
        seen = starts(stream, source)
        epochs = [seen[i : i + windows] for i in range(0, len(seen) - windows + 1, windows)]
        assert len(epochs) >= 3
        for epoch in epochs:
            assert sorted(epoch) == list(range(0, windows * SEQ, SEQ))
        assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


@settings(max_examples=60, deadline=None)
@given(
    step=st.integers(0, 10**12),
    cuts=st.lists(st.integers(0, 48), max_size=6).map(sorted),
    ranks=st.sampled_from([1, 2, 3, 16]),
)
def test_any_split_of_the_rows_gives_the_same_batch(manifest, step, cuts, ranks):
    loader = Loader(manifest, WEIGHTS, SEQ, 48, seed=3)
    whole = loader.batch(step)
    edges = [0, *cuts, 48]
    contiguous = [loader.batch(step, slice(a, b)) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate(contiguous), whole)
    for rank in range(ranks):
        strided = Loader(manifest, WEIGHTS, SEQ, 48, seed=3).batch(step, slice(rank, None, ranks))
        assert np.array_equal(strided, whole[rank::ranks])


def test_the_order_does_not_depend_on_the_batch_size(manifest):
    small, large = (Loader(manifest, WEIGHTS, SEQ, size, seed=3) for size in (8, 40))
    assert np.array_equal(np.concatenate([small.batch(s) for s in range(10, 15)]), large.batch(2))
    huge = Loader(manifest, WEIGHTS, SEQ, 5000, seed=3)  # more than is located at once
    assert np.array_equal(np.concatenate([small.batch(s) for s in range(625, 1250)]), huge.batch(1))


def test_a_batch_depends_on_no_earlier_call(manifest):
    used = Loader(manifest, WEIGHTS, SEQ, 32, seed=3)
    for step in (9, 0, 4, 9):
        assert np.array_equal(
            used.batch(step), Loader(manifest, WEIGHTS, SEQ, 32, seed=3).batch(step)
        )


def test_narrow_and_wide_tokens_are_read_alike(manifest, tmp_path):
    narrow = write_manifest(tmp_path, {("web", "train"): SIZES["web", "train"]}, vocab=50_000)
    found, wide = (Loader(m, {"web": 1.0}, SEQ, 300, seed=3).batch(0) for m in (narrow, manifest))
    assert np.array_equal(found, wide)
    assert np.array_equal(found, found[:, :1] + np.arange(SEQ + 1))


@pytest.mark.parametrize("maps", [1, 2, 3])
def test_with_few_maps_at_once_the_batch_is_the_same(manifest, monkeypatch, maps):
    whole = Loader(manifest, WEIGHTS, SEQ, 200, seed=3).batch(1)
    monkeypatch.setattr("train.streams._MAPPED_SHARDS", maps)
    assert np.array_equal(Loader(manifest, WEIGHTS, SEQ, 200, seed=3).batch(1), whole)


def test_another_seed_gives_another_order_of_the_same_samples(manifest):
    a, b = (Loader(manifest, WEIGHTS, SEQ, 125, seed=seed).batch(0) for seed in (3, 4))
    assert starts(a, "web") != starts(b, "web")
    assert len(starts(a, "web")) == len(starts(b, "web")) == 94


def test_realised_tokens_and_epochs_are_what_the_batches_hold(manifest):
    loader = Loader(manifest, {"code": 1, "web": 3, "tiny": 0}, SEQ, 7, seed=3)
    assert loader.sources == ("code", "web")
    batches = np.concatenate([loader.batch(step) for step in range(23)])
    counts = {source: len(starts(batches, source)) for source in loader.sources}
    assert loader.realised(23) == {source: count * SEQ for source, count in counts.items()}
    windows = {source: (sum(SIZES[source, "train"]) - 1) // SEQ for source in loader.sources}
    assert loader.epochs(23) == {s: counts[s] / windows[s] for s in loader.sources}
    assert abs(counts["web"] - 0.75 * 7 * 23) < 1


def test_validation_is_spread_over_the_split_and_never_changes(manifest):
    assert validation(manifest, "web", SEQ, 1000)[:, 0].tolist() == list(range(0, 176, SEQ))
    few = validation(manifest, "web", SEQ, 4)
    assert few[:, 0].tolist() == [0, 32, 80, 128]
    assert np.array_equal(few, few[:, :1] + np.arange(SEQ + 1))


def test_too_small_a_validation_split_is_not_mended_by_a_weight(manifest):
    with pytest.raises(
        ShardError,
        match=r"valid split of source 'code' .* has 0 tokens.*raise mixture\.valid_share",
    ) as raised:
        validation(manifest, "code", SEQ, 4)
    assert "weight 0" not in str(raised.value)


def test_token_counts_count_every_token_of_the_split(manifest):
    counts = token_counts(manifest, "code", "train", VOCAB)
    assert counts.shape == (VOCAB,)
    assert np.flatnonzero(counts).tolist() == list(range(50_000, 50_513))
    assert counts.max() == 1
    with pytest.raises(ShardError, match=r"holds token 50399, the vocabulary has 4096"):
        token_counts(manifest, "code", "train", 4096)


@pytest.mark.parametrize("max_tokens", [None, 10_000, 2005, 2004, 600, 97, 1])
@pytest.mark.parametrize("ranks", [1, 3, 7])
def test_ranks_count_an_even_sample_together(manifest, max_tokens, ranks):
    parts = [
        token_counts(manifest, "web", "train", VOCAB, max_tokens, rank, ranks)
        for rank in range(ranks)
    ]
    counts = sum(parts)
    whole = sum(SIZES["web", "train"])
    assert np.array_equal(counts, token_counts(manifest, "web", "train", VOCAB, max_tokens))
    assert counts.max() == 1
    expected = min(max_tokens or whole, whole)
    assert counts.sum() == expected
    # Every token is its own position, so the ids that were counted are where they stood.
    gaps = np.diff(np.flatnonzero(counts))
    assert gaps.max(initial=1) <= -(-whole // expected)
    sizes = [part.sum() for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_of_a_large_source_only_the_heads_of_its_spans_are_counted(manifest, monkeypatch):
    monkeypatch.setattr("train.token_counts._COUNT_SPANS", 5)
    counted = np.flatnonzero(token_counts(manifest, "web", "train", VOCAB, 1500))
    edges = [0, 401, 802, 1203, 1604]
    assert counted.tolist() == [edge + i for edge in edges for i in range(300)]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"wbe": 1.0}, "source 'wbe', the shards have code, tiny, web; did you"),
        ({"web": -0.5}, "weight -0.5 of source 'web'"),
        ({"web": float("nan")}, "weight nan of source 'web'"),
        ({"web": 1e308, "code": 1e308}, "weights add up to more than 1.8e308"),
        ({"web": 0.0}, "no source has a weight above 0"),
        ({}, "no source has a weight above 0"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(manifest, weights, message):
    with pytest.raises(ConfigError, match=message):
        Loader(manifest, weights, SEQ, 4, seed=0)


def test_sizes_below_one_are_refused(manifest):
    with pytest.raises(ConfigError, match="batch_size=0 must be 1 or more"):
        Loader(manifest, WEIGHTS, SEQ, 0, seed=0)
    with pytest.raises(ConfigError, match="max_sequences=0 must be 1 or more"):
        validation(manifest, "web", SEQ, 0)
    with pytest.raises(ConfigError, match="seq_length=0 must be 1 or more"):
        Loader(manifest, WEIGHTS, 0, 4, seed=0)


def test_a_source_shorter_than_a_sample_is_refused(manifest):
    with pytest.raises(
        ShardError, match=r"'tiny' .* has 16 tokens, a sample needs 17; .* give it weight 0"
    ):
        Loader(manifest, {"tiny": 1.0}, SEQ, 4, seed=0)


def test_starting_up_opens_no_shard(tmp_path):
    manifest = write_manifest(tmp_path, SIZES)
    for shard in tmp_path.glob("*.arrow"):
        shard.unlink()
    assert Loader(manifest, WEIGHTS, SEQ, 4, seed=0).epochs(0) == {"code": 0.0, "web": 0.0}


def test_loading_needs_neither_torch_nor_spark():
    code = "import sys, train.data; print({'torch', 'pyspark'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_a_step_that_no_run_has_is_refused(manifest):
    loader = Loader(manifest, WEIGHTS, SEQ, 8, seed=3)
    with pytest.raises(ConfigError, match="step=-1 must be 0 to "):
        loader.batch(-1)
    with pytest.raises(ConfigError, match=f"step={2**62} must be 0 to "):
        loader.batch(2**62)
    assert loader.batch(2**40).shape == (8, SEQ + 1)
    for of_step in (loader.sources_of, loader.epochs, loader.realised):
        with pytest.raises(ConfigError, match="step=-1 must be 0 to "):
            of_step(-1)


def test_a_step_may_be_any_integer_of_numpys(manifest):
    loader = Loader(manifest, WEIGHTS, SEQ, 8, seed=3)
    for step in (np.uint8(200), np.int32(300_000_000)):
        np.testing.assert_array_equal(loader.batch(step), loader.batch(int(step)))


@pytest.mark.parametrize(
    ("shape", "dtype"), [((8, SEQ + 2), np.int64), ((7, SEQ + 1), np.int64), ((8, SEQ + 1), float)]
)
def test_an_array_of_another_kind_is_not_written_to(manifest, shape, dtype):
    loader = Loader(manifest, WEIGHTS, SEQ, 8, seed=3)
    out = np.zeros(shape, dtype)
    with pytest.raises(ConfigError, match="give an array to write to of that kind"):
        loader.batch(0, out=out)
    assert not out.any()


def test_an_array_that_may_not_be_written_to_is_refused(manifest):
    out = np.zeros((8, SEQ + 1), np.int64)
    out.flags.writeable = False
    with pytest.raises(ConfigError, match="out is read-only int64"):
        Loader(manifest, WEIGHTS, SEQ, 8, seed=3).batch(0, out=out)
