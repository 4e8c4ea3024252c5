"""The proof of resume: what a run that goes on from a checkpoint must find again.

Three things can go wrong without a word: the next batches are not those that would have come, the
weights in the model are not those that were saved, or the optimizer's masters and moments are not.
So a checkpoint holds the hashes of the next BATCHES batches, the losses of a few fixed sequences
and the norms of masters and moments, and a resumed run computes all anew.
"""

import hashlib
import importlib.metadata
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from megatron.core.optimizer import MegatronOptimizer
from megatron.core.tensor_parallel.layers import param_is_not_tensor_parallel_duplicate

from corpus.errors import CheckpointError, ShardError
from train import forward
from train.anomaly import batch_of
from train.checkpoint import Training
from train.config import TrainConfig
from train.data import Loader
from train.mixture import Weights, WeightsFrom
from train.parallel import device, is_main

BATCHES = 4
_SEQUENCES = 2
# How far the losses of the probe may be off, relatively: rounding, by layout and precision.
_TOLERANCE = {"fp32": {"same": 1e-6, "other": 1e-5}, "bf16": {"same": 1e-3, "other": 1e-3}}
# Of norms summed in fp64, in whatever order: what is stored in fp32 comes back as it was.
_NORM_TOLERANCE = 1e-9


class Prover:
    """Makes and checks the proofs of a run."""

    def __init__(self, config: TrainConfig, loader: Loader, training: Training, begin: int | None):
        self._config, self._loader, self._begin = config, loader, begin
        self._model, self._optimizer = training.model, training.optimizer
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="proof")

    def make(self, step: int, skipped: list[int]) -> dict[str, Any]:
        """The proof of a run at a step, which `skipped` batches were left out of. A collective.

        The hashes are under way: reading what comes next is not what training should wait for.
        """
        # Only the main process's are stored.
        ahead = range(BATCHES if is_main() else 0)
        next_ones = [batch_of(step + one, skipped) for one in ahead]
        hashes: Future[list[str | None]] = self._thread.submit(
            lambda: [_hash(self._loader, batch) for batch in next_ones]
        )
        return {
            "batches": hashes,
            "begin": self._begin,
            "losses": self._probe(self._begin),
            "norms": _norms(self._optimizer),
            "layout": self._layout(),
            "tolerance": _TOLERANCE[self._config.precision],
        }

    def check(self, name: str, step: int, facts: dict[str, Any]) -> None:
        """Raises CheckpointError where what a checkpoint proves is not found again. A collective.

        name: the checkpoint's. facts: its run.json; one without a proof is taken as it is.
        """
        proof = facts.get("proof")
        if proof is None:
            return
        self._check_batches(name, step, facts)
        same = proof["layout"] == self._layout()
        tolerance = proof["tolerance"]["same" if same else "other"]
        if proof["layout"]["precision"] != self._config.precision:
            tolerance = _TOLERANCE["bf16"]["other"]
        for loss, stored in zip(self._probe(proof["begin"]), proof["losses"], strict=True):
            if not abs(loss - stored) <= tolerance * abs(stored):
                raise CheckpointError(
                    f"{name}: the weights are not those that were saved: the probe's loss is "
                    f"{loss:.7g}, it was {stored:.7g} (allowed: {tolerance:g} of it); resume from "
                    "an older one (train.resume_from), or with the code that saved it"
                )
        self._check_norms(name, proof.get("norms", {}))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _check_batches(self, name: str, step: int, facts: dict[str, Any]) -> None:
        # By the weights of then: a config may change them from here on.
        loader, weights = self._loader, _weights(facts["config"]["weights"])
        if weights != self._config.weights:
            config = self._config
            batch = config.schedule.batch_sequences
            loader = Loader(config.manifest, weights, config.shape.seq_length, batch, config.seed)
        ranks, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
        own = None
        for ahead, stored in list(enumerate(facts["proof"]["batches"]))[rank::ranks]:
            batch = batch_of(step + ahead, facts["skipped"])
            made = _hash(loader, batch)
            if own is None and None not in (made, stored) and made != stored:
                own = batch
        found: list[int | None] = [None] * ranks
        torch.distributed.all_gather_object(found, own)
        changed = [batch for batch in found if batch is not None]
        if changed:
            raise CheckpointError(
                f"{name}: the order of the data is not what it was: batch {min(changed) + 1} has "
                "other tokens than when it was saved; resume with the shards, and the code, that "
                "it was trained with"
            )

    def _check_norms(self, name: str, stored: dict[str, float]) -> None:
        found = _norms(self._optimizer) if stored else {}
        for what, norm in stored.items():
            if not abs(found[what] - norm) <= _NORM_TOLERANCE * norm:
                raise CheckpointError(
                    f"{name}: the optimizer's {what} are not those that were saved: their norm is "
                    f"{found[what]:.12g}, it was {norm:.12g}; resume from an older one "
                    "(train.resume_from), or with the code that saved it"
                )

    def _probe(self, begin: int | None) -> list[float]:
        # The loss of the run's first sequences; every replica computes them all.
        batch, wanted = self._loader.batch_size, _SEQUENCES
        rows = slice(0, min(batch, wanted))
        parts = [self._loader.batch(number, rows) for number in range(-(-wanted // batch))]
        windows = torch.from_numpy(np.concatenate(parts)[:wanted])
        for part in self._model:
            part.eval()
        with torch.no_grad():
            losses = forward.run(self._model, windows, 1, _mean, True, begin)
        for part in self._model:
            part.train()
        mine = [float(loss) for loss in losses] or [0.0] * wanted
        *sums, replicas = forward.sum_over_replicas([*mine, 1.0])
        return [total / replicas for total in sums]

    def _layout(self) -> dict[str, Any]:
        on_gpu = torch.cuda.is_available()
        return {
            **vars(self._config.parallel),
            "precision": self._config.precision,
            "world_size": torch.distributed.get_world_size(),
            "device": torch.cuda.get_device_name() if on_gpu else "cpu",
            "torch": torch.__version__,
            "transformer_engine": _version("transformer-engine"),
        }


def settled(proof: dict[str, Any]) -> dict[str, Any]:
    """A proof with what was under way in it done, fit for JSON."""
    return {key: v.result() if isinstance(v, Future) else v for key, v in proof.items()}


def _norms(optimizer: MegatronOptimizer) -> dict[str, float]:
    """The norms of masters and moments over all processes, in any layout the same. A collective."""
    names = ("masters", "exp_avg", "exp_avg_sq")
    sums = torch.zeros(len(names), dtype=torch.float64, device=device())
    for part in optimizer.chained_optimizers:
        for param in (param for group in part.param_groups for param in group["params"]):
            if not param_is_not_tensor_parallel_duplicate(param):
                continue  # tensor parallel processes have the gains of norms each
            state = part.optimizer.state[param]
            for number, name in enumerate(names):
                one = state[name] if number else param.detach()
                sums[number] += torch.linalg.vector_norm(one, dtype=torch.float64) ** 2
    torch.distributed.all_reduce(sums)
    return dict(zip(names, sums.sqrt().tolist(), strict=True))


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _mean(losses_BS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    loss = losses_BS.float().mean()
    return loss, loss.clone()


def _hash(loader: Loader, batch: int) -> str | None:
    try:
        tokens = loader.batch(batch, slice(None))
    except ShardError:
        return None  # the step that takes it says so
    return hashlib.sha256(tokens.tobytes()).hexdigest()[:32]


def _weights(tree: Any) -> Weights:
    return tree if isinstance(tree, dict) else tuple(WeightsFrom(**part) for part in tree)
