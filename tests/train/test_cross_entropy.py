"""The loss over a split vocabulary, against torch's on the whole one."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from train import cross_entropy
from train.cross_entropy import vocab_parallel_cross_entropy


def _made(S=5, B=3, V=12):
    random = torch.Generator().manual_seed(0)
    logits = 20 * torch.randn(S, B, V, generator=random, dtype=torch.float64)
    labels = torch.randint(0, V, (S, B), generator=random)
    return logits, labels, torch.rand(S, B, generator=random, dtype=torch.float64)


def _expected(logits, labels, weight):
    wide = logits.double().requires_grad_()
    losses = F.cross_entropy(wide.flatten(0, 1), labels.flatten(), reduction="none")
    losses.backward(weight.flatten())
    return losses.detach().view_as(labels), wide.grad


def _ours(logits, labels, weight, rank, size):
    """Losses, and this rank's part of the gradient; through a product, as in the model, since the
    gradient is written over the logits."""
    part = logits.chunk(size, -1)[rank].clone().requires_grad_()
    losses = vocab_parallel_cross_entropy(part * 1, labels, dist.group.WORLD)
    losses.backward(weight.to(losses.dtype))
    return losses.detach(), part.grad


def _check(rank, size, store):
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=size)
    try:
        logits, labels, weight = _made()
        for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 1e-2)):
            narrow = logits.to(dtype)
            losses, grad = _ours(narrow, labels, weight, rank, size)
            expected, expected_grad = _expected(narrow, labels, weight)
            assert losses.dtype == torch.float32
            # Losses are fp32 of whatever logits; only their gradient has the logits' type.
            torch.testing.assert_close(losses.double(), expected, rtol=1e-5, atol=1e-5)
            assert grad.dtype == dtype
            own = expected_grad.chunk(size, -1)[rank]
            torch.testing.assert_close(grad.double(), own, rtol=tolerance, atol=tolerance)
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize("size", [1, 2])
def test_is_torchs_cross_entropy(size, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    if size == 1:
        _check(0, 1, tmp_path / "store")
    else:
        mp.spawn(_check, (size, str(tmp_path / "store")), nprocs=size)


def test_chunks_and_the_kernel_for_gpus_say_the_same(monkeypatch):
    logits, labels, weight = (x.flatten(0, 1) if x.dim() == 3 else x.flatten() for x in _made())
    log_sum = logits.logsumexp(-1)
    whole, parts = logits.clone(), logits.clone()
    cross_entropy._write_gradient(whole, log_sum, labels, weight)
    monkeypatch.setattr(cross_entropy, "_CHUNK", 24)  # two rows
    write = cross_entropy._write_gradient_in_place
    cross_entropy._in_chunks(write, parts, log_sum, labels, weight)
    torch.testing.assert_close(whole, parts, rtol=1e-6, atol=1e-6)


def test_no_second_copy_of_the_logits_is_kept(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        kept = []
        logits = torch.randn(4, 2, 1000, requires_grad=True) * 1
        labels = torch.zeros(4, 2, dtype=torch.long)
        hooks = torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x)
        with hooks:
            loss = vocab_parallel_cross_entropy(logits, labels, dist.group.WORLD)
        assert [x.data_ptr() for x in kept if x.numel() >= 8000] == [logits.data_ptr()]
        (grad,) = torch.autograd.grad(loss.sum(), logits)
        assert grad.data_ptr() == logits.data_ptr()
    finally:
        dist.destroy_process_group()
