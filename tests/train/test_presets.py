"""The parameter counts of the paper (arXiv:2302.13971, table 2), without building the models."""

import pytest

from train import model, parallel
from train.presets import PRESETS


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("7b", 6_738_415_616),
        ("13b", 13_015_864_320),
        ("33b", 32_528_943_616),
        ("65b", 65_285_660_672),
    ],
)
def test_parameters_are_the_papers(name, parameters):
    assert PRESETS[name].shape.num_parameters == parameters


def test_steps_are_the_papers_tokens_over_its_batch():
    # 4M tokens a batch: about 250k steps for 1.0T tokens and 350k for 1.4T.
    assert PRESETS["7b"].steps == 238_419
    assert PRESETS["65b"].steps == 333_786


def test_a_built_model_has_as_many_as_the_arithmetic_says(tiny_config, tmp_path):
    config = tiny_config(tmp_path)
    with parallel.joined(config):
        [whole] = model.build(config)
        built = sum(p.numel() for p in whole.parameters())
    assert built == config.shape.num_parameters
