"""The learning rate by step: worked examples of warm-up and cosine; norm and clipping."""

import pytest
import torch

from train import optim, parallel, setup
from train.config import Schedule
from train.optim import learning_rate

SCHEDULE = Schedule(
    steps=110, batch_sequences=1, micro_batch=1, lr=1.0, min_lr=0.1, warmup_steps=10
)


@pytest.mark.parametrize(
    ("step", "lr"),
    [(1, 0.1), (5, 0.5), (10, 1.0), (60, 0.55), (110, 0.1), (200, 0.1)],
)
def test_warm_up_then_cosine_to_the_minimum(step, lr):
    assert learning_rate(step, SCHEDULE) == pytest.approx(lr)


def test_it_never_rises_after_the_warm_up():
    rates = [learning_rate(step, SCHEDULE) for step in range(10, 111)]
    assert rates == sorted(rates, reverse=True)


def test_without_warm_up_it_starts_near_the_peak():
    schedule = Schedule(
        steps=100, batch_sequences=1, micro_batch=1, lr=1.0, min_lr=0.0, warmup_steps=0
    )
    assert 0.99 < learning_rate(1, schedule) < 1.0


@pytest.mark.parametrize("largest", [0.0, 0.1, 100.0])
def test_norm_and_clipping_are_pytorchs_over_all_parameters(
    tiny_config, tmp_path, largest, monkeypatch
):
    config = tiny_config(tmp_path)
    with parallel.joined(config):
        training = setup.build(config)
        (part,) = training.optimizer.chained_optimizers
        part.config.clip_grad = largest
        random = torch.Generator().manual_seed(3)
        gradients = [p.main_grad.normal_(generator=random) for p in training.model[0].parameters()]
        given = torch.cat([gradient.flatten() for gradient in gradients]).double()
        monkeypatch.setattr(type(part), "step_with_ready_grads", lambda self: True)
        norm, fault = optim.step(training.optimizer, lambda norm: None)
        clipped = torch.cat([gradient.flatten() for gradient in gradients]).double()
    assert fault is None
    assert norm == pytest.approx(float(given.norm()), rel=1e-6)
    scale = min(1.0, largest / norm) if largest else 1.0
    assert torch.allclose(clipped, given * scale, rtol=1e-5, atol=0)


def test_a_gradient_at_fault_changes_nothing(tiny_config, tmp_path):
    config = tiny_config(tmp_path)
    with parallel.joined(config):
        training = setup.build(config)
        (buffer,) = training.model[0].buffers
        buffer.grad_data.normal_(generator=torch.Generator().manual_seed(3))
        gradients, weights = buffer.grad_data.clone(), buffer.param_data.clone()
        _, fault = optim.step(training.optimizer, lambda norm: "too large")
        assert fault == "too large"
        assert torch.equal(buffer.grad_data, gradients)
        assert torch.equal(buffer.param_data, weights)
