"""Cross-entropy over a vocabulary that is split over tensor-parallel ranks.

A row's loss is log(sum(exp(logits))) - logit[target]. Of the logits, the largest tensor of a
step, no second copy is made and none in fp32: rows are widened as they are read, what is kept is
one number a row, and the gradient, softmax - one_hot(target), is written over the logits.
Suffixes of shapes: S sequence, B batch, V the vocabulary's part of this process, N = S * B rows.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch.autograd.function import once_differentiable

from train.fused import compiled

# Rows are taken so many numbers at a time on a CPU: what is widened stays in its cache.
_CHUNK = 1 << 18


def vocab_parallel_cross_entropy(
    logits_SBV: torch.Tensor, labels_SB: torch.Tensor, group: dist.ProcessGroup
) -> torch.Tensor:
    """Losses [S, B] fp32, in nats, of logits whose rank r in `group` holds vocabulary entries
    r * V to r * V + V. Backward spends the logits: there is one."""
    return _CrossEntropy.apply(logits_SBV, labels_SB, group)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits_SBV: torch.Tensor, labels_SB: torch.Tensor, group: dist.ProcessGroup
    ) -> torch.Tensor:
        logits_NV = logits_SBV.flatten(0, 1)
        num_held = logits_NV.shape[1]
        target_N = labels_SB.reshape(-1) - group.rank() * num_held
        held_N = (target_N >= 0) & (target_N < num_held)
        target_N = target_N.where(held_N, -1)
        peak_N = logits_NV.amax(-1).float()
        if group.size() > 1:
            dist.all_reduce(peak_N, dist.ReduceOp.MAX, group)
        picked_N = logits_NV.gather(1, target_N.clamp(min=0)[:, None])[:, 0].float() * held_N
        sums_2N = torch.stack([_in_chunks(_sum_exp, logits_NV, peak_N), picked_N])
        if group.size() > 1:
            dist.all_reduce(sums_2N, group=group)
        log_sum_N = peak_N + sums_2N[0].log()
        ctx.save_for_backward(logits_SBV, target_N, log_sum_N)
        return (log_sum_N - sums_2N[1]).view_as(labels_SB)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_SB: torch.Tensor) -> Any:
        logits_SBV, target_N, log_sum_N = ctx.saved_tensors
        logits_NV, grad_N = logits_SBV.flatten(0, 1), grad_SB.reshape(-1).float()
        write = _write_gradient if logits_NV.is_cuda else _write_gradient_in_place
        _in_chunks(write, logits_NV, log_sum_N, target_N, grad_N)
        return logits_SBV, None, None


def _in_chunks(function: Any, logits_NV: torch.Tensor, *of_rows: torch.Tensor) -> Any:
    """`function` on some rows at a time on a CPU, its results joined; on a GPU on all at once."""
    if logits_NV.is_cuda:
        return function(logits_NV, *of_rows)
    size = max(1, _CHUNK // logits_NV.shape[1])
    parts = zip(*(rows.split(size) for rows in (logits_NV, *of_rows)), strict=True)
    results = [function(*part) for part in parts]
    return torch.cat(results) if results and results[0] is not None else None


@compiled
def _sum_exp(logits_NV: torch.Tensor, peak_N: torch.Tensor) -> torch.Tensor:
    return (logits_NV.float() - peak_N[:, None]).exp_().sum(-1)


@compiled
def _write_gradient(
    logits_NV: torch.Tensor, log_sum_N: torch.Tensor, target_N: torch.Tensor, grad_N: torch.Tensor
) -> None:
    share_NV = (logits_NV.float() - log_sum_N[:, None]).exp()
    entry_V = torch.arange(logits_NV.shape[1], device=logits_NV.device)
    hit_NV = entry_V == target_N[:, None]
    logits_NV.copy_((share_NV - hit_NV.float()) * grad_N[:, None])


def _write_gradient_in_place(
    logits_NV: torch.Tensor, log_sum_N: torch.Tensor, target_N: torch.Tensor, grad_N: torch.Tensor
) -> None:
    """As `_write_gradient`, step by step in the chunk's own memory."""
    wide_NV = logits_NV.float()  # itself where it is fp32
    wide_NV.sub_(log_sum_N[:, None]).exp_().mul_(grad_N[:, None])
    rows_M = (target_N >= 0).nonzero()[:, 0]
    wide_NV[rows_M, target_N[rows_M]] -= grad_N[rows_M]
    if wide_NV is not logits_NV:
        logits_NV.copy_(wide_NV)
