"""What `altiplano evaluate` is told: which tasks, with how many examples, and what data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from corpus.errors import ConfigError
from jobs.evaluation.sandbox import SandboxConfig


@dataclass(frozen=True)
class TaskChoice:
    """How a task is run: once for each number of examples put before a question."""

    shots: tuple[int, ...] = (0,)
    enabled: bool = True

    def __post_init__(self) -> None:
        if not self.shots or min(self.shots) < 0:
            raise ConfigError(
                f"shots={list(self.shots)} must be numbers of 0 or more, at least one"
            )


@dataclass(frozen=True)
class CodeConfig:
    """pass@k: how many programs a problem gets, and the k that are told."""

    samples: int = 1
    pass_at: tuple[int, ...] = (1,)
    temperature: float = 0.1  # LLaMA's for pass@1; 0.8 for pass@100
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)

    def __post_init__(self) -> None:
        if not self.pass_at or min(self.pass_at) < 1 or max(self.pass_at) > self.samples:
            raise ConfigError(
                f"pass_at={list(self.pass_at)} must be numbers of 1 to samples={self.samples}"
            )


@dataclass(frozen=True)
class EvaluateConfig:
    """An evaluation, as a YAML such as jobs/configs/evaluate.yaml states it."""

    benchmarks: str  # folder of the JSONL files that task files name
    task_files: str  # folder of NAME.yaml, in the form of the lm-evaluation-harness
    tasks: dict[str, TaskChoice]
    limit: int | None = None  # questions a task, for a quick look
    batch_size: int = 8
    seed: int = 0
    perplexity_sequences: int = 64  # held-out windows a source; 0: no perplexity
    toxicity_classifier: str | None = None  # folder of a transformers text classifier
    code: CodeConfig = field(default_factory=CodeConfig)

    def __post_init__(self) -> None:
        for key, low in (("batch_size", 1), ("perplexity_sequences", 0), ("seed", 0)):
            if getattr(self, key) < low:
                raise ConfigError(
                    f"{key}={getattr(self, key)} is out of range; choose {low} or more"
                )
        if self.limit is not None and self.limit < 1:
            raise ConfigError(
                f"limit={self.limit} is out of range; choose 1 or more, or leave it out"
            )
        for name in self.tasks:
            if not self.task_file(name).is_file():
                known = sorted(path.stem for path in Path(self.task_files).glob("*.yaml"))
                raise ConfigError(
                    f"no task file {self.task_file(name)} for 'tasks.{name}'; there are "
                    f"{', '.join(known) or 'none'}"
                )

    def task_file(self, name: str) -> Path:
        return Path(self.task_files) / f"{name}.yaml"


def read_task(path: Path) -> dict[str, Any]:
    """A task file's tree; ConfigError where it is none of the harness's with one file of data."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        data = tree["dataset_kwargs"]["data_files"][tree["test_split"]]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is no task file ({type(error).__name__}: {error}); it needs test_split and "
            "dataset_kwargs.data_files of it"
        ) from None
    if not isinstance(data, str):
        raise ConfigError(f"{path}: data_files must name one JSONL file a split, not {data!r}")
    return tree
