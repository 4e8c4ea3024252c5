"""The training loop: batches by step number, one optimizer step each, and what happens between.

After each step, in this order: evaluate if due, write the metrics row, save if due or if asked to
stop. So whatever moment a run dies at, checkpoint and metrics tell the same story when it resumes.
The time of a save is in the row of the step after it.
"""

import hashlib
import time
from dataclasses import asdict
from pathlib import Path

import torch
from megatron.core import parallel_state

from tokenizer.encode import Encoder
from tokenizer.shards import check_tokenizer
from train import checkpoint, evaluate, mixture, parallel, setup, step, stop
from train.config import TrainConfig
from train.data import Loader, rank_rows
from train.identity import Identity, consumed
from train.prefetch import Prefetch
from train.saver import Saver
from train.streams import manifest_files
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
        loader = Loader(
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
        self.training = setup.build(config)
        self.step = checkpoint.load(self.training, self.identity, config)
        rank = parallel_state.get_data_parallel_rank()
        replicas = parallel_state.get_data_parallel_world_size()
        rows = rank_rows(self.schedule.batch_sequences, rank, replicas)
        self.watch = Watch(config, self.step)
        self.timers = self.watch.timers
        self.timers.attach(self.training.model[0].config, self.training.optimizer)
        self.batches = Prefetch(loader, rows, self.step, self.schedule.steps, config.data.prefetch)

    def to_the_end(self) -> int:
        while self.step < self.schedule.steps:
            if self._stop_wanted():
                return self._stop(saved=False)
            row = self._train_step()
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
        if evaluate.evaluated_step(self.evaluation) != self.step:
            bits = self._evaluate()
            if bits is None:
                return self._stop(saved=True)
            self._write_evaluation(bits)
        self.saver.finish()
        if self.config.require_beats_unigram:
            evaluate.check_beats_unigram(self.evaluation)
        return 0

    def close(self) -> None:
        self.saver.close()
        self.batches.close()
        self.watch.close()

    def _train_step(self) -> Row:
        began = time.perf_counter()
        with self.timers("data_wait"):
            windows = self.batches.take()
        self.step += 1
        taken = step.take(self.training, windows, self.step, self.schedule, self.begin, self.timers)
        step.require_finite(taken, self.step)
        tokens = self.schedule.batch_sequences * self.config.shape.seq_length
        return {
            "step": self.step,
            "loss": taken.loss,
            "grad_norm": taken.grad_norm,
            "learning_rate": taken.learning_rate,
            "tokens": self.step * tokens,
            "tokens_per_s": tokens / (time.perf_counter() - began),
        }

    def _evaluate(self) -> dict[str, float] | None:
        with self.timers("evaluate"):
            return evaluate.bits_per_byte(
                self.training.model, self.held_out, self.config, self._stop_wanted, self.begin
            )

    def _write_evaluation(self, bits: dict[str, float]) -> None:
        evaluate.write(self.evaluation, self.step, bits, self.held_out, self.config)
        torch.distributed.barrier()

    def _save(self) -> None:
        with self.timers("save"):
            facts = {**asdict(self.identity), **consumed(self.config, self.step)}
            self.saver.begin(self.training, self.step, facts)

    def _stop_wanted(self) -> bool:
        return stop.wanted(self.config.time_limit_s)

    def _stop(self, saved: bool) -> int:
        if not saved and self.step:
            self.saver.finish()
            found = checkpoint.latest(self.config.checkpoints)
            if found is None or found[0] != self.step:
                self._save()
        self.saver.finish()
        self.watch.say(f"asked to stop: saved at step {self.step}, to be resumed")
        return stop.REQUEUE


def _due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0
