"""What is given back in the forward pass and computed again in the backward pass."""

import gc
import weakref

import torch

from train import fused
from train.recompute import OutputDropped


def test_an_output_is_gone_after_its_use_and_back_before_its_users_backward_pass():
    def passes(drop: bool) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        torch.manual_seed(0)
        gate_up = torch.randn(5, 2, 32, requires_grad=True)
        weight = torch.randn(16, 8, requires_grad=True)
        sizes = []
        dropped = OutputDropped()
        product = dropped.checkpoint(fused.swiglu, gate_up)
        out = product @ weight
        if drop:
            dropped.discard_output_and_register_recompute(out)
        sizes.append(product.untyped_storage().size())
        out.square().sum().backward()
        sizes.append(product.untyped_storage().size())
        assert gate_up.grad is not None
        assert weight.grad is not None
        return gate_up.grad, weight.grad, sizes

    *kept, kept_sizes = passes(drop=False)
    *again, dropped_sizes = passes(drop=True)
    assert kept_sizes == [640, 640]
    assert dropped_sizes == [0, 640]
    for one, other in zip(kept, again, strict=True):
        assert torch.equal(one, other)


def test_without_gradients_nothing_is_kept_for_a_backward_pass_that_never_comes():
    gate_up = torch.randn(5, 2, 32)
    dropped = OutputDropped()  # a layer refers to its last one
    product = dropped.checkpoint(fused.swiglu, gate_up)
    dropped.discard_output_and_register_recompute(product @ torch.randn(16, 8))
    given, output = weakref.ref(gate_up), weakref.ref(product)
    del gate_up, product
    gc.collect()
    assert (given(), output()) == (None, None)
