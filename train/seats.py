"""Puts our kernels where megatron-core has places for Apex's and Transformer Engine's.

megatron-core turns two fusions on by a flag and takes the kernel from a name that is empty without
those libraries: rotary positions, and weight gradients added by the matrix product itself to the
fp32 gradient they are summed in (which spares writing each, and reading it again).
"""

import functools
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


def _add_product(input_NI: torch.Tensor, grad_NO: torch.Tensor, total_OI: torch.Tensor) -> None:
    """total += grad^T input, in fp32 whatever the type of the factors."""
    if input_NI.dtype == total_OI.dtype:
        total_OI.addmm_(grad_NO.t(), input_NI)
    elif input_NI.is_cuda:
        torch.addmm(total_OI, grad_NO.t(), input_NI, out_dtype=torch.float32, out=total_OI)
    else:
        total_OI += grad_NO.t() @ input_NI


def _adds_in_product() -> bool:
    """Whether this torch and GPU have the product of bf16 matrices that adds to an fp32 one."""
    ones = torch.ones(16, 16, dtype=torch.bfloat16, device="cuda")
    total = torch.full((16, 16), 0.5, device="cuda")
    try:
        _add_product(ones, ones, total)
    except (RuntimeError, TypeError):
        return False
    return bool((total == 16.5).all())
