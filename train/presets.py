"""The sizes of LLaMA (arXiv:2302.13971, table 2) and the demo's, and how many parameters each has.

A preset is the shape of the model plus what the paper trains it with. `demo` is sized by
measurement for two CPU cores: small enough that a few hundred steps take about a minute.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """The sizes that define a LLaMA; two models of one shape have interchangeable weights."""

    dim: int
    num_heads: int
    num_layers: int
    ffn: int
    vocab: int
    seq_length: int  # tokens

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads

    @property
    def num_parameters(self) -> int:
        """Embedding and output (untied), and in each layer four square projections, three of
        the gated feed-forward, and two norms; a last norm at the end."""
        layer = 4 * self.dim**2 + 3 * self.dim * self.ffn + 2 * self.dim
        return 2 * self.vocab * self.dim + self.num_layers * layer + self.dim


@dataclass(frozen=True)
class Preset:
    """A shape and the schedule it is trained with."""

    shape: Shape
    lr: float  # peak
    batch_sequences: int
    micro_batch: int  # sequences a process holds at once
    steps: int
    warmup_steps: int


def _paper(dim: int, num_heads: int, num_layers: int, ffn: int, lr: float, tokens: float) -> Preset:
    shape = Shape(dim, num_heads, num_layers, ffn, vocab=32_000, seq_length=2048)
    # The paper's batch is "4M tokens": 2,048 sequences of 2,048.
    steps = round(tokens / (2048 * shape.seq_length))
    return Preset(shape, lr, batch_sequences=2048, micro_batch=1, steps=steps, warmup_steps=2000)


PRESETS = {
    "demo": Preset(
        Shape(dim=128, num_heads=4, num_layers=4, ffn=344, vocab=4096, seq_length=128),
        lr=3e-3,
        batch_sequences=12,
        micro_batch=12,
        steps=300,
        warmup_steps=20,
    ),
    "7b": _paper(4096, 32, 32, 11008, 3.0e-4, 1.0e12),
    "13b": _paper(5120, 40, 40, 13824, 3.0e-4, 1.0e12),
    "33b": _paper(6656, 52, 60, 17920, 1.5e-4, 1.4e12),
    "65b": _paper(8192, 64, 80, 22016, 1.5e-4, 1.4e12),
}
