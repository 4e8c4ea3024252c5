"""What a config's training asks of its mixture, and the tokens there are to give."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from corpus import components, storage
from corpus import manifest as manifests
from corpus.components import Part
from corpus.config import to_tree
from corpus.config_tree import read_tree
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.mixture import ComponentConfig, estimated_tokens
from corpus.mixture_plan import Ask, SourcePlan, plan
from jobs.config import RunConfig
from tokenizer.shards import shard_files, split_tokens
from train.mixture import named

PLAN_NAME = "mixture.json"
_NARROW = ("ledger", "decisions")  # stages whose tables hold no text
_READERS = 4  # at a time


@dataclass(frozen=True)
class Available:
    """Training tokens by name, and where the figures are from."""

    tokens: dict[str, int]
    basis: str
    held_out: dict[str, int] = field(default_factory=dict)  # for validation; none where not known
    counted: bool = False  # else estimated


def asked(config: RunConfig) -> Ask | None:
    """What is asked of the mixture: by the training where there is one, else by the budget.

    None where the config states neither. ConfigError for a training beyond the budget.
    """
    mixture = config.mixture
    tokens, sample = mixture.budget(), 1
    if config.train is not None:
        training = config.training()
        schedule = training.schedule
        sample = training.shape.seq_length
        tokens = schedule.steps * schedule.batch_sequences * sample
        if mixture.tokens and tokens > mixture.tokens:
            raise ConfigError(
                f"train.steps={schedule.steps} takes {tokens:,} tokens, over the budget "
                f"mixture.tokens={mixture.tokens:,.0f}; lower one or raise the other"
            )
    if not tokens or not mixture.weights:
        return None
    parts = mixture.components()
    caps = {part.name: part.max_epochs for part in parts}
    if config.train is not None and "weights" in config.train:
        own = config.training().mean_weights
        caps |= dict.fromkeys(own.keys() - caps.keys(), mixture.max_epochs)
        scheduled = isinstance(config.train["weights"], list)
        section = "the mean of train.weights" if scheduled else "train.weights"
        return Ask(own, tokens, caps, section=section, sample=sample)
    scale = tokens / (mixture.budget() or tokens)  # a training may take less than the budget
    return Ask(
        weights={part.name: part.weight for part in parts if part.tokens is None},
        tokens=tokens,
        caps=caps,
        by_number={name: number * scale for name, number in mixture.by_number().items()},
        groups=frozenset(
            name for name, w in mixture.weights.items() if isinstance(w, ComponentConfig)
        ),
        sample=sample,
    )


def available(config: RunConfig, shards: str | None = None, file: str | None = None) -> Available:
    """The training tokens there are, by the best account at hand.

    That is `file` (YAML: name to tokens), else the manifest of `shards`, else the output's shards,
    its documents (estimated), and what the config states. DataError where there is none,
    ShardError where shards' manifest is none.
    """
    if file is not None:
        return Available(_stated(file), f"as {file} states")
    if shards is not None:
        return _of_shards(shards.removesuffix(f"/{manifests.MANIFEST_NAME}"))
    chosen = components.conditional(config.mixture.components(), list(config.corpus.sources))
    made = manifests.find(storage.join(config.output, "shards"))
    if made is not None and to_tree(chosen) == made.config.get("components", {}):
        return _of_shards(made.folder)
    documents = manifests.find(storage.join(config.output, "documents"))
    if documents is not None and all("text_bytes" in f.facts for f in documents.files):
        return _of_documents(config, documents, chosen)
    if config.mixture.available:
        tokens = {name: round(count) for name, count in config.mixture.available.items()}
        return Available(tokens, "as mixture.available states")
    raise DataError(
        f"{config.output} holds no shards and no documents to count tokens in; build it, or state "
        "them by mixture.available or --available"
    )


def short_of_validation(config: RunConfig, found: Available) -> list[str]:
    """One line for each source that a training would refuse, as too little of it is held out."""
    if config.train is None:
        return []
    training = config.training()
    if not training.eval_sequences:
        return []
    wanted = training.shape.seq_length + 1
    return [
        f"source '{name}' has {'' if found.counted else 'about '}{found.held_out[name]:,} tokens "
        f"to validate on, a sample needs {wanted:,}; raise mixture.valid_share="
        f"{config.mixture.valid_share:g}, leave the source out of the weights, or evaluate nothing "
        "(train.eval_sequences=0)"
        for name in named(training.weights)
        if found.held_out.get(name, wanted) < wanted
    ]


def write_plan(config: RunConfig, shards: Manifest) -> None:
    """Writes what the run will take into its output's `mixture.json`, where it states how much."""
    ask = asked(config)
    if ask is None:
        return
    rows = plan(_of_shards(shards.folder).tokens, ask)
    storage.put_bytes(storage.join(config.output, PLAN_NAME), plan_json(ask, rows))


