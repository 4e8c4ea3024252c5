"""`altiplano export`: the newest checkpoint as Hugging Face files, redone where they are not whole.

key.json marks a folder as an export. It is put first, as unfinished, and last, with the run it is
of and every file's size; so what a kill leaves is known for what it is.
"""

import json
import re
import time
from pathlib import Path

from corpus import storage
from corpus.errors import CheckpointError, ConfigError
from corpus.on_disk import flush
from jobs.config import RunConfig
from jobs.console import say
from jobs.licences import licences
from jobs.training import KEY, state_of

# Files are hashed as long as so many bytes hold them, the smallest first; sizes are kept of all.
MAX_HASHED_BYTES = 4 << 30
_NAMED = 3  # foreign files named in an error
_UNITS = {
    **{"kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9},
    **{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30},
}
MAX_SHARD_SIZE = "5GiB"


def export(
    config: RunConfig,
    to: str | None,
    watts: float | None = None,
    max_shard_size: str = MAX_SHARD_SIZE,
) -> str:
    """Writes the newest checkpoint as Hugging Face files, with their parity and model cards;
    returns their folder. watts: what a device drew, where it is known. max_shard_size: of the
    tensors in a safetensors file, as `bytes_of` reads it.

    Raises ConfigError for a folder that holds what is no export of ours, and for no such size.
    """
    shard_bytes = bytes_of(max_shard_size)
    from train import model_card, parity, run_facts
    from train.export import export as export_checkpoint

    training = config.training()
    run, target = Path(training.output), Path(to or f"{config.output}/hf")
    trained = state_of(run)
    if not trained and not training.checkpoints.exists():
        raise CheckpointError(f"nothing was trained in {training.output}; train it first")
    _require_ours(target, parity.CARD)
    earlier = state_of(target)
    is_of_it = trained.get("finished") and earlier.get("trained") == trained
    # An export from before the size could be chosen does not state it.
    is_cut_so = earlier.get("max_shard_bytes", bytes_of(MAX_SHARD_SIZE)) == shard_bytes
    if is_of_it and is_cut_so and watts is None:
        broken = _broken(target, earlier["files"])
        if not broken:
            say(f"[dim]{'export':<22} up to date, skipped[/dim]")
            return str(target)
        say(f"{'export':<22} {target}/{broken} is not as it was written; all is written anew")
    began = time.monotonic()
    _put_key(target, {"finished": False, "files": {}})
    names = export_checkpoint(
        str(training.checkpoints), str(target), training.tokenizer, shard_bytes
    )
    card = parity.write_card(str(training.checkpoints), str(target))
    facts = run_facts.gather(run, licences(config), watts)
    storage.put_bytes(str(target / run_facts.FACTS), json.dumps(facts, indent=2).encode())
    model_card.write(str(target))
    files = _sums(target, [*names, parity.CARD, run_facts.FACTS])
    files[model_card.README] = {}  # `altiplano evaluate` and people write in it
    key = {"finished": True, "trained": trained, "max_shard_bytes": shard_bytes, "files": files}
    _put_key(target, key)
    apart = card["logits"]["max_abs_difference"].values()
    most = max((each for each in apart if not isinstance(each, str)), default=None)
    same = "" if most is None else f", logits within {most:.1g}"
    tensors = f"{card['weights']['tensors']} tensors to the bit{same}"
    say(f"{'export':<22} {time.monotonic() - began:6.1f} s  {target}: {tensors}")
    return str(target)


def bytes_of(size: str) -> int:
    """Bytes of a size as `5GB`, `500MB` or `5GiB`, a number alone being of GB (10^9 bytes).

    Raises ConfigError for what is none, or below one byte.
    """
    found = re.fullmatch(rf"(\d{{1,9}}|\d{{0,9}}\.\d+) ?({'|'.join(_UNITS)})?", size.strip())
    count = int(float(found[1]) * _UNITS[found[2] or "GB"]) if found else 0
    if count < 1:
        raise ConfigError(
            f"max_shard_size='{size}' is no size above 0; give a number of GB, as 5, or one with "
            "its unit, as 5GB, 500MB or 5GiB (--max-shard-size)"
        )
    return count


def is_export(folder: Path) -> bool:
    """Whether an export was begun in a folder; it may be half written."""
    return "files" in state_of(folder)


def _require_ours(target: Path, card: str) -> None:
    """ConfigError for a folder that holds anything, unless it is an export of ours, whole or not.

    card: a file that ours have had before they had a key with files.
    """
    try:
        held = sorted(path.name for path in target.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(
            f"{target} is no folder to write to ({error}); choose another (--to)"
        ) from None
    if not held or card in held or is_export(target):
        return
    more = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
    raise ConfigError(
        f"{target} holds {', '.join(held[:_NAMED])}{more}, which is no export of ours, so nothing "
        "is written over it; choose a new or empty folder (--to) or empty this one"
    )


def _put_key(target: Path, state: dict) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        storage.put_bytes(str(target / KEY), json.dumps(state).encode())
    except OSError as error:
        raise ConfigError(f"{target} cannot be written ({error}); choose another (--to)") from None


def _sums(target: Path, names: list[str]) -> dict[str, dict]:
    """Size of each file, all on the disk; SHA-256 too, within the limit of bytes."""
    from train.writing import sum_of

    sums: dict[str, dict] = {}
    hashed = 0
    for path in sorted((target / name for name in names), key=lambda path: path.stat().st_size):
        flush(path)
        size = path.stat().st_size
        hashed += size
        sums[path.name] = sum_of(path) if hashed <= MAX_HASHED_BYTES else {"bytes": size}
    return sums


def _broken(target: Path, files: dict[str, dict]) -> str | None:
    """The first file that is not there, or not of the size and hash it was written with."""
    from train.writing import sum_of

    for name, wanted in files.items():
        path = target / name
        if not path.is_file() or path.stat().st_size != wanted.get("bytes", path.stat().st_size):
            return name
        if "sha256" in wanted and sum_of(path) != wanted:
            return name
    return None
