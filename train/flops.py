"""Model FLOPs a token and the share of a GPU's peak they are: MFU, in the three usual conventions.

A multiplication and an addition are two FLOPs, and the backward pass costs twice the forward. What
is recomputed counts nothing: MFU is of the work the model needs, not of that which was done. N is
all parameters, embeddings included, as in the figures that are published of LLaMA: 65B at 380
tokens/s on an A100 (arXiv:2302.13971, section 2.4) is 47.7 %, 48.7 % and 49.7 % of 312 TFLOP/s.

- six_n: 6N, the weights alone;
- causal: and the attention to the past, half of a full square of scores: 6N + 6 L d s;
- full: and the whole square, as PaLM counts (arXiv:2204.02311, appendix B): 6N + 12 L d s.
"""

from dataclasses import dataclass

import torch

from train.config import TrainConfig
from train.peaks import peak_tflops
from train.presets import Shape


@dataclass(frozen=True)
class TokenFlops:
    """FLOPs a token of training, forward and backward, by convention."""

    six_n: float
    causal: float
    full: float


def token_flops(shape: Shape) -> TokenFlops:
    """The FLOPs of a training token at the shape's sequence length."""
    weights = 6.0 * shape.num_parameters
    # 2 products (scores, values) x 2 FLOPs x 3 (forward, backward) for each of s positions.
    square = 12.0 * shape.num_layers * shape.dim * shape.seq_length
    return TokenFlops(weights, weights + square / 2, weights + square)


def mfu(shape: Shape, tokens_per_s: float, tflops: float) -> dict[str, float]:
    """Model FLOPs utilisation, 0 to 1, by convention; tokens and peak both of one device."""
    return {
        name: tokens_per_s * flops / (tflops * 1e12)
        for name, flops in vars(token_flops(shape)).items()
    }


def device_peak(config: TrainConfig) -> float | None:
    """Peak TFLOP/s of this process's device: the config's, or its GPU's by name; None unknown."""
    if config.peak_tflops is not None or not torch.cuda.is_available():
        return config.peak_tflops
    return peak_tflops(torch.cuda.get_device_name(), config.precision)
