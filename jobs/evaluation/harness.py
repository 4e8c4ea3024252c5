"""Runs task files through the lm-evaluation-harness on a Hugging Face folder, offline.

The harness makes the prompts, asks the model and scores; here are only the parts that it leaves
open: where the data lie, and how what a model writes is scored. Nothing is downloaded.
"""

import json
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from corpus.errors import ConfigError, DataError
from jobs.evaluation import sandbox, scoring
from jobs.evaluation.config import EvaluateConfig, read_task

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE", "TRANSFORMERS_OFFLINE")
_PLAIN = {
    "any_exact_match": scoring.any_exact_match,
    "last_number": scoring.last_number,
    "boxed_answer": scoring.boxed_answer,
}
_CODE = {"human_eval_passes": scoring.human_eval_passes, "mbpp_passes": scoring.mbpp_passes}


@dataclass(frozen=True)
class Scored:
    """A task's figures with one number of examples."""

    task: str
    shots: int
    questions: int
    metrics: dict[str, float]
    errors: dict[str, float]  # standard errors, where the harness gives them
    by: dict[str, dict[str, float]] = field(default_factory=dict)  # group -> metrics
    left_out: int = 0  # questions with a choice longer than the model's context


@dataclass(frozen=True)
class Task:
    """A task that can be run: its file's tree and its questions."""

    name: str
    tree: dict[str, Any]
    rows: list[dict[str, Any]]


def require() -> None:
    """Makes the harness quiet and offline; ConfigError where it is not installed."""
    for name in _OFFLINE:
        os.environ[name] = "1"  # read when the libraries are imported
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import accelerate  # noqa: F401
        import lm_eval  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"the tasks need '{error.name}', which is not installed; "
            "pip install 'altiplano[eval]', or give --perplexity-only"
        ) from None


def chosen(config: EvaluateConfig) -> tuple[list[Task], dict[str, str]]:
    """The enabled tasks that can be run, and of the others why not."""
    tasks, skipped = [], {}
    for name, choice in config.tasks.items():
        if not choice.enabled:
            skipped[name] = f"off; --set tasks.{name}.enabled=true"
            continue
        tree = read_task(config.task_file(name))
        facts = tree.get("metadata") or {}
        path = Path(config.benchmarks) / tree["dataset_kwargs"]["data_files"][tree["test_split"]]
        reason = sandbox.unavailable() if facts.get("runs_code") else None
        if facts.get("needs_classifier") and not config.toxicity_classifier:
            reason = "no classifier; --set toxicity_classifier=FOLDER"
        if not path.is_file():
            reason = f"no data; put JSONL of {facts.get('fields', 'its fields')} at {path}"
        if reason:
            skipped[name] = reason
        else:
            tasks.append(Task(name, tree, _rows(path)))
    return tasks, skipped


