"""Evaluates a model: perplexity by source on held-out shards, and the benchmarks' tasks.

A run's checkpoint is exported for the tasks, as the harness asks models through transformers; what
it gets is then the export, to the bit.
"""

import json
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from corpus import storage
from corpus.errors import CheckpointError, ConfigError
from jobs.console import say
from jobs.evaluation.config import EvaluateConfig
from jobs.evaluation.harness import Harness, Scored, chosen, require
from train import model_card
from train.model_card import RESULTS
from train.perplexity import Perplexity
from train.run_facts import FACTS


@dataclass(frozen=True)
class Model:
    """What is evaluated, and what it was trained with as far as its folder tells."""

    folder: Path
    step: int | None  # of a run's checkpoint
    tokenizer: str
    shards: str | None


@dataclass
class Results:
    """All figures of one evaluation."""

    perplexity: dict[str, Perplexity] = field(default_factory=dict)
    tasks: list[Scored] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def evaluate(
    model_dir: str,
    config: EvaluateConfig,
    shards: str | None = None,
    output: str | None = None,
    with_tasks: bool = True,
) -> tuple[Results, str]:
    """The figures of a run or a Hugging Face folder, and the JSON file they are written to.

    shards: held-out text where it is not what the run was trained on. Raises ConfigError or
    CheckpointError where there is no model, or nothing to evaluate it with.
    """
    if with_tasks:
        require()
    model = find(model_dir)
    results = Results()
    target = Path(output or model.folder / RESULTS)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{target} cannot be written ({error}); give another --output") from None
    _perplexity(model, shards or model.shards, config, results)
    if with_tasks:
        _tasks(model, config, results)
    storage.put_bytes(
        str(target), (json.dumps(_tree(model, config, results), indent=2) + "\n").encode()
    )
    if model.step is None and not output and (model.folder / FACTS).exists():
        model_card.write(str(model.folder))
    return results, str(target)


def find(model_dir: str) -> Model:
    """The model of a folder: a Hugging Face folder, or a training's output."""
    from jobs.export import is_export
    from train import checkpoint, hf_folder, weights

    folder = Path(model_dir)
    if hf_folder.is_hf(folder) or is_export(folder):
        return Model(folder, None, str(hf_folder.read(folder).tokenizer), None)
    for place in (folder, folder / "train"):
        if (place / "checkpoints").is_dir():
            folder = place
    if not folder.is_dir():
        raise CheckpointError(f"no model in {folder}; give a training's output or an export")
    step = json.loads((weights.resolve(folder) / checkpoint.RUN).read_text())["step"]
    trained = folder / "config.json"
    facts = json.loads(trained.read_text()) if trained.exists() else {}
    own = folder / "tokenizer.model"  # an import's
    tokenizer = facts.get("tokenizer") or (str(own) if own.exists() else None)
    if not tokenizer:
        raise CheckpointError(
            f"{folder} does not say which tokenizer its model has; export it and give the export"
        )
    return Model(folder, step, tokenizer, facts.get("shards"))


def _perplexity(model: Model, shards: str | None, config: EvaluateConfig, results: Results) -> None:
    if not config.perplexity_sequences:
        return
    if not shards:
        results.skipped["perplexity"] = "no held-out text; give --shards FOLDER"
        return
    import torch

    from train import perplexity
    from train.generate import load

    device = "cuda" if torch.cuda.is_available() else "cpu"
    plain = load(str(model.folder), device)
    for source, figures in perplexity.by_source(
        plain, shards, model.tokenizer, config.perplexity_sequences
    ):
        results.perplexity[source] = figures
        say(f"perplexity of {source:<16} {figures.perplexity:10.2f}")


def _tasks(model: Model, config: EvaluateConfig, results: Results) -> None:
    tasks, skipped = chosen(config)
    results.skipped |= skipped
    if not tasks:
        return
    with _as_hf(model) as hf, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        harness = Harness(hf, config)
        for task in tasks:
            for shots in config.tasks[task.name].shots:
                scored = harness.run(task, shots)
                results.tasks.append(scored)
                shown = ", ".join(f"{name} {value:.3f}" for name, value in scored.metrics.items())
                left = f" ({scored.left_out:,} longer than the context)" if scored.left_out else ""
                asked = f"{scored.questions:,} questions{left}"
                say(f"{task.name:<16} {shots}-shot, {asked}: {shown}")


@contextmanager
def _as_hf(model: Model) -> Iterator[str]:
    from train.export import export

    if model.step is None:
        yield str(model.folder)
        return
    with tempfile.TemporaryDirectory(prefix="evaluate-") as folder:
        export(str(model.folder), folder, model.tokenizer)
        yield folder


def _tree(model: Model, config: EvaluateConfig, results: Results) -> dict[str, Any]:
    return {
        "model": str(model.folder),
        "step": model.step,
        "limit": config.limit,
        "seed": config.seed,
        "perplexity": {name: asdict(found) for name, found in results.perplexity.items()},
        "tasks": [asdict(found) for found in results.tasks],
        "skipped": results.skipped,
        "versions": {
            name: version(name)
            for name in ("torch", "transformers", "lm-eval")
            if results.tasks or name == "torch"
        },
    }


def check_config(config: EvaluateConfig, only: list[str]) -> EvaluateConfig:
    """The config with the tasks of `only` alone, on whatever the file says; all where it is []."""
    from dataclasses import replace

    unknown = [name for name in only if name not in config.tasks]
    if unknown:
        raise ConfigError(f"unknown task '{unknown[0]}'; there are {', '.join(config.tasks)}")
    if not only:
        return config
    return replace(config, tasks={name: replace(config.tasks[name], enabled=True) for name in only})
