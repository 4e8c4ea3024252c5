"""The same LLaMA in plain torch, one page: what generation runs, and what the tests hold
megatron-core's model against.

It reads tensors by Hugging Face's names and keeps each layer's keys and values, so that a next
token costs one position. Suffixes of shapes: B batch, S new positions, T all positions so far,
D dim, H heads, K head_dim, V vocabulary.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F

from train.presets import Shape

NORM_EPS = 1e-6
ROPE_THETA = 10_000

# Keys and values of each layer, [B, H, T, K]; grows with every call.
Cache = dict[int, tuple[torch.Tensor, torch.Tensor]]


class Llama:
    """A LLaMA of given weights; inference only."""

    def __init__(self, shape: Shape, weights: Mapping[str, torch.Tensor]):
        self.shape, self.weights = shape, weights
        frequency = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
        self.inverse_K = 1.0 / ROPE_THETA**frequency  # half of K

    @torch.inference_mode()
    def logits(self, tokens_BS: torch.Tensor, cache: Cache | None = None) -> torch.Tensor:
        """Logits [B, S, V] of tokens that follow those the cache has seen."""
        cache = {} if cache is None else cache
        start = cache[0][0].shape[2] if cache else 0
        hidden_BSD = F.embedding(tokens_BS, self.weights["model.embed_tokens.weight"])
        for layer in range(self.shape.num_layers):
            name = f"model.layers.{layer}."
            norm = self._norm(hidden_BSD, name + "input_layernorm.weight")
            hidden_BSD = hidden_BSD + self._attend(norm, layer, start, cache)
            norm = self._norm(hidden_BSD, name + "post_attention_layernorm.weight")
            gate = F.silu(self._linear(norm, name + "mlp.gate_proj.weight"))
            up = self._linear(norm, name + "mlp.up_proj.weight")
            hidden_BSD = hidden_BSD + self._linear(gate * up, name + "mlp.down_proj.weight")
        return self._linear(self._norm(hidden_BSD, "model.norm.weight"), "lm_head.weight")

    def _attend(self, norm_BSD: torch.Tensor, layer: int, start: int, cache: Cache) -> torch.Tensor:
        name = f"model.layers.{layer}.self_attn."
        q, k, v = (
            self._linear(norm_BSD, f"{name}{part}_proj.weight")
            .unflatten(-1, (self.shape.num_heads, self.shape.head_dim))
            .transpose(1, 2)
            for part in "qkv"
        )
        q, k = self._rotate(q, start), self._rotate(k, start)
        if layer in cache:
            k, v = (torch.cat(pair, dim=2) for pair in zip(cache[layer], (k, v), strict=True))
        cache[layer] = (k, v)
        num_new, num_all = q.shape[2], k.shape[2]
        allowed_ST = torch.ones(num_new, num_all, dtype=torch.bool, device=q.device)
        allowed_ST = allowed_ST.tril(num_all - num_new)
        scores = q @ k.transpose(2, 3) / self.shape.head_dim**0.5
        share = scores.masked_fill(~allowed_ST, float("-inf")).softmax(-1)
        return self._linear((share @ v).transpose(1, 2).flatten(2), name + "o_proj.weight")

    def _rotate(self, x_BHSK: torch.Tensor, start: int) -> torch.Tensor:
        positions = torch.arange(start, start + x_BHSK.shape[2], dtype=torch.float32)
        angle_SK = torch.outer(positions, self.inverse_K).repeat(1, 2).to(x_BHSK.device)
        first, second = x_BHSK.chunk(2, dim=-1)
        turned = torch.cat([-second, first], dim=-1)
        return (x_BHSK * angle_SK.cos() + turned * angle_SK.sin()).type_as(x_BHSK)

    def _norm(self, hidden_BSD: torch.Tensor, name: str) -> torch.Tensor:
        x = hidden_BSD.float()
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPS)
        return x.type_as(hidden_BSD) * self.weights[name]

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ self.weights[name].T
