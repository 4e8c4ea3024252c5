"""`altiplano shards`: its actions, their arguments, and what each calls."""

import argparse

_VERIFY = "read every byte of the shards and name what is not as their manifest says"
_EXPORT = "write the shards as Megatron's .bin and .idx, or as Parquet for Hugging Face datasets"
_PLACE = "a run's output folder, a folder of shards, or their manifest.json"


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Gives the verb's parser its actions; each leaves its function in `action`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help=_VERIFY, description=_VERIFY)
    verify.set_defaults(action=_verify)
    verify.add_argument("place", metavar="PATH", help=_PLACE)
    export = actions.add_parser("export", help=_EXPORT, description=_EXPORT)
    export.set_defaults(action=_export)
    export.add_argument("place", metavar="PATH", help=_PLACE)
    export.add_argument("folder", metavar="OUT", help="a new folder")
    export.add_argument("--to", required=True, choices=["megatron", "huggingface"])


def run(options: argparse.Namespace) -> int:
    return options.action(options)


def manifest_of(place: str) -> str:
    """The manifest of the shards at a place: of a run, of its shards' folder, or itself.

    ShardError where there is none, or for a place that is not on a local disk, as shards are
    mapped; no server is asked.
    """
    from corpus import storage
    from corpus.errors import ShardError
    from corpus.manifest import MANIFEST_NAME

    if storage.on_disk(place) is None:
        raise ShardError(
            f"{place} is not on a local disk, so its shards cannot be mapped; copy them first "
            "(`altiplano verify` reads a run's files where they are)"
        )
    if place.endswith(".json"):
        return place
    looked_for = [storage.join(place, *below, MANIFEST_NAME) for below in (("shards",), ())]
    for manifest in looked_for:
        if storage.exists(manifest):
            return manifest
    raise ShardError(f"no shard manifest: {' and '.join(looked_for)} are not there; give {_PLACE}")


def _verify(options: argparse.Namespace) -> int:
    from jobs.console import bytes_shown, fail, say
    from tokenizer.shards import shard_files
    from tokenizer.verify import verify

    manifest = manifest_of(options.place)
    total = sum(file.bytes for file in shard_files(manifest))
    with bytes_shown("verify", total) as told:
        found = verify(manifest, told)
    for problem in found.problems:
        fail(problem)
    if found.without_totals:
        names = ", ".join(map(repr, found.without_totals))
        fail(
            f"{manifest} has no counts.totals of {names}, so a shard that is lost from its list "
            "would not be missed; restore it from a copy or write the shards again"
        )
    if found.problems or found.without_totals:
        return 1
    say(f"all {found.shards:,} shards, {found.bytes / 1e6:,.1f} MB, are as {manifest} says")
    return 0


def _export(options: argparse.Namespace) -> int:
    from jobs.console import bytes_shown, say
    from tokenizer.export_folder import export
    from tokenizer.shards import shard_files

    manifest = manifest_of(options.place)
    total = sum(file.bytes for file in shard_files(manifest))
    with bytes_shown("export", total) as told:
        parts = export(manifest, options.to, options.folder, told)
    for part in parts:
        held = f"{part.documents:,} documents, {part.tokens:,} tokens"
        where = f"in {len(part.files)} files" if part.files else "left out: nothing to read"
        say(f"{f'{part.source} {part.split}':<22} {held} {where}")
    say(f"exported to {options.folder}")
    return 0
