"""Activations that are computed again in the backward pass: what `train.parallel.recompute` means.

`selective` gives back what is cheap to compute and large to keep: the outputs of the norms (by
megatron-core's own `layernorm` module) and the product within SwiGLU, which it offers for experts
only. Every matrix product is run once, as in LLaMA's section 2.4. `full` is megatron-core's.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from megatron.core import parallel_state, tensor_parallel
from megatron.core.transformer.mlp import MLP
from megatron.core.transformer.spec_utils import ModuleSpec
from megatron.core.transformer.transformer_config import TransformerConfig

from train.layout import ParallelConfig


def settings(parallel: ParallelConfig, num_layers: int) -> dict[str, Any]:
    """The fields of megatron-core's TransformerConfig for a layout of so many layers."""
    if parallel.recompute == "none":
        return {}
    if parallel.recompute == "selective":
        return {"recompute_granularity": "selective", "recompute_modules": ["layernorm"]}
    held = num_layers // (parallel.pp * parallel.vpp)
    return {
        "recompute_granularity": "full",
        "recompute_method": "block",
        "recompute_num_layers": parallel.recompute_layers or held,
    }


def prepare(config: TransformerConfig, layer: ModuleSpec) -> None:
    """Puts into the spec of a layer what megatron-core has no setting for."""
    if config.recompute_granularity != "selective":
        return
    tensor_parallel.CheckpointWithoutOutput = OutputDropped  # where its layers look it up
    # It tells of a feed-forward that it does not know.
    logging.getLogger("megatron.core.transformer.transformer_layer").setLevel(logging.ERROR)
    mlp = layer.submodules.mlp
    group = parallel_state.get_tensor_model_parallel_group()
    layer.submodules.mlp = ModuleSpec(
        ProductDroppedMLP, params={"tp_group": group}, submodules=mlp.submodules
    )


class OutputDropped:
    """The output of a function, given back after its use and computed again before its use in the
    backward pass; with the calls of megatron-core's CheckpointWithoutOutput.

    That one is for any function: it saves and sets the states of all random numbers and runs a
    backward pass within the backward pass, which takes the host longer than a GPU needs for a
    layer of a split model. The functions here draw nothing, and their own backward passes keep
    what they need, which is not their output.
    """

    def checkpoint(
        self, function: Callable[[torch.Tensor], torch.Tensor], given: torch.Tensor
    ) -> torch.Tensor:
        """function(given)."""
        self._function, self._given = function, given
        self._output = function(given)
        return self._output

    def discard_output_and_register_recompute(self, user: torch.Tensor) -> None:
        """Frees the output; a gradient of `user`, which was computed of it, brings it back."""
        self._output.untyped_storage().resize_(0)
        if user.requires_grad:
            user.register_hook(self._bring_back)
        else:
            self._let_go()  # its layer refers to it until the next pass

    def _bring_back(self, _: torch.Tensor) -> None:
        with torch.no_grad():
            again = self._function(self._given).untyped_storage()
        storage = self._output.untyped_storage()
        storage.resize_(again.size())
        storage.copy_(again)
        self._let_go()

    def _let_go(self) -> None:
        del self._function, self._given, self._output


class ProductDroppedMLP(MLP):
    """megatron-core's gated feed-forward; of SwiGLU it keeps gate and up, not their product."""

    def forward(
        self, hidden_SBD: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        gate_up_SBF, _ = self.linear_fc1(hidden_SBD)
        dropped = OutputDropped()
        product_SBF = dropped.checkpoint(self.activation_func, gate_up_SBF)
        out_SBD, bias = self.linear_fc2(product_SBF)
        dropped.discard_output_and_register_recompute(out_SBD)
        return out_SBD, bias
