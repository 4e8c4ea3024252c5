"""Our modules and the kernels under them, against the formulas in plain torch."""

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from train import cross_entropy, fused, seats
from train.layers import CausalAttention, RMSNorm


def _random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _assert_same(ours, plain, *inputs):
    """Values and gradients, of fp32 inputs against fp64."""
    narrow = [x.float().requires_grad_() for x in inputs]
    wide = [x.clone().requires_grad_() for x in inputs]
    found, expected = ours(*narrow), plain(*wide)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    towards = _random(*expected.shape, seed=9)
    found.backward(towards.float())
    expected.backward(towards)
    for x, y in zip(narrow, wide, strict=True):
        torch.testing.assert_close(x.grad.double(), y.grad, rtol=1e-5, atol=2e-5)


def test_norm_is_the_formula():
    config = SimpleNamespace(params_dtype=torch.float32, sequence_parallel=True)
    norm = RMSNorm(config, hidden_size=8, eps=1e-3)
    assert norm.weight.sequence_parallel is True
    with torch.no_grad():
        norm.weight.copy_(torch.arange(8.0))
    x = torch.randn(5, 2, 8, generator=torch.Generator().manual_seed(0))
    expected = x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-3) * torch.arange(8.0)
    torch.testing.assert_close(norm(x), expected)


def test_norm_of_bf16_is_computed_in_fp32():
    config = SimpleNamespace(params_dtype=torch.bfloat16, sequence_parallel=False)
    norm = RMSNorm(config, hidden_size=4)
    x = torch.tensor([[300.0, -300.0, 300.0, -300.0]], dtype=torch.bfloat16)
    assert norm(x).dtype == torch.bfloat16
    assert norm(x).tolist() == [[1.0, -1.0, 1.0, -1.0]]


def test_attention_is_softmax_over_the_past():
    random = torch.Generator().manual_seed(0)
    S, B, H, K = 6, 2, 3, 4
    q, k, v = (torch.randn(S, B, H, K, generator=random) for _ in range(3))
    out = CausalAttention(SimpleNamespace(), softmax_scale=None)(q, k, v, None)
    assert out.shape == (S, B, H * K)
    for s in range(S):
        for b in range(B):
            for h in range(H):
                scores = k[: s + 1, b, h] @ q[s, b, h] / math.sqrt(K)
                expected = scores.softmax(0) @ v[: s + 1, b, h]
                torch.testing.assert_close(out[s, b, h * K : (h + 1) * K], expected)


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 17))
@settings(deadline=None, max_examples=20)
def test_norm_and_its_gradients(s, b, d):
    def plain(x, weight):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * weight

    _assert_same(lambda x, w: fused.rms_norm(x, w, 1e-6), plain, _random(s, b, d), _random(d))


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 9))
@settings(deadline=None, max_examples=20)
def test_swiglu_and_its_gradients(s, b, f):
    def plain(x):
        return F.silu(x[..., :f]) * x[..., f:]

    _assert_same(fused.swiglu, plain, _random(s, b, 2 * f))


def test_swiglu_keeps_only_its_input():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.shape), lambda x: x):
        fused.swiglu(torch.randn(3, 2, 8, requires_grad=True))
    assert kept == [(3, 2, 8)]


def test_rotation_is_that_of_megatron_core_and_is_turned_back():
    from megatron.core.models.common.embeddings.rope_utils import _apply_rotary_pos_emb_bshd

    half = torch.outer(torch.arange(7.0), torch.tensor([1.0, 0.1]))
    angles = torch.cat([half, half], -1)[:, None, None]

    def plain(x):
        return _apply_rotary_pos_emb_bshd(x, angles.double())

    # Every third slice of a wider tensor, as queries and keys come out of one projection.
    x = _random(7, 2, 3, 12).split(4, dim=-1)[1]
    assert not x.is_contiguous()
    _assert_same(lambda x: fused.rotate(x, angles), plain, x)


@pytest.mark.parametrize("function", [fused.swiglu, lambda x: fused.rms_norm(x, x[0, 0], 1e-6)])
def test_bf16_is_rounded_once(function):
    x = _random(16, 2, 32, dtype=torch.float32).bfloat16()
    torch.testing.assert_close(function(x), function(x.float()).bfloat16(), rtol=0, atol=0)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_product_adds_to_the_fp32_gradient_and_a_steps_first_takes_its_place(dtype, first):
    grad, x = (_random(5, n, seed=n).to(dtype) for n in (3, 4))
    total = torch.full((3, 4), torch.nan if first else 1.0)
    total.is_to_be_written = first
    seats._add_product(x, grad, total)
    expected = (not first) + grad.double().T @ x.double()
    torch.testing.assert_close(
        total.double(),
        expected,
        rtol=1e-2 if dtype.itemsize == 2 else 1e-5,
        atol=1e-2 if dtype.itemsize == 2 else 1e-6,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_compiled_for_gpus_is_one_graph_each_and_says_the_same(dtype):
    """A graph that breaks would still be right, in as many kernels as there are lines."""
    x, grad = (_random(6, 2, 8, seed=n, dtype=torch.float32).to(dtype) for n in (1, 2))
    turns = _random(6, 1, 1, 2, seed=3, dtype=torch.float32)
    heads = x.view(6, 2, 2, 4)
    rows, sums = x.flatten(0, 1), _random(12, seed=4, dtype=torch.float32)
    target = torch.arange(12) % 9 - 1
    cases = [
        (fused._swiglu, (x,)),
        (fused._swiglu_backward, (x, grad[..., :4])),
        (fused._turned, (heads, turns.cos(), turns.sin())),
        (cross_entropy._sum_exp, (rows, sums)),
    ]
    for function, inputs in cases:
        one_graph = torch.compile(function.__wrapped__, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(one_graph(*inputs), function(*inputs))
    turned = fused._turned(heads, turns.cos(), turns.sin())
    halves = fused._turned_into_halves(heads, turns.cos(), turns.sin())
    torch.testing.assert_close(turned, halves)
    write = cross_entropy._write_gradient
    found, expected = rows.clone(), rows.clone()
    torch.compile(write.__wrapped__, backend="aot_eager", fullgraph=True)(found, sums, target, sums)
    write(expected, sums, target, sums)
    torch.testing.assert_close(found, expected)
    assert not torch.equal(found, rows)
