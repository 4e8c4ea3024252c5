"""The configuration of a training run: one frozen tree, checked before anything starts.

What a preset fixes (shape, peak rate, batch, steps) is None here unless it is overridden;
`TrainConfig.shape` and `TrainConfig.schedule` give the resolved numbers.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from corpus.errors import ConfigError
from train import anomaly, layout, mixture
from train.anomaly import AnomalyConfig
from train.layout import ParallelConfig
from train.mixture import Weights
from train.peaks import check_peak
from train.presets import PRESETS, Shape

_LARGEST_SEED = 2**63 - 1  # torch takes 64 bits; megatron-core adds to it
_MOST_STEPS, _MOST_SEQUENCES = 1 << 28, 1 << 24  # whose product floats still count exactly
_LONGEST_S = 10**9  # what clocks and sockets can wait for; some think of it as never


@dataclass(frozen=True)
class ModelConfig:
    """A preset, and the sizes of it that this run changes."""

    preset: Literal["demo", "7b", "13b", "33b", "65b"] = "demo"
    dim: int | None = None
    num_heads: int | None = None
    num_layers: int | None = None
    ffn: int | None = None
    vocab: int | None = None
    seq_length: int | None = None  # tokens


@dataclass(frozen=True)
class OptimConfig:
    """AdamW with cosine decay (LLaMA section 2.3)."""

    lr: float | None = None  # peak; None: as the preset
    min_lr_ratio: float = 0.1  # of the peak, reached at the last step
    warmup_steps: int | None = None
    betas: tuple[float, ...] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0  # of the global gradient norm; 0: none


@dataclass(frozen=True)
class DataConfig:
    """How samples come to the model."""

    prefetch: int = 2  # batches made ahead of their step
    document_mask: bool = False  # attend within documents only; LLaMA attends across them


@dataclass(frozen=True)
class LogConfig:
    """Who is told of a run beside metrics.jsonl, which always is."""

    tensorboard: bool = True  # event files under <output>/tensorboard
    wandb: str | None = None  # a project of Weights & Biases, where the package is installed
    profile_steps: int = 0  # so many steps traced by torch.profiler into <output>/profile


@dataclass(frozen=True)
class Schedule:
    """What a run does when: the resolved numbers of preset and overrides."""

    steps: int
    batch_sequences: int
    micro_batch: int
    lr: float
    min_lr: float
    warmup_steps: int


@dataclass(frozen=True)
class TrainConfig:
    """A training run, as `train.entry` reads it."""

    shards: str  # folder of the token shards and their manifest.json
    tokenizer: str  # the SentencePiece .model the shards were made with
    output: str  # folder: checkpoints/, metrics.jsonl, evaluation.json, config.json
    weights: Weights  # source -> share of the training tokens, or a list of {from_step, weights}
    model: ModelConfig = field(default_factory=ModelConfig)
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    data: DataConfig = field(default_factory=DataConfig)
    anomaly: AnomalyConfig = field(default_factory=AnomalyConfig)
    steps: int | None = None
    batch_sequences: int | None = None  # over all processes
    micro_batch: int | None = None  # sequences a process holds at once
    precision: Literal["fp32", "bf16"] = "bf16"
    seed: int = 0
    log: LogConfig = field(default_factory=LogConfig)
    peak_tflops: float | None = None  # of a device, for MFU; None: by the GPU's name
    memory_limit_gb: float | None = None  # of a process (10^9 bytes); None: what its device has
    log_interval: int = 10  # steps between lines on the console; metrics.jsonl has every step
    eval_interval: int = 100  # steps; 0: at the end only
    eval_sequences: int = 64  # a source; 0: nothing is evaluated, nothing need be held out
    save_interval: int = 100  # steps; 0: at the end only
    keep_checkpoints: int = 2  # the newest ones
    keep_every: int = 0  # steps; checkpoints of multiples of it are kept for ever; 0: none
    async_save: bool = True  # training goes on while a checkpoint is written
    resume_from: int | None = None  # step of the checkpoint to go back to; None: the newest
    # Before step 0: quick opens every shard, full reads every byte; auto: full up to 4 GiB of them.
    check_shards: Literal["auto", "quick", "full"] = "auto"
    start_timeout_s: float = 600.0  # for all processes to come
    collective_timeout_s: float = 600.0  # for one to come where others wait; then the run ends
    disk_timeout_s: float = 3600.0  # the same for one that works on files, alone or not
    time_limit_s: float | None = None  # then save and exit 75, as on SIGUSR1
    # The baseline beside the evaluation; it counts up to 200M training tokens a source at the end.
    unigram_baseline: bool = True
    require_beats_unigram: bool = False

    def __post_init__(self) -> None:
        _check_shape(self.shape)
        layout.check(self.shape, self.parallel)
        _check_run(self)

    @property
    def shape(self) -> Shape:
        changed = {name: size for name, size in vars(self.model).items() if name != "preset"}
        shape = PRESETS[self.model.preset].shape
        return replace(shape, **{k: v for k, v in changed.items() if v is not None})

    @property
    def schedule(self) -> Schedule:
        preset, optim = PRESETS[self.model.preset], self.optim
        lr = preset.lr if optim.lr is None else optim.lr
        steps = preset.steps if self.steps is None else self.steps
        warmup = preset.warmup_steps if optim.warmup_steps is None else optim.warmup_steps
        batch = preset.batch_sequences if self.batch_sequences is None else self.batch_sequences
        micro = self.micro_batch
        if micro is None:  # the preset's, or what of it a smaller batch can be cut into
            replicas = max(self.parallel.world_size // self.parallel.model_size, 1)
            rounds = self.parallel.pp if self.parallel.vpp > 1 else 1
            micro = math.gcd(preset.micro_batch, batch // (replicas * rounds))
        return Schedule(steps, batch, micro, lr, lr * optim.min_lr_ratio, warmup)

    @property
    def mean_weights(self) -> dict[str, float]:
        """The weight of each source in all of the run's tokens; some may be 0."""
        return mixture.mean_weights(self.weights, self.schedule.steps)

    @property
    def checkpoints(self) -> Path:
        return Path(self.output) / "checkpoints"

    @property
    def manifest(self) -> str:
        return str(Path(self.shards) / "manifest.json")


