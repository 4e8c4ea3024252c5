"""The proof of resume: what a run that goes on from a checkpoint must find again.

Two things can go wrong without a word: the next batches are not those that would have come, and
the weights in the model are not those that were saved. So a checkpoint holds the hashes of the
next BATCHES batches and the losses of a few fixed sequences, and a resumed run computes both anew.
"""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from megatron.core.transformer.module import MegatronModule

from corpus.errors import CheckpointError, ShardError
from train import forward
from train.anomaly import batch_of
from train.config import TrainConfig
from train.data import Loader
from train.mixture import Weights, WeightsFrom

BATCHES = 4
_SEQUENCES = 2
# How far the losses of the probe may be off, relatively: rounding, by layout and precision.
_TOLERANCE = {"fp32": {"same": 1e-6, "other": 1e-5}, "bf16": {"same": 1e-3, "other": 2e-2}}


class Prover:
    """Makes and checks the proofs of a run."""

    def __init__(
        self, config: TrainConfig, loader: Loader, model: list[MegatronModule], begin: int | None
    ):
        self._config, self._loader, self._model, self._begin = config, loader, model, begin
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="proof")

    def make(self, step: int, skipped: list[int]) -> dict[str, Any]:
        """The proof of a run at a step, which `skipped` batches were left out of. A collective.

        The hashes are under way: reading what comes next is not what training should wait for.
        """
        next_ones = [batch_of(step + ahead, skipped) for ahead in range(BATCHES)]
        hashes: Future[list[str | None]] = self._thread.submit(
            lambda: [_hash(self._loader, batch) for batch in next_ones]
        )
        return {
            "batches": hashes,
            "begin": self._begin,
            "losses": self._probe(self._begin),
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
        return {**vars(self._config.parallel), "precision": self._config.precision}


def settled(proof: dict[str, Any]) -> dict[str, Any]:
    """A proof with what was under way in it done, fit for JSON."""
    return {key: v.result() if isinstance(v, Future) else v for key, v in proof.items()}


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