def plan_json(ask: Ask, rows: list[SourcePlan]) -> bytes:
    tree = [{**to_tree(row), "epochs": round(row.epochs, 4)} for row in rows]
    return json.dumps({"tokens": ask.tokens, "sources": tree}, indent=1).encode() + b"\n"


def _of_shards(folder: str) -> Available:
    files = shard_files(storage.join(folder, manifests.MANIFEST_NAME))
    tokens, valid = split_tokens(files, "train"), split_tokens(files, "valid")
    every = dict.fromkeys((*valid, *tokens), 0)
    basis = f"counted in {folder}"
    return Available({**every, **tokens}, basis, {**every, **valid}, counted=True)


def _of_documents(
    config: RunConfig, documents: Manifest, chosen: Mapping[str, components.Choices]
) -> Available:
    return _estimated(config, _sizes(config.output, documents, chosen), documents.folder)


def of_parts(config: RunConfig, parts: Sequence[Part]) -> Available:
    """The training tokens that there will be of documents not tokenized yet, estimated."""
    sizes = ((n, part.documents[n], part.text_bytes[n]) for part in parts for n in part.documents)
    return _estimated(config, sizes, config.output)


def _estimated(config: RunConfig, found: Iterable[tuple[str, int, int]], folder: str) -> Available:
    mixture = config.mixture
    rates = {part.name: part.bytes_per_token for part in mixture.components()}
    sizes = dict.fromkeys(rates, (0, 0))  # documents, and bytes of text
    for name, rows, text in found:
        before = sizes.get(name, (0, 0))
        sizes[name] = (before[0] + rows, before[1] + text)
    tokens, held_out = {}, {}
    for name, (rows, text) in sizes.items():
        every = estimated_tokens(text, rows, rates.get(name, mixture.bytes_per_token))
        # Documents are held out whole: of a few, though long, probably none.
        held_out[name] = (
            round(every * mixture.valid_share) if rows * mixture.valid_share >= 1 else 0
        )
        tokens[name] = round(every * (1 - mixture.valid_share))
    others = {n: r for n, r in rates.items() if r != mixture.bytes_per_token}
    at = f"{mixture.bytes_per_token:g} bytes a token"
    at += "".join(f", {name} at {rate:g}" for name, rate in others.items())
    return Available(tokens, f"estimated from {folder} at {at}", held_out)


def _sizes(
    output: str, documents: Manifest, chosen: Mapping[str, components.Choices]
) -> Iterator[tuple[str, int, int]]:
    """(name, documents, bytes of text) of every file and part of the mixture.

    Where a part has a condition, it is asked of the ledger: columns alone are read, no text.
    """
    for file in documents.files:
        source = file.facts["source"]
        name, where = chosen.get(source, ((source, ""),))[0]
        if not where:
            yield name, file.rows, file.facts["text_bytes"]
    for source, parts in chosen.items():
        if not parts[0][1]:
            continue
        made = [manifests.read(storage.join(output, f"{s}/{source}")) for s in _NARROW]
        ledgers, decisions = ([manifest.path(f) for f in manifest.files] for manifest in made)
        with ThreadPoolExecutor(_READERS) as pool:
            tables = pool.map(partial(components.assigned, parts=parts), ledgers, decisions)
            for table, _ in tables:
                rows, text = components.totals(table)
                yield from ((name, rows[name], text[name]) for name in rows)


def _stated(file: str) -> dict[str, int]:
    tokens = {}
    for name, count in read_tree(Path(file)).items():
        try:
            tokens[str(name)] = round(float(count))
        except (TypeError, ValueError, OverflowError):
            tokens[str(name)] = -1
        if tokens[str(name)] < 0:
            raise ConfigError(f"{file}: {name}: {count!r} is no number of tokens, 0 or more")
    return tokens
