"""What a run takes of each GPU's memory, by part, and a save of the host's, known before it starts.

Static: weights, the fp32 sums of gradients, and Adam's state (fp32, with a master copy of bf16
weights), which ZeRO-1 divides over the data- and context-parallel processes. Activations: what the
layers of `layers.py` and `fused.py` keep for the backward pass, by token and layer,

    norms' inputs 2 D/s, norms' outputs 2 D/s, queries, keys, values and attention's output 4 D/t,
    gate and up 2 F/t, their product F/t,

times the bytes of a number, where D is the model's width, F the feed-forward's, t = tp, and s = tp
with sequence parallelism, else 1. `selective` keeps neither the norms' outputs nor the product,
`full` a layer's input alone. A pipeline's stage holds the micro-batches that are under way
(arXiv:2104.04473, sections 2.2 and 2.3). Logits exist once (train.cross_entropy).
"""

from dataclasses import dataclass, fields

from train.config import TrainConfig, data_parallel_size

GB = 1e9
# Of a GPU, outside PyTorch's allocator: CUDA's context with its kernels and libraries, and NCCL's
# buffers; of a CPU's process, Python with its libraries.
CUDA = 1.0 * GB
NCCL = 0.5 * GB
PROCESS = 0.6 * GB
# What PyTorch's allocator holds beyond what is in use, in pieces that fit nothing.
SLACK = 0.04


@dataclass(frozen=True)
class Estimate:
    """Bytes of the process that has most, by part; they exist at one moment, the largest."""

    weights: float
    gradients: float
    optimizer: float
    activations: float  # kept for the backward pass
    # At the larger of two moments: the loss with its logits, or a layer's backward pass.
    logits: float
    working: float
    overhead: float  # not PyTorch's tensors

    @property
    def tensors(self) -> float:
        """All but the overhead: what PyTorch reports as its peak of allocated memory."""
        return self.total - self.overhead

    @property
    def total(self) -> float:
        return sum(getattr(self, part.name) for part in fields(self))


@dataclass(frozen=True)
class _Stage:
    """A pipeline stage, by what of the model and of the micro-batches it holds at once."""

    parameters: int
    layers_under_way: int  # of all micro-batches under way
    is_last: bool


def estimate(config: TrainConfig, world_size: int, on_gpu: bool = True) -> Estimate:
    """The memory of the fullest of `world_size` processes."""
    stages = [_stage(config, world_size, number) for number in range(config.parallel.pp)]
    return max((_of(config, world_size, s, on_gpu) for s in stages), key=lambda e: e.total)


def copies_of_save(config: TrainConfig, world_size: int, on_gpu: bool = True) -> float:
    """Bytes of host memory that a save takes of a process, of `world_size`: its share of masters
    and moments, 12 a parameter, and of the weights, as they are to be written.

    Of the fullest pipeline stage, the mean of the processes that hold the same weights: those are
    shared out by whole tensors, so one process may copy more of them and another less.
    """
    number = 2 if config.precision == "bf16" else 4
    if on_gpu:  # CUDA copies to pinned memory, of which torch takes the next power of two
        number *= 2
    held = max(parameters_held(config, stage) for stage in range(config.parallel.pp))
    return held * (12 + number) / _replicas(config, world_size)


def parameters_held(config: TrainConfig, stage: int) -> int:
    """Parameters of one process of a pipeline stage; norms are whole in each, matrices are not."""
    shape, parallel = config.shape, config.parallel
    matrices = 4 * shape.dim**2 + 3 * shape.dim * shape.ffn
    held = shape.num_layers // parallel.pp * (matrices // parallel.tp + 2 * shape.dim)
    table = shape.vocab * shape.dim // parallel.tp
    held += table if stage == 0 else 0
    return held + (table + shape.dim if stage == parallel.pp - 1 else 0)


