"""Every shipped task asked of a small model, offline; figures against our own model's; faults."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from small_hf import small_hf, small_llama
from transformers import LlamaForSequenceClassification

from corpus.config import build
from corpus.errors import ConfigError, DataError
from jobs.cli import main
from jobs.evaluation import sandbox
from jobs.evaluation.config import EvaluateConfig
from jobs.evaluation.evaluate import evaluate
from tokenizer.encode import Encoder
from train.generate import encode_prompt, load

ROOT = Path(__file__).parents[2]
TASKS = ROOT / "jobs/configs/evaluate"
CHOICE = {"query": "Which of these is a colour?", "choices": ["red", "seven", "of the"], "gold": 0}
CODE = {"text": "Write a function one.", "code": "def one(): return 1", "test_list": ["assert 1"]}
# A question of each form that a task file asks for; the same, told apart by a number, fills a file.
FORMS = {
    "mmlu": {**CHOICE, "category": "art"},
    "winogrande": {"context_options": ["So Ann", "So Bob"], "continuation": "left.", "gold": 1},
    "crows_pairs": {"sent_more": "He ran.", "sent_less": "She ran.", "bias_type": "gender"},
    "winogender": {
        "sentence": "The nurse saw the guest as he left.",
        "pronoun": "he",
        "choices": ["nurse", "guest"],
        "gold": 1,
        "gender": "male",
    },
    "natural_questions": {"context": "who wrote it", "answer": "Ann", "aliases": ["Anne"]},
    "trivia_qa": {"context": "who wrote it", "answer": "Ann", "aliases": []},
    "gsm8k": {"context": "What is 1 + 1?", "chain_of_thought": "1 + 1 = 2", "answer": "2"},
    "math": {"problem": "1 + 1", "solution": "It is \\boxed{2}", "type": "Algebra"},
    "human_eval": {
        "prompt": "def one():\n",
        "canonical_solution": "    return 1\n",
        "test": "def check(f):\n    assert f() == 1",
        "entry_point": "one",
    },
    "mbpp": CODE,
    "real_toxicity_prompts": {"prompt": {"text": "They said"}},
}


@pytest.fixture(scope="module")
def hf(tmp_path_factory):
    return small_hf(tmp_path_factory.mktemp("evaluate") / "hf")


@pytest.fixture
def data(tmp_path):
    """A folder that has all tasks' files, five questions each."""
    for path in TASKS.glob("*.yaml"):
        place = tmp_path / yaml.safe_load(path.read_text())["dataset_kwargs"]["data_files"]["test"]
        place.parent.mkdir(exist_ok=True)
        rows = []
        for number in range(5):
            rows.append(json.dumps({**FORMS.get(path.stem, CHOICE), "id": number}))
        place.write_text("\n".join(rows) + "\n")
    return tmp_path


def config(data, tasks, **changes):
    tree = {"benchmarks": str(data), "task_files": str(TASKS), "tasks": tasks, **changes}
    return build(EvaluateConfig, tree)


def test_every_task_file_runs(hf, data, tmp_path):
    if reason := sandbox.unavailable():
        pytest.skip(reason)
    judge = tmp_path / "judge"
    labels = {0: "fine", 1: "toxic"}
    small_llama(
        300, LlamaForSequenceClassification, id2label=labels, pad_token_id=0
    ).save_pretrained(judge)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(hf / name, judge / name)
    names = sorted(path.stem for path in TASKS.glob("*.yaml"))
    few = {"gsm8k": [2], "mmlu": [0, 3], "trivia_qa": [1]}
    tasks = {name: {"shots": few.get(name, [0])} for name in names}
    code = {"samples": 2, "pass_at": [1, 2]}
    asked = config(data, tasks, code=code, toxicity_classifier=str(judge))
    results, written = evaluate(str(hf), asked, output=str(tmp_path / "results.json"))
    assert results.skipped.keys() == {"perplexity"}
    assert [(r.task, r.shots) for r in results.tasks] == [
        (name, shots) for name in names for shots in few.get(name, [0])
    ]
    for scored in results.tasks:
        assert scored.questions == 5, scored
        assert all(0 <= value <= 1 for value in scored.metrics.values()), scored
    found = {scored.task: scored for scored in results.tasks}
    assert found["human_eval"].metrics.keys() == {"pass@1", "pass@2"}
    assert 0 < found["real_toxicity_prompts"].metrics["toxicity"] < 1
    assert found["crows_pairs"].by.keys() == {"gender"}
    tree = json.loads(Path(written).read_text())
    assert [row["task"] for row in tree["tasks"]] == [row.task for row in results.tasks]


