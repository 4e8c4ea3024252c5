"""Whether shards are as their manifest says: at a glance before a run, or by every byte.

A run of weeks must not find at step 80,000 that a shard is gone. `quick_check` opens each and reads
no token; `verify` reads all. What rots later is found by the blocks a reader touches (Shard.check).
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from corpus import storage
from corpus.errors import ShardError
from tokenizer.manifest_fields import stated_totals
from tokenizer.shards import Shard, ShardFile, local_path, open_shard, other_tokenizer, shard_files

_FIX = "restore it from a copy or write the shards again"
_CHUNK = 4 << 20  # bytes
_PLACES_NAMED = 3

Told = Callable[[int], None]  # how many bytes more were read; called from several threads


@dataclass(frozen=True)
class Verification:
    """What reading every byte of the shards showed."""

    shards: int
    bytes: int
    problems: list[str]  # one line each
    without_totals: list[str]  # `tokens SOURCE SPLIT` that is listed, but counted nowhere


def verify(manifest: str, told: Told = lambda count: None) -> Verification:
    """Reads every byte of every shard that a manifest lists.

    Where the manifest names no tokenizer, the one that most of the unaltered shards name is taken
    for the right one. Raises ShardError where it is no manifest of shards.
    """
    files = shard_files(manifest)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checked = list(pool.map(lambda file: _read_whole(file, told), files))
    unaltered = Counter(shard.tokenizer_hash for shard, found in checked if shard and not found)
    usual = max(unaltered, key=lambda name: unaltered[name], default=None)
    problems = missing_from(manifest, files) + listed_twice(files)
    for file, (shard, found) in zip(files, checked, strict=True):
        right = file.tokenizer or usual
        if shard and right and shard.tokenizer_hash != right:
            found = other_tokenizer(file.path, shard.tokenizer_hash, right)
        if found:
            problems.append(found)
    listed = {f"tokens {file.source} {file.split}" for file in files if file.tokens}
    uncounted = sorted(listed - stated_totals(manifest).keys())
    return Verification(len(files), sum(file.bytes for file in files), problems, uncounted)


def quick_check(files: Sequence[ShardFile], tokenizer: str | None = None) -> list[str]:
    """Opens every shard, many at once; one line for each that is not as its manifest says.

    Looks at size, head, footer, tokenizer, documents and tokens, and reads no token. One that is
    listed twice is named too: its documents would be trained on or exported twice.
    """

    def problem(file: ShardFile) -> str | None:
        return _open(file, tokenizer or file.tokenizer)[1]

    with ThreadPoolExecutor(storage.AT_ONCE) as pool:
        found = [line for line in pool.map(problem, files) if line]
    return found + listed_twice(files)


def require_sound(
    manifest: str,
    sources: Collection[str],
    tokenizer: str,
    every_byte: bool = False,
    told: Told = lambda count: None,
) -> None:
    """Raises ShardError, one line, where a run on these sources would fail or learn from damage.

    With `every_byte` all shards of the manifest are read, otherwise those of the sources opened.
    """
    files = [file for file in shard_files(manifest) if file.source in sources]
    problems = quick_check(files, tokenizer) + missing_from(manifest, files, sources)
    if not problems and every_byte:
        problems = verify(manifest, told).problems
    if problems:
        more = f" ({len(problems) - 1} more: altiplano shards verify)" if problems[1:] else ""
        raise ShardError(f"{problems[0]}{more}")


def _open(file: ShardFile, tokenizer: str | None) -> tuple[Shard | None, str | None]:
    """The shard where it can be opened, and what can be seen unread to be wrong with it."""
    try:
        shard = open_shard(file.path, tokenizer)
        size = os.path.getsize(local_path(file.path))
    except OSError as error:
        return None, f"{file.path} cannot be read ({error.strerror}); {_FIX}"
    except ShardError as error:
        if _is_longer(file):
            return None, f"{file.path} has more than the {file.bytes} bytes of the manifest; {_FIX}"
        return None, str(error)
    rows, tokens = len(shard.doc_ids), len(shard.tokens)
    wrong = None
    if (rows, tokens) != (file.rows, file.tokens):
        held = f"{rows} documents and {tokens} tokens"
        wrong = f"holds {held}, the manifest says {file.rows} and {file.tokens}"
    elif size != file.bytes:
        wrong = f"has {size} bytes, the manifest says {file.bytes}"
    return shard, f"{file.path} {wrong}; {_FIX}" if wrong else None


def _is_longer(file: ShardFile) -> bool:
    try:
        return os.path.getsize(local_path(file.path)) > file.bytes
    except (OSError, ShardError):
        return False


def _read_whole(file: ShardFile, told: Told) -> tuple[Shard | None, str | None]:
    shard, problem = _open(file, None)
    if shard is None or problem:
        told(file.bytes)
        return shard, problem
    digest = hashlib.sha256()
    try:
        with open(local_path(file.path), "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                told(len(chunk))
    except OSError as error:
        return shard, f"{file.path} cannot be read ({error.strerror}); {_FIX}"
    places = [found for array in shard.blocks for found in array.problems()]
    if places:
        more = f", and {len(places) - _PLACES_NAMED} more blocks" if places[_PLACES_NAMED:] else ""
        problem = f"{file.path} {', and '.join(places[:_PLACES_NAMED])}{more}; {_FIX}"
    elif digest.hexdigest() != file.sha256:
        altered = f"{file.path} is altered: outside its arrays, its SHA-256 is "
        problem = f"{altered}{digest.hexdigest()[:16]}…, not {file.sha256[:16]}…; {_FIX}"
    return shard, problem


def listed_twice(files: Sequence[ShardFile]) -> list[str]:
    """One line for each shard that a manifest lists more than once."""
    return [
        f"{path} is listed {number} times in its manifest; {_FIX}"
        for path, number in Counter(file.path for file in files).items()
        if number > 1
    ]


def missing_from(
    manifest: str, files: Sequence[ShardFile], sources: Collection[str] | None = None
) -> list[str]:
    """One line for each source and split of which a manifest lost an entry or has one too many.

    Its own totals tell. `files` are all that it lists, or all of `sources`.
    """
    listed: Counter[str] = Counter()
    for file in files:
        listed[f"tokens {file.source} {file.split}"] += file.tokens
    return [
        f"{manifest} lists shards of {listed[name]} {name!r}, its total is {total}; {_FIX}"
        for name, total in sorted(stated_totals(manifest).items())
        if listed[name] != total and (sources is None or name.split(" ")[1] in sources)
    ]
