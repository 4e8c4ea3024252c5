"""`altiplano mix --plan`: LLaMA's own epochs, where the figures come from, and what is refused."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import ROOT

from corpus import manifest as manifests
from corpus.counts import Counts
from corpus.manifest import Manifest, OutputFile
from corpus.mixture_plan import plan
from jobs import mix_plan
from jobs.cli import main
from jobs.config import load_run
from train.data import Loader

LLAMA = str(ROOT / "jobs/configs/llama.yaml")
TWO = ["mixture.weights={web: 3, code: {weight: 1, bytes_per_token: 2.5}}", "mixture.tokens=400"]


def put(folder: Path, stage: str, facts: list[dict], rows: int = 0) -> str:
    """A finished stage by its manifest alone, one file for each of `facts`."""
    files = tuple(OutputFile(f"{i}.file", 1, "0" * 64, rows, fact) for i, fact in enumerate(facts))
    (folder / stage).mkdir(parents=True)
    made = Manifest(str(folder / stage), stage, "", {}, {}, "", {}, files, Counts())
    manifests.put(made)
    return made.folder


def shard(source: str, tokens: int, split: str = "train") -> dict:
    return {"source": source, "split": split, "tokens": tokens}


def told(capfd, *arguments: str) -> tuple[int, str]:
    """The exit code, and all that was said with its white space levelled."""
    code = main(["mix", "--plan", *arguments])
    out, err = capfd.readouterr()
    return code, " ".join((out + err).split())


def overrides(folder: Path, *more: str) -> list[str]:
    every = [f"output={folder}", *TWO, *more]
    return [part for override in every for part in ("--set", override)]


@pytest.fixture
def config(tmp_path: Path) -> str:
    source = "{reader: wet, input: in}"
    text = (
        f"output: out\ncorpus: {{models: {{lid: x}}, sources: {{web: {source}, code: {source}}}}}"
    )
    (tmp_path / "run.yaml").write_text(text)
    return str(tmp_path / "run.yaml")


def test_llamas_plan_has_the_epochs_of_the_paper(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["mix", "--plan", LLAMA]) == 0
    out = capfd.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    epochs = {cells[0]: cells[4] for cells in lines[1:8]}
    assert epochs == {
        "commoncrawl": "1.10",
        "c4": "1.06",
        "github": "0.64",
        "wikipedia": "2.45",
        "books": "2.23",
        "arxiv": "1.06",
        "stackexchange": "1.03",
    }
    first = "first to run out: wikipedia, after 571,111,111,111 of 1,400,000,000,000 tokens"
    assert first in out
    assert not list(tmp_path.iterdir()), "a plan writes nothing"


def test_shards_go_before_documents_and_these_before_what_is_stated(capfd, config, tmp_path):
    run = tmp_path / "out"
    stated = ["--set", "mixture.available={web: 1000, code: 1000}"]
    code, said = told(capfd, config, *overrides(run))
    assert code == 2
    assert "holds no shards and no documents" in said
    assert "state them by mixture.available or --available" in said
    code, said = told(capfd, config, *overrides(run), *stated)
    assert (code, "as mixture.available states" in said) == (0, True)
    facts = [{"source": "web", "text_bytes": 800}, {"source": "code", "text_bytes": 500}]
    put(run, "documents", [*facts, facts[0]], rows=5)
    code, said = told(capfd, config, *overrides(run), *stated, "--set", "mixture.valid_share=0.1")
    assert code == 0
    assert "web 75.00% 378 300 0.79 any" in said  # (1600 / 4 + 2 * 10) * 0.9
    assert "code 25.00% 189 100 0.53 any" in said  # (500 / 2.5 + 2 * 5) * 0.9
    assert "at 4 bytes a token, code at 2.5" in said
    put(run, "shards", [shard("web", 250), shard("code", 90), shard("web", 9, "valid")])
    code, said = told(capfd, config, *overrides(run), *stated)
    assert "web 75.00% 250 300 1.20 any code 25.00% 90 100 1.11 any" in said
    assert "first to run out: web, after 333 of 400 tokens" in said
    assert f"counted in {run}/shards" in said


def test_other_shards_and_a_file_of_figures(capfd, config, tmp_path):
    place = put(tmp_path / "other", "shards", [shard("web", 600), shard("code", 700)])
    for given in (place, f"{place}/manifest.json"):
        code, said = told(capfd, config, *overrides(tmp_path / "none"), "--shards", given)
        assert (code, "web 75.00% 600 300 0.50 any" in said) == (0, True)
        assert "first to run out: web, not within these 400 tokens, but after 800" in said
    figures = tmp_path / "figures.yaml"
    figures.write_text("web: 3.0e+2\ncode: 200\n")
    arguments = [*overrides(tmp_path / "none"), "--available", str(figures)]
    code, said = told(capfd, config, *arguments)
    assert (code, f"as {figures} states" in said) == (0, True)
    figures.write_text("web: many\n")
    code, said = told(capfd, config, *arguments)
    assert (code, "web: 'many' is no number of tokens" in said) == (2, True)
    documents = put(tmp_path / "other", "documents", [])
    code, said = told(capfd, config, *overrides(tmp_path / "none"), "--shards", documents)
    assert (code, "is of stage 'documents', not 'shards'; give the shards'" in said) == (2, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tokens", -1),
        ("tokens", 1.5),
        ("tokens", math.nan),
        ("tokens", math.inf),
        ("tokens", "3"),
        ("source", None),
        ("split", 7),
    ],
)
def test_a_shards_field_that_cannot_be_is_one_line(capfd, config, tmp_path, field, value):
    made = put(tmp_path / "out", "shards", [{**shard("web", 600), field: value}])
    for place in ((), ("--shards", made)):
        code, said = told(capfd, config, *overrides(tmp_path / "out"), *place)
        wrong = f"error: {made}/manifest.json is no shard manifest: files[0].facts.{field} is "
        assert (code, said.startswith(wrong)) == (2, True)


def test_a_manifest_nested_too_deeply_is_one_line(capfd, config, tmp_path):
    made = put(tmp_path, "shards", [])
    Path(made, "manifest.json").write_text("[" * 200_000)
    code, said = told(capfd, config, *overrides(tmp_path / "out"), "--shards", made)
    assert (code, "its JSON is nested too deeply" in said) == (2, True)
    code, said = told(capfd, config, *overrides(tmp_path))
    assert (code, "holds no shards and no documents" in said) == (2, True)


def test_no_figure_is_cut_to_a_terminals_width(capfd, config, tmp_path):
    name = "a_part_of_the_mixture_with_quite_a_long_name"
    weights = f"mixture.weights={{{name}: {{where: num_words > 1, weight: 1}}}}"
    stated = f"mixture.available={{{name}: 12_345_678_901_234}}"
    more = ["mixture.tokens=9_876_543_210_123", weights, stated]
    code, said = told(capfd, config, *overrides(tmp_path, *more))
    assert code == 0
    assert f"{name} 100.00% 12,345,678,901,234 9,876,543,210,123 0.80 any" in said


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "mixture.max_epochs=1",
            "=3 asks for 1.20 epochs of 250 tokens, over max_epochs=1; no weights do",
        ),
        (
            "mixture.weights.code={weight: 1, max_epochs: 1}",
            "mixture.weights.code.weight=1 asks for 1.11 epochs of 90 tokens, over max_epochs=1; "
            "set mixture.weights.code.weight to 0.87",
        ),
        ("mixture.weights.code=null", "mixture.weights.code"),
        ("mixture.tokens=0", "give mixture.weights, and mixture.tokens or 'train'"),
        (
            "mixture.weights={web: 1.0e+308, code: 1.0e+308}",
            "weights add up to more than 1.8e308; give smaller ones (in 'mixture')",
        ),
        (
            "mixture.weights={web: {tokens: 1.0e+308}, code: {tokens: 1.0e+308}}",
            "the tokens asked for by number add up to more than 1.8e308 (in 'mixture')",
        ),
        (f"mixture.tokens={10**400}", "'mixture.tokens' is a whole number beyond a float's"),
        (f"mixture.weights.web={10**400}", "'mixture.weights.web' is a whole number beyond a"),
        (f"mixture.tokens={'9' * 5000}", "a value cannot be read: Exceeds the limit"),
        (
            r"""mixture.weights.web={weight: 1, where: "language = '\ud800'"}""",
            r"line 1 holds \ud800, half of a surrogate pair and no character",
        ),
        ("mixture.weights={wob: 1}", "mixture.weights.wob: no such source; there are code, web"),
    ],
)
def test_what_is_refused_is_one_line(capfd, config, tmp_path, override, said):
    run = tmp_path / "out"
    put(run, "shards", [shard("web", 250), shard("code", 90)])
    assert main(["mix", "--plan", config, *overrides(run, override)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert said in err


TRAIN = "train={model: {preset: demo}, steps: 5, batch_sequences: 2, optim: {warmup_steps: 1}%s}"


def test_a_training_says_how_many_tokens_and_may_weigh_anew(config, tmp_path):
    tokenizer = "tokenizer={vocab_size: 512}"
    run = load_run(config, [f"output={tmp_path}", *TWO[:1], tokenizer, TRAIN % ""])
    ask = mix_plan.asked(run)
    assert ask is not None
    length = run.training().shape.seq_length
    assert (ask.tokens, ask.weights) == (10 * length, {"web": 3, "code": 1})
    own = load_run(config, [*TWO[:1], tokenizer, TRAIN % ", weights: {web: 1}"])
    ask = mix_plan.asked(own)
    assert ask is not None
    assert (ask.weights, ask.key("web")) == ({"web": 1}, "train.weights.web")


def test_the_plans_epochs_are_the_loaders(config, tmp_path):
    sizes = {"web": 4000, "code": 700, "spare": 50_000}
    run = load_run(config, [*TWO[:1], "tokenizer={vocab_size: 512}", TRAIN % ", weights: {web: 1}"])
    asked = mix_plan.asked(run)
    training = run.training()
    weights = {"web": 0.7, "code": 0.2, "spare": 0.1}
    steps, length = 500, training.shape.seq_length
    ask = replace(asked, weights=weights, tokens=steps * 8 * length)
    made = put(tmp_path, "shards", [shard(name, size) for name, size in sizes.items()])
    loader = Loader(f"{made}/manifest.json", weights, length, 8, seed=0)
    for row in plan(sizes, ask):
        samples = row.usable // length
        # The plan is of shares, the loader of whole samples.
        assert abs(row.epochs - loader.epochs(steps)[row.source]) * samples <= 1
        assert row.source == "spare" or row.usable < 0.999 * row.available


def test_a_training_beyond_the_budget_is_refused(capfd, config, tmp_path):
    more = ["tokenizer={vocab_size: 512}", TRAIN % ""]
    code, said = told(capfd, config, *overrides(tmp_path, *more))
    assert code == 2
    assert "over the budget mixture.tokens=400; lower one or raise the other" in said


def test_what_is_not_held_out_is_told_with_the_plan(capfd, config, tmp_path):
    more = ["tokenizer={vocab_size: 512}", TRAIN % "", "mixture.tokens=0"]
    run, every = tmp_path / "out", {"web": 900_000, "code": 500_000}
    put(run, "documents", [{"source": n, "text_bytes": b} for n, b in every.items()], rows=120)
    code, said = told(capfd, config, *overrides(run, *more))
    assert (code, "to validate on" in said) == (0, False)
    code, said = told(capfd, config, *overrides(run, *more, "mixture.valid_share=0.005"))
    assert code == 0
    assert (
        "source 'code' has about 0 tokens to validate on, a sample needs 129; raise "
        "mixture.valid_share=0.005, leave the source out of the weights, or evaluate nothing "
        "(train.eval_sequences=0)"
    ) in said
    unevaluated = [*more, "mixture.valid_share=0.005", "train.eval_sequences=0"]
    code, said = told(capfd, config, *overrides(run, *unevaluated))
    assert (code, "to validate on" in said) == (0, False)
    held_out = [shard("web", 129, "valid"), shard("code", 128, "valid")]
    put(run, "shards", [shard("web", 5_000), shard("code", 5_000), *held_out])
    code, said = told(capfd, config, *overrides(run, *more))
    assert code == 2
    assert "error: source 'code' has 128 tokens to validate on, a sample needs 129" in said
    assert "source 'web'" not in said


def test_a_build_writes_the_plan_of_its_shards(config, tmp_path):
    run = load_run(config, [f"output={tmp_path}", *TWO])
    place = put(tmp_path, "shards", [shard("web", 250), shard("code", 90)])
    mix_plan.write_plan(run, manifests.read(place))
    tree = json.loads((tmp_path / "mixture.json").read_text())
    assert tree["tokens"] == 400
    assert [(row["source"], row["asked"], row["epochs"]) for row in tree["sources"]] == [
        ("code", 100, 1.1111),
        ("web", 300, 1.2),
    ]
