"""The training loop: batches by step number, one optimizer step each, and what happens between.

After each step, in this order: evaluate if due, write the metrics row, save if due or if asked to
stop. So whatever moment a run dies at, checkpoint and metrics tell the same story when it resumes.
The time of a save is in the row of the step after it.
"""

import gc
import hashlib
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from megatron.core import parallel_state

from corpus.config import to_tree
from corpus.errors import DataError
from tokenizer.encode import Encoder
from tokenizer.shards import check_tokenizer
from train import (
    agreed,
    checkpoint,
    evaluate,
    heartbeat,
    imported,
    memory_check,
    mixture,
    parallel,
    setup,
    step,
    stop,
)
from train.anomaly import Guard, batch_of
from train.config import TrainConfig
from train.data import Loader, rank_rows
from train.identity import Identity, consumed, made_by
from train.prefetch import Prefetch
from train.proof import Prover
from train.saver import Saver
from train.source_losses import by_source
from train.streams import manifest_files
from train.suspects import suspects
from train.watch import Row, Watch


def train(config: TrainConfig) -> int:
    """Trains, resuming where there is a checkpoint. Returns 0 when done, REQUEUE when stopped.

    To be called by every process of the run. Raises the errors of corpus.errors.
    """
    with parallel.joined(config):
        run = _Run(config)
        try:
            return run.to_the_end()
        finally:
            run.close()


