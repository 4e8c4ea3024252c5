"""What the shim changes, and what it leaves alone."""

import torch
from megatron.core.distributed import param_and_grad_buffer

from train import cpu_shim, parallel


def test_cuda_by_name_is_the_cpu_and_a_device_context_still_holds():
    assert cpu_shim.activate()
    assert torch.zeros(2, device="cuda").device.type == "cpu"
    assert (
        torch.tensor([1.0], device=torch.device("cuda", 0)).cuda().to("cuda").device.type == "cpu"
    )
    assert torch.ones(1).type() == "torch.cuda.FloatTensor"
    with torch.device("meta"):  # as transformers builds a model
        assert torch.empty(3).device.type == "meta"
        assert torch.arange(3).device.type == "meta"


def test_a_process_alone_gathers_and_reduces_nothing(tiny_config, tmp_path):
    with parallel.joined(tiny_config(tmp_path)):
        group = torch.distributed.group.WORLD
        weights, other = torch.arange(4.0), torch.zeros(4)
        before = weights._version
        for collective in (
            param_and_grad_buffer.dist_all_gather_func,
            param_and_grad_buffer.dist_reduce_scatter_func,
        ):
            collective(weights, weights.view(4), group=group)
            assert weights._version == before
            collective(other, weights, group=group)  # another place is written to
            assert other.tolist() == weights.tolist()
            other.zero_()
