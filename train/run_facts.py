"""What there is to tell of a training: tokens and epochs by source, settings, time, energy.

Everything is read from what the run wrote (config.json, metrics.jsonl, evaluation.json, the shards'
manifest), so it can be told long after, and is kept as training.json beside an export.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from corpus.config import build
from train import identity, metrics, weights
from train.anomaly import batch_of
from train.config import TrainConfig
from train.evaluate import evaluated_step
from train.identity import IMPORTED
from train.mixture import MixtureOrder
from train.streams import manifest_files

FACTS = "training.json"

# LLaMA's own figures (arXiv:2302.13971, table 15): an A100's watts, PUE, and the US's mean grid.
WATTS = 400.0
PUE = 1.1
KG_CO2E_PER_KWH = 0.385


def gather(
    run: Path, licences: Mapping[str, str] | None = None, watts: float | None = None
) -> dict[str, Any]:
    """The facts of the newest checkpoint of a training's output folder.

    licences: what is known of each source's. watts: of a device; None: LLaMA's 400 for a GPU, and
    of CPU cores no figure at all. A run that left less tells less.
    """
    stored = identity.facts(weights.resolve(run))
    facts: dict[str, Any] = {"step": stored["step"], "shape": stored["shape"]}
    if IMPORTED in stored:
        facts["imported"] = stored[IMPORTED]
    place = run / "config.json"
    if not place.exists():
        return facts
    config = build(TrainConfig, json.loads(place.read_text(encoding="utf-8")))
    facts["tokens"] = facts["step"] * config.schedule.batch_sequences * config.shape.seq_length
    facts["sources"] = _sources(config, facts["step"], stored.get("skipped", []), licences or {})
    facts["settings"] = _settings(config)
    facts["compute"] = _compute(run, facts["step"], config.parallel.world_size, watts)
    evaluated = run / "evaluation.json"
    if evaluated_step(evaluated) == facts["step"]:
        sources = json.loads(evaluated.read_text(encoding="utf-8"))["sources"]
        if sources:  # none in a run that evaluates nothing
            facts["validation"] = sources
    return facts


def _sources(
    config: TrainConfig, step: int, skipped: Collection[int], licences: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    batch, length = config.schedule.batch_sequences, config.shape.seq_length
    order = MixtureOrder(config.weights, batch)
    counts = order.taken(batch_of(step, skipped) * batch)
    for left_out in skipped:
        if left_out < batch_of(step, skipped):
            counts = counts - order.taken((left_out + 1) * batch) + order.taken(left_out * batch)
    taken = dict(zip(order.sources, counts.tolist(), strict=True))
    there, documents = dict.fromkeys(taken, 0), dict.fromkeys(taken, 0)
    if Path(config.manifest).exists():
        for file in manifest_files(config.manifest):
            if file.split == "train" and file.source in there:
                there[file.source] += file.tokens
                documents[file.source] += file.rows
    return {
        name: {
            "tokens": samples * length,
            "share": samples / max(1, step * batch),
            "epochs": samples * length / there[name] if there[name] else None,
            "available_tokens": there[name] or None,
            "documents": documents[name] or None,
            "licence": licences.get(name),
        }
        for name, samples in taken.items()
    }


def _settings(config: TrainConfig) -> dict[str, Any]:
    schedule, optim = config.schedule, config.optim
    return {
        "steps planned": schedule.steps,
        "batch": f"{schedule.batch_sequences} sequences of {config.shape.seq_length} tokens",
        "optimizer": f"AdamW, β {optim.betas[0]:g} and {optim.betas[1]:g}, ε {optim.eps:g}",
        "learning rate": f"{schedule.lr:g}, cosine to {schedule.min_lr:g}",
        "warm-up": f"{schedule.warmup_steps} steps",
        "weight decay": optim.weight_decay,
        "gradient clipping": optim.clip,
        "precision": config.precision,
        "documents": "kept apart" if config.data.document_mask else "packed, attended across",
        "seed": config.seed,
        "layout": {
            k: v for k, v in asdict(config.parallel).items() if v not in (1, None, False, "none")
        },
    }


def _compute(run: Path, step: int, devices: int, watts: float | None) -> dict[str, Any]:
    """Devices, seconds as measured, and what they amount to in energy and carbon.

    Steps that a rollback or a kill undid count: their energy was used.

    devices: as configured; rows that tell of more (several nodes) are believed.
    """
    every = [row for row in metrics.rows_and_events(run / "metrics.jsonl") if row["step"] <= step]
    rows = [row for row in every if "event" not in row]
    seconds, on_gpu = metrics.seconds(every), False
    for row in rows:
        if "tokens_per_s_per_device" in row:
            devices = round(row["tokens_per_s"] / row["tokens_per_s_per_device"])
        on_gpu = on_gpu or "allocated_peak" in str(row.get("memory"))
    if rows:  # a refused batch was computed too, but for the optimizer; it has no row
        refused = sum(row.get("event") in ("skip", "rollback") for row in every)
        seconds += refused * rows[-1]["tokens"] / len(rows) / rows[-1]["tokens_per_s"]
    hours = devices * seconds / 3600
    compute = {"devices": devices, "gpu": on_gpu, "hours": seconds / 3600, "device_hours": hours}
    power = watts if watts is not None else (WATTS if on_gpu else None)
    if power is not None:
        energy = hours * power * PUE / 1000
        carbon = energy * KG_CO2E_PER_KWH
        compute |= {"watts": power, "kwh": energy, "kg_co2e": carbon}
    return compute