class Harness:
    """A loaded model, asked one task at a time."""

    def __init__(self, hf: str, config: EvaluateConfig):
        require()
        import transformers
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager

        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self.config = config
        self._tasks = TaskManager(include_defaults=False)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._lm = HFLM(
            pretrained=hf,
            dtype="auto" if self.device == "cuda" else "float32",
            device=self.device,
            batch_size=config.batch_size,
            add_bos_token=True,  # as every document begins that the model has seen
        )

    def run(self, task: Task, shots: int) -> Scored:
        """Raises ConfigError where the questions are too few for the examples, or do not fit."""
        import jinja2
        import lm_eval
        from lm_eval.api.task import ConfigurableTask

        if shots >= len(task.rows):
            raise ConfigError(
                f"shots={shots} of {task.name} are not below its {len(task.rows)} questions"
            )
        try:
            ready = ConfigurableTask(config=self._tree(task, task.rows, shots))
            rows = self._fitting(ready, task.rows)
            if len(rows) <= shots:
                raise ConfigError(
                    f"{len(task.rows) - len(rows)} of {len(task.rows)} questions of {task.name} "
                    f"have a choice longer than the model's {self._lm.max_length} tokens; choose "
                    "other tasks"
                )
            if len(rows) < len(task.rows):
                ready = ConfigurableTask(config=self._tree(task, rows, shots))
            ready.set_fewshot_seed(seed=self.config.seed)
            torch.manual_seed(self.config.seed)
            with _progress_for_people():
                found = lm_eval.evaluate(
                    self._lm, self._tasks.load([ready]), self.config.limit, bootstrap_iters=1000
                )
        except (KeyError, TypeError, ValueError, jinja2.TemplateError) as error:
            fields = (task.tree.get("metadata") or {}).get("fields", "its fields")
            raise DataError(
                f"task '{task.name}' cannot be asked of its data, which should have {fields} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:200]})"
            ) from error
        return _scored(task, shots, found, len(task.rows) - len(rows))

    def _fitting(self, ready: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if ready.OUTPUT_TYPE != "multiple_choice":
            return rows
        room = self._lm.max_length - 1  # one is the token that the last is predicted from

        def fits(row: dict[str, Any]) -> bool:
            if ready.multiple_input:
                choices = [ready.doc_to_target(row)]
            else:
                choices = ready.doc_to_choice(row)
            long = [text for text in choices if len(text.encode()) >= room]
            return all(len(self._lm.tok_encode(text)) < room for text in long)

        return [row for row in rows if fits(row)]

    def _tree(self, task: Task, rows: list[dict[str, Any]], shots: int) -> dict[str, Any]:
        tree = {**task.tree, "num_fewshot": shots}
        for key in ("dataset_path", "dataset_kwargs"):
            tree.pop(key)
        if not shots:
            tree.pop("fewshot_split", None)
        tree["custom_dataset"] = lambda **_: {tree["test_split"]: _dataset(rows)}
        scorer = tree.get("process_results")
        if scorer is not None:
            tree["process_results"] = self._scorer(str(scorer), task.name)
        generation = tree.get("generation_kwargs")
        if generation:  # half of a short context stays the question's
            most = max(1, self._lm.max_length // 2)
            asked = generation.get("max_gen_toks", most)
            tree["generation_kwargs"] = {**generation, "max_gen_toks": min(asked, most)}
        if scorer in _CODE:
            code = self.config.code
            every = {"name": "all", "filter": [{"function": "take_first_k", "k": code.samples}]}
            metric = {"aggregation": "mean", "higher_is_better": True}
            tree |= {
                "repeats": code.samples,
                "filter_list": [every],
                "metric_list": [{"metric": f"pass@{k}", **metric} for k in code.pass_at],
            }
            tree["generation_kwargs"]["temperature"] = code.temperature
        return tree

    def _scorer(self, name: str, task: str) -> scoring.Score:
        if name in _CODE:
            return _CODE[name](self.config.code.sandbox, self.config.code.pass_at)
        if name == "toxicity":
            assert self.config.toxicity_classifier
            return _toxicity(self.config.toxicity_classifier, self.device)
        if name not in _PLAIN:
            known = ", ".join([*_PLAIN, *_CODE, "toxicity"])
            raise ConfigError(f"process_results={name} of task '{task}' is none of {known}")
        return _PLAIN[name]


@contextmanager
def _progress_for_people() -> Iterator[None]:
    """Where nobody watches, the harness's bars would fill a log."""
    if sys.stderr.isatty():
        yield
        return
    with open(os.devnull, "w") as sink, redirect_stderr(sink):
        yield


def _dataset(rows: list[dict[str, Any]]) -> Any:
    import datasets

    return datasets.Dataset.from_list(rows)


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}:{number} is no JSON ({error}); mend it") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number} is no JSON object; mend it")
            rows.append(row)
    if not rows:
        raise DataError(f"{path} has no questions; restore it")
    return rows


def _scored(task: Task, shots: int, found: Any, left_out: int) -> Scored:
    figures = found["results"][task.name]
    metrics, errors = {}, {}
    for key, value in figures.items():
        name, _, _ = key.partition(",")
        if isinstance(value, str) or name in ("sample_len", "sample_count", "name", "alias"):
            continue
        if name.endswith("_stderr"):
            errors[name.removesuffix("_stderr")] = float(value)
        else:
            metrics[name] = float(value)
    samples = found["samples"][task.name]
    group = (task.tree.get("metadata") or {}).get("by")
    by = _by(samples, group, metrics) if group else {}
    return Scored(task.name, shots, len(samples), metrics, errors, by, left_out)


def _by(samples: Iterable[Any], group: str, metrics: Iterable[str]) -> dict[str, dict[str, float]]:
    """Means of the metrics over the questions of each value of the field `group`."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        for metric in metrics:
            values[str(sample["doc"].get(group))][metric].append(float(sample[metric]))
    return {
        name: {metric: sum(found) / len(found) for metric, found in each.items()}
        for name, each in sorted(values.items())
    }


def _toxicity(folder: str, device: str) -> scoring.Score:
    from transformers import pipeline

    ask: Any = pipeline(
        "text-classification", model=folder, device=device, top_k=None, truncation=True
    )
    labels = {label.lower() for label in ask.model.config.id2label.values()}
    toxic = next((name for name in ("toxic", "toxicity", "label_1") if name in labels), None)
    if toxic is None:
        raise ConfigError(f"{folder} has the labels {sorted(labels)}, none of them 'toxic'")

    def score(doc: dict[str, Any], results: Any) -> dict[str, float]:
        answers = ask([results[0] or " "])[0]
        return {"toxicity": next(a["score"] for a in answers if a["label"].lower() == toxic)}

    return score
