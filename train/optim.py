"""AdamW with cosine decay and warm-up (LLaMA section 2.3), on megatron-core's ZeRO-1 optimizer.

With torch's AdamW (no Transformer Engine, no Apex) megatron-core 0.16.1 cannot save before the
first step, and gives all parameters one shared step counter after a load, which then runs ahead by
one for every parameter. `_mend_torch_adamw` repairs both; the tests of resume fail without either.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from megatron.core.distributed import DistributedDataParallel
from megatron.core.optimizer import MegatronOptimizer, OptimizerConfig, get_megatron_optimizer
from megatron.core.optimizer.distrib_optimizer import DistributedOptimizer
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from train.config import Schedule, TrainConfig
from train.parallel import device


def build(config: TrainConfig, model: list[DistributedDataParallel]) -> MegatronOptimizer:
    """The optimizer of this process's share of the parameters."""
    optim, schedule = config.optim, config.schedule
    optimizer = get_megatron_optimizer(
        OptimizerConfig(
            optimizer="adam",
            lr=schedule.lr,
            min_lr=schedule.min_lr,
            weight_decay=optim.weight_decay,
            adam_beta1=optim.betas[0],
            adam_beta2=optim.betas[1],
            adam_eps=optim.eps,
            clip_grad=optim.clip,
            bf16=config.precision == "bf16",
            params_dtype=model[0].config.params_dtype,
            use_distributed_optimizer=True,
            overlap_param_gather=model[0].ddp_config.overlap_param_gather,
        ),
        model,
        use_gloo_process_groups=False,
    )
    for group in optimizer.param_groups:
        # 0 for the gains of norms, which are not to be pulled towards 0; megatron-core leaves it
        # to its scheduler of rates to apply it, which has no part in this loop.
        group["weight_decay"] = optim.weight_decay * group["wd_mult"]
    for part in optimizer.chained_optimizers:
        if type(part.optimizer) is torch.optim.AdamW:
            _mend_torch_adamw(part)
    return optimizer


def gather_parameters(model: list[DistributedDataParallel]) -> None:
    """Brings every parameter up to date on every process, where the next forward pass would.

    A collective, for those who read parameters after a step and before a pass.
    """
    for part in model:
        if part.ddp_config.overlap_param_gather:
            part.start_param_sync(force_sync=True)


def learning_rate(step: int, schedule: Schedule) -> float:
    """The rate of a step (from 1): linear warm-up, then a cosine that ends at `min_lr`."""
    if step <= schedule.warmup_steps:
        return schedule.lr * step / schedule.warmup_steps
    length = max(1, schedule.steps - schedule.warmup_steps)
    progress = min(1.0, (step - schedule.warmup_steps) / length)
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return schedule.min_lr + (schedule.lr - schedule.min_lr) * cosine


def set_learning_rate(optimizer: MegatronOptimizer, lr: float) -> None:
    """Gives every parameter group the rate, whatever a checkpoint left there."""
    for group in optimizer.param_groups:
        group["lr"] = lr


@torch.no_grad()
def step(
    optimizer: MegatronOptimizer, fault: Callable[[float], str | None]
) -> tuple[float, str | None]:
    """Clips and updates, as the optimizer's own step does, unless the gradient is at fault.

    fault: what is wrong with a global gradient norm, if anything; asked on every process alike.
    Returns the norm before clipping, and the fault, with which nothing is updated.
    """
    optimizer.prepare_grads()
    norm = math.sqrt(sum(_squared_norm(part) for part in optimizer.chained_optimizers))
    found = fault(norm)
    if found is not None:
        return norm, found
    for part in optimizer.chained_optimizers:
        if 0 < part.config.clip_grad < norm:
            clip_grads_with_norm_(part.get_parameters(), part.config.clip_grad, torch.tensor(norm))
    optimizer.step_with_ready_grads()
    return norm, None


def _squared_norm(part: MegatronOptimizer) -> float:
    """Of the gradients on all processes, in float64. Waits for the device once.

    megatron-core's own waits for it once a tensor where there is no Apex, and its clipping makes a
    second copy of every gradient.
    """
    squared = get_total_norm(part.get_main_grads_for_grad_norm()).to(device()).double().square()
    torch.distributed.all_reduce(squared, group=part.get_grad_stats_parallel_group())
    return float(squared)


def _mend_torch_adamw(part: DistributedOptimizer) -> None:
    state = part.optimizer.state
    for group in part.optimizer.param_groups:
        group["fused"] = True  # one kernel, no temporary copies of the state
        for param in group["params"]:
            state[param] = {
                "step": torch.zeros((), device=param.device),
                "exp_avg": torch.zeros_like(param),
                "exp_avg_sq": torch.zeros_like(param),
            }

    load = part.load_state_dict

    def load_with_own_steps(state_dict: dict[str, Any]) -> None:
        load(state_dict)
        for one in part.optimizer.state.values():
            one["step"] = one["step"].clone()

    part.load_state_dict = load_with_own_steps