def data_fingerprint(manifest: str) -> str:
    """16 hex digits of the shards' content, whatever else their manifest says."""
    lines = [f"{file.source} {file.split} {file.sha256}" for file in manifest_files(manifest)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


class _Run:
    """The state of a run in progress: what is trained, and the step it is at."""

    def __init__(self, config: TrainConfig):
        self.config, self.schedule = config, config.schedule
        encoder, sources = Encoder(config.tokenizer), mixture.named(config.weights)
        files = [file for file in manifest_files(config.manifest) if file.source in sources]
        check_tokenizer(files, encoder.hash)
        self.begin = encoder.bos_id if config.data.document_mask else None
        self.held_out = evaluate.held_out(config)
        self.loader = Loader(
            config.manifest,
            config.weights,
            config.shape.seq_length,
            self.schedule.batch_sequences,
            config.seed,
        )
        self.identity = Identity(
            config.shape, config.seed, data_fingerprint(config.manifest), encoder.hash
        )
        self.evaluation = Path(config.output) / "evaluation.json"
        self.saver = Saver(config, lambda row: self.watch.tell(row))
        memory_check.require_fits_here(config)
        self.training = setup.build(config)
        self.prover = Prover(config, self.loader, self.training, self.begin)
        self.guard = Guard(config.anomaly)
        self.step = self._load()
        self.watch = Watch(config, self.step, self.guard.skipped)
        self.timers = self.watch.timers
        self.timers.attach(self.training.model[0].config, self.training.optimizer)
        self.batches = self._prefetch()
        # megatron-core collects garbage at each save: with all that was imported in it, 2 s.
        gc.freeze()

    def to_the_end(self) -> int:
        while self.step < self.schedule.steps:
            if self._stop_wanted():
                return self._stop(saved=False)
            row = self._train_step()
            if row is None:
                continue
            at_end = self.step == self.schedule.steps
            bits = self._evaluate() if at_end or _due(self.step, self.config.eval_interval) else {}
            if bits:
                row["validation_bits_per_byte"] = bits
            self.watch.tell(row)
            if at_end or bits is None or _due(self.step, self.config.save_interval):
                self._save()
            else:
                with self.timers("save"):
                    self.saver.poll()
            if bits is None:
                return self._stop(saved=True)
            if at_end:
                self._write_evaluation(bits)
        # A run that was stopped in its last evaluation comes back to do only that.
        evaluated = agreed.by_main(lambda: evaluate.evaluated_step(self.evaluation))
        if evaluated != self.step:
            bits = self._evaluate()
            if bits is None:
                return self._stop(saved=True)
            self._write_evaluation(bits)
        self.saver.finish()
        if self.config.require_beats_unigram:
            agreed.by_main(lambda: evaluate.check_beats_unigram(self.evaluation))
        return 0

    def close(self) -> None:
        gc.unfreeze()
        self.saver.close()
        self.prover.close()
        self.batches.close()
        self.watch.close()

    def _load(self) -> int:
        config = self.config
        with heartbeat.long_phase("loading a checkpoint"):
            step = checkpoint.load(self.training, self.identity, config)

        def told() -> tuple[str, dict[str, Any]] | None:
            found = checkpoint.chosen(config)
            return (found[1].name, checkpoint.facts(found[1])) if found else None

        found = agreed.by_main(told)
        if found is not None:
            name, facts = found
            self.guard.load(facts)
            self.prover.check(name, step, facts)
            agreed.by_main(lambda: checkpoint.go_back(config, step))
        first = batch_of(step, self.guard.skipped)
        self.guard.add_left_out(agreed.by_main(lambda: checkpoint.left_out(config, first)))
        return step

    def _prefetch(self) -> Prefetch:
        rank = parallel_state.get_data_parallel_rank()
        replicas = parallel_state.get_data_parallel_world_size()
        rows, skipped = rank_rows(self.schedule.batch_sequences, rank, replicas), self.guard.skipped
        first, stop = (batch_of(step, skipped) for step in (self.step, self.schedule.steps))
        ahead = self.config.data.prefetch
        return Prefetch(self.loader, rows, first, stop, ahead, skipped)

    def _train_step(self) -> Row | None:
        """The step's row; None where its batch was refused, and the config's way was gone."""
        heartbeat.at("other work", self.step + 1)
        batch = batch_of(self.step, self.guard.skipped)
        with self.timers("data_wait"):
            windows = self.batches.take()
        taken = step.take(
            self.training,
            windows,
            self.step + 1,
            self.schedule,
            self.begin,
            self.timers,
            self.guard.fault,
        )
        if taken.fault:
            self._refuse(taken, batch)
            return None
        self.step += 1
        tokens = self.schedule.batch_sequences * self.config.shape.seq_length
        row = {
            "step": self.step,
            "loss": taken.loss,
            "grad_norm": taken.grad_norm,
            "learning_rate": taken.learning_rate,
            "loss_by_source": by_source(self.loader, batch, taken.row_losses),
            "tokens": self.step * tokens,
        }
        return {**row, "batch": batch + 1} if self.guard.skipped else row

    def _refuse(self, taken: step.Taken, batch: int) -> None:
        """Does with a batch (from 0) that is not to be learnt from what the config says."""
        at, fault = self.step + 1, taken.fault
        action = self.guard.action(taken.loss, taken.grad_norm)
        behind = suspects(self.loader, self.config.manifest, batch, taken.row_losses)
        out = [batch]
        if action == "rollback":
            self.saver.finish()
            back_to = agreed.by_main(self._last_trained)
            if back_to is None:
                action = "skip"  # nothing was trained that could be undone
            else:
                out = self.guard.before(batch, batch_of(back_to, self.guard.skipped))
        if action != "stop" and not self.guard.leave_out(out):
            action, fault = "stop", f"{fault}, after max_skips={self.config.anomaly.max_skips}"
        if action != "stop":
            skipped = self.guard.skipped
            agreed.by_main(lambda: checkpoint.put_left_out(self.config, skipped))
        if action == "rollback":
            self.step = self._load()
            self.watch.rewind(self.step, self.guard.skipped)
        told = f"{fault} at step {at}, batch {batch + 1}"
        line = f"{action}: {told}" + (f"; back to step {self.step}" if action == "rollback" else "")
        event = {"event": action, "step": at, "batch": batch + 1, "fault": fault, **behind}
        if action != "stop":
            event |= {"to_step": self.step, "left_out": [number + 1 for number in out]}
        self.watch.tell({**event, "line": line})
        if action == "stop":
            self.saver.finish()
            raise DataError(
                f"{told}; its documents are in metrics.jsonl; lower the rate (train.optim.lr), "
                "lengthen the warm-up, or leave such batches out (train.anomaly), and start the "
                "same command again to resume"
            )
        self.batches.close()
        self.batches = self._prefetch()

    def _last_trained(self) -> int | None:
        found = checkpoint.latest(self.config.checkpoints)
        return None if found is None or imported.is_imported(found[1]) else found[0]

    def _evaluate(self) -> dict[str, float] | None:
        with self.timers("evaluate"):
            bits = evaluate.bits_per_byte(
                self.training.model, self.held_out, self.config, self._stop_wanted, self.begin
            )
        self._require_finite((bits or {}).values())
        return bits

    def _write_evaluation(self, bits: dict[str, float]) -> None:
        evaluate.write(self.evaluation, self.step, bits, self.held_out, self.config)

    def _require_finite(self, figures: Iterable[float]) -> None:
        """Ends the run where the last update spoilt the weights, or those it came back with are:
        the guard has seen only the loss and the gradient before it. figures: of the weights, the
        same on all processes."""
        if all(map(math.isfinite, figures)):
            return
        self.saver.finish()
        at = self.step
        fault, way_out = agreed.by_main(lambda: checkpoint.spoilt(self.config, at))
        self.watch.tell({"event": "stop", "step": at, "fault": fault, "line": fault})
        raise DataError(f"{fault}{way_out}")

    def _save(self) -> None:
        with self.timers("save"), heartbeat.long_phase("saving a checkpoint"):
            skipped = self.guard.skipped
            proof = self.prover.make(self.step, skipped)
            self._require_finite([*proof["losses"], *proof["norms"].values()])
            facts = {
                **asdict(self.identity),
                **consumed(self.config, batch_of(self.step, skipped)),
                **self.guard.state(),
                "config": to_tree(self.config),
                "made_by": made_by(),
                "proof": proof,
            }
            self.watch.sync()
            self.saver.begin(self.training, self.step, facts)

    def _stop_wanted(self) -> bool:
        return stop.wanted(self.config.time_limit_s)

    def _stop(self, saved: bool) -> int:
        if not saved and self.step:
            self.saver.finish()
            found = agreed.by_main(lambda: checkpoint.latest(self.config.checkpoints))
            if found is None or found[0] != self.step:
                self._save()
        self.saver.finish()
        done = f"saved at step {self.step}" if self.step else "no step was done, nothing is saved"
        self.watch.say(f"asked to stop: {done}, to be resumed")
        return stop.REQUEUE


def _due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0