def _stage(config: TrainConfig, world_size: int, number: int) -> _Stage:
    parallel, schedule = config.parallel, config.schedule
    dp = data_parallel_size(config, world_size)
    micro_batches = schedule.batch_sequences // (dp * schedule.micro_batch)
    pp, vpp = parallel.pp, parallel.vpp
    part = config.shape.num_layers // (pp * vpp)  # layers that are run in one go
    under_way = pp - number if vpp == 1 else 2 * (pp - number - 1) + (vpp - 1) * pp + 1
    under_way = min(under_way, micro_batches * vpp)
    return _Stage(parameters_held(config, number), part * under_way, number == pp - 1)


def _of(config: TrainConfig, world_size: int, stage: _Stage, on_gpu: bool) -> Estimate:
    parallel, shape = config.parallel, config.shape
    number, master = (2, 4) if config.precision == "bf16" else (4, 0)
    shards = _replicas(config, world_size)
    tokens = config.schedule.micro_batch * shape.seq_length // parallel.cp
    split = _sequence_split(config)
    layer, kept = _layer_bytes(config, number)
    # The last stage keeps the final norm's input and output too. The embeddings are the first
    # layer's input, and counted with it.
    ends = 2 * shape.dim * number / split if stage.is_last else 0.0
    activations = tokens * (stage.layers_under_way * kept + ends)
    # While a layer's backward pass runs: what it computes again; gradients of the product, of gate
    # and up and of the stream; a weight's empty gradient, which stands for one already added.
    widest = 2 * shape.ffn / parallel.tp
    working = tokens * (layer - kept + number * (1.5 * widest + shape.dim))
    working += widest * shape.dim * number
    if split > 1:
        working += tokens * shape.dim * number  # the sequence, gathered for a product
    logits = 0.0
    if stage.is_last:
        # Before it: labels, targets and sums of rows, 48 bytes a token; the gradient of the stream,
        # and again an empty gradient. The logits' own gradient takes their place.
        vocab = shape.vocab / parallel.tp
        logits = tokens * (vocab * number + 48 + shape.dim * number) + vocab * shape.dim * number
    if logits >= working:  # one comes after the other
        working = 0.0
    else:
        logits = 0.0
    weights, gradients = stage.parameters * number, stage.parameters * 4.0
    optimizer = stage.parameters * (8 + master) / shards
    tensors = weights + gradients + optimizer + activations + logits + working
    overhead = PROCESS
    if on_gpu:
        overhead = CUDA + (NCCL if world_size > 1 else 0.0) + SLACK * tensors
    return Estimate(weights, gradients, optimizer, activations, logits, working, overhead)


def _layer_bytes(config: TrainConfig, number: int) -> tuple[float, float]:
    """Bytes a token that a layer's pass makes for its backward pass, and those that are kept."""
    shape, parallel = config.shape, config.parallel
    norms = 2 * shape.dim / _sequence_split(config)
    # Query and output of this process's part of the sequence, keys and values of all parts.
    attention = (2 + 2 * parallel.cp) * shape.dim / parallel.tp
    gate = 2 * shape.ffn / parallel.tp
    sums = 2 * 4 + 4 * shape.num_heads / parallel.tp  # of a norm's and a head's row, fp32
    whole = number * (2 * norms + attention + 1.5 * gate) + sums
    if parallel.recompute == "selective":
        return whole, number * (norms + attention + gate) + sums
    if parallel.recompute == "full":
        held = shape.num_layers // (parallel.pp * parallel.vpp)
        again = (parallel.recompute_layers or held) / held
        return whole, again * number * norms / 2 + (1 - again) * whole
    return whole, whole


def _replicas(config: TrainConfig, world_size: int) -> int:
    """Processes that hold the same weights, and divide the state of the optimizer."""
    return data_parallel_size(config, world_size) * config.parallel.cp


def _sequence_split(config: TrainConfig) -> int:
    return config.parallel.tp if config.parallel.sequence_parallel else 1
