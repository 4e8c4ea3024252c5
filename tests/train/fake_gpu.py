"""Training steps as on a GPU, with tensors that have no numbers: what would PyTorch allocate?

`fake_gpu` has the model take the kernels that a GPU runs, on PyTorch's fake tensors, as one process
of any number, and counts what they make. A kernel that torch.compile makes of a function
counts by its results. What is no tensor of PyTorch's (CUDA's context, the allocator's slack, NCCL)
is not seen.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist
import torch.nn.functional as F
from allocated import Allocated
from megatron.core.distributed import param_and_grad_buffer
from megatron.core.tensor_parallel import layers
from torch._C._distributed_c10d import FakeWork
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing._internal.distributed.fake_pg import FakeStore

from train import cpu_shim, cross_entropy, fused, init, seats

_NUMBERS = {torch.bool: True, torch.int64: 1}


class Faked(Allocated):
    """What fake tensors take of a GPU, whose allocator gives whole blocks."""

    def __init__(self) -> None:
        super().__init__(block=512)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:  # what the host asks to know
            return _NUMBERS.get(args[0].dtype, 1.0)
        if func.namespace == "c10d" and "coalesced" in str(func):
            return FakeWork().boxed()
        return super().__torch_dispatch__(func, types, args, kwargs)


@contextmanager
def fake_gpu(rank: int, world_size: int) -> Iterator[Allocated]:
    """Within it train's code runs as process `rank` of `world_size` on a GPU without numbers."""
    cpu_shim.activate()
    allocated = Faked()

    def kernel(function: Any) -> Any:
        def call(*args: Any) -> Any:
            allocated.is_within_kernel = True
            try:
                return function(*args)
            finally:
                allocated.is_within_kernel = False

        return call

    class Norm(torch.autograd.Function):  # a CPU's, which keeps what PyTorch's on a GPU keeps
        forward = staticmethod(kernel(fused._RMSNorm.forward))
        backward = staticmethod(kernel(fused._RMSNorm.backward))

    new_group = dist.new_group

    def join(*_: Any, **__: Any) -> None:
        started("fake", store=FakeStore(), rank=rank, world_size=world_size)

    def gather(into: list[Any], given: Any, *_: Any, **__: Any) -> None:
        into[:] = [given] * len(into)

    def norm(x: torch.Tensor, shape: Any, weight: torch.Tensor, eps: float) -> torch.Tensor:
        return Norm.apply(x, weight, eps)

    def nothing(*_: Any) -> None:  # a Mock would keep what it is given
        pass

    def to_list(tensor: torch.Tensor) -> Any:
        return [1.0] * tensor.numel() if tensor.dim() else 1.0

    seats.fill()
    products = SimpleNamespace(wgrad_gemm_accum_fp32=nothing)  # cuBLAS adds to what is there
    started = dist.init_process_group
    compiled = {
        fused: ("_swiglu", "_swiglu_backward", "_turned"),
        cross_entropy: ("_sum_exp", "_write_gradient"),
    }
    numbers = {"RANK": str(rank), "WORLD_SIZE": str(world_size)}
    patches = [
        mock.patch.dict(os.environ, numbers),
        mock.patch.object(dist, "init_process_group", join),
        mock.patch.object(
            dist, "new_group", lambda *a, **k: new_group(*a, **k | {"backend": "fake"})
        ),
        mock.patch.object(dist, "all_gather_object", gather),
        mock.patch.object(
            param_and_grad_buffer, "dist_all_gather_func", dist.all_gather_into_tensor
        ),
        mock.patch.object(torch.Tensor, "is_cuda", property(lambda _: True), create=True),
        mock.patch.object(torch.Tensor, "tolist", to_list),
        # Parameters are made where and as they are wanted; fakes cannot be swapped for others.
        mock.patch.object(torch.nn.Module, "_apply", lambda module, *_: module),
        # Of fakes it leaves what it copies in memory for ever.
        mock.patch.object(torch.UntypedStorage, "copy_", lambda storage, *_: storage),
        mock.patch.object(F, "rms_norm", norm),
        mock.patch.object(init, "draw", nothing),
        mock.patch.object(layers, "fused_weight_gradient_mlp_cuda", products, create=True),
        *(
            mock.patch.object(module, name, kernel(getattr(module, name).__wrapped__))
            for module, names in compiled.items()
            for name in names
        ),
    ]
    for patch in patches:
        patch.start()
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), allocated:
            yield allocated
    finally:
        for patch in reversed(patches):
            patch.stop()
