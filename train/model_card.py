"""The model card of an export: README.md, in the form the Hugging Face Hub reads.

It is made of what lies beside it and can be made anew at any time: training.json (train/run_facts),
parity.json (train/parity) and the results of `altiplano evaluate`. What is not known is left out
or said to be unknown, never guessed.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from train.parity import CARD
from train.presets import Shape
from train.run_facts import FACTS, KG_CO2E_PER_KWH, PUE

README = "README.md"
RESULTS = "evaluation/results.json"


def write(out_dir: str, name: str | None = None) -> None:
    """Writes README.md of an export that has its training.json."""
    out = Path(out_dir)
    facts, parity, results = (_json(out / file) for file in (FACTS, CARD, RESULTS))
    name = name or facts.get("name") or f"LLaMA, {_size(facts)}"
    text = "\n\n".join(
        part
        for part in (
            f"# {name}",
            _introduction(facts),
            _use(facts),
            _data(facts),
            _training(facts),
            _energy(facts),
            _evaluation(facts, results),
            _parity(parity),
            _limits(facts),
        )
        if part
    )
    front = yaml.safe_dump(_front_matter(name, results), sort_keys=False, allow_unicode=True)
    (out / README).write_text(f"---\n{front}---\n\n{text}\n", encoding="utf-8")


def _front_matter(name: str, results: dict[str, Any]) -> dict[str, Any]:
    front: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "license": "other",
        "license_name": "not-chosen",
        "license_link": "LICENSE",
        "tags": ["llama", "altiplano", "pretrained"],
    }
    rows = [
        {
            "task": {"type": "text-generation"},
            "dataset": {"name": f"{row['task']} ({row['shots']}-shot)", "type": row["task"]},
            "metrics": [
                {"type": metric, "value": round(value, 4), "name": metric}
                for metric, value in row["metrics"].items()
            ],
        }
        for row in results.get("tasks", [])
    ]
    if rows:
        front["model-index"] = [{"name": name, "results": rows}]
    return front


def _introduction(facts: dict[str, Any]) -> str:
    shape = Shape(**facts["shape"])
    origin = facts.get("imported")
    begun = f" It began from the weights of `{Path(origin['from']).name}`." if origin else ""
    tokens = f", trained on {facts['tokens']:,} tokens" if "tokens" in facts else ""
    return (
        f"A LLaMA (arXiv:2302.13971) of {shape.num_parameters:,} parameters{tokens}, by altiplano, "
        f"from raw files to this folder.{begun} {shape.num_layers} layers of width {shape.dim}, "
        f"{shape.num_heads} heads, feed-forward {shape.ffn}, {shape.vocab:,} pieces, context "
        f"{shape.seq_length:,}; RMSNorm, SwiGLU, rotary positions, no biases, untied embeddings."
    )


def _use(facts: dict[str, Any]) -> str:
    return """## Use
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("THIS FOLDER")
tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")
inputs = tokenizer("The", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=40)[0]))
```
A base model: it goes on with a text, it does not follow instructions. A text begins with `<s>`,
which the tokenizer puts there."""


def _data(facts: dict[str, Any]) -> str:
    if "sources" not in facts:
        return "## Data\nNot known: the run that this was exported from does not tell."
    rows = [
        (
            name,
            _count(one["documents"]),
            _count(one["available_tokens"]),
            f"{one['tokens']:,}",
            f"{100 * one['share']:.2f} %",
            "unknown" if one["epochs"] is None else f"{one['epochs']:.2f}",
            one["licence"] or "unknown",
        )
        for name, one in facts["sources"].items()
    ]
    head = ("source", "documents", "tokens there", "tokens seen", "share", "epochs", "licence")
    return "## Data\n" + _table(head, rows)


def _training(facts: dict[str, Any]) -> str:
    if "settings" not in facts:
        return ""
    rows = [("steps", f"{facts['step']:,}"), ("tokens seen", f"{facts['tokens']:,}")]
    for key, value in facts["settings"].items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {size}" for name, size in value.items()) or "one process"
        rows.append((key, str(value)))
    return "## Training\n" + _table(("", ""), rows)


def _energy(facts: dict[str, Any]) -> str:
    compute = facts.get("compute")
    if not compute:
        return ""
    kind = "GPU" if compute["gpu"] else "process on the CPU"
    measured = (
        f"{compute['hours']:.2f} h of steps, evaluations and saves as measured, devices (one a "
        f"{kind}): {compute['devices']}; {compute['device_hours']:.2f} device-hours."
    )
    if "kwh" not in compute:
        return (
            f"## Energy\n{measured} What the CPU drew is not known, so no energy is stated; "
            "`altiplano export --watts W` states it at W watts a process."
        )
    return (
        f"## Energy\n{measured} At {compute['watts']:g} W each, a PUE of {PUE:g} and "
        f"{KG_CO2E_PER_KWH:g} kg CO2e a kWh (as LLaMA's paper reckons) that is "
        f"**{compute['kwh']:,.3f} kWh** and **{compute['kg_co2e']:,.3f} kg CO2e**. Data, failed "
        "runs and ablations are not in it."
    )


def _evaluation(facts: dict[str, Any], results: dict[str, Any]) -> str:
    parts = []
    rows: list[tuple[str, ...]]
    if "validation" in facts:
        rows = [
            (name, f"{one['bits_per_byte']:.4f}", _decimal(one.get("unigram_bits_per_byte")))
            for name, one in facts["validation"].items()
        ]
        head = ("held-out text of", "bits per byte", "a unigram model's")
        parts.append(_table(head, rows))
    if results.get("perplexity"):
        rows = [
            (name, f"{one['perplexity']:.2f}", f"{one['bits_per_byte']:.4f}", f"{one['tokens']:,}")
            for name, one in results["perplexity"].items()
        ]
        parts.append(_table(("held-out text of", "perplexity", "bits per byte", "tokens"), rows))
    if results.get("tasks"):
        limit = results.get("limit")
        rows = [
            (row["task"], str(row["shots"]), f"{row['questions']:,}", metric, f"{value:.4f}")
            for row in results["tasks"]
            for metric, value in row["metrics"].items()
        ]
        cut = f" The first {limit} questions of each task only." if limit else ""
        parts.append(
            f"By the lm-evaluation-harness {results['versions'].get('lm-eval', '')}.{cut}\n\n"
            + _table(("task", "shots", "questions", "metric", "value"), rows)
        )
    skipped = [name for name in results.get("skipped", {}) if name != "perplexity"]
    if skipped:
        parts.append(f"Not evaluated: {', '.join(skipped)}.")
    if not parts:
        parts.append("Not evaluated yet; `altiplano evaluate` of this folder fills this in.")
    return "## Evaluation\n" + "\n\n".join(parts)


def _parity(parity: dict[str, Any]) -> str:
    if not parity:
        return ""
    rows = [
        (name, value if isinstance(value, str) else f"{value:.2g}")
        for name, value in parity["logits"]["max_abs_difference"].items()
    ]
    same = [name for name, equal in parity["tokenizer"]["equal"].items() if equal]
    ids = f"\n\nThe token ids of the same texts by {', '.join(same)} are ours." if same else ""
    stored, logits = parity["weights"], parity["logits"]
    return (
        f"## Parity\nStep {parity['checkpoint']['step']:,}: all {stored['tensors']} tensors "
        f"({stored['dtype']}) are the checkpoint's to the bit; [{CARD}]({CARD}) has their SHA-256. "
        f"Logits of the plain LLaMA on these files at {logits['positions']} positions of "
        f"{logits['prompts']} fixed prompts, in fp32, beside those of\n\n"
        f"{_table(('', 'largest difference'), rows)}{ids}"
    )


def _limits(facts: dict[str, Any]) -> str:
    languages = (
        "It saw what its sources hold and nothing else: other languages and fields it does badly."
    )
    return (
        "## Licence and limits\n"
        "No licence of the weights was chosen; who publishes them does, and puts it into the front "
        "matter. The sources' texts keep their own licences, above where they are known.\n\n"
        f"{languages} Like every model of web text it repeats the errors, prejudices and personal "
        "data of that text, invents facts, and has no guard against harmful requests. It was not "
        "tuned or tested for any use by the public."
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _size(facts: dict[str, Any]) -> str:
    count = Shape(**facts["shape"]).num_parameters
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.1f} M"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
