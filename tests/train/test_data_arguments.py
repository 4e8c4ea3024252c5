"""What a caller of the loader may give: values of a wrong type are refused by name, in one line."""

from pathlib import Path

import numpy as np
import pytest
from made_shards import write_manifest

from corpus.errors import ConfigError
from train.data import Loader, validation
from train.mixture import WeightsFrom

SEQ = 16
WEIGHTS = {"web": 0.75, "code": 0.25}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    sizes = {("web", "train"): [700, 3], ("code", "train"): [400], ("web", "valid"): [130]}
    return write_manifest(tmp_path_factory.mktemp("shards"), sizes)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"web": "0.5"}, "^weight '0.5' of source 'web' must be a finite number from 0 up"),
        ({"web": None}, "^weight None of source 'web' must be a finite number"),
        ({"web": [1.0]}, r"^weight \[1.0\] of source 'web' must be a finite number"),
        ({"web": True}, "^weight True of source 'web' must be a finite number"),
        ({"web": 10**400}, "^weight 10+… of source 'web' must be a finite number"),
        ({"web": np.ones(2)}, "^weight array.* of source 'web' must be a finite number"),
        ({1: 1.0, "web": 1.0}, "^weights name source 1, a name must be text"),
        (None, "^weights=None must be numbers by source, such as {'web': 0.7}, or a list"),
        ("web", "^weights='web' must be numbers by source"),
        (0.5, "^weights=0.5 must be numbers by source"),
        (["web"], "^weights hold 'web'; each of a list of them must be a WeightsFrom"),
        ((WeightsFrom(0, None),), r"^weights hold WeightsFrom\(from_step=0, weights=None\); each"),
        ((WeightsFrom("0", {"web": 1}),), "^from_step='0' must be a whole number below"),
        ((WeightsFrom(False, {"web": 1}),), "^from_step=False must be a whole number below"),
        ({"web": 10**308, "code": 10**308}, "^weights add up to more than 1.8e308"),
    ],
)
def test_weights_that_are_none_are_refused(manifest, weights, message):
    with pytest.raises(ConfigError, match=message):
        Loader(manifest, weights, SEQ, 4, seed=0)


@pytest.mark.parametrize("value", ["8", None, 8.0, float("nan"), [8], True, np.ones(2)])
def test_arguments_that_are_no_whole_numbers_are_refused_by_name(manifest, value):
    given = {"seq_length": SEQ, "batch_size": 4, "seed": 0}
    for name in given:
        with pytest.raises(ConfigError, match=rf"^{name}=.* must be a whole number$"):
            Loader(manifest, WEIGHTS, **{**given, name: value})
    with pytest.raises(ConfigError, match=r"^seq_length=.* must be a whole number$"):
        validation(manifest, "web", value, 4)
    with pytest.raises(ConfigError, match=r"^max_sequences=.* must be a whole number$"):
        validation(manifest, "web", SEQ, value)


def test_arguments_may_be_whole_numbers_of_numpys(manifest):
    loader = Loader(manifest, WEIGHTS, np.uint8(SEQ), np.int8(100), seed=np.int64(3))
    plain = Loader(manifest, WEIGHTS, SEQ, 100, seed=3)
    np.testing.assert_array_equal(loader.batch(300), plain.batch(300))
    weights = {name: np.float32(weight) for name, weight in WEIGHTS.items()}
    same = Loader(manifest, weights, SEQ, 100, seed=3)
    np.testing.assert_array_equal(same.batch(1), plain.batch(1))


@pytest.mark.parametrize("path", [None, 3, Path("manifest.json")])
def test_a_manifest_that_is_no_text_is_refused(path):
    for call in (lambda: Loader(path, WEIGHTS, SEQ, 4, 0), lambda: validation(path, "web", SEQ, 1)):
        with pytest.raises(ConfigError, match=r"^manifest=.* must be the path of a manifest, as"):
            call()


@pytest.mark.parametrize(
    "rows", [3, None, [0, 1], "0:4", slice("a"), slice(0, 1.5), slice(0, 4, 0)]
)
def test_rows_that_are_no_slice_are_refused(manifest, rows):
    loader = Loader(manifest, WEIGHTS, SEQ, 8, seed=3)
    told = r"^rows=.* must be a slice of whole numbers, such as slice\(0, 8\)$"
    for call in (loader.batch, loader.locate):
        with pytest.raises(ConfigError, match=told):
            call(0, rows)


@pytest.mark.parametrize("step", [1.5, "1", None, [1], True])
def test_a_step_that_is_no_whole_number_is_refused(manifest, step):
    loader = Loader(manifest, WEIGHTS, SEQ, 8, seed=3)
    for of_step in (loader.batch, loader.locate, loader.sources_of, loader.epochs):
        with pytest.raises(ConfigError, match=r"^step=.* must be a whole number$"):
            of_step(step)


@pytest.mark.parametrize("out", [[0] * 8, 3, "int64"])
def test_what_is_no_array_is_not_written_to(manifest, out):
    with pytest.raises(
        ConfigError, match=rf"^out is .*; give a NumPy array of int64\[8, {SEQ + 1}"
    ):
        Loader(manifest, WEIGHTS, SEQ, 8, seed=3).batch(0, out=out)