def data_parallel_size(config: TrainConfig, world_size: int) -> int:
    """How many model replicas `world_size` processes hold; ConfigError where none fit."""
    schedule = config.schedule
    return layout.data_parallel_size(
        config.parallel, world_size, schedule.batch_sequences, schedule.micro_batch
    )


def _check_shape(shape: Shape) -> None:
    for key, size in vars(shape).items():
        if size < 1:
            raise ConfigError(f"{key}={size} is below 1; choose 1 or more (train.model.{key})")
    if shape.dim % shape.num_heads:
        raise ConfigError(
            f"num_heads={shape.num_heads} does not divide dim={shape.dim}; choose "
            f"{layout.choices(layout.divisors(shape.dim, 128))} (train.model.num_heads)"
        )
    if shape.head_dim % 2:
        raise ConfigError(
            f"dim/num_heads={shape.head_dim} is odd, and rotary positions turn pairs; "
            "choose num_heads so that it is even (train.model.num_heads)"
        )


def _check_run(config: TrainConfig) -> None:
    schedule = config.schedule
    _check_range("steps", schedule.steps, 1, _MOST_STEPS)
    for key in ("batch_sequences", "micro_batch"):
        _check_range(key, getattr(schedule, key), 1, _MOST_SEQUENCES)
    for key in ("log_interval", "keep_checkpoints"):
        _check_range(key, getattr(config, key), 1, None)
    _check_range("data.prefetch", config.data.prefetch, 1, None)
    for key in ("eval_interval", "eval_sequences", "save_interval", "keep_every"):
        _check_range(key, getattr(config, key), 0, None)
    _check_range("seed", config.seed, 0, _LARGEST_SEED)
    _check_range("log.profile_steps", config.log.profile_steps, 0, None)
    for key in ("start_timeout_s", "collective_timeout_s", "disk_timeout_s"):
        _check_range(key, getattr(config, key), 1, _LONGEST_S)
    check_peak(config.peak_tflops)
    for key in ("memory_limit_gb", "time_limit_s", "resume_from"):
        given = getattr(config, key)
        if given is not None:
            _check_range(key, given, 0, None)
    _check_range("optim.lr", schedule.lr, 0, None)
    _check_range("optim.min_lr_ratio", config.optim.min_lr_ratio, 0, 1)
    # What a weight without a gradient is divided by: 0, or what fp32 rounds to it, gives NaN.
    _check_range("optim.eps", config.optim.eps, 1e-20, 1)
    _check_range("optim.weight_decay", config.optim.weight_decay, 0, None)
    _check_range("optim.clip", config.optim.clip, 0, None)
    if not 0 <= schedule.warmup_steps <= schedule.steps:
        raise ConfigError(
            f"warmup_steps={schedule.warmup_steps} is not within steps={schedule.steps}; "
            f"choose 0 to {schedule.steps} (train.optim.warmup_steps)"
        )
    if config.require_beats_unigram and not config.eval_sequences:
        raise ConfigError(
            "require_beats_unigram=True needs an evaluation; set eval_sequences to 1 or more "
            "(train.eval_sequences)"
        )
    if config.require_beats_unigram and not config.unigram_baseline:
        raise ConfigError(
            "require_beats_unigram=True needs the unigram model; set unigram_baseline=True "
            "(train.unigram_baseline)"
        )
    if len(config.optim.betas) != 2 or not all(0 <= beta < 1 for beta in config.optim.betas):
        raise ConfigError(
            f"betas={list(config.optim.betas)} are not two numbers in [0, 1); "
            "choose for example [0.9, 0.95] (train.optim.betas)"
        )
    anomaly.check(config.anomaly)
    mixture.segments(config.weights)
    data_parallel_size(config, config.parallel.world_size)


def _check_range(key: str, value: float, low: float, high: float | None) -> None:
    # What is no number is below and above nothing, so that it is asked whether it is within.
    if not low <= value < math.inf or (high is not None and value > high):
        rule = f"{low} or more" if high is None else f"{low} to {high}"
        raise ConfigError(f"{key}={value} is out of range; choose {rule} (train.{key})")
