"""The plan of a mixture, by LLaMA's own table 1, and the documents held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import ConfigError
from corpus.mixture import MixtureConfig, is_valid, plan

# source: tokens in billions, weight, epochs of 1.4T tokens (LLaMA table 1)
PAPER = {
    "commoncrawl": (853.0, 0.67, 1.10),
    "c4": (198.0, 0.15, 1.06),
    "github": (98.4, 0.045, 0.64),
    "wikipedia": (25.7, 0.045, 2.45),
    "books": (28.3, 0.045, 2.23),
    "arxiv": (33.0, 0.025, 1.06),
    "stackexchange": (27.2, 0.02, 1.03),
}
AVAILABLE = {source: round(tokens * 1e9) for source, (tokens, _, _) in PAPER.items()}
WEIGHTS = {source: weight for source, (_, weight, _) in PAPER.items()}
TOKENS = 1_400_000_000_000


def test_the_epochs_of_the_paper() -> None:
    rows = plan(AVAILABLE, WEIGHTS, TOKENS)
    assert {row.source: round(row.epochs, 2) for row in rows} == {
        source: epochs for source, (_, _, epochs) in PAPER.items()
    }
    assert {row.source: row.share for row in rows} == pytest.approx(WEIGHTS)
    assert sum(row.asked for row in rows) == TOKENS


def test_weights_are_shares_of_their_sum() -> None:
    rows = plan({"web": 100, "code": 100, "spare": 7}, {"web": 3, "code": 1}, 200)
    assert [(row.source, row.share, row.asked, row.epochs) for row in rows] == [
        ("code", 0.25, 50, 0.5),
        ("web", 0.75, 150, 1.5),
    ]


def test_too_many_epochs_name_the_weight_and_what_fits() -> None:
    plan(AVAILABLE, WEIGHTS, TOKENS, max_epochs=2.46)
    said = r"weights\.wikipedia: share 0\.0450 asks for 2\.45 epochs, over max_epochs=2\.4;"
    with pytest.raises(ConfigError, match=rf"{said} a share up to 0\.0441 fits"):
        plan(AVAILABLE, WEIGHTS, TOKENS, max_epochs=2.4)


def test_a_source_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"weights\.wbe: no such source; the shards hold code, w"):
        plan({"web": 1, "code": 1}, {"wbe": 1}, 10)


def test_an_empty_source_has_no_weight() -> None:
    available = {"web": 10, "code": 0}
    with pytest.raises(ConfigError, match=r"weights\.code=0\.5: the source has no tokens; set it"):
        plan(available, {"web": 0.5, "code": 0.5}, 10)
    code, web = plan(available, {"web": 0.5, "code": 0}, 10, max_epochs=1)
    assert (code.asked, code.epochs) == (0, 0.0)
    assert (web.asked, web.epochs) == (10, 1.0)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"valid_share": 0.0}, "valid_share=0.0 must be above 0"),
        ({"valid_share": 0.5}, "valid_share=0.5 must be above 0"),
        ({"weights": {"web": -1.0}}, r"weights\.web=-1\.0 must be a finite number"),
        ({"weights": {"web": float("nan")}}, r"weights\.web=nan must be a finite number"),
        ({"weights": {"web": float("inf")}}, r"weights\.web=inf must be a finite number"),
        ({"weights": {"web": 0.0, "code": 0.0}}, "add up to 0"),
    ],
)
def test_configs_that_are_refused(config: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        MixtureConfig(**config)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.4])
@pytest.mark.parametrize("ids", ["hashed", "counted"])
def test_the_share_held_out_is_the_one_configured(share: float, ids: str) -> None:
    size = 200_000
    doc_ids = np.arange(size, dtype=np.uint64)
    if ids == "hashed":
        doc_ids = np.random.default_rng(3).integers(0, 2**64, size, np.uint64)
    deviation = (share * (1 - share) / size) ** 0.5
    assert abs(is_valid(doc_ids, 5, share).mean() - share) < 4 * deviation


def test_a_larger_share_holds_out_the_same_and_more_and_a_seed_others() -> None:
    doc_ids = np.arange(10_000, dtype=np.uint64)
    small, large = is_valid(doc_ids, 5, 0.05), is_valid(doc_ids, 5, 0.1)
    assert large[small].all()
    both = (large & is_valid(doc_ids, 6, 0.1)).sum()
    assert 50 < both < 150, "two seeds agree by chance alone"


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50).flatmap(
        lambda ids: st.tuples(st.just(ids), st.permutations(range(len(ids))))
    ),
    st.integers(0, 50),
)
def test_any_order_and_split_of_ids_holds_out_the_same(drawn, cut: int) -> None:
    ids, order = drawn
    doc_ids = np.array(ids, np.uint64)
    expected = is_valid(doc_ids, 5, 0.3)
    shuffled = doc_ids[order]
    parts = [is_valid(part, 5, 0.3) for part in (shuffled[:cut], shuffled[cut:])]
    assert np.array_equal(np.concatenate(parts), expected[order])
