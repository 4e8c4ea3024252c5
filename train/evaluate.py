"""Bits per byte on each source's held-out text, beside those of a unigram model.

Bits per byte compares models with different tokenizers and sources with different compression:
the negative log likelihood of the predicted tokens, in bits, over the bytes they stand for. The
unigram model knows only how often each token occurs in the source's training text (add-one
smoothed, counted on at most UNIGRAM_TOKENS); a trained model that does not beat it has learnt
nothing of order.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from megatron.core import parallel_state
from megatron.core.transformer.module import MegatronModule

from corpus.errors import ConfigError, DataError
from tokenizer.encode import piece_bytes
from train import agreed, forward
from train.config import TrainConfig
from train.data import validation
from train.durable import put
from train.heartbeat import long_phase
from train.mixture import named
from train.parallel import device
from train.token_counts import token_counts

# Counted of a source: enough to know its tokens' frequencies, and seconds where 1.4T take hours.
UNIGRAM_TOKENS = 200_000_000


@dataclass(frozen=True)
class HeldOut:
    """A source's validation windows and what their targets amount to."""

    source: str
    windows: np.ndarray  # [N, seq_length + 1] int64
    num_bytes: int  # that the predicted tokens stand for


def held_out(config: TrainConfig) -> list[HeldOut]:
    """The validation set of every source the weights name, weight 0 included; none where nothing
    is evaluated (eval_sequences 0).

    Raises ConfigError where the tokenizer is not of the model's vocabulary size.
    """
    vocab, seq_length = config.shape.vocab, config.shape.seq_length
    bytes_of = piece_bytes(config.tokenizer)
    if len(bytes_of) != vocab:
        raise ConfigError(
            f"vocab={vocab} is not the {len(bytes_of)} pieces of {config.tokenizer}; "
            f"choose {len(bytes_of)} (train.model.vocab)"
        )
    sets = []
    for source in named(config.weights) if config.eval_sequences else ():
        windows = validation(config.manifest, source, seq_length, config.eval_sequences)
        sets.append(HeldOut(source, windows, int(bytes_of[windows[:, 1:]].sum())))
    return sets


def unigram_bits_per_byte(held: HeldOut, config: TrainConfig) -> float | None:
    """The unigram model's figure for a source; None where the config does without it.

    Its counts are of all the source's training tokens or, of more than UNIGRAM_TOKENS, of so many
    spread evenly over them (token_counts). A collective of all processes: each counts a part.
    """
    if not config.unigram_baseline:
        return None
    with long_phase("counting tokens"):  # a slow disk's part keeps the others waiting
        counts = token_counts(
            config.manifest,
            held.source,
            "train",
            config.shape.vocab,
            UNIGRAM_TOKENS,
            torch.distributed.get_rank(),
            torch.distributed.get_world_size(),
        )
    total = torch.from_numpy(counts).to(device())
    torch.distributed.all_reduce(total)
    return unigram_bits(total.cpu().numpy(), held.windows[:, 1:]) / held.num_bytes


def unigram_bits(counts: np.ndarray, targets: np.ndarray) -> float:
    """Bits of targets (any shape) under add-one smoothed token counts [vocab]."""
    probability = (counts + 1) / (counts.sum() + len(counts))
    return float(-np.log2(probability)[targets].sum())


def bits_per_byte(
    model: list[MegatronModule],
    sets: list[HeldOut],
    config: TrainConfig,
    stop_wanted: Callable[[], bool],
    begin: int | None = None,
) -> dict[str, float] | None:
    """The model's bits per byte of each source; None where the run was asked to stop meanwhile.

    begin: the token that begins a document, where documents are not to be attended across. A
    collective of all processes; each replica takes its part of every batch.
    """
    for part in model:
        part.eval()
    result: dict[str, float] | None = {}
    for held in sets:
        bits = _bits(model, held.windows, config.schedule.micro_batch, stop_wanted, begin)
        if bits is None:
            result = None
            break
        assert result is not None
        result[held.source] = bits / held.num_bytes
    for part in model:
        part.train()
    return result


def write(
    path: Path, step: int, bits: dict[str, float], sets: list[HeldOut], config: TrainConfig
) -> None:
    """Puts evaluation.json: the step and each source's figures. A collective of all processes."""
    sources = {
        held.source: {
            "bits_per_byte": bits[held.source],
            "unigram_bits_per_byte": unigram_bits_per_byte(held, config),
        }
        for held in sets
    }
    agreed.by_main(lambda: put(path, {"step": step, "sources": sources}, indent=2))


def evaluated_step(path: Path) -> int | None:
    """The step an evaluation.json is of, None where there is none or it is damaged."""
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["step"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def check_beats_unigram(path: Path) -> None:
    """Raises DataError, in one line, where a source's text is no easier than to a unigram model."""
    sources = json.loads(path.read_text(encoding="utf-8"))["sources"]
    for source, figures in sources.items():
        model, unigram = figures["bits_per_byte"], figures["unigram_bits_per_byte"]
        if not model < unigram:
            raise DataError(
                f"bits_per_byte={model:.3f} of source '{source}' is not below the unigram "
                f"model's {unigram:.3f} ({path}); train longer or on more text"
            )


def _bits(
    model: list[MegatronModule],
    windows: np.ndarray,
    micro_batch: int,
    stop_wanted: Callable[[], bool],
    begin: int | None,
) -> float | None:
    rank = parallel_state.get_data_parallel_rank()
    replicas = parallel_state.get_data_parallel_world_size()
    nats = 0.0
    for start in range(0, len(windows), replicas * micro_batch):
        if stop_wanted():
            return None
        mine = windows[start + rank * micro_batch :][:micro_batch]
        # Every replica must take part in every pass; what fills up a last batch counts nothing.
        filler = np.zeros((micro_batch - len(mine), windows.shape[1]), dtype=windows.dtype)
        sums = _sum_of_first(len(mine))
        with torch.no_grad():
            filled = torch.from_numpy(np.concatenate([mine, filler]))
            reported = forward.run(model, filled, micro_batch, sums, True, begin)
        nats += sum(float(part) for part in reported)
    return forward.sum_over_replicas([nats])[0] / math.log(2)


def _sum_of_first(rows: int) -> forward.LossFunction:
    def total(losses_BS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nats = losses_BS[:rows].double().sum()
        return nats, nats.detach().clone()

    return total
