"""LLaMA built from megatron-core's GPTModel (arXiv:2302.13971, section 2.2).

RMSNorm before each block, SwiGLU, rotary positions (theta 10,000, halves rotated as Hugging Face
lays them out), no biases, untied embeddings, no dropout. With Transformer Engine on a GPU its
fused layers are used; elsewhere megatron-core's own, with two modules put in their place: a norm
that knows of sequence parallelism and attention that never builds the S x S scores.
Suffixes of shapes: S sequence, B batch, H heads of this process, D dim, K head_dim, G the
key-value heads (here all of them).
"""

import importlib.util
from typing import Any

import torch
import torch.nn.functional as F
from megatron.core import parallel_state
from megatron.core.models.gpt.gpt_layer_specs import (
    get_gpt_layer_local_spec,
    get_gpt_layer_with_transformer_engine_spec,
)
from megatron.core.models.gpt.gpt_model import GPTModel
from megatron.core.transformer.spec_utils import ModuleSpec
from megatron.core.transformer.transformer_block import TransformerBlockSubmodules
from megatron.core.transformer.transformer_config import TransformerConfig

from train.config import TrainConfig
from train.llama import NORM_EPS, ROPE_THETA


class RMSNorm(torch.nn.Module):
    """Root-mean-square norm with a gain, computed in fp32, its gradient marked for summing over
    tensor-parallel ranks when each of them sees only its part of the sequence."""

    def __init__(
        self, config: TransformerConfig, hidden_size: int, eps: float = NORM_EPS, **_: Any
    ) -> None:
        super().__init__()
        self.eps = eps
        self.weight = torch.nn.Parameter(torch.ones(hidden_size, dtype=config.params_dtype))
        self.weight.sequence_parallel = config.sequence_parallel  # type: ignore[attr-defined]

    def forward(self, hidden_SBD: torch.Tensor) -> torch.Tensor:
        norm = F.rms_norm(hidden_SBD.float(), (hidden_SBD.shape[-1],), eps=self.eps)
        return norm.type_as(hidden_SBD) * self.weight


class CausalAttention(torch.nn.Module):
    """Softmax attention over the past through PyTorch's fused kernels, or over what a mask leaves
    of it; takes megatron's arguments of a core attention, most of which say nothing here."""

    def __init__(self, config: TransformerConfig, softmax_scale: float | None, **_: Any) -> None:
        super().__init__()
        self.softmax_scale = softmax_scale

    def forward(
        self,
        query_SBHK: torch.Tensor,
        key_SBGK: torch.Tensor,
        value_SBGK: torch.Tensor,
        attention_mask: torch.Tensor | None,
        **_: Any,
    ) -> torch.Tensor:
        q, k, v = (x.permute(1, 2, 0, 3) for x in (query_SBHK, key_SBGK, value_SBGK))
        seen_B1SS = None if attention_mask is None else ~attention_mask
        out_BHSK = F.scaled_dot_product_attention(
            q, k, v, seen_B1SS, is_causal=seen_B1SS is None, scale=self.softmax_scale
        )
        return out_BHSK.permute(2, 0, 1, 3).flatten(2)


def transformer_config(config: TrainConfig) -> TransformerConfig:
    """megatron-core's view of the run's model and parallelism."""
    shape, parallel = config.shape, config.parallel
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    return TransformerConfig(
        num_layers=shape.num_layers,
        hidden_size=shape.dim,
        ffn_hidden_size=shape.ffn,
        num_attention_heads=shape.num_heads,
        normalization="RMSNorm",
        layernorm_epsilon=NORM_EPS,
        gated_linear_unit=True,
        activation_func=F.silu,
        bias_activation_fusion=False,
        add_bias_linear=False,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        rotary_interleaved=False,
        apply_rope_fusion=False,
        masked_softmax_fusion=False,
        gradient_accumulation_fusion=False,
        tensor_model_parallel_size=parallel.tp,
        pipeline_model_parallel_size=parallel.pp,
        # On one tensor-parallel rank there is no sequence to split.
        sequence_parallel=parallel.sequence_parallel and parallel.tp > 1,
        params_dtype=dtype,
        pipeline_dtype=dtype,
        bf16=config.precision == "bf16",
        # The CPU's initial weights do not depend on tp, so parity is testable; on GPUs it would
        # build the whole of every matrix in each process.
        use_cpu_initialization=not torch.cuda.is_available(),
    )


def build(config: TrainConfig) -> GPTModel:
    """This process's part of the model, on its device; the process groups must be up."""
    megatron = transformer_config(config)
    model = GPTModel(
        config=megatron,
        transformer_layer_spec=_spec(megatron, config.data.document_mask),
        vocab_size=config.shape.vocab,
        max_sequence_length=config.shape.seq_length,
        pre_process=parallel_state.is_pipeline_first_stage(),
        post_process=parallel_state.is_pipeline_last_stage(),
        share_embeddings_and_output_weights=False,
        position_embedding_type="rope",
        rotary_base=ROPE_THETA,
    )
    return model.cuda()


def _spec(
    config: TransformerConfig, document_mask: bool
) -> ModuleSpec | TransformerBlockSubmodules:
    if torch.cuda.is_available() and importlib.util.find_spec("transformer_engine"):
        fused = get_gpt_layer_with_transformer_engine_spec()
        if document_mask:  # its own attention is causal whatever mask it is given
            fused.submodules.self_attention.submodules.core_attention = CausalAttention
        return fused
    layer = get_gpt_layer_local_spec(normalization="RMSNorm")
    layer.submodules.input_layernorm = RMSNorm
    layer.submodules.pre_mlp_layernorm = RMSNorm
    layer.submodules.self_attention.submodules.core_attention = CausalAttention
    # A block's final norm does not follow the layer's spec, so the block is spelt out.
    num_layers = config.num_layers // config.pipeline_model_parallel_size
    return TransformerBlockSubmodules(layer_specs=[layer] * num_layers, layer_norm=RMSNorm)
