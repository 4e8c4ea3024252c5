"""The one file that makes megatron-core run on a CPU over gloo.

megatron-core asks for CUDA by name in many places: `device="cuda"`, `.cuda()`, the current
device, the CUDA random state, and `Tensor.type()` compared with a CUDA type's name. `activate`
answers those on the CPU, for the life of the process. Where CUDA is there it changes nothing.
"""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_CPU = torch.device("cpu")


class _CudaOnCpu(TorchFunctionMode):
    """Rewrites what is asked of CUDA, call by call; all else passes through unchanged."""

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = kwargs or {}
        if "device" in kwargs and _names_cuda(kwargs["device"]):
            kwargs = {**kwargs, "device": _CPU}
        if func is torch.Tensor.cuda:
            return args[0]
        if func is torch.Tensor.to and any(_names_cuda(a) for a in args[1:]):
            args = tuple(_CPU if _names_cuda(a) else a for a in args)
        result = func(*args, **kwargs)
        if func is torch.Tensor.type and isinstance(result, str):
            return result.replace("torch.", "torch.cuda.", 1)
        return result


def _names_cuda(device: Any) -> bool:
    if isinstance(device, torch.device):
        return device.type == "cuda"
    return isinstance(device, str) and device.startswith("cuda")


_mode: _CudaOnCpu | None = None


def activate() -> bool:
    """Puts the shim in place where there is no CUDA; says whether it is active. Idempotent."""
    global _mode
    if torch.cuda.is_available():
        return False
    if _mode is None:
        _mode = _CudaOnCpu()
        _mode.__enter__()
        _redirect_cuda_functions()
    return True


def _redirect_cuda_functions() -> None:
    import megatron.core.tensor_parallel.random as megatron_random

    def get_state(*_: Any, **__: Any) -> torch.Tensor:
        return torch.get_rng_state()

    def set_state(state: torch.Tensor, *_: Any, **__: Any) -> None:
        torch.set_rng_state(state)

    cuda: Any = torch.cuda
    cuda.current_device = lambda: _CPU
    cuda.synchronize = lambda *_: None
    cuda.manual_seed = torch.manual_seed
    cuda.get_rng_state = get_state
    cuda.set_rng_state = set_state
    megatron: Any = megatron_random
    megatron._get_cuda_rng_state = get_state
    megatron._set_cuda_rng_state = set_state
