"""The model card: its figures against worked ones, and a form the Hub's own library reads."""

import json
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from corpus.config import to_tree
from train import model_card, parity, run_facts
from train.export import export
from train.import_hf import import_hf
from train.metrics import MetricsLog, read
from train.mixture import MixtureOrder


@pytest.fixture(scope="module", autouse=True)
def config_json(tp1_run):
    """What the launcher leaves; this run was trained without it."""
    Path(tp1_run.output, "config.json").write_text(json.dumps(to_tree(tp1_run)))


@pytest.fixture(scope="module")
def exported(tp1_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("card") / "hf"
    export(tp1_run.output, str(out), tp1_run.tokenizer)
    parity.write_card(tp1_run.output, str(out))
    return out


def card_of(exported, facts, results=None):
    (exported / "training.json").write_text(json.dumps(facts))
    place = exported / "evaluation/results.json"
    place.unlink(missing_ok=True)
    if results:
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(results))
    model_card.write(str(exported))
    return ModelCard((exported / "README.md").read_text())


def test_tokens_and_epochs_are_those_the_loader_gave(tp1_run):
    facts = run_facts.gather(Path(tp1_run.output), {"web": "CC0"})
    assert facts["tokens"] == 40 * 8 * 32
    assert sum(one["tokens"] for one in facts["sources"].values()) == facts["tokens"]
    web = facts["sources"]["web"]
    assert web["share"] == pytest.approx(2 / 3, abs=0.01)
    manifest = json.loads(Path(tp1_run.manifest).read_text())["files"]
    there = sum(
        f["facts"]["tokens"]
        for f in manifest
        if (f["facts"]["source"], f["facts"]["split"]) == ("web", "train")
    )
    assert web["epochs"] == pytest.approx(web["tokens"] / there)
    assert (web["licence"], facts["sources"]["code"]["licence"]) == ("CC0", None)


def test_energy_is_hours_times_power_times_the_papers_factors(tp1_run, tmp_path):
    for name in ("config.json", "metrics.jsonl"):
        source = Path(tp1_run.output, name)
        if source.exists():
            (tmp_path / name).write_text(source.read_text())
    run = Path(tp1_run.output)
    rows = [
        {
            "step": step,
            "tokens": step * 256,
            "tokens_per_s": 128.0,
            "tokens_per_s_per_device": 16.0,
            "evaluate_s": 1.0,
            "memory": {"allocated_peak": 1},
        }
        for step in range(1, 41)
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = run_facts._compute(tmp_path, 40, 1, None)
    hours = 40 * 3.0 / 3600
    assert (found["devices"], found["gpu"]) == (8, True)
    assert found["device_hours"] == pytest.approx(8 * hours)
    assert found["kwh"] == pytest.approx(8 * hours * 0.4 * 1.1)
    assert found["kg_co2e"] == pytest.approx(8 * hours * 0.4 * 1.1 * 0.385)
    assert "kwh" not in run_facts._compute(run, 40, 1, None)  # a CPU's power is not known
    assert run_facts._compute(run, 40, 1, 10.0)["kwh"] > 0


def test_batches_left_out_are_not_among_what_was_learnt(tp1_run):
    batch, skipped = tp1_run.schedule.batch_sequences, [2, 3, 7, 90]
    order = MixtureOrder(tp1_run.weights, batch)
    learnt = [n for n in range(13) if n not in skipped]  # 10 steps
    sources, _ = order.locate(
        np.concatenate([np.arange(n * batch, (n + 1) * batch) for n in learnt])
    )
    found = run_facts._sources(tp1_run, 10, skipped, {})
    tokens = {name: one["tokens"] for name, one in found.items()}
    assert tokens == {
        name: int((sources == number).sum()) * tp1_run.shape.seq_length
        for number, name in enumerate(order.sources)
    }


def test_energy_counts_steps_that_were_undone_and_batches_refused(tmp_path):
    def row(step):
        return {"step": step, "tokens": step * 256, "tokens_per_s": 128.0, "save_s": 1.0}

    path = tmp_path / "metrics.jsonl"
    for resumed, steps in ((0, (1, 2, 3, 4)), (3, (4, 5)), (1, (2, 3))):  # undone: 4; 2 to 5
        log = MetricsLog(path, resumed)
        for step in steps:
            log.write(row(step))
        log.close()
    assert [one["step"] for one in read(path)] == [1, 2, 3]
    assert run_facts._compute(tmp_path, 3, 1, None)["hours"] * 3600 == pytest.approx(8 * 3.0)
    with path.open("a") as stream:
        stream.write('{"event": "skip", "step": 3}\n')
    assert run_facts._compute(tmp_path, 3, 1, None)["hours"] * 3600 == pytest.approx(8 * 3 + 2)


def test_llamas_65b_comes_to_the_papers_tonnes(tmp_path):
    """Table 15: 1,022,362 GPU-hours, 449 MWh, 173 t."""
    row = {"step": 1, "tokens": 1022362 * 3600, "tokens_per_s": 1.0, "memory": "allocated_peak"}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    found = run_facts._compute(tmp_path, 1, 1, None)
    assert found["kwh"] / 1000 == pytest.approx(449, abs=1)
    assert found["kg_co2e"] / 1000 == pytest.approx(173, abs=1)


def test_the_card_reads_as_the_hub_reads_it(tp1_run, exported):
    facts = run_facts.gather(Path(tp1_run.output), {"web": "CC0"}, watts=100)
    card = card_of(exported, facts)
    assert card.data.library_name == "transformers"
    assert card.data.license == "other"
    for heading in ("Data", "Training", "Energy", "Evaluation", "Parity", "Licence and limits"):
        assert f"\n## {heading}\n" in card.text, heading
    assert "| web | 50 |" in card.text
    assert "kg CO2e" in card.text
    assert "| megatron-core |" in card.text
    assert "None" not in card.text


def test_the_cards_example_runs(tp1_run, exported):
    card = card_of(exported, run_facts.gather(Path(tp1_run.output)))
    code = card.text.split("```python\n")[1].split("```")[0]
    code = code.replace("THIS FOLDER", str(exported)).replace(
        "max_new_tokens=40", "max_new_tokens=4"
    )
    exec(compile(code, "README.md", "exec"), {})


def test_results_are_in_the_text_and_in_the_models_index(tp1_run, exported):
    row = {"task": "boolq", "shots": 0, "questions": 10, "metrics": {"acc": 0.5123}}
    results = {"tasks": [row], "limit": 10, "versions": {"lm-eval": "1"}, "skipped": {"math": "x"}}
    card = card_of(exported, run_facts.gather(Path(tp1_run.output)), results)
    assert "| boolq | 0 | 10 | acc | 0.5123 |" in card.text
    assert "Not evaluated: math." in card.text
    (found,) = card.data.eval_results
    assert (found.dataset_type, found.metric_type, found.metric_value) == ("boolq", "acc", 0.5123)


def test_an_imports_card_says_only_what_is_known(exported, tmp_path):
    import_hf(str(exported), str(tmp_path / "run"))
    card = card_of(exported, run_facts.gather(tmp_path / "run"))
    assert "It began from the weights of `hf`" in card.text
    assert "Not known" in card.text
    assert "## Energy" not in card.text
