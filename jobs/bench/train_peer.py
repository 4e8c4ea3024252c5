"""Hugging Face transformers' LLaMA and its optimizer step: the peer of the trainer's benchmarks.

As its users get it at its best: scaled_dot_product_attention, fused AdamW, gradients set to None,
torch.compile where it is asked for.
"""

from collections.abc import Callable
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from train.config import TrainConfig
from train.llama import NORM_EPS, ROPE_THETA

# From windows [N, W] int64, of which a step predicts all but each first token, to the loss.
Step = Callable[[torch.Tensor], torch.Tensor]


def build(config: TrainConfig, device: torch.device) -> LlamaForCausalLM:
    """transformers' model of the config's shape, with weights of its own, in its precision."""
    shape = config.shape
    like = LlamaConfig(
        vocab_size=shape.vocab,
        hidden_size=shape.dim,
        intermediate_size=shape.ffn,
        num_hidden_layers=shape.num_layers,
        num_attention_heads=shape.num_heads,
        num_key_value_heads=shape.num_heads,
        max_position_embeddings=shape.seq_length,
        rms_norm_eps=NORM_EPS,
        rope_parameters={"rope_type": "default", "rope_theta": float(ROPE_THETA)},
        tie_word_embeddings=False,
        use_cache=False,
    )
    like._attn_implementation = "sdpa"
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    with torch.device(device):
        default = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            model = LlamaForCausalLM(like)
        finally:
            torch.set_default_dtype(default)
    assert sum(p.numel() for p in model.parameters()) == shape.num_parameters
    return model.train()


def passes(model: Callable[..., Any], autocast: bool = False) -> Callable[..., torch.Tensor]:
    """Forward and backward pass; gradients are added to those in the parameters.

    autocast: computed in bf16 where the weights are fp32, as the Trainer does with bf16=True. What
    is returned takes windows and in how many parts a step's batch comes, to take their mean.
    """

    def run(windows: torch.Tensor, parts: int = 1) -> torch.Tensor:
        # It shifts the labels itself, and computes logits for the last position all the same.
        tokens = windows[:, :-1].contiguous()
        with torch.autocast(windows.device.type, torch.bfloat16, enabled=autocast):
            loss = model(input_ids=tokens, labels=tokens).loss / parts
        loss.backward()
        return loss.detach()

    return run


def full_step(
    model: Any, config: TrainConfig, micro_batch: int | None = None, autocast: bool = False
) -> Step:
    """Forward, backward, clipping and AdamW; the model may be a compiled one.

    micro_batch: sequences at once, of which a step sums the gradients; None: all.
    """
    optim = config.optim
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=config.schedule.lr,
        betas=(optim.betas[0], optim.betas[1]),
        eps=optim.eps,
        weight_decay=optim.weight_decay,
        fused=True,
    )
    run = passes(model, autocast)

    def step(windows: torch.Tensor) -> torch.Tensor:
        parts = windows.split(micro_batch or len(windows))
        loss = torch.stack([run(part, len(parts)) for part in parts]).sum()
        torch.nn.utils.clip_grad_norm_(model.parameters(), optim.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return step
