"""The `altiplano` command: one verb a job, each a thin call into the packages.

Every verb exits 0 when done, 2 with one line where its input or the machine is at fault, and those
that verify 1 with one line for each fault they found.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from corpus.errors import AltiplanoError
from jobs import evaluate, generate, import_hf, lm, mix, references, shards, tokenizer, why_token
from jobs.arguments import config_arguments
from train import stop

Verb = Callable[[argparse.Namespace], int]
_EPILOGS = {
    "demo": "altiplano demo",
    "build": "altiplano build jobs/configs/demo.yaml --set corpus.sources.web.input=my-crawl/",
    "train": "altiplano train jobs/configs/demo.yaml --set train.steps=100",
    "import": "altiplano import LLaMA-7B-hf --output runs/mine/train",
    "evaluate": "altiplano evaluate runs/demo/hf --shards runs/demo/shards",
    "export": "altiplano export jobs/configs/demo.yaml --to runs/demo/hf",
    "generate": "altiplano generate jobs/configs/demo.yaml --prompt 'Return the number of'",
    "tokenizer": "altiplano tokenizer train jobs/configs/demo.yaml --set tokenizer.vocab_size=8192",
    "mix": "altiplano mix --plan jobs/configs/llama.yaml --set mixture.tokens=1.0e+12",
    "report": "altiplano report runs/demo",
    "explain": "altiplano explain http://json.docs.test/json.html --run runs/demo",
    "why-token": "altiplano why-token runs/demo 120",
    "ablate": "altiplano ablate jobs/configs/ablations/demo.yaml",
    "lm": "altiplano lm train uk --set input=FOLDER --set output=runs/lm",
    "references": "altiplano references extract enwiki-pages-articles.xml.bz2 --output runs/cited",
    "models": "altiplano models fetch lm en de",
    "verify": "altiplano verify runs/demo",
    "shards": "altiplano shards verify runs/demo",
    "doctor": "altiplano doctor",
    "pyfiles": "altiplano pyfiles build/altiplano.zip",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    asked: list[int] = []
    try:
        with _ended_by_sigterm(asked):
            return options.run(options)
    except AltiplanoError as error:
        from jobs.console import fail

        fail(str(error))
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on where it stopped", file=sys.stderr)
        return 128 + (asked[0] if asked else signal.SIGINT)


@contextmanager
def _ended_by_sigterm(asked: list[int]) -> Iterator[None]:
    """Has SIGTERM end a verb as Ctrl-C does, where nothing else takes it, and be in `asked` then;
    a training takes it itself."""

    def end(number: int, _: object) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    is_free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with stop.taken_by(end, [signal.SIGTERM] if is_free else []):
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="altiplano", description="From Common Crawl to a trained LLaMA, in the open."
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    demo = _verb(verbs, "demo", "crawl, build, train, export and report, on this machine", _demo)
    config_arguments(demo, default="jobs/configs/demo.yaml")
    build = _verb(verbs, "build", "raw files to documents and token shards", _build)
    config_arguments(build)
    build.add_argument(
        "--redo",
        action="append",
        default=[],
        metavar="STAGE",
        help="do a stage such as extracted/web again whatever is there; may be repeated",
    )
    train = _verb(verbs, "train", "train on a build's shards", _train)
    config_arguments(train)
    train.add_argument(
        "--profile",
        nargs="?",
        type=int,
        const=3,
        metavar="STEPS",
        help="trace so many steps (3) with torch.profiler into <output>/train/profile",
    )
    train.add_argument(
        "--plan",
        nargs="?",
        const="",
        metavar="GPU",
        help="tell layout, memory and steps, and the time on such a GPU (H100), and whether it "
        "fits one of such a size (A100-40GB); train nothing",
    )
    train.add_argument(
        "--mfu",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of the GPU's peak, as the plan reckons it (0.5)",
    )
    taken = "a Hugging Face LLaMA to a checkpoint that training starts from"
    import_hf.add_arguments(_verb(verbs, "import", taken, import_hf.run))
    export = _verb(verbs, "export", "a checkpoint to Hugging Face files", _export)
    config_arguments(export)
    export.add_argument("--to", metavar="FOLDER", help="where to; default: <output>/hf")
    export.add_argument("--watts", type=float, metavar="W", help="what a GPU, or process, drew")
    export.add_argument(
        "--max-shard-size",
        default="5GiB",
        metavar="SIZE",
        help="of a safetensors file: GB, as 5, or with a unit, as 5GB, 500MB (%(default)s)",
    )
    asked = "perplexity by source and benchmarks of a trained model"
    evaluate.add_arguments(_verb(verbs, "evaluate", asked, evaluate.run))
    written = "text from a trained model, as it is written"
    generate.add_arguments(_verb(verbs, "generate", written, generate.run))
    report = _verb(verbs, "report", "one HTML page on a run", _report)
    report.add_argument("run_folder", metavar="RUN", help="the run's output folder")
    explain = _verb(verbs, "explain", "the life of one document", _explain)
    explain.add_argument("url", metavar="URL")
    explain.add_argument("--run", dest="run_folder", default="runs/demo", metavar="RUN")
    why = "the documents a training step was made of, and where they come from"
    why_token.add_arguments(_verb(verbs, "why-token", why, why_token.run))
    ablate = _verb(verbs, "ablate", "compare mixtures by short trainings", _ablate)
    config_arguments(ablate)
    learnt = "train a build's tokenizer, tell how well it fits"
    tokenizer.add_actions(_verb(verbs, "tokenizer", learnt, tokenizer.run))
    mix.add_arguments(_verb(verbs, "mix", "what a run will take of each source", mix.run))
    cited = "what Wikipedia cites, and a classifier learnt from it"
    references.add_actions(_verb(verbs, "references", cited, references.run))
    lm.add_actions(_verb(verbs, "lm", "train language models, find cutoffs in a crawl", lm.run))
    models = _verb(verbs, "models", "list or fetch the models a build uses", _models)
    models.add_argument("action", choices=["list", "fetch"], nargs="?", default="list")
    models.add_argument("names", nargs="*", metavar="NAME", help="lid, or lm and its languages")
    models.add_argument("--to", metavar="FOLDER", help="of language models, for fetch and list")
    models.add_argument("--from", dest="base", metavar="URL", help="another base to fetch lm from")
    verify = _verb(verbs, "verify", "check every file of a run against its manifest", _verify)
    verify.add_argument("run_folder", metavar="RUN", help="the run's output folder")
    shards.add_actions(_verb(verbs, "shards", "check a build's token shards", shards.run))
    doctor = _verb(verbs, "doctor", "check Java, memory, tools, models and versions", _doctor)
    doctor.add_argument("--spark", action="store_true", help="also start and stop Spark")
    pyfiles = _verb(verbs, "pyfiles", "zip the packages for spark-submit --py-files", _pyfiles)
    pyfiles.add_argument("path", metavar="ZIP")
    return parser


def _verb(verbs, name: str, summary: str, run: Verb) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example: {_EPILOGS[name]}",
    )
    parser.set_defaults(run=run)
    return parser


def _demo(options: argparse.Namespace) -> int:
    from jobs.demo import demo

    return demo(options.config, options.overrides)


def _build(options: argparse.Namespace) -> int:
    from jobs.config import load_run
    from jobs.console import say, stage_line
    from jobs.demo import make_input_named_in
    from jobs.doctor import require_java
    from jobs.pipeline import build

    config = load_run(options.config, options.overrides)
    require_java()
    make_input_named_in(config)
    build(config, notice=stage_line, redo=options.redo)
    say(f"built into {config.output}; `altiplano report {config.output}` makes its page")
    return 0


def _train(options: argparse.Namespace) -> int:
    from train import stop

    with stop.taken_early():  # before what takes a second to load
        return _train_or_plan(options)


def _train_or_plan(options: argparse.Namespace) -> int:
    from jobs.config import load_run

    if options.plan is not None:
        from jobs import training_plan

        config = load_run(options.config, options.overrides).training()
        return training_plan.tell(config, options.plan, options.mfu)
    from jobs.training import train

    overrides = list(options.overrides)
    if options.profile is not None:
        overrides.append(f"train.log.profile_steps={options.profile}")
    return train(load_run(options.config, overrides))


def _export(options: argparse.Namespace) -> int:
    from jobs.config import load_run
    from jobs.export import export

    config = load_run(options.config, options.overrides)
    export(config, options.to, options.watts, options.max_shard_size)
    return 0


def _report(options: argparse.Namespace) -> int:
    from jobs.console import say
    from jobs.report.page import write_report

    say(f"report: {write_report(options.run_folder)}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    from jobs.report.explain import explain

    explain(options.url, options.run_folder)
    return 0


def _ablate(options: argparse.Namespace) -> int:
    from jobs.ablate import ablate

    return ablate(options.config, options.overrides)


def _models(options: argparse.Namespace) -> int:
    from jobs import models, models_lm

    if options.names[:1] == ["lm"]:
        folder = models_lm.folder_of(options.to)
        if options.action == "fetch":
            models_lm.fetch(options.names[1:], folder, options.base or models_lm.BASE)
        else:
            models_lm.list_languages(folder, options.names[1:])
    elif options.action == "fetch":
        for name in options.names or ["lid"]:
            print(models.fetch(name))
    else:
        models.list_models(options.names)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from rich.markup import escape

    from corpus import storage
    from jobs.console import fail, say
    from jobs.verify import verify_run

    run = options.run_folder
    if storage.on_disk(run) is None:
        say(
            f"listing {escape(run)}; without an answer from its server this ends after minutes "
            "(of gs://, after ?retry_limit_seconds=… in the URI)"
        )
    files, problems = verify_run(run)
    for problem in problems:
        fail(problem)
    if problems:
        return 1
    say(f"all {files:,} files of {run} are as their manifests say")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from jobs import doctor

    return doctor.run(spark=options.spark)


def _pyfiles(options: argparse.Namespace) -> int:
    from jobs.setup.pyfiles import write_zip

    print(write_zip(options.path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
