"""LLaMA's training step in plain torch, on one process and without megatron-core: what every layout
of train/ is held against.

It shares nothing with train/ but the numbers of the shape and the initial weights: its own forward
pass (scores and all), autograd, torch's AdamW, torch's clipping, and the schedule spelt out.
Suffixes of shapes: B batch, S sequence, D dim, H heads, K head_dim, V vocabulary.
"""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F

from train.config import TrainConfig
from train.init import rows
from train.presets import Shape

Weights = dict[str, torch.Tensor]


def initial_weights(shape: Shape, seed: int) -> Weights:
    """The whole model's weights at step 0, by this file's names; leaves that want a gradient."""

    def drawn(name: str, first: int, last: int, width: int, std: float = 0.02) -> torch.Tensor:
        return torch.from_numpy(rows(f"{seed} {name}", first, last, width)) * std

    dim, ffn = shape.dim, shape.ffn
    into_residual = 0.02 / math.sqrt(2 * shape.num_layers)
    weights = {
        "embedding": drawn("embedding.word_embeddings.weight", 0, shape.vocab, dim),
        "output": drawn("output_layer.weight", 0, shape.vocab, dim),
        "norm": torch.ones(dim),
    }
    for n in range(shape.num_layers):
        name = f"decoder.layers.{n}."
        packed = drawn(name + "self_attention.linear_qkv.weight", 0, 3 * dim, dim)
        by_head = packed.view(shape.num_heads, 3, shape.head_dim, dim)
        for place, part in enumerate("qkv"):
            weights[f"{n}.{part}"] = by_head[:, place].reshape(dim, dim)
        out = drawn(name + "self_attention.linear_proj.weight", 0, dim, dim, into_residual)
        down = drawn(name + "mlp.linear_fc2.weight", 0, ffn, dim, into_residual)
        weights[f"{n}.o"], weights[f"{n}.down"] = out.T, down.T
        weights[f"{n}.gate"] = drawn(name + "mlp.linear_fc1.weight", 0, ffn, dim)
        weights[f"{n}.up"] = drawn(name + "mlp.linear_fc1.weight", ffn, 2 * ffn, dim)
        weights[f"{n}.norm1"], weights[f"{n}.norm2"] = torch.ones(dim), torch.ones(dim)
    return {name: w.clone().contiguous().requires_grad_() for name, w in weights.items()}


def curve(config: TrainConfig, batches: Iterable[torch.Tensor], begin: int | None) -> list[dict]:
    """Trains on batches [B, S + 1] of token ids; a row (loss, grad_norm) a step.

    begin: the token that begins a document, where documents are not to be attended across.
    """
    shape, optim, schedule = config.shape, config.optim, config.schedule
    weights = initial_weights(shape, config.seed)
    matrices = [w for w in weights.values() if w.dim() == 2]
    gains = [w for w in weights.values() if w.dim() == 1]
    groups = [
        {"params": matrices, "weight_decay": optim.weight_decay},
        {"params": gains, "weight_decay": 0.0},
    ]
    beta1, beta2 = optim.betas
    adam = torch.optim.AdamW(groups, lr=schedule.lr, betas=(beta1, beta2), eps=optim.eps)
    rows = []
    for step, batch in enumerate(batches, start=1):
        if step <= schedule.warmup_steps:
            rate = schedule.lr * step / schedule.warmup_steps
        else:
            done = (step - schedule.warmup_steps) / (schedule.steps - schedule.warmup_steps)
            swing = (1 + math.cos(math.pi * done)) / 2
            rate = schedule.min_lr + (schedule.lr - schedule.min_lr) * swing
        for group in adam.param_groups:
            group["lr"] = rate
        adam.zero_grad()
        logits_BSV = _logits(batch[:, :-1], weights, shape, begin)
        loss = F.cross_entropy(logits_BSV.flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), optim.clip)
        adam.step()
        rows.append({"loss": loss.item(), "grad_norm": norm.item()})
    return rows


def _logits(tokens_BS: torch.Tensor, w: Weights, shape: Shape, begin: int | None) -> torch.Tensor:
    length = tokens_BS.shape[1]
    seen_BSS = torch.ones(length, length, dtype=torch.bool).tril().expand(len(tokens_BS), -1, -1)
    if begin is not None:
        number_BS = (tokens_BS == begin).cumsum(1)
        seen_BSS = seen_BSS & (number_BS[:, :, None] == number_BS[:, None, :])
    frequency = 10_000.0 ** (-torch.arange(0, shape.head_dim, 2) / shape.head_dim)
    angle_SK = torch.outer(torch.arange(length), frequency).repeat(1, 2)

    def normed(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * gain

    def rotated(x_BHSK: torch.Tensor) -> torch.Tensor:
        left, right = x_BHSK.chunk(2, -1)
        return x_BHSK * angle_SK.cos() + torch.cat([-right, left], -1) * angle_SK.sin()

    def heads(x_BSD: torch.Tensor) -> torch.Tensor:
        return x_BSD.unflatten(-1, (shape.num_heads, shape.head_dim)).transpose(1, 2)

    x = w["embedding"][tokens_BS]
    for n in range(shape.num_layers):
        y = normed(x, w[f"{n}.norm1"])
        q, k, v = (heads(y @ w[f"{n}.{part}"].T) for part in "qkv")
        scores_BHSS = rotated(q) @ rotated(k).transpose(2, 3) / math.sqrt(shape.head_dim)
        share_BHSS = scores_BHSS.masked_fill(~seen_BSS[:, None], -torch.inf).softmax(-1)
        x = x + (share_BHSS @ v).transpose(1, 2).flatten(2) @ w[f"{n}.o"].T
        y = normed(x, w[f"{n}.norm2"])
        x = x + (F.silu(y @ w[f"{n}.gate"].T) * (y @ w[f"{n}.up"].T)) @ w[f"{n}.down"].T
    return normed(x, w["norm"]) @ w["output"].T
