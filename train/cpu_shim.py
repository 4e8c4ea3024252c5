"""The one file that makes megatron-core run on a CPU over gloo.

megatron-core asks for CUDA by name in many places: `device="cuda"`, `.cuda()`, the current
device, the CUDA random state, and `Tensor.type()` compared with a CUDA type's name. `activate`
answers those on the CPU, for the life of the process. Where CUDA is there it changes nothing.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.utils._device

_CPU = torch.device("cpu")
# What megatron-core makes tensors with by `device="cuda"`.
_FACTORIES = ("arange", "as_tensor", "empty", "full", "ones", "rand", "randn", "tensor", "zeros")


@functools.cache
def activate() -> bool:
    """Puts the shim in place where there is no CUDA; says whether it is active.

    Only the functions that can name CUDA are replaced: a TorchFunctionMode would look at every
    call there is, which costs a small model's step several per cent.
    """
    if torch.cuda.is_available():
        return False
    # PyTorch lists once, by function, what `with torch.device(...)` reaches. It has to be before
    # they are others, or transformers' models are built on another device than they ask for.
    torch.utils._device._device_constructors()
    for name in _FACTORIES:
        setattr(torch, name, _on_cpu(getattr(torch, name)))
    tensor: Any = torch.Tensor
    tensor.cuda = lambda self, *_, **__: self
    tensor.to = _on_cpu(tensor.to)
    tensor.type = _with_cuda_name(tensor.type)
    _redirect_cuda_functions()
    return True


def _on_cpu(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _names_cuda(kwargs.get("device")):
            kwargs["device"] = _CPU
        if kwargs.get("pin_memory"):  # what is on the CPU is where it will be used
            kwargs["pin_memory"] = False
        return function(*(_CPU if _names_cuda(arg) else arg for arg in args), **kwargs)

    return call


def _with_cuda_name(type_of: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(type_of)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = type_of(*args, **kwargs)
        return result.replace("torch.", "torch.cuda.", 1) if isinstance(result, str) else result

    return call


def _unless_alone(collective: Callable[..., Any]) -> Callable[..., Any]:
    """NCCL leaves what a single process gathers from itself where it is; gloo copies it, three
    times the weights' bytes a step."""

    @functools.wraps(collective)
    def call(output: torch.Tensor, given: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs["group"].size() == 1 and output.data_ptr() == given.data_ptr():
            return None
        return collective(output, given, *args, **kwargs)

    return call


def _names_cuda(device: Any) -> bool:
    if isinstance(device, torch.device):
        return device.type == "cuda"
    return isinstance(device, str) and device.startswith("cuda")


def _redirect_cuda_functions() -> None:
    import megatron.core.distributed.param_and_grad_buffer as param_and_grad_buffer
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
    buffers: Any = param_and_grad_buffer
    buffers.dist_all_gather_func = _unless_alone(buffers.dist_all_gather_func)
    buffers.dist_reduce_scatter_func = _unless_alone(buffers.dist_reduce_scatter_func)
    megatron: Any = megatron_random
    megatron._get_cuda_rng_state = get_state
    megatron._set_cuda_rng_state = set_state
