"""What a config may say of a mixture, and the documents held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import ConfigError
from corpus.mixture import Component, ComponentConfig, MixtureConfig, is_valid

PARTS = {"wiki": ComponentConfig(tokens=300), "web": 3.0, "code": 1.0}


def test_a_weight_is_a_number_or_a_group() -> None:
    group = ComponentConfig(weight=0.3, max_epochs=4, bytes_per_token=2.5)
    config = MixtureConfig({"web": 0.7, "code": group}, max_epochs=2)
    assert config.components() == [
        Component("web", "web", "", 0.7, None, 2, 4.0),
        Component("code", "code", "", 0.3, None, 4, 2.5),
    ]
    assert config.shares() == {"web": 0.7, "code": 0.3}
    assert config.budget() == 0


def test_tokens_asked_for_by_number_come_first_and_weights_share_the_rest() -> None:
    config = MixtureConfig(dict(PARTS), tokens=1100)
    assert config.shares() == {"wiki": 300, "web": 600, "code": 200}
    assert (config.budget(), config.by_number()) == (1100, {"wiki": 300})


def test_the_numbers_of_all_parts_are_the_budget() -> None:
    parts = {"wiki": ComponentConfig(tokens=300), "web": ComponentConfig(tokens=500)}
    config = MixtureConfig(dict(parts))
    assert (config.shares(), config.budget()) == ({"wiki": 300, "web": 500}, 800)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"valid_share": 0.0}, "valid_share=0.0 must be above 0"),
        ({"valid_share": 0.5}, "valid_share=0.5 must be above 0"),
        ({"weights": {"web": -1.0}}, r"weights\.web=-1\.0 must be a finite number"),
        ({"weights": {"web": float("nan")}}, r"weights\.web=nan must be a finite number"),
        ({"weights": {"web": float("inf")}}, r"weights\.web=inf must be a finite number"),
        ({"weights": {"web": 0.0, "code": 0.0}}, "add up to 0"),
        ({"weights": PARTS}, "tokens=0 leave nothing for weights beside the 300"),
        ({"weights": PARTS, "tokens": 300}, "tokens=300 leave nothing for weights beside the 300"),
        ({"weights": {"web": ComponentConfig(tokens=5)}, "tokens": 9}, "tokens=9 are not the 5"),
        ({"bytes_per_token": 0.0}, "bytes_per_token=0.0 must be above 0"),
        ({"available": {"web": -1.0}}, r"available\.web=-1\.0 must be a finite number"),
    ],
)
def test_configs_that_are_refused(config: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        MixtureConfig(**config)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({}, "give a 'weight' or 'tokens'"),
        ({"weight": 1, "tokens": 5}, r"are both given, .*take one away \(weight=null or tokens=n"),
        ({"weight": 1, "where": ""}, "where is empty; leave it out to take every document"),
        ({"weight": 1, "where": " "}, "where is empty"),
        ({"weight": -1}, "weight=-1 must be a finite number"),
        ({"weight": 1, "max_epochs": float("nan")}, "max_epochs=nan must be a finite number"),
        ({"weight": 1, "bytes_per_token": -2}, "bytes_per_token=-2 must be above 0"),
    ],
)
def test_parts_that_are_refused(part: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ComponentConfig(**part)


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
