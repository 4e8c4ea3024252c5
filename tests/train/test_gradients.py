"""Gradients are sums of one step: begun anew by the next, whatever the last one left."""

import pytest
import torch

from train import forward, parallel, setup


@pytest.fixture
def part(tiny_config, tmp_path):
    config = tiny_config(tmp_path)
    with parallel.joined(config):
        (part,) = setup.with_gradients(config)
        yield part


def _gradients(part, seed: int) -> dict[str, torch.Tensor]:
    """After a step of two micro-batches."""
    vocab = part.module.output_layer.weight.shape[0]
    windows = torch.randint(vocab, (4, 33), generator=torch.Generator().manual_seed(seed))
    part.zero_grad_buffer()
    forward.run([part], windows, 2, forward.mean_loss, forward_only=False)
    return {name: p.main_grad.clone() for name, p in part.named_parameters()}


def test_a_step_knows_nothing_of_the_last_ones_gradients(part):
    first = _gradients(part, seed=1)
    _gradients(part, seed=2)
    for param in part.parameters():
        param.main_grad.fill_(torch.nan)
    again = _gradients(part, seed=1)
    for name, gradient in first.items():
        assert torch.equal(gradient, again[name]), name
        assert gradient.abs().sum() > 0, name


def test_only_what_no_product_adds_to_is_set_to_zero(part):
    _gradients(part, seed=1)
    part.zero_grad_buffer()
    kept = {name for name, p in part.named_parameters() if p.main_grad.any()}
    matrices = {name for name, p in part.named_parameters() if p.dim() == 2}
    assert kept == {name for name in matrices if "word_embeddings" not in name}


def test_a_weight_that_a_step_gives_no_gradient_is_not_updated_with_the_last_ones(part):
    _gradients(part, seed=1)
    part.zero_grad_buffer()
    with pytest.raises(AssertionError, match="given no gradient"):
        part.finish_grad_sync()
