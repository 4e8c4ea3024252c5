"""Is bf16 on this device right: each kernel against float64, and a small model against fp32.

Errors are norms: |found - expected| / |expected|. bf16 keeps 8 bits, so one rounding of every
number is an error of about 2e-3; a kernel that rounds once, or sums rounded numbers in fp32, stays
within a few of those, and a model's gradient, rounded at each layer, within some twenty. A wrong
kernel is off by 0.1 or more. Inputs are new ones in each run; their seed is in the results.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F

from jobs.bench import train_runs
from train import documents, fused, seats
from train.config import ModelConfig
from train.cross_entropy import vocab_parallel_cross_entropy
from train.layers import CausalAttention

KERNEL_BOUND, GRADIENT_BOUND, LOSS_BOUND = 1e-2, 3e-2, 2e-3

Check = tuple[str, float, float]  # name, error, bound


def kernels(device: torch.device, seed: int) -> Iterator[Check]:
    """Values and gradients of our kernels in bf16; called within the process groups."""
    random = torch.Generator().manual_seed(seed)

    def made(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random).to(device, torch.bfloat16)

    half = torch.outer(torch.arange(96.0), 1e4 ** -(torch.arange(32.0) / 32))
    group = dist.group.WORLD
    assert group is not None
    angles = torch.cat([half, half], -1)[:, None, None].to(device)
    labels = torch.randint(640, (96, 2), generator=random).to(device)
    attention = CausalAttention(None, None)  # type: ignore[arg-type]
    tokens = torch.randint(20, (2, 96), generator=random).to(device)
    apart = documents.attention_mask(tokens, begin=0)
    forms: list[tuple[str, Callable[..., Any], Callable[..., Any], list[torch.Tensor]]] = [
        ("swiglu", fused.swiglu, _swiglu, [made(96, 2, 512)]),
        ("rms_norm", lambda x, w: fused.rms_norm(x, w, 1e-6), _norm, [made(96, 2, 512), made(512)]),
        (
            "rotary",
            lambda x: fused.rotate(x, angles),
            lambda x: _rotate(x, angles.double()),
            [made(96, 2, 4, 192)[..., 64:128]],
        ),
        (
            "attention",
            lambda q, k, v: attention(q, k, v, None),
            _attention,
            [made(96, 2, 4, 64) for _ in range(3)],
        ),
        (
            "masked attention",
            lambda q, k, v: attention(q, k, v, apart),
            lambda q, k, v: _attention(q, k, v, apart),
            [made(96, 2, 4, 64) for _ in range(3)],
        ),
        (
            "cross_entropy",
            # Through a product, as in the model: its gradient is written over the logits.
            lambda x: vocab_parallel_cross_entropy(x * 1, labels, group),
            lambda x: F.cross_entropy(x.permute(0, 2, 1), labels, reduction="none"),
            [made(96, 2, 640) * 4],
        ),
    ]
    for name, ours, plain, inputs in forms:
        for what, error in _errors(ours, plain, inputs, made).items():
            yield f"{name} {what}", error, KERNEL_BOUND
    grad, x, total = made(192, 128), made(192, 256), torch.randn(128, 256).to(device)
    expected = total.double() + grad.double().T @ x.double()
    seats._add_product(x, grad, total)
    if x.is_cuda and seats.fill():  # elsewhere the product is rounded to bf16 before it is added
        yield "weight gradient added in the product", _error(total, expected), 1e-5


def model(shape: ModelConfig, device: torch.device, seed: int) -> Iterator[Check]:
    """Loss and gradients of a small model: bf16, against fp32 with weights rounded to bf16."""
    random, found = torch.Generator().manual_seed(seed), {}
    batch = None
    for precision in ("fp32", "bf16"):
        config = train_runs.config_of(shape, 2, 1, precision)  # type: ignore[arg-type]
        with train_runs.trained(config) as ours:
            batch = train_runs.windows(config, 2, random) if batch is None else batch
            part = ours.training.model[0]
            if precision == "fp32":
                with torch.no_grad():
                    for p in part.parameters():
                        p.copy_(p.bfloat16())
            loss = ours.passes(batch)
            gradients = {
                name.removeprefix("module.").removeprefix("module."): p.main_grad.double().cpu()
                for name, p in part.named_parameters()
            }
            found[precision] = loss, gradients
    (loss, gradients), (expected, exact) = found["bf16"], found["fp32"]
    yield "loss of a model", abs(loss - expected) / expected, LOSS_BOUND
    whole = [torch.cat([g[name].flatten() for name in exact]) for g in (gradients, exact)]
    yield "gradient of a model", _error(*whole), GRADIENT_BOUND
    worst = max((_error(gradients[name], exact[name]), name) for name in exact)
    yield f"worst of its parts: {worst[1]}", worst[0], 2 * GRADIENT_BOUND


def _errors(
    ours: Callable[..., Any],
    plain: Callable[..., Any],
    inputs: list[torch.Tensor],
    made: Callable[..., torch.Tensor],
) -> dict[str, float]:
    narrow = [x.detach().requires_grad_() for x in inputs]
    wide = [x.detach().double().requires_grad_() for x in inputs]
    found, expected = ours(*narrow), plain(*wide)
    towards = made(*expected.shape)
    found.backward(towards.to(found.dtype))
    expected.backward(towards.double())
    errors = {"value": _error(found, expected)}
    for number, (x, y) in enumerate(zip(narrow, wide, strict=True)):
        errors[f"gradient {number}"] = _error(x.grad, y.grad)
    return errors


def _error(found: torch.Tensor | None, expected: torch.Tensor | None) -> float:
    assert found is not None
    assert expected is not None
    difference = (found.double() - expected.double()).norm() / expected.double().norm()
    return float(difference)  # of what is no number: nan, which no bound admits


def _swiglu(x: torch.Tensor) -> torch.Tensor:
    gate, up = x.chunk(2, -1)
    return F.silu(gate) * up


def _norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * weight


def _rotate(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, -1)
    return x * angles.cos() + torch.cat([-second, first], -1) * angles.sin()


def _attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, hidden: torch.Tensor | None = None
) -> torch.Tensor:
    q, k, v = (x.permute(1, 2, 0, 3) for x in (q, k, v))
    scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
    if hidden is None:
        hidden = torch.ones_like(scores, dtype=torch.bool).triu(1)
    out = scores.masked_fill(hidden, float("-inf")).softmax(-1) @ v
    return out.permute(2, 0, 1, 3).flatten(2)
