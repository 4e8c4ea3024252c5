"""The run that the report's tests look at: small, and built and trained by the real pipeline."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import report_crawl

from corpus.config import build as build_config
from corpus.spark import Engine
from jobs import training
from jobs.config import RunConfig
from jobs.pipeline import build

STEPS = 40
LONG = "a <line> & more"  # a rule's name is free text, and shown


@dataclass(frozen=True)
class ReportedRun:
    folder: Path
    config: RunConfig


def run_tree(folder: Path, crawl: Path, code: Path, models: dict[str, Any]) -> dict[str, Any]:
    rules = [
        {"column": "language", "allow": ["en"]},
        {"column": "num_words", "min": 50, "name": "too few words"},
        {"column": "max_line_length", "max": 2000, "name": LONG},
        {"column": "bucket", "allow": ["head", "middle", "all"]},
    ]
    return {
        "output": str(folder),
        "seed": 7,
        "spark": {"master": "local[2]", "driver_memory": "1g"},
        "corpus": {
            "models": models,
            "sources": {
                "web": {"reader": "warc", "input": str(crawl), "rules": rules},
                "code": {
                    "reader": "code",
                    "input": str(code),
                    "dedup_lines": {"enabled": False},
                    "annotate": {"perplexity": False},
                    "rules": [{"column": "max_line_length", "max": 1000}],
                },
            },
        },
        "mixture": {"weights": {"web": 0.7, "code": 0.3}, "valid_share": 0.1},
        "tokenizer": {"vocab_size": 512, "sample_bytes": 400_000},
        "shards": {"shard_tokens": 40_000, "unit_bytes": 200_000},
        "train": {
            "model": {"dim": 32, "num_heads": 2, "num_layers": 2, "ffn": 64, "seq_length": 64},
            "steps": STEPS,
            "batch_sequences": 4,
            "micro_batch": 4,
            "precision": "fp32",
            "optim": {"lr": 0.003, "warmup_steps": 5},
            "eval_interval": 10,
            "eval_sequences": 8,
            "save_interval": 0,
        },
    }


def make_run(folder: Path, models: dict[str, Any], engine: Engine) -> ReportedRun:
    """Builds the run in a new folder from WARC and code, and trains it for a few steps."""
    report_crawl.write_crawl(folder / "crawl")
    report_crawl.write_code(folder / "code")
    tree = run_tree(folder / "run", folder / "crawl", folder / "code", models)
    config = build_config(RunConfig, tree)
    build(config, engine.session)
    assert training.train(config) == 0
    return ReportedRun(folder / "run", config)
