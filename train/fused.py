"""The elementwise kernels between the matrix products, each with its own backward, so that it
reads and writes memory once and keeps for the backward pass only what it must: RMSNorm keeps its
input and one number a row, SwiGLU the two projections, rotary positions nothing.

Each is plain torch in fp32 with one rounding at its end. On CUDA torch.compile makes one kernel of
each function; on a CPU it runs as it stands, into buffers made once.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

Tensor = torch.Tensor


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as one CUDA kernel where its first argument is on a GPU, else as it is."""

    @functools.cache
    def kernel() -> Callable[..., Any]:
        # A kernel for each shape and stride: of those not known beforehand Inductor reads numbers
        # one by one. A run has few: micro-batches of steps and evaluations, forward and backward.
        torch._dynamo.config.recompile_limit = 64
        return torch.compile(function, dynamic=False)

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return kernel()(*args) if args[0].is_cuda else function(*args)

    return call


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dimension, of x's type."""
    if x.is_cuda:  # PyTorch's own fused kernel, which keeps as little
        return F.rms_norm(x, weight.shape, weight, eps)
    return _RMSNorm.apply(x, weight, eps)


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up of [..., gate | up]."""
    return _SwiGLU.apply(gate_up)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """x [S, B, H, K] with its halves turned as pairs by fp32 angles [S, 1, 1, K], of which each
    half is the same; the gradient is turned back."""
    return _Rotate.apply(x, *_cos_sin(angles))


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = x.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        scale = torch.rsqrt(length.square_().div_(x.shape[-1]).add_(eps))
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).mul_(weight).type_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, weight, scale = ctx.saved_tensors
        normed, wide = x.float() * scale, grad.float()
        towards = wide * normed
        grad_weight = towards.flatten(0, -2).sum(0).type_as(weight)
        along = (towards @ weight.float()).unsqueeze_(-1).div_(-x.shape[-1])
        grad_x = (wide * weight).addcmul_(normed, along).mul_(scale)
        return grad_x.type_as(x), grad_weight, None


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        ctx.save_for_backward(gate_up)
        return _swiglu(gate_up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _swiglu_backward(*ctx.saved_tensors, grad)


@compiled
def _swiglu(gate_up: Tensor) -> Tensor:
    gate, up = gate_up.chunk(2, -1)
    return (F.silu(gate.float()) * up).type_as(gate_up)


@compiled
def _swiglu_backward(gate_up: Tensor, grad: Tensor) -> Tensor:
    gate, up = (half.float() for half in gate_up.chunk(2, -1))
    wide = grad.float()
    grad_gate = torch.ops.aten.silu_backward(wide * up, gate)
    return torch.cat([grad_gate, F.silu(gate).mul_(wide)], -1).type_as(gate_up)


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin) if x.is_cuda else _turned_into_halves(x, cos, sin)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        turn = _turned if grad.is_cuda else _turned_into_halves
        return turn(grad, cos, -sin), None, None


@compiled
def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = (half.float() for half in x.chunk(2, -1))
    halves = [first * cos - second * sin, second * cos + first * sin]
    return torch.cat(halves, -1).type_as(x)


def _turned_into_halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """As `_turned`, with no tensors in between."""
    first, second = (half.float() for half in x.chunk(2, -1))
    out = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    half = x.shape[-1] // 2
    torch.mul(first, cos, out=out[..., :half]).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=out[..., half:]).addcmul_(first, sin)
    return out.type_as(x)


def _cos_sin(angles: Tensor) -> tuple[Tensor, Tensor]:
    """Of the first half; megatron-core hands all layers and steps one tensor of angles, which
    takes the two along."""
    found = getattr(angles, "cos_sin", None)
    if found is None:
        half = angles[..., : angles.shape[-1] // 2].float()
        found = (half.cos(), half.sin())
        angles.cos_sin = found  # type: ignore[attr-defined]
    return found
