"""LLaMA built from megatron-core's GPTModel (arXiv:2302.13971, section 2.2).

RMSNorm before each block, SwiGLU, rotary positions (theta 10,000, halves rotated as Hugging Face
lays them out), no biases, untied embeddings, no dropout. With Transformer Engine on a GPU its
fused layers are used; elsewhere megatron-core's own, with two modules put in their place: a norm
that knows of sequence parallelism and attention that never builds the S x S scores.
Suffixes of shapes: S sequence, B batch, H heads of this process, D dim, K head_dim, G the
key-value heads (here all of them).
"""

import importlib.util

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

from train import fused, init, recompute, seats
from train.config import TrainConfig
from train.context_parallel import GatheredAttention
from train.cross_entropy import vocab_parallel_cross_entropy
from train.layers import CausalAttention, RMSNorm
from train.llama import NORM_EPS, ROPE_THETA


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
        use_te_activation_func=True,  # ours; see _spec
        apply_rope_fusion=True,
        masked_softmax_fusion=False,
        gradient_accumulation_fusion=seats.fill(),
        tensor_model_parallel_size=parallel.tp,
        pipeline_model_parallel_size=parallel.pp,
        virtual_pipeline_model_parallel_size=parallel.vpp if parallel.vpp > 1 else None,
        # An interleaved schedule sends both ways at once. In one batch two stages, each the other's
        # next and previous, would take each other's gradients for activations, without an error.
        overlap_p2p_comm=parallel.vpp > 1,
        batch_p2p_comm=parallel.vpp == 1,
        batch_p2p_sync=False,  # waits for the device after each, for a fault of PyTorch before 2
        context_parallel_size=parallel.cp,
        **recompute.settings(parallel, shape.num_layers),
        sequence_parallel=parallel.sequence_parallel,
        params_dtype=dtype,
        pipeline_dtype=dtype,
        bf16=config.precision == "bf16",
        use_cpu_initialization=not torch.cuda.is_available(),
        init_method=init.leave,
        output_layer_init_method=init.leave,
    )


def build(config: TrainConfig) -> list[GPTModel]:
    """This process's parts of the model, on its device; the process groups must be up.

    One part, or `vpp` of them: part i of pipeline stage p is the (i * pp + p)-th of the model.
    """
    megatron = transformer_config(config)
    parts = [_part(config, megatron, number) for number in range(config.parallel.vpp)]
    init.draw(parts, config.seed)
    return parts


def _part(config: TrainConfig, megatron: TransformerConfig, number: int) -> GPTModel:
    vp_stage = number if config.parallel.vpp > 1 else None
    place = {"ignore_virtual": False, "vp_stage": vp_stage}
    model = _Llama(
        config=megatron,
        transformer_layer_spec=_spec(megatron, config.data.document_mask),
        vocab_size=config.shape.vocab,
        max_sequence_length=config.shape.seq_length,
        pre_process=parallel_state.is_pipeline_first_stage(**place),
        post_process=parallel_state.is_pipeline_last_stage(**place),
        share_embeddings_and_output_weights=False,
        position_embedding_type="rope",
        rotary_base=ROPE_THETA,
        vp_stage=vp_stage,
    )
    return model.cuda()


class _Llama(GPTModel):
    """GPTModel with a loss that makes no second copy of the logits."""

    def compute_language_model_loss(
        self, labels: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        losses_SB = vocab_parallel_cross_entropy(logits, labels.t(), self.pg_collection.tp)
        return losses_SB.t().contiguous()


def _spec(
    config: TransformerConfig, document_mask: bool
) -> ModuleSpec | TransformerBlockSubmodules:
    attention = GatheredAttention if config.context_parallel_size > 1 else CausalAttention
    if torch.cuda.is_available() and importlib.util.find_spec("transformer_engine"):
        layer = get_gpt_layer_with_transformer_engine_spec()
        layer.submodules.mlp.submodules.activation_func = fused.swiglu
        if document_mask:  # its own attention is causal whatever mask it is given
            layer.submodules.self_attention.submodules.core_attention = attention
        recompute.prepare(config, layer)
        return layer
    layer = get_gpt_layer_local_spec(normalization="RMSNorm")
    layer.submodules.mlp.submodules.activation_func = fused.swiglu
    layer.submodules.input_layernorm = RMSNorm
    layer.submodules.pre_mlp_layernorm = RMSNorm
    layer.submodules.self_attention.submodules.core_attention = attention
    recompute.prepare(config, layer)
    # A block's final norm does not follow the layer's spec, so the block is spelt out.
    parts = config.pipeline_model_parallel_size * (config.virtual_pipeline_model_parallel_size or 1)
    num_layers = config.num_layers // parts
    return TransformerBlockSubmodules(layer_specs=[layer] * num_layers, layer_norm=RMSNorm)