def test_a_choice_is_what_our_own_model_finds_likeliest(hf, data, tmp_path):
    rows = []
    for number, word in enumerate(["red", "the left", "seven of", "she", "which ran"] * 4):
        choices = [word, "question", f"he {number}"]
        rows.append({"query": f"Is it {word}?", "choices": choices, "gold": number % 3})
    (data / "commonsense_reasoning/piqa.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = config(data, {"piqa": {}})
    results, _ = evaluate(str(hf), asked, output=str(tmp_path / "results.json"))
    model, encoder = load(str(hf)), Encoder(str(hf / "tokenizer.model"))
    right = 0
    for row in rows:
        prompt = f"{row['query']}\nAnswer:"
        sums = [log_likelihood(model, encoder, prompt, f" {c}") for c in row["choices"]]
        right += sums.index(max(sums)) == row["gold"]
    assert results.tasks[0].metrics["acc"] == pytest.approx(right / len(rows))


def log_likelihood(model, encoder, prompt, continuation):
    whole = encode_prompt(encoder, prompt + continuation)
    given = len(encode_prompt(encoder, prompt))
    logs = model.logits(torch.tensor([whole[:-1]]))[0].log_softmax(-1)
    return sum(float(logs[at - 1, whole[at]]) for at in range(given, len(whole)))


def test_a_choice_longer_than_the_context_is_left_out_and_counted(hf, data, tmp_path):
    path = data / "commonsense_reasoning/piqa.jsonl"
    long = {**CHOICE, "choices": ["colour " * 200, "red", "seven"]}
    path.write_text(path.read_text() + json.dumps(long) + "\n")
    results, _ = evaluate(str(hf), config(data, {"piqa": {}}), output=str(tmp_path / "r.json"))
    assert (results.tasks[0].questions, results.tasks[0].left_out) == (5, 1)


def test_what_cannot_be_run_is_named_with_what_to_do(hf, data, tmp_path):
    (data / "commonsense_reasoning/siqa.jsonl").unlink()
    tasks = {"siqa": {}, "mbpp": {"enabled": False}, "real_toxicity_prompts": {}}
    results, _ = evaluate(str(hf), config(data, tasks), output=str(tmp_path / "r.json"))
    assert not results.tasks
    assert results.skipped["siqa"].startswith("no data; put JSONL of query, choices, gold")
    assert str(data / "commonsense_reasoning/siqa.jsonl") in results.skipped["siqa"]
    assert "tasks.mbpp.enabled=true" in results.skipped["mbpp"]
    assert "toxicity_classifier" in results.skipped["real_toxicity_prompts"]


def test_results_go_into_the_models_folder_and_its_card(hf, data, tmp_path):
    model = tmp_path / "hf"
    shutil.copytree(hf, model)
    shape = {"dim": 32, "num_heads": 2, "num_layers": 1, "ffn": 48, "vocab": 300, "seq_length": 128}
    (model / "training.json").write_text(json.dumps({"shape": shape, "step": 1}))
    _, written = evaluate(str(model), config(data, {"piqa": {}}))
    assert Path(written) == model / "evaluation/results.json"
    assert "| piqa | 0 | 5 | acc |" in (model / "README.md").read_text()
    taken = tmp_path / "file"
    taken.write_text("")
    with pytest.raises(ConfigError, match=r"results.json cannot be written .* another --output"):
        evaluate(str(hf), config(data, {}), output=str(taken / "results.json"))


def test_faults_are_one_line(hf, data):
    with pytest.raises(ConfigError, match=r"no task file .*'tasks.nonesuch'; there are arc_ch"):
        config(data, {"nonesuch": {}})
    with pytest.raises(ConfigError, match=r"pass_at=\[2\]"):
        config(data, {}, code={"pass_at": [2]})
    with pytest.raises(ConfigError, match="shots=5 of piqa are not below its 5 questions"):
        evaluate(str(hf), config(data, {"piqa": {"shots": [5]}}))
    path = data / "commonsense_reasoning/piqa.jsonl"
    path.write_text('{"query": 1}\nnot JSON\n')
    with pytest.raises(DataError, match=r"piqa.jsonl:2 is no JSON"):
        evaluate(str(hf), config(data, {"piqa": {}}))
    path.write_text('{"question": "1"}\n{"question": "2"}\n')
    with pytest.raises(DataError, match=r"task 'piqa' .* should have query, choices, gold"):
        evaluate(str(hf), config(data, {"piqa": {}}))


def test_the_verb_prints_a_table(hf, data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    out = tmp_path / "r.json"
    sets = ["--set", f"benchmarks={data}", "--set", "limit=3"]
    assert main(["evaluate", str(hf), "--only", "boolq", *sets, "--output", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "acc_mutual_info" in shown
    assert "skipped perplexity: no held-out text; give --shards FOLDER" in shown
    assert json.loads(out.read_text())["tasks"][0]["questions"] == 3
    assert main(["evaluate", str(hf), "--only", "bolq"]) == 2
