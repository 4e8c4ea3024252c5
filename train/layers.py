"""The modules that take the place of megatron-core's where there is no Transformer Engine.

megatron-core's own attention builds the S x S scores, and its norm knows nothing of sequence
parallelism. Suffixes of shapes: S sequence, B batch, H heads of this process, D dim, K head_dim,
G the key-value heads (here all of them).
"""

from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from megatron.core.transformer.transformer_config import TransformerConfig
from torch.nn.attention import SDPBackend, sdpa_kernel

from train import fused
from train.llama import NORM_EPS


class RMSNorm(torch.nn.Module):
    """Root-mean-square norm with a gain, computed in fp32, its gradient marked for summing over
    tensor-parallel ranks when each of them sees only its part of the sequence."""

    def __init__(
        self, config: TransformerConfig, hidden_size: int, eps: float = NORM_EPS, **_: Any
    ) -> None:
        super().__init__()
        self.eps = eps
        self.weight = torch.nn.Parameter(torch.ones(hidden_size, dtype=config.params_dtype))
        self.weight.sequence_parallel = config.sequence_parallel  # type: ignore[attr-defined]

    def forward(self, hidden_SBD: torch.Tensor) -> torch.Tensor:
        return fused.rms_norm(hidden_SBD, self.weight, self.eps)


class CausalAttention(torch.nn.Module):
    """Softmax attention over the past through PyTorch's fused kernels, or over what a mask leaves
    of it; takes megatron's arguments of a core attention, most of which say nothing here.

    Queries and keys are read by their strides. Values come as every third slice of the projection
    they are part of, which would be kept whole for their sake, so they are copied out of it.
    """

    def __init__(self, config: TransformerConfig, softmax_scale: float | None, **_: Any) -> None:
        super().__init__()
        self.softmax_scale = softmax_scale

    def forward(
        self,
        query_SBHK: torch.Tensor,
        key_SBGK: torch.Tensor,
        value_SBGK: torch.Tensor,
        attention_mask: torch.Tensor | None,
        **_: Any,
    ) -> torch.Tensor:
        q, k, v = (x.permute(1, 2, 0, 3) for x in (query_SBHK, key_SBGK, value_SBGK.contiguous()))
        if attention_mask is not None:
            out_BHSK = masked(q, k, v, added(attention_mask, q.dtype), self.softmax_scale)
        else:
            out_BHSK = F.scaled_dot_product_attention(
                q, k, v, is_causal=True, scale=self.softmax_scale
            )
        return out_BHSK.permute(2, 0, 1, 3).flatten(2)


def masked(
    q_BHSK: torch.Tensor,
    k_BHTK: torch.Tensor,
    v_BHTK: torch.Tensor,
    added_B1ST: torch.Tensor,
    scale: float | None,
) -> torch.Tensor:
    """Attention with something added to its scores, which are never whole in memory.

    cuDNN's kernel, PyTorch's first choice on Hopper, can give gradients that are no numbers where a
    mask leaves a row few places (pytorch issue 196678).
    """
    choice = sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION) if q_BHSK.is_cuda else nullcontext()
    with choice:
        return F.scaled_dot_product_attention(q_BHSK, k_BHTK, v_BHTK, added_B1ST, scale=scale)


def added(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What a mask, True where attention is masked, adds to the scores: 0 or minus infinity.

    PyTorch's kernels make it of a mask they are given, a layer's attention each its own, and keep
    it for the backward pass; megatron-core hands all layers one mask, which takes it along.
    """
    found = getattr(mask, "added", None)
    if found is None or found.dtype != dtype:
        found = torch.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf"))
        mask.added = found  # type: ignore[attr-defined]
    return found
