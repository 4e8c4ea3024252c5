"""How a model and its batch are split over processes, and every rule a split has to meet.

The grid is tp x cp x dp x pp processes (tensor, context, data, pipeline parallel); dp is what the
others leave of them. Each refusal gives the equation that failed and the values that would do.
"""

import math
from dataclasses import dataclass
from typing import Literal

from corpus.errors import ConfigError
from train.presets import Shape

# Rules are checked for layouts of up to so many parts when values that would do are looked for.
_HIGHEST = 128


@dataclass(frozen=True)
class ParallelConfig:
    """The layout of a run; what tp, cp and pp leave of the processes is data parallel (ZeRO-1).

    recompute: what of the activations is computed again in the backward pass instead of kept.
      none       everything is kept.
      selective  the outputs of the norms and of SwiGLU's product are not kept: no matrix product
                 is run twice, and a quarter to a third of a layer's activations goes. (Attention
                 has nothing to give: its fused kernels keep no S x S scores.) Transformer Engine's
                 norms are part of its linear layers, which keep their outputs.
      full       whole layers are run again from their inputs: a third more of computation.
    """

    processes: int = 1  # on a node: one a GPU, or one a CPU core
    nodes: int = 1  # machines, each with as many processes
    tp: int = 1  # tensor parallel size
    pp: int = 1  # pipeline parallel size
    vpp: int = 1  # parts of the model a pipeline stage holds; above 1 the schedule interleaves them
    cp: int = 1  # context parallel size: parts a sequence is split into, in all layers
    sequence_parallel: bool = False  # between the tensor-parallel matrices, over tp
    recompute: Literal["none", "selective", "full"] = "none"
    recompute_layers: int | None = None  # with full: of each part of the model; None: all
    overlap_grad_reduce: bool = True  # with the backward pass
    overlap_param_gather: bool = True  # with the next step's forward pass

    @property
    def world_size(self) -> int:
        """All processes of the run."""
        return self.processes * self.nodes

    @property
    def model_size(self) -> int:
        """Processes that hold one replica of the model and share the work on its sequences."""
        return self.tp * self.cp * self.pp


def check(shape: Shape, parallel: ParallelConfig) -> None:
    """Raises ConfigError where a model of this shape cannot be split so."""
    for key in ("processes", "nodes", "tp", "pp", "vpp", "cp"):
        size = getattr(parallel, key)
        if size < 1:
            raise ConfigError(f"{key}={size} is below 1; choose 1 or more (train.parallel.{key})")
    for key in ("num_heads", "ffn", "vocab"):
        _check_divides("tp", parallel.tp, key, getattr(shape, key))
    _check_divides("pp", parallel.pp, "num_layers", shape.num_layers)
    _check_stages(shape, parallel)
    _check_sequence(shape, parallel)
    _check_recompute(shape, parallel)
    if parallel.overlap_param_gather and not parallel.overlap_grad_reduce:
        raise ConfigError(
            "overlap_param_gather=True needs overlap_grad_reduce=True; set both or neither "
            "(train.parallel.overlap_param_gather)"
        )


def data_parallel_size(
    parallel: ParallelConfig, world_size: int, batch_sequences: int, micro_batch: int
) -> int:
    """How many replicas of the model `world_size` processes hold; ConfigError where none fit."""
    if world_size % parallel.model_size:
        names, sizes = "tp*pp", f"{parallel.tp}*{parallel.pp}"
        if parallel.cp > 1:
            names, sizes = "tp*cp*pp", f"{parallel.tp}*{parallel.cp}*{parallel.pp}"
        of, size = f"{names}={sizes}={parallel.model_size}", parallel.model_size
        if parallel.nodes == 1 or world_size != parallel.world_size:
            raise ConfigError(
                f"processes={world_size} is not a multiple of {of}; choose a multiple of {size} "
                "(train.parallel.processes)"
            )
        processes, nodes = parallel.processes, parallel.nodes
        raise ConfigError(
            f"processes*nodes={processes}*{nodes}={world_size} is not a multiple of {of}; choose a "
            f"multiple of {size // math.gcd(size, processes)} (train.parallel.nodes) or of "
            f"{size // math.gcd(size, nodes)} (train.parallel.processes)"
        )
    dp = world_size // parallel.model_size
    if batch_sequences % (dp * micro_batch):
        raise ConfigError(
            f"batch_sequences={batch_sequences} is not a multiple of micro_batch*replicas="
            f"{micro_batch}*{dp}; choose a multiple of {dp * micro_batch} "
            "(train.batch_sequences, train.micro_batch)"
        )
    micro_batches = batch_sequences // (dp * micro_batch)
    if parallel.vpp > 1 and micro_batches % parallel.pp:
        raise ConfigError(
            f"batch_sequences/(micro_batch*replicas)={batch_sequences}/({micro_batch}*{dp})="
            f"{micro_batches} is not a multiple of pp={parallel.pp}, which an interleaved schedule "
            f"(vpp={parallel.vpp}) needs; choose a multiple of {dp * micro_batch * parallel.pp} "
            "(train.batch_sequences) or vpp=1 (train.parallel.vpp)"
        )
    return dp


