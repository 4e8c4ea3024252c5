"""Puts our kernels where megatron-core has places for Apex's and Transformer Engine's.

megatron-core turns two fusions on by a flag and takes the kernel from a name that is empty without
those libraries: rotary positions, and weight gradients added by the matrix product itself to the
fp32 gradient they are summed in (which spares writing each, and reading it again). A step's first
product writes its sum instead (which spares zeros, and reading them).
"""

import functools
import math
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import torch
from megatron.core.models.common.embeddings import rope_utils
from megatron.core.tensor_parallel import layers

from train import fused


@functools.cache
def fill() -> bool:
    """Fills the empty places; says whether weight gradients can be added in the product."""
    rope: Any = rope_utils
    if rope.fused_apply_rotary_pos_emb is None:
        rope.fused_apply_rotary_pos_emb = _rotate
    linear: Any = layers
    if linear._grad_accum_fusion_available:
        return True
    if torch.cuda.is_available() and not _adds_in_product():
        return False
    linear.fused_weight_gradient_mlp_cuda = SimpleNamespace(wgrad_gemm_accum_fp32=_add_product)
    linear._grad_accum_fusion_available = True
    return True


def _rotate(x_SBHK: torch.Tensor, angles: torch.Tensor, interleaved: bool = False) -> torch.Tensor:
    assert not interleaved, "our layout of rotary positions is halves"
    return fused.rotate(x_SBHK, angles)


def begin_sums(params: Iterable[Any]) -> None:
    """Begins a step's sums of gradients: what products add to is theirs to write, the rest is 0."""
    for param in params:
        total = param.main_grad
        if getattr(total, "is_of_products", False):
            total.is_to_be_written = True
        else:
            total.zero_()


def are_written(params: Iterable[Any]) -> bool:
    """Whether each sum that was begun has had its first product."""
    return not any(getattr(param.main_grad, "is_to_be_written", False) for param in params)


def _add_product(input_NI: torch.Tensor, grad_NO: torch.Tensor, total_OI: Any) -> None:
    """total += grad^T input, in fp32 whatever the type of the factors; a step's first, total =."""
    beta = 0 if getattr(total_OI, "is_to_be_written", False) else 1  # with 0 it is not read
    total_OI.is_of_products, total_OI.is_to_be_written = True, False
    if input_NI.dtype == total_OI.dtype:
        total_OI.addmm_(grad_NO.t(), input_NI, beta=beta)
    elif input_NI.is_cuda:
        product = grad_NO.t(), input_NI
        torch.addmm(total_OI, *product, beta=beta, out_dtype=torch.float32, out=total_OI)
    elif beta:
        total_OI += grad_NO.t() @ input_NI
    else:
        total_OI.copy_(grad_NO.t() @ input_NI)


def _adds_in_product() -> bool:
    """Whether this torch and GPU have the product of bf16 matrices that adds to an fp32 one."""
    ones = torch.ones(16, 16, dtype=torch.bfloat16, device="cuda")
    total: Any = torch.full((16, 16), math.nan, device="cuda")
    total.is_to_be_written = True
    try:
        for _ in range(2):
            _add_product(ones, ones, total)
    except (RuntimeError, TypeError):
        return False
    return bool((total == 32).all())
