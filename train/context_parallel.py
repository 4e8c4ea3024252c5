"""Context parallelism without Transformer Engine: each process holds a part of every sequence.

A sequence is cut into 2 * cp parts, of which a process holds one from each end (r and 2 * cp - 1 -
r), so that causal attention is as much work for each. Keys and values are gathered from all, in one
collective a layer; their gradients are scattered back. With Transformer Engine its own ring
attention takes this file's place, on the same parts.
Suffixes of shapes: as in layers.py; C positions of this process, S of the whole sequence.
"""

import functools
from typing import Any

import torch
import torch.nn.functional as F
from megatron.core import parallel_state
from megatron.core.tensor_parallel import gather_from_sequence_parallel_region
from megatron.core.transformer.transformer_config import TransformerConfig
from torch.nn.attention.bias import causal_lower_right

from train import layers


def places(seq_length: int, device: torch.device) -> torch.Tensor | None:
    """Which positions of a sequence this process holds, [C] int64; None: all of them."""
    size = parallel_state.get_context_parallel_world_size()
    if size == 1:
        return None
    return _places(seq_length, parallel_state.get_context_parallel_rank(), size, device)


class GatheredAttention(torch.nn.Module):
    """Attention of this process's queries to the keys and values of the whole past."""

    def __init__(self, config: TransformerConfig, softmax_scale: float | None, **_: Any) -> None:
        super().__init__()
        self.softmax_scale = softmax_scale

    def forward(
        self,
        query_CBHK: torch.Tensor,
        key_CBHK: torch.Tensor,
        value_CBHK: torch.Tensor,
        attention_mask: torch.Tensor | None,
        **_: Any,
    ) -> torch.Tensor:
        """attention_mask: [B, 1, C, S], True where attention is masked; None: causal."""
        group = parallel_state.get_context_parallel_group()
        size, rank = group.size(), group.rank()
        both = torch.cat([key_CBHK, value_CBHK], dim=-1)
        gathered = gather_from_sequence_parallel_region(both, group=group)
        whole_SB = gathered.index_select(0, _order(len(gathered), size, gathered.device))
        part, outs = len(gathered) // (2 * size), []
        for half, number in enumerate((rank, 2 * size - 1 - rank)):
            past, mine = (number + 1) * part, slice(half * part, (half + 1) * part)
            q = query_CBHK[mine].permute(1, 2, 0, 3)
            k, v = whole_SB[:past].permute(1, 2, 0, 3).chunk(2, dim=-1)
            if attention_mask is not None:
                seen = layers.added(attention_mask, q.dtype)[:, :, mine, :past]
                out = layers.masked(q, k, v, seen, self.softmax_scale)
            else:
                seen = causal_lower_right(part, past)
                out = F.scaled_dot_product_attention(q, k, v, seen, scale=self.softmax_scale)
            outs.append(out.permute(2, 0, 1, 3).flatten(2))
        return torch.cat(outs)


@functools.cache
def _order(seq_length: int, size: int, device: torch.device) -> torch.Tensor:
    """Where each position of a sequence stands among the parts of all processes, one by one."""
    return torch.cat([_places(seq_length, rank, size, device) for rank in range(size)]).argsort()


@functools.cache
def _places(seq_length: int, rank: int, size: int, device: torch.device) -> torch.Tensor:
    parts = torch.arange(seq_length, device=device).chunk(2 * size)
    return torch.cat([parts[rank], parts[2 * size - 1 - rank]])