def choices(sizes: list[int]) -> str:
    """The values as a person lists them: `1, 2 or 4`."""
    *head, last = (str(size) for size in sizes)
    return f"{', '.join(head)} or {last}" if head else last


def divisors(total: int, highest: int) -> list[int]:
    """All sizes up to `highest` that divide `total`."""
    return [size for size in range(1, min(total, highest) + 1) if total % size == 0]


def _check_divides(key: str, size: int, of: str, total: int) -> None:
    if total % size:
        raise ConfigError(
            f"{key}={size} does not divide {of}={total}; "
            f"choose {choices(divisors(total, 8))} (train.parallel.{key})"
        )


def _check_stages(shape: Shape, parallel: ParallelConfig) -> None:
    pp, vpp = parallel.pp, parallel.vpp
    if vpp > 1 and pp == 1:
        raise ConfigError(
            f"vpp={vpp} interleaves pipeline stages, and pp=1 has only one; choose vpp=1 or "
            "pp of 2 or more (train.parallel.vpp)"
        )
    if shape.num_layers % (pp * vpp):
        raise ConfigError(
            f"pp*vpp={pp}*{vpp}={pp * vpp} does not divide num_layers={shape.num_layers}; choose "
            f"vpp={choices(divisors(shape.num_layers // pp, _HIGHEST))} (train.parallel.vpp)"
        )


def _check_sequence(shape: Shape, parallel: ParallelConfig) -> None:
    if parallel.sequence_parallel and parallel.tp == 1:
        raise ConfigError(
            "sequence_parallel=True splits a sequence over tp processes, and tp=1 leaves it whole; "
            "choose tp of 2 or more (train.parallel.tp) or False (train.parallel.sequence_parallel)"
        )
    # Causal attention has more to do the later it is, so a context-parallel process takes a part
    # from each end: the sequence is cut into 2 * cp.
    names, sizes, parts = [], [], 1
    if parallel.sequence_parallel:
        names, sizes, parts = ["tp"], [str(parallel.tp)], parallel.tp
    if parallel.cp > 1:
        names, sizes = [*names, "cp", "2"], [*sizes, str(parallel.cp), "2"]
        parts *= parallel.cp * 2
    if shape.seq_length % parts == 0:
        return
    key = "cp" if parallel.cp > 1 else "tp"
    below, above = shape.seq_length // parts * parts, -(-shape.seq_length // parts) * parts
    good = choices([length for length in (below, above) if length])
    equation = "*".join(names) if len(names) == 1 else f"{'*'.join(names)}={'*'.join(sizes)}"
    raise ConfigError(
        f"{equation}={parts} does not divide seq_length={shape.seq_length}; choose seq_length="
        f"{good} (train.model.seq_length) or another {key} (train.parallel.{key})"
    )


def _check_recompute(shape: Shape, parallel: ParallelConfig) -> None:
    layers, held = parallel.recompute_layers, shape.num_layers // (parallel.pp * parallel.vpp)
    if layers is None:
        return
    if parallel.recompute != "full":
        raise ConfigError(
            f"recompute_layers={layers} has no meaning with recompute={parallel.recompute}; choose "
            "recompute=full or leave it out (train.parallel.recompute_layers)"
        )
    if not 1 <= layers <= held:
        raise ConfigError(
            f"recompute_layers={layers} is not within num_layers/(pp*vpp)={shape.num_layers}/"
            f"({parallel.pp}*{parallel.vpp})={held}; choose 1 to {held} "
            "(train.parallel.recompute_layers)"
        )
